//! Bluetooth as a node uses it: one task owns the state machines, does what they ask for, and remembers the speakers.
//!
//! [`Bluetooth`] is a handle on that task. Whatever is wrong with the machine (no bus, no `BlueZ`, no adapter) is not an
//! error of starting but a state, and passes when it is put right.
//!
//! | file | what is in it |
//! |---|---|
//! | `run` | the task: what comes in, what is due, what was done |
//! | `adapters` | which adapters can be used, and making them ready |
//! | `link` | from what `BlueZ` shows of a speaker to what happened to it |
//! | `scanning`, `pairing`, `calling`, `playing` | what a person, the machines or a room want |
//! | `nudging` | connected speakers without a stream are kept awake |
//! | `store` | the remembered speakers on disk |
//! | `facts` | what the doctor is told |
//! | `figures` | what has been counted of them |
//! | `view` | what all of that looks like from outside |

mod adapters;
mod calling;
mod chime;
mod clock;
mod command;
mod facts;
mod figures;
mod link;
mod nudging;
mod pairing;
mod playing;
mod run;
mod scanning;
mod speaker;
mod store;
mod testing;
mod view;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use tokio::sync::{mpsc, oneshot, watch};
use unisono_core::time::Nanos;

use self::{
    command::{Command, Opener},
    run::Service,
};
use crate::{
    Address, Failure,
    a2dp::{Feed, IdleMode, Options, Quality},
    doctor::Facts,
    latency::LatencyWatch,
    pairing::{State, scan::Found},
    reconnect::Mode,
    volume::{SpeakerVolume, VolumeMode},
};

pub use self::{
    figures::SpeakerFigures,
    view::{AdapterView, SpeakerView},
};

/// What a node may set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The node's state folder; the speakers are in `bluetooth.toml` in it.
    pub folder: PathBuf,
    /// Streams that one adapter may carry at once. Two are too much for most.
    pub streams_per_adapter: usize,
    /// A speaker table of one's own, beside the built-in one.
    pub table: Option<PathBuf>,
    /// Run first on each thread that sends: what makes it real-time.
    pub before: fn(),
    /// How long a speaker is silent before it is suspended or disconnected, where that is wanted.
    pub idle_after: Nanos,
    /// How long the chime after pairing lasts.
    pub chime: Duration,
    /// How much faster the limits and pauses run than time does: 1, and more in tests alone.
    pub hurry: u32,
}

impl Settings {
    /// The usual ones, with this state folder.
    pub fn new(folder: PathBuf) -> Self {
        let chime = Duration::from_millis(900);
        let idle_after = Options::default().idle_after;
        Self { folder, streams_per_adapter: 1, table: None, before: || {}, idle_after, chime, hurry: 1 }
    }
}

/// What a scan finds.
#[derive(Clone, Debug, PartialEq)]
pub enum ScanEvent {
    /// A device, or something new about one.
    Found(Found),
    /// The scan is over; why there is nothing to choose, if there is not.
    Over(Option<Failure>),
}

/// How a pairing goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairEvent {
    /// It has come to this step.
    Step(State),
    /// Paired, trusted, connected, and the chime was played, unless the adapter carries all the streams that it may.
    /// The last event.
    Paired,
    /// It did not work. The last event.
    Failed(Failure),
}

/// What a person changes about a remembered speaker. What is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// What it is called.
    pub alias: Option<String>,
    /// Whether it is taken from others.
    pub mode: Option<Mode>,
    /// What is added to its latency, as somebody has measured it.
    pub trim: Option<Nanos>,
    /// What becomes of it while nothing plays; from the next stream on.
    pub idle: Option<IdleMode>,
    /// How much is asked of the radio; from the next connection on.
    pub quality: Option<Quality>,
    /// What stands for a room's volume on it.
    pub volume: Option<VolumeMode>,
}

/// A stream to a speaker. Dropping the feed ends it; the connection stays.
#[derive(Debug)]
pub struct Opened {
    /// For the audio thread.
    pub feed: Feed,
    /// From handing over a frame to hearing it, as it is known at the moment. Reading it takes no lock.
    pub latency: LatencyWatch,
    /// The speaker's own volume. Reading it and saying what is wanted takes no lock.
    pub volume: SpeakerVolume,
}

/// A node's Bluetooth. Clones are handles on the same one; it ends with the last.
#[derive(Clone, Debug)]
pub struct Bluetooth {
    commands: mpsc::Sender<Command>,
    figures: watch::Receiver<Vec<SpeakerFigures>>,
    hurry: u32,
    chime: Duration,
}

impl Bluetooth {
    /// Starts it on the current tokio runtime.
    ///
    /// # Panics
    /// Outside a runtime.
    pub fn start(settings: Settings) -> Self {
        let (commands, received) = mpsc::channel(COMMANDS);
        let (hurry, chime) = (settings.hurry.max(1), settings.chime);
        let (show, figures) = watch::channel(Vec::new());
        tokio::spawn(async move { Service::new(settings, received, show).await.run().await });
        Self { commands, figures, hurry, chime }
    }

