//! The sender: takes frames when a packet is due, encodes and sends it. A thread of its own, real-time once it runs: it
//! neither allocates nor waits for anyone. What it does in a turn depends on the time that it is told, so that tests run
//! it in virtual time.

use std::{io, mem, sync::Arc, thread};

use unisono_codec::sbc::{Config, Encoder, MAX_SAMPLES};
use unisono_core::time::{Nanos, NodeClock, Timestamp};
use unisono_transport::clock;

use super::{
    Feed, IdleMode, Options, Stream, Transport, Wish,
    bitpool::Bitpool,
    config::recommended,
    counters::Outcome,
    feed::{self, Intake},
    idle::{Course, Idle},
    pacing::{Pacing, Step},
    packet::{HEADER, Numbers, Shape},
    shared::Shared,
    socket::{Sent, Socket},
};
use crate::Failure;

/// Starts a stream: silence is sent from now on, and sound once enough of it was written.
///
/// # Errors
/// When the system refuses what a socket or a thread needs, or when not even one frame fits into a packet.
pub fn start(transport: Transport, options: Options) -> io::Result<(Feed, Stream)> {
    let (feed, stream, mut sender) = assemble(transport, &options, clock::now())?;
    thread::Builder::new().name("bluetooth".into()).spawn(move || {
        (options.before)();
        loop {
            match sender.turn(clock::now()) {
                Turn::Sleep(until) => thread::sleep((until - clock::now()).to_duration()),
                Turn::Again => {}
                Turn::Over => break,
            }
        }
    })?;
    Ok((feed, stream))
}

/// A speaker that has taken nothing for so long is gone, though the link is given up only after 20 s (the usual
/// supervision time-out): a room with another output is not to be silent for that.
const STANDSTILL: Nanos = Nanos::from_secs(2);

/// What the thread does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing until then.
    Sleep(Timestamp<NodeClock>),
    /// Another turn.
    Again,
    /// Nothing any more.
    Over,
}

/// The sending end of a stream.
pub(super) struct Sender {
    shared: Arc<Shared>,
    config: Config,
    shape: Shape,
    mode: IdleMode,
    /// None while the speaker is let go.
    socket: Option<Socket>,
    intake: Intake,
    encoder: Encoder,
    pacing: Pacing,
    bitpool: Bitpool,
    idle: Idle,
    numbers: Numbers,
    /// Since when no packet has found room.
    full_since: Option<Timestamp<NodeClock>>,
    /// The frames of a packet, in stereo.
    sound: Vec<f32>,
    packet: Vec<u8>,
}

/// Everything but the thread.
pub(super) fn assemble(
    transport: Transport,
    options: &Options,
    now: Timestamp<NodeClock>,
) -> io::Result<(Feed, Stream, Sender)> {
    let Transport { fd, mtu, config, stamped } = transport;
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what.to_string());
    let wish = recommended(&config).min(options.bitpool.unwrap_or(u8::MAX));
    let shape = Shape::new(&config, mtu, wish).ok_or_else(|| invalid("no frame fits into the speaker's packets"))?;
    let encoder = Encoder::new(config).map_err(|error| invalid(&error.to_string()))?;
    let samples = shape.samples(&config);
    let shared = Arc::new(Shared::default());
    shared.counting.begin(shape.bitpool);
    let (feed, intake) = feed::pair(config.rate, samples, &shared);
    let stream = Stream::new(Arc::clone(&shared), config, shape);
    let sender = Sender {
        socket: Some(Socket::new(fd, mtu, stream.packet_duration(), stamped)?),
        mode: options.idle,
        intake,
        encoder,
        pacing: Pacing::new(now, config.rate, samples as u64),
        bitpool: Bitpool::new(config.min_bitpool, shape.bitpool, now),
        idle: Idle::new(config.rate, options.idle, options.idle_after),
        numbers: Numbers::default(),
        full_since: None,
        sound: vec![0.0; samples * 2],
        packet: vec![0; HEADER + usize::from(shape.frames) * config.frame_len(shape.bitpool)],
        shared,
        config,
        shape,
    };
    Ok((feed, stream, sender))
}

impl Sender {
    /// Does what is due. Real-time.
    pub(super) fn turn(&mut self, now: Timestamp<NodeClock>) -> Turn {
        if self.shared.is_finished() {
            return Turn::Over;
        }
        match self.pacing.poll(now) {
            Step::Wait(until) => return Turn::Sleep(until),
            Step::Send(deadline) => self.send(deadline, now),
            Step::Skip(deadline) => {
                self.take(deadline);
                self.numbers.advance(self.samples());
                self.shared.counting.packet(Outcome::Skipped);
            }
        }
        Turn::Again
    }

