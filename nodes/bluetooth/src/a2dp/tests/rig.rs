//! A stream in virtual time: an audio thread that writes, the sender, and a speaker that reads, on a real socket.

use std::os::fd::{AsRawFd, OwnedFd};

use nix::{
    errno::Errno,
    sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, socketpair},
};
use unisono_codec::sbc::Decoder;
use unisono_core::time::{Nanos, NodeClock, Timestamp};

use crate::a2dp::{
    Feed, FeedFault, Options, SbcConfig, Stream, Transport,
    packet::Received,
    sender::{Sender, Turn, assemble},
};

pub(super) const MTU: u16 = 672;

/// 48 kHz, joint stereo, 2 to 51: five frames, 640 samples, 13.3 ms in a packet.
pub(super) const JOINT: [u8; 4] = [0x11, 0x15, 2, 51];

/// What the speaker has received of a packet.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub(super) at: i64,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) bitpool: u8,
    /// Interleaved, as the configuration has channels.
    pub(super) sound: Vec<f32>,
}

pub(super) struct Rig {
    pub(super) feed: Option<Feed>,
    pub(super) stream: Stream,
    pub(super) sender: Option<Sender>,
    pub(super) far: Option<OwnedFd>,
    pub(super) config: SbcConfig,
    decoder: Decoder,
    /// Nanoseconds since the start.
    pub(super) now: i64,
    next_write: i64,
    /// What is written next; `None` writes nothing.
    pub(super) source: Option<fn(u64) -> [f32; 2]>,
    pub(super) written: u64,
    /// The speaker takes what comes.
    pub(super) reads: bool,
    pub(super) heard: Vec<Heard>,
    pub(super) faults: Vec<FeedFault>,
    /// Frames taken, and nanoseconds since the start.
    pub(super) taken: Vec<(u64, i64)>,
}

const START: i64 = 5_000_000_000_000;

pub(super) fn socket_pair() -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).unwrap()
}

impl Rig {
    pub(super) fn new(config: [u8; 4], options: &Options) -> Self {
        let config = SbcConfig::from_bytes(config).unwrap();
        let (near, far) = socket_pair();
        let (feed, stream, sender) =
            assemble(Transport { fd: near, mtu: MTU, config, stamped: false }, options, at(0)).unwrap();
        Self {
            feed: Some(feed),
            stream,
            sender: Some(sender),
            far: Some(far),
            config,
            decoder: Decoder::new(config).unwrap(),
            now: 0,
            next_write: 0,
            source: None,
            written: 0,
            reads: true,
            heard: Vec::new(),
            faults: Vec::new(),
            taken: Vec::new(),
        }
    }

    /// Lets so much time go by.
    pub(super) fn run(&mut self, millis: i64) {
        let end = self.now + millis * 1_000_000;
        while self.now < end {
            match self.sender.as_mut().map(|sender| sender.turn(at(self.now))) {
                Some(Turn::Sleep(until)) => {
                    let until = (until - at(0)).as_nanos();
                    assert!(until > self.now, "it never sleeps for no time");
                    self.now = until.min(self.next_write).min(end).max(self.now);
                }
                Some(Turn::Again) => {}
                Some(Turn::Over) => self.sender = None,
                None => self.now = self.next_write.min(end),
            }
            if self.now >= self.next_write {
                self.write();
            }
            if self.reads {
                self.read();
            }
        }
    }

    /// What an audio thread does every 15 ms.
    fn write(&mut self) {
        self.next_write = self.now + 15_000_000;
        let Some(feed) = &mut self.feed else { return };
        let step = feed.taken().and_then(|taken| {
            self.taken.extend(taken.map(|(frames, when)| (frames, (when - at(0)).as_nanos())));
            let room = feed.room()?.writable;
            let Some(source) = self.source else { return Ok(0) };
            let frames: Vec<f32> = (0..u64::from(room)).flat_map(|frame| source(self.written + frame)).collect();
            feed.write(&frames)
        });
        match step {
            Ok(frames) => self.written += u64::from(frames),
            Err(fault) => self.faults.push(fault),
        }
    }

    /// The speaker reads what has arrived and makes nothing of it.
    pub(super) fn discard(&self) {
        let Some(far) = &self.far else { return };
        let mut buffer = [0; 2_048];
        while recv(far.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT).is_ok_and(|length| length > 0) {}
    }

    /// What a speaker does all the time.
    pub(super) fn read(&mut self) {
        let Some(far) = &self.far else { return };
        let mut buffer = [0; 2_048];
        loop {
            let length = match recv(far.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
                Err(Errno::EAGAIN) | Ok(0) => return,
                result => result.unwrap(),
            };
            assert!(length <= usize::from(MTU));
            let Received { sequence, timestamp, frames, mut payload } = Received::read(&buffer[..length]).unwrap();
            let bitpool = payload[2];
            let mut sound = Vec::new();
            for _ in 0..frames {
                let mut out = vec![0.0; self.config.frame_samples() * usize::from(self.config.channels())];
                let used = self.decoder.decode(payload, &mut out).unwrap();
                payload = &payload[used..];
                sound.extend(out);
            }
            assert!(payload.is_empty());
            self.heard.push(Heard { at: self.now, sequence, timestamp, bitpool, sound });
        }
    }

    /// All that was heard, one after another.
    pub(super) fn sound(&self) -> Vec<f32> {
        self.heard.iter().flat_map(|heard| heard.sound.iter().copied()).collect()
    }
}

pub(super) fn at(nanos: i64) -> Timestamp<NodeClock> {
    Timestamp::from_nanos(START) + Nanos::new(nanos)
}

/// Noise that swells: no two stretches of it are alike.
pub(super) fn noise(frame: u64) -> [f32; 2] {
    let mut random = fastrand::Rng::with_seed(frame / 8);
    let (from, to) = ([random.f32(), random.f32()], fastrand::Rng::with_seed(frame / 8 + 1));
    let mut to = to;
    let share = (frame % 8) as f32 / 8.0;
    from.map(|from| 0.5 * (from + (to.f32() - from) * share - 0.5))
}

/// How much of some sound is in another, in decibels over the rest.
pub(super) fn snr(sound: &[f32], heard: &[f32]) -> f64 {
    let (mut signal, mut error) = (0.0, 0.0);
    for (sample, heard) in sound.iter().zip(heard) {
        signal += f64::from(*sample).powi(2);
        error += f64::from(sample - heard).powi(2);
    }
    10.0 * (signal / error).log10()
}
