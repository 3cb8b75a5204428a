//! One room: packets come in from the session, sound goes out through a converter.
//!
//! ```text
//! session ──RoomCommand──▶ decoding thread ──blocks, AudioOrder──▶ audio thread ──▶ Output
//!    ▲                                                                  │  ▲
//!    └────────────────────────── RoomStatus ◀───────────────────────────┘  │ lines
//!                                                                   outputs' thread
//! ```
//!
//! Blocks travel through a lock-free ring and come back empty through another, so that the audio thread neither
//! allocates nor frees. Where a decision is made (which packet, which frames, how fast) it is made by
//! `unisono_core::playout`, which the simulator runs too.

mod audio;
mod beep;
mod block;
mod choice;
mod chunk;
mod decoder;
mod line;
#[cfg(test)]
mod no_allocation;
mod renderer;
mod shape;
#[cfg(test)]
mod shaped;
mod splice;
mod status;
mod supply;

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{self, Receiver, Sender, TryRecvError},
    },
    thread::{JoinHandle, Thread},
};

use bytes::Bytes;
use tracing::warn;
use unisono_core::{
    sound::RoomSound,
    time::{HubClock, Mapping, Nanos, NodeClock},
    timeline::Timeline,
    units::{FramePosition, Gain, SampleRate},
    wire::{control::Format, ids::StreamId},
    words::count,
};

pub use self::status::{OutputState, RoomStatus};
use crate::output::{Opener, OutputSpec};

/// Packets that may wait: as many as the decoding thread keeps, for those of a whole margin may come at once.
const QUEUE: usize = 1_024;

/// What the session tells a room.
#[derive(Clone, Debug)]
pub enum RoomCommand {
    /// Play this rendition; what played before ends with a fade, unless this one continues it.
    Start {
        /// The rendition.
        stream: StreamId,
        /// How its packets are coded; validated.
        format: Format,
        /// What its positions mean.
        timeline: Timeline,
        /// It goes on with the sound of what the room plays, from this packet on; nothing ends.
        continues: Option<FramePosition>,
        /// The hub's clock, once this connection knows it: since the last one the hub may have slept, or started anew.
        clock: Option<Mapping<NodeClock, HubClock>>,
    },
    /// Nothing more comes of a rendition that another continues.
    Left(StreamId),
    /// The positions have a new meaning.
    Timeline(StreamId, Timeline),
    /// A packet.
    Packet(StreamId, FramePosition, Bytes),
    /// End what plays, with a fade.
    Stop,
    /// Be so loud, within so long.
    Gain(Gain, Nanos),
    /// Shape the sound so.
    Sound(RoomSound),
    /// Beep, over what plays.
    Beep,
    /// The hub's clock is known better.
    Clock(Mapping<NodeClock, HubClock>),
}

/// How a room is made.
#[derive(Clone, Debug)]
pub struct RoomSetup {
    /// Where the sound may go, the best first: the first that works is used. At least one.
    pub outputs: Vec<OutputSpec>,
    /// How they are opened.
    pub opener: Opener,
    /// What lies behind the converter: a speaker's own delay, a trim.
    pub latency: Nanos,
    /// The rate at which outputs are opened, of those that have the choice.
    pub rate: SampleRate,
}

/// What a room was told, at the decoding thread.
struct Received {
    commands: Receiver<RoomCommand>,
    waiting: Arc<AtomicUsize>,
}

impl Received {
    fn take(&self) -> Result<RoomCommand, TryRecvError> {
        let command = self.commands.try_recv()?;
        self.waiting.fetch_sub(matches!(command, RoomCommand::Packet(..)).into(), Ordering::Relaxed);
        Ok(command)
    }
}

/// A room that runs. Dropping it fades out and ends its threads.
#[derive(Debug)]
pub struct Room {
    commands: Option<Sender<RoomCommand>>,
    /// Packets that wait.
    waiting: Arc<AtomicUsize>,
    status: Arc<RoomStatus>,
    decoder: Thread,
    outputs: Thread,
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Room {
    /// Starts a room's threads. Outputs are opened by them, and again every second while none is there.
    ///
    /// # Errors
    ///
    /// When the system gives no threads.
    pub fn start(setup: &RoomSetup) -> io::Result<Self> {
        let (commands, received) = mpsc::channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let automatic = OutputSpec::Auto;
        let status = Arc::new(RoomStatus::new(setup.outputs.first().unwrap_or(&automatic), setup.latency));
        let over = Arc::new(AtomicBool::new(false));
        let (sound, played) = block::queue();
        let (orders, ordered) = audio::orders();
        let (supply, supplied) = supply::spawn(setup, Arc::clone(&status), Arc::clone(&over))?;
        let outputs = supply.thread().clone();
        let audio = audio::spawn(setup, played, ordered, supplied, Arc::clone(&status))?;
        let received = Received { commands: received, waiting: Arc::clone(&waiting) };
        let decoder = decoder::spawn(received, sound, orders, Arc::clone(&status))?;
        let (decoding, threads) = (decoder.thread().clone(), vec![decoder, audio, supply]);
        Ok(Self { commands: Some(commands), waiting, status, decoder: decoding, outputs, over, threads })
    }

    /// Tells the room something. A room that is too far behind loses packets, and the log says so.
    pub fn tell(&self, command: RoomCommand) {
        let is_packet = matches!(command, RoomCommand::Packet(..));
        // The decoding thread knows when it needs the next packet: waking it for each would be for nothing.
        let can_wait = is_packet || matches!(command, RoomCommand::Clock(_));
        let is_full = is_packet && self.waiting.load(Ordering::Relaxed) >= QUEUE;
        if is_full {
            let lost = self.status.count_dropped();
            if lost.is_power_of_two() {
                warn!("this machine is too busy to decode in time; it has lost {}", count(lost, "packet"));
            }
        } else if let Some(commands) = &self.commands {
            self.waiting.fetch_add(is_packet.into(), Ordering::Relaxed);
            // A thread that is gone has said why.
            let _ = commands.send(command);
        }
        if is_full || !can_wait {
            self.decoder.unpark();
        }
    }

    /// How the room is doing.
    pub fn status(&self) -> &RoomStatus {
        &self.status
    }

    /// Has it fade out and end, and does not wait for that.
    pub(crate) fn end(&mut self) {
        // The decoding thread ends with its commands, the audio thread with its orders.
        self.commands = None;
        self.decoder.unpark();
        self.over.store(true, Ordering::Release);
        self.outputs.unpark();
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.end();
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}