    /// Takes the frames of a packet, and says whether there is a speaker for them.
    fn take(&mut self, deadline: Timestamp<NodeClock>) -> bool {
        self.intake.take(&mut self.sound, deadline);
        match (self.idle.handle(&mut self.sound), self.socket.is_some()) {
            (Course::Send, true) => {}
            (Course::Send, false) => {
                self.socket = self.shared.take();
                let wish = if self.socket.is_some() { Wish::None } else { Wish::Resume };
                self.shared.wish(wish);
            }
            (Course::Rest, true) => {
                // Closed before it is said, so that the service finds it so.
                self.socket = None;
                drop(self.shared.take());
                self.shared.wish(self.rest());
            }
            // Sound came and went, and nobody could get a socket for it.
            (Course::Rest, false) if self.shared.wished() == Wish::Resume => self.shared.wish(self.rest()),
            (Course::Rest, false) => {}
        }
        self.socket.is_some()
    }

    fn send(&mut self, deadline: Timestamp<NodeClock>, now: Timestamp<NodeClock>) {
        let awake = self.take(deadline);
        let numbers = self.numbers;
        self.numbers.advance(self.samples());
        if !awake {
            return;
        }
        let bitpool = self.bitpool.value();
        let result = self.encode(numbers, bitpool).and_then(|length| self.hand_over(length));
        self.shared.counting.bitpool(bitpool);
        match result {
            Ok((Sent::Sent, waited)) => {
                self.full_since = None;
                self.bitpool.handle_sent(now, waited);
                let late = now - deadline > self.pacing.duration() / 2;
                self.shared.counting.packet(if late { Outcome::SentLate } else { Outcome::Sent });
            }
            Ok((Sent::Full, _)) => {
                self.bitpool.handle_full(now);
                self.shared.counting.packet(Outcome::Dropped);
                if now - *self.full_since.get_or_insert(now) > STANDSTILL {
                    self.shared.fail(Failure::LinkLost);
                }
            }
            Err(failure) => self.shared.fail(failure),
        }
    }

    /// Makes the packet, and gives its length.
    fn encode(&mut self, numbers: Numbers, bitpool: u8) -> Result<usize, Failure> {
        let (header, mut rest) = self.packet.split_at_mut(HEADER);
        header.copy_from_slice(&numbers.header(self.shape.frames));
        let mut length = HEADER;
        let mut mono = [0.0; MAX_SAMPLES];
        for stereo in self.sound.chunks_exact(self.config.frame_samples() * 2) {
            let frame = if self.config.channels() == 1 {
                for (mixed, pair) in mono.iter_mut().zip(stereo.as_chunks::<2>().0) {
                    *mixed = f32::midpoint(pair[0], pair[1]);
                }
                &mono[..self.config.frame_samples()]
            } else {
                stereo
            };
            // libsbc has no reason to refuse; there is no going on if it does.
            let bytes = self.encoder.encode(frame, bitpool, rest).map_err(|_| Failure::Other)?;
            rest = &mut mem::take(&mut rest)[bytes..];
            length += bytes;
        }
        Ok(length)
    }

    /// Sends the packet, and says whether others waited before it.
    fn hand_over(&mut self, length: usize) -> Result<(Sent, bool), Failure> {
        let Some(socket) = &mut self.socket else { return Err(Failure::Other) };
        let waiting = socket.waiting_thousandths();
        let duration = self.pacing.duration().as_nanos();
        let queue = i128::from(waiting) * i128::from(duration) / 1_000;
        self.shared.counting.queue(Nanos::saturating_from(queue));
        self.shared.counting.link(socket.took());
        Ok((socket.send(&self.packet[..length])?, waiting > 0))
    }

    /// What is wished when there is only silence.
    fn rest(&self) -> Wish {
        if self.mode == IdleMode::Disconnect { Wish::Disconnect } else { Wish::Suspend }
    }

    /// Frames of sound in a packet.
    fn samples(&self) -> u32 {
        u32::try_from(self.sound.len() / 2).unwrap_or(0)
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        // Before anybody hears of it.
        self.socket = None;
        drop(self.shared.take());
        self.shared.end();
    }
}
