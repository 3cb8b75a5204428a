//! The control stream: messages in order, each way.
//!
//! A writer task stands between the program and the stream, so that a peer that does not read holds up nobody but
//! itself. What waits for it is bounded in messages and in bytes.

use std::sync::Arc;

use bytes::Bytes;
use quinn::{ReadError, RecvStream, SendStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use unisono_core::wire::{
    self,
    frame::{Frame, FrameReader, HEADER_LEN, MAX_BODY},
};

use crate::{Closed, Connection, Error};

/// Starts the writer of a stream and gives both its ends.
pub(crate) fn start(connection: &Connection, send: SendStream, recv: RecvStream) -> (ControlSender, ControlReceiver) {
    let (queue, messages) = mpsc::channel(QUEUED_MESSAGES);
    tokio::spawn(write(send, messages));
    let sender = ControlSender { connection: connection.clone(), queue, room: Arc::new(Semaphore::new(QUEUED_BYTES)) };
    (sender, ControlReceiver { recv, reader: FrameReader::default() })
}

/// Sends control messages. Clones send on the same stream; it ends when the last is dropped, and as long as anything
/// else keeps the connection open, what waits is still sent.
#[derive(Clone, Debug)]
pub struct ControlSender {
    connection: Connection,
    queue: mpsc::Sender<Item>,
    room: Arc<Semaphore>,
}

impl ControlSender {
    /// Queues a message, as [`Frame::encode`] makes it, if there is room at once.
    ///
    /// # Errors
    /// [`Error::ControlFull`] when 256 messages or a mebibyte wait: the peer is stuck, close the connection.
    /// [`Error::Closed`] when the connection or the stream is over. [`Error::Wire`] when the message is longer than
    /// any peer would read.
    pub fn try_send(&self, message: Vec<u8>) -> Result<(), Error> {
        let size = size_of(&message)?;
        let room = Arc::clone(&self.room).try_acquire_many_owned(size).map_err(|_| Error::ControlFull)?;
        self.queue.try_send(Item::Message(message.into(), room)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::ControlFull,
            mpsc::error::TrySendError::Closed(_) => self.over(),
        })
    }

    /// Queues a message, as [`Frame::encode`] makes it, as soon as there is room.
    ///
    /// # Errors
    /// [`Error::Closed`] when the connection or the stream is over. [`Error::Wire`] when the message is longer than
    /// any peer would read.
    pub async fn send(&self, message: Vec<u8>) -> Result<(), Error> {
        let size = size_of(&message)?;
        tokio::select! {
            biased;
            () = self.queue.closed() => Err(self.over()),
            room = Arc::clone(&self.room).acquire_many_owned(size) => {
                let room = room.map_err(|_| self.over())?;
                self.queue.send(Item::Message(message.into(), room)).await.map_err(|_| self.over())
            }
        }
    }

    /// Ends the stream and waits until the peer has acknowledged all that was sent: what follows may be
    /// [`Connection::close`], which by itself throws away what is on its way. Nothing can be sent afterwards.
    ///
    /// # Errors
    /// [`Error::Closed`] when the connection or the stream ends first. Waits for a stuck peer as long as the connection
    /// lives; bound it.
    pub async fn finish(&self) -> Result<(), Error> {
        let (done, finished) = oneshot::channel();
        self.queue.send(Item::Finish(done)).await.map_err(|_| self.over())?;
        finished.await.map_err(|_| self.over())
    }

    fn over(&self) -> Error {
        let reason = self.connection.close_reason();
        Error::Closed(reason.unwrap_or_else(|| Closed::Protocol("the control stream has ended".into())))
    }
}

/// Receives control messages.
#[derive(Debug)]
pub struct ControlReceiver {
    recv: RecvStream,
    reader: FrameReader,
}

impl ControlReceiver {
    /// Waits for the next message; `None` when the peer has ended the stream. Loses nothing when it is cancelled.
    ///
    /// # Errors
    /// [`Error::Wire`] when the peer announces a message that is too long, [`Error::Closed`] when the connection or the
    /// stream is over.
    pub async fn recv(&mut self) -> Result<Option<Frame>, Error> {
        loop {
            if let Some(frame) = self.reader.next_frame()? {
                return Ok(Some(frame));
            }
            match self.recv.read_chunk(READ, true).await {
                Ok(Some(chunk)) => self.reader.push(&chunk.bytes),
                Ok(None) => return Ok(None),
                Err(ReadError::ConnectionLost(error)) => return Err(error.into()),
                Err(error) => return Err(Error::Closed(Closed::Protocol(error.to_string()))),
            }
        }
    }
}

/// What the writer is given.
#[derive(Debug)]
enum Item {
    Message(Bytes, OwnedSemaphorePermit),
    Finish(oneshot::Sender<()>),
}

/// Writes until all senders are gone, the stream ends or one of them asks to finish.
async fn write(mut send: SendStream, mut messages: mpsc::Receiver<Item>) {
    while let Some(item) = messages.recv().await {
        match item {
            Item::Message(message, _room) => {
                if send.write_chunk(message).await.is_err() {
                    return;
                }
            }
            Item::Finish(done) => {
                messages.close();
                if send.finish().is_ok() && matches!(send.stopped().await, Ok(None)) {
                    // Nobody waits any more if this fails.
                    let _ = done.send(());
                }
                return;
            }
        }
    }
    // Fails only where the stream is over already.
    let _ = send.finish();
}

fn size_of(message: &[u8]) -> Result<u32, Error> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    if length as usize > HEADER_LEN + MAX_BODY as usize {
        return Err(wire::Error::TooLong(length).into());
    }
    Ok(length)
}

/// Messages that may wait for a peer. A hub makes a few a second for each.
const QUEUED_MESSAGES: usize = 256;

/// Bytes that may wait for a peer: four of the longest messages.
const QUEUED_BYTES: usize = 1024 * 1024;

/// Bytes taken from the stream at a time. Small, since cutting messages moves what is behind them.
const READ: usize = 8 * 1024;
