//! A TCP port to which one program at a time connects, and writes.

use std::{
    io::{self, Read as _},
    net::{SocketAddr, TcpListener, TcpStream},
    time::{Duration, Instant},
};

use tracing::{info, warn};

use super::port::{Got, Port, got, wait_for};

/// A writer of which nothing is heard for so long makes way for another, who may be itself after its machine was
/// switched off.
const SILENCE: Duration = Duration::from_secs(10);

/// A listening port and who writes to it.
pub(super) struct Tcp {
    listener: TcpListener,
    writer: Option<(TcpStream, SocketAddr)>,
    heard: Instant,
}

impl Tcp {
    pub(super) fn listen(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, writer: None, heard: Instant::now() })
    }

    #[cfg(test)]
    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Takes in who waits, unless somebody writes already.
    fn accept(&mut self) {
        while let Ok((stream, address)) = self.listener.accept() {
            match &self.writer {
                Some((_, writer)) if self.heard.elapsed() < SILENCE => {
                    warn!("{address} may not write while {writer} does");
                }
                _ if stream.set_nonblocking(true).is_ok() => {
                    info!("{address} writes");
                    self.writer = Some((stream, address));
                    self.heard = Instant::now();
                }
                _ => {}
            }
        }
    }
}

impl Port for Tcp {
    fn read(&mut self, bytes: &mut [u8], wait: Duration) -> Got {
        let before = self.writer.as_ref().map(|(_, address)| *address);
        self.accept();
        let Some((stream, address)) = &mut self.writer else {
            return match wait_for(&self.listener, wait) {
                Ok(_) => Got::Nothing,
                Err(error) => Got::Failed(error.to_string()),
            };
        };
        if before.is_some_and(|before| before != *address) {
            return Got::Gone;
        }
        let got = match wait_for(&*stream, wait) {
            Ok(true) => got(stream.read(bytes)),
            Ok(false) => Got::Nothing,
            Err(error) => Got::Failed(error.to_string()),
        };
        match got {
            Got::Bytes(_) => self.heard = Instant::now(),
            Got::Gone | Got::Failed(_) => self.writer = None,
            Got::Nothing | Got::Lost => {}
        }
        got
    }

    fn has_more(&mut self) -> bool {
        self.writer.as_ref().is_some_and(|(stream, _)| wait_for(stream, Duration::ZERO).unwrap_or(false))
    }
}