    /// Looks for speakers for so long (30 s is usual), or until the receiver is dropped.
    pub async fn scan(&self, span: Duration) -> mpsc::Receiver<ScanEvent> {
        let (events, received) = mpsc::channel(SCAN_EVENTS);
        self.tell(Command::Scan(span, events)).await;
        received
    }

    /// Pairs a speaker, trusts it, connects it and plays a chime, if the adapter has room for that. Dropping the
    /// receiver calls it off.
    pub async fn pair(&self, address: Address, pin: Option<String>) -> mpsc::Receiver<PairEvent> {
        let (events, received) = mpsc::channel(PAIR_EVENTS);
        self.tell(Command::Pair { address, pin, events }).await;
        received
    }

    /// Disconnects a speaker and forgets it, and has `BlueZ` forget it.
    ///
    /// # Errors
    /// [`Failure::Unknown`] when it is not remembered; what `BlueZ` says, and then it is forgotten all the same.
    pub async fn forget(&self, address: Address) -> Result<(), Failure> {
        self.ask(|answer| Command::Forget(address, answer)).await.unwrap_or(Err(Failure::NoBluez))
    }

    /// Connects a remembered speaker, and waits until it is.
    ///
    /// # Errors
    /// Why it is not connected; the node may go on trying.
    pub async fn connect(&self, address: Address) -> Result<(), Failure> {
        self.ask(|answer| Command::Connect(address, answer)).await.unwrap_or(Err(Failure::NoBluez))
    }

    /// Disconnects a speaker until a person connects it again.
    ///
    /// # Errors
    /// [`Failure::Unknown`] when it is not remembered.
    pub async fn disconnect(&self, address: Address) -> Result<(), Failure> {
        self.ask(|answer| Command::Disconnect(address, answer)).await.unwrap_or(Err(Failure::NoBluez))
    }

    /// Changes what is kept about a speaker.
    ///
    /// # Errors
    /// [`Failure::Unknown`] when it is not remembered.
    pub async fn change(&self, address: Address, change: Change) -> Result<(), Failure> {
        self.ask(|answer| Command::Change(address, change, answer)).await.unwrap_or(Err(Failure::NoBluez))
    }

    /// The remembered speakers.
    pub async fn list(&self) -> Vec<SpeakerView> {
        self.ask(Command::List).await.unwrap_or_default()
    }

    /// The speakers to which streams go through the adapter of this one; at once, from any thread.
    pub fn holders(&self, address: Address) -> Vec<Address> {
        let all = self.figures.borrow();
        let Some(adapter) = all.iter().find(|speaker| speaker.address == address).map(|speaker| speaker.adapter) else {
            return Vec::new();
        };
        let playing = all.iter().filter(|speaker| speaker.playing && speaker.adapter == adapter);
        playing.map(|speaker| speaker.address).collect()
    }

    /// Times that a speaker was connected since the node started; at once, from any thread.
    pub fn connects(&self, address: Address) -> u64 {
        let all = self.figures.borrow();
        all.iter().find(|speaker| speaker.address == address).map_or(0, |speaker| speaker.connects)
    }

    /// What has been counted of the remembered speakers; at once, from any thread.
    pub fn figures(&self) -> Vec<SpeakerFigures> {
        self.figures.borrow().clone()
    }

    /// The adapters.
    pub async fn adapters(&self) -> Vec<AdapterView> {
        self.ask(Command::Adapters).await.unwrap_or_default()
    }

    /// What there is to know about the machine, for the doctor.
    pub async fn facts(&self) -> Facts {
        self.ask(Command::Facts).await.unwrap_or_default()
    }

    /// Opens a stream to a remembered speaker; it is called if it is not connected. Blocks for at most 12 s: not to be
    /// called on a thread of a runtime.
    ///
    /// # Errors
    /// Why there is none: [`Failure::Unknown`], [`Failure::AdapterBusy`], [`Failure::HungUp`] where it is left to whoever
    /// has taken it from the last stream, and whatever keeps it from being connected.
    pub fn open(&self, address: Address) -> Result<Opened, Failure> {
        self.open_for(address, Opener::Room)
    }

    fn open_for(&self, address: Address, by: Opener) -> Result<Opened, Failure> {
        let (answer, opened) = std::sync::mpsc::sync_channel(1);
        let limit = OPEN_LIMIT / self.hurry;
        let deadline = Instant::now() + limit;
        self.commands.blocking_send(Command::Open { address, by, answer }).map_err(|_| Failure::NoBluez)?;
        // The task answers in time; that it does not get to run is not to hang a room.
        let patience = (deadline + PATIENCE).saturating_duration_since(Instant::now());
        opened.recv_timeout(patience).unwrap_or(Err(Failure::StepTimeout))
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.tell(command(answer)).await;
        answered.await.ok()
    }

    async fn tell(&self, command: Command) {
        // Once the task is gone, the command is dropped and with it the way for its answer: whoever waits hears that.
        let _ = self.commands.send(command).await;
    }
}

/// How long opening may take.
const OPEN_LIMIT: Duration = Duration::from_millis(11_500);
/// What is granted for handing it over.
const PATIENCE: Duration = Duration::from_millis(500);
const COMMANDS: usize = 32;
const SCAN_EVENTS: usize = 256;
/// Steps, their retries and the end.
const PAIR_EVENTS: usize = 64;
