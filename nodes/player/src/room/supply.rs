//! The thread that has a room's outputs opened, keeps better ones until they are used, and closes them. Each opening has
//! a short-lived thread of its own: to call a speaker takes seconds, and nothing else waits for that.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use ringbuf::{
    HeapCons, HeapProd, HeapRb,
    traits::{Consumer, Producer, Split},
};
use tracing::{info, warn};
use unisono_bluetooth::volume::SpeakerVolume;
use unisono_core::{
    time::{Nanos, NodeClock, Timestamp},
    units::SampleRate,
    wire::control::OutputChoice,
};
use unisono_transport::clock;

use super::{
    OutputState, RoomSetup, RoomStatus,
    choice::{Action, Chooser, Trouble},
    line::Line,
};
use crate::{
    output::{Fault, Gone, LatencyParts, Muted, OpenError, Opener, Output, OutputSpec},
    vital::vital,
};

/// More than there can be on their way: of what plays, what is to play, and what has played.
const PLACES: usize = 16;

/// A better output that is kept open is looked at so often.
const WATCH: Duration = Duration::from_millis(200);

/// The mixer of a card that plays is looked at so often: nothing tells of a change.
const MIXER: Duration = Duration::from_secs(10);

/// Otherwise the thread is woken.
const IDLE: Duration = Duration::from_secs(600);

/// What the audio thread is given.
pub(super) enum Given {
    /// The next output to play on.
    Line(Box<Line>),
    /// What plays is to end: what is to play next cannot be opened beside it.
    GiveUp,
}

/// What the audio thread says of the lines that it was given.
pub(super) enum Told {
    /// This one plays.
    Taken(usize),
    /// This one is gone.
    Lost(Box<Line>, Gone),
    /// This one has played and is not needed any more.
    Left(Box<Line>),
}

/// The audio thread's end. Real-time, as far as waking a thread is; that happens when outputs change, and only then.
pub(super) struct Supplied {
    given: HeapCons<Given>,
    told: HeapProd<Told>,
    thread: thread::Thread,
}

impl Supplied {
    /// What is to be done next about outputs.
    pub(super) fn next(&mut self) -> Option<Given> {
        self.given.try_pop()
    }

    pub(super) fn tell(&mut self, told: Told) {
        // There are more places than lines.
        let _ = self.told.try_push(told);
        self.thread.unpark();
    }
}

/// What came of an opening.
struct Opened {
    index: usize,
    /// What `auto` was, or was at last.
    spec: OutputSpec,
    result: Result<Box<dyn Output + Send>, OpenError>,
}

struct Supply {
    specs: Vec<OutputSpec>,
    opener: Opener,
    rate: SampleRate,
    latency: Nanos,
    chooser: Chooser,
    /// Open, and not used.
    ready: Vec<Option<Box<Line>>>,
    /// What each was when it was tried last; `auto` while no card has been there.
    opened: Vec<OutputSpec>,
    /// What keeps the one in use from being heard.
    muted: Option<Muted>,
    /// What the latency of each is made of, where it says so.
    parts: Vec<Option<LatencyParts>>,
    /// The own volume of each, where it may have one.
    volumes: Vec<Option<SpeakerVolume>>,
    give: HeapProd<Given>,
    told: HeapCons<Told>,
    results: (Sender<Opened>, Receiver<Opened>),
    status: Arc<RoomStatus>,
    over: Arc<AtomicBool>,
}

/// Starts the thread; it ends once `over` is set and it is woken.
pub(super) fn spawn(
    setup: &RoomSetup,
    status: Arc<RoomStatus>,
    over: Arc<AtomicBool>,
) -> io::Result<(JoinHandle<()>, Supplied)> {
    let (give, take) = HeapRb::new(PLACES).split();
    let (tell, told) = HeapRb::new(PLACES).split();
    let supply = Supply {
        specs: setup.outputs.clone(),
        opener: setup.opener.clone(),
        rate: setup.rate,
        latency: setup.latency,
        chooser: Chooser::new(setup.outputs.len(), clock::now()),
        ready: setup.outputs.iter().map(|_| None).collect(),
        opened: setup.outputs.clone(),
        muted: None,
        parts: setup.outputs.iter().map(|_| None).collect(),
        volumes: setup.outputs.iter().map(|_| None).collect(),
        give,
        told,
        results: mpsc::channel(),
        status,
        over,
    };
    let handle = thread::Builder::new().name("outputs".into()).spawn(vital(move || supply.run()))?;
    let thread = handle.thread().clone();
    Ok((handle, Supplied { given: take, told: tell, thread }))
}

impl Supply {
    fn run(mut self) {
        while !self.over.load(Ordering::Acquire) {
            let now = clock::now();
            self.listen(now);
            self.watch(now);
            while let Some(action) = self.chooser.poll_action(now) {
                self.act(now, action);
            }
            let look = self.look_at_mixer(now);
            self.publish(now);
            let due = self.chooser.poll_timeout(now).map_or(IDLE, |at| (at - now).to_duration());
            let look = if self.ready.iter().any(Option::is_some) { WATCH } else { look };
            thread::park_timeout(due.min(look));
        }
    }

    /// Takes what the audio thread and openings have to say.
    fn listen(&mut self, now: Timestamp<NodeClock>) {
        while let Some(told) = self.told.try_pop() {
            match told {
                Told::Taken(index) => self.chooser.taken(now, index),
                Told::Lost(line, gone) => self.lose(now, line.index, gone),
                Told::Left(line) => {
                    let index = line.index;
                    drop(line);
                    self.chooser.left(now, index);
                }
            }
        }
        while let Ok(Opened { index, spec, result }) = self.results.1.try_recv() {
            self.opened[index] = spec;
            match result {
                Ok(output) => {
                    info!("output {} is open", self.opened[index]);
                    self.parts[index] = output.latency_parts();
                    self.volumes[index] = output.own_volume();
                    self.ready[index] = Some(Line::new(index, output, self.latency));
                    self.chooser.opened(now, index);
                }
                Err(error) if self.is_in_the_way(now, index, &error) => {
                    self.chooser.blocked(now, index, error.connection(), Trouble::new(&error.to_string()));
                }
                Err(error) => self.fail(now, index, &error.to_string()),
            }
        }
    }

    /// Looks whether what is kept open is still there.
    fn watch(&mut self, now: Timestamp<NodeClock>) {
        for index in 0..self.ready.len() {
            let room = self.ready[index].as_mut().map(|line| line.output.room());
            if let Some(Err(Fault::Gone(gone))) = room {
                self.ready[index] = None;
                self.lose(now, index, gone);
            }
        }
    }

    /// Says when to look again.
    fn look_at_mixer(&mut self, now: Timestamp<NodeClock>) -> Duration {
        let used = self.chooser.standing(now).used.map(|index| &self.opened[index]);
        let muted = used.and_then(OutputSpec::muted);
        if let Some(muted) = muted.as_ref().filter(|muted| self.muted.as_ref() != Some(*muted)) {
            warn!("nothing is heard of the output in use: it is {muted}");
        }
        self.muted = muted;
        if matches!(used, Some(OutputSpec::Alsa(_))) { MIXER } else { IDLE }
    }

    fn act(&mut self, now: Timestamp<NodeClock>, action: Action) {
        match action {
            Action::Open(index) => {
                let (spec, before) = (self.specs[index].clone(), self.opened[index].clone());
                let (opener, rate) = (self.opener.clone(), self.rate);
                let (answer, asker) = (self.results.0.clone(), thread::current());
                let open = move || {
                    let found = opener.resolved(&spec, &before);
                    let result = found.clone().and_then(|spec| opener.open(&spec, rate));
                    let spec = found.unwrap_or(before);
                    // A room that has ended wants no answer, and the output is closed with it.
                    let _ = answer.send(Opened { index, spec, result });
                    asker.unpark();
                };
                if let Err(error) = thread::Builder::new().name("open".into()).spawn(vital(open)) {
                    self.fail(now, index, &format!("no thread to open it: {error}; the system has too many"));
                }
            }
            Action::Use(index) => {
                if let Some(line) = self.ready[index].take() {
                    // There are more places than lines.
                    let _ = self.give.try_push(Given::Line(line));
                }
            }
            Action::GiveUp(index) => {
                info!("output {} ends for a better one that cannot be open beside it", self.opened[index]);
                let _ = self.give.try_push(Given::GiveUp);
            }
            Action::Close(index) => self.ready[index] = None,
        }
    }

    /// Whether an output could be opened if it were not for the one in use, which is a worse one.
    fn is_in_the_way(&self, now: Timestamp<NodeClock>, index: usize, error: &OpenError) -> bool {
        let used = self.chooser.standing(now).used.filter(|used| index < *used);
        used.is_some_and(|used| error.is_because_of(&self.opened[used]))
    }

    fn fail(&mut self, now: Timestamp<NodeClock>, index: usize, line: &str) {
        let trouble = Trouble::new(line);
        if self.chooser.trouble(index) != Some(&trouble) {
            warn!("{line}");
        }
        self.chooser.failed(now, index, trouble);
    }

    fn lose(&mut self, now: Timestamp<NodeClock>, index: usize, gone: Gone) {
        let line = format!("{}: {gone}", self.opened[index]);
        warn!("output {line}");
        self.chooser.lost(now, index, Trouble::new(&line));
    }

    /// Has everybody know which output is used.
    fn publish(&self, now: Timestamp<NodeClock>) {
        let standing = self.chooser.standing(now);
        let is_cardless = standing.used.is_some_and(|used| self.is_for_want_of_a_card(used));
        let Trouble { why, back } = standing.trouble.filter(|_| !is_cardless).unwrap_or_default();
        let (choice, text) = match standing.used {
            Some(_) if is_cardless => (OutputChoice::First, "model: no sound card (nothing is heard)".into()),
            Some(index) => {
                let choice = if index == 0 { OutputChoice::First } else { OutputChoice::Fallback };
                let text = self.opened[index].description();
                (choice, self.muted.as_ref().map_or(text.clone(), |muted| format!("{text} ({muted})")))
            }
            None if why.is_empty() => (OutputChoice::None, format!("{}: opening", self.specs[0])),
            None if why.contains(':') => (OutputChoice::None, format!("{why}; {back}")),
            None => (OutputChoice::None, format!("{}: {why}", self.specs[0])),
        };
        let works = standing.used.is_some();
        self.status.set_latency_parts(standing.used.and_then(|index| self.parts[index].clone()));
        self.status.set_own_volume(standing.used.and_then(|index| self.volumes[index].clone()));
        self.status.set_output(OutputState { works, text, choice, since: standing.since, why, back });
    }

    /// Whether a model is used on a machine that has had no sound card: there is nothing to go back to, and nobody to be
    /// alarmed.
    fn is_for_want_of_a_card(&self, used: usize) -> bool {
        self.opened[0] == OutputSpec::Auto && matches!(&self.specs[..=used], [OutputSpec::Auto, OutputSpec::Model(_)])
    }
}
