//! The node as a source on its own, while no hub can be reached, on command, or for good.
//!
//! | module | what is in it | |
//! |---|---|---|
//! | [`watch`](Watch) | who decides what the rooms play | sans-IO |
//! | `deck` | from sound to what rooms are told: anchors, packets, pauses to the frame | sans-IO |
//! | `source` | folders, files, standard input, FIFOs | |
//! | `thread` | reads one into the other | |
//!
//! The rooms cannot tell it from a hub whose clock is their own.

mod deck;
mod kept;
mod pipe;
mod playlist;
mod source;
mod thread;
mod watch;

use std::{
    future::pending,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot, watch as changes},
    time::{sleep, timeout},
};
use tracing::info;
use unisono_core::{
    time::{Nanos, NodeClock, Timestamp},
    units::{Gain, Volume},
    wire::ids::RoomIndex,
};
use unisono_transport::clock;

use self::thread::{Order, Player, Reply};
pub use self::{
    deck::Playback,
    source::{Material, Place},
    thread::{Playing, Wish},
    watch::{Action, Mode, Phase, Watch},
};
use crate::{
    desk::{Desk, Holder},
    room::RoomCommand,
    session::HubState,
};

/// How a node stands alone.
#[derive(Clone, Debug)]
pub struct StandaloneSettings {
    /// After so long without a hub; `None`: only on command.
    pub after: Option<Nanos>,
    /// For good: no hub is looked for.
    pub always: bool,
    /// What it plays by itself.
    pub material: Option<Material>,
    /// How loud it is then, until somebody sets a room otherwise.
    pub volume: Volume,
    /// Whether standard input may be played.
    pub has_stdin: bool,
}

impl Default for StandaloneSettings {
    fn default() -> Self {
        let after = Some(Nanos::from_secs(10));
        Self { after, always: false, material: None, volume: Volume::START, has_stdin: true }
    }
}

/// Why something is not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// A hub decides what is played.
    #[error("a hub decides what plays here; ask that, or say `unisono --node standalone on` first")]
    HubDecides,
    /// Standing alone is switched off.
    #[error("standing alone is switched off; `unisono --node standalone auto` switches it on")]
    SwitchedOff,
    /// It is set to stand alone for good.
    #[error("this node is set to stand alone for good; take `always` out of [standalone] in its settings first")]
    ForGood,
    /// Nothing was named, and the settings name nothing.
    #[error("there is nothing to play; name a folder or a file, or set `source` in [standalone] of the settings")]
    NothingToPlay,
    /// Nothing plays, so it can be neither paused nor moved.
    #[error("nothing plays; start with `unisono --node play`")]
    NothingPlays,
    /// A pipe is one piece.
    #[error("a pipe has no next piece")]
    NoPieces,
    /// Standard input is something else.
    #[error("the node's standard input is no music: it was started with --with-parent")]
    NoStdin,
    /// The source.
    #[error("{0}")]
    Source(String),
    /// Its disk or its network does not answer.
    #[error("what plays does not answer; is its disk or its network there?")]
    Stuck,
}

/// How loud a room is while the node stands alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loudness {
    /// Its volume.
    pub volume: Volume,
    /// Whether it is muted.
    pub muted: bool,
}

/// Everything, for whoever asks.
#[derive(Clone, Debug)]
pub struct State {
    /// What a person wants.
    pub mode: Mode,
    /// Whether it is for good.
    pub always: bool,
    /// Who decides.
    pub phase: Phase,
    /// For so long.
    pub for_so_long: Nanos,
    /// What plays.
    pub playing: Playing,
    /// What it plays by itself.
    pub own: Option<String>,
    /// How loud each room is.
    pub loudness: Vec<Loudness>,
}

/// What has begun ends within this: the fade, and what is under way to it.
const FADE: Duration = Duration::from_millis(100);

/// A change of volume takes so long.
const RAMP: Nanos = Nanos::from_millis(30);

/// Rooms whose speaker may be turned by hand are looked at so often.
const LOOK: Duration = Duration::from_millis(100);

/// A source that has not answered by then may not at all.
const PATIENCE: Duration = Duration::from_secs(8);

/// Where it is kept what a person wants.
const KEPT: &str = "standalone";

/// Commands that may wait.
const QUEUE: usize = 64;

enum Command {
    Mode(Mode, Reply),
    Do(Wish, Reply),
    Loudness { room: RoomIndex, volume: Option<Volume>, muted: Option<bool>, reply: Reply },
    Show(oneshot::Sender<State>),
}

/// The way to it.
#[derive(Clone, Debug)]
pub struct StandaloneHandle {
    commands: mpsc::Sender<Command>,
}

impl StandaloneHandle {
    /// When the node stands alone.
    ///
    /// # Errors
    /// When it is set to do so for good.
    pub async fn set_mode(&self, mode: Mode) -> Result<(), Refused> {
        self.ask(|reply| Command::Mode(mode, reply)).await
    }

    /// Plays, pauses, stops.
    ///
    /// # Errors
    /// When a hub decides, or it cannot be done.
    pub async fn wish(&self, wish: Wish) -> Result<(), Refused> {
        self.ask(|reply| Command::Do(wish, reply)).await
    }

    /// How loud a room is.
    ///
    /// # Errors
    /// When a hub decides.
    pub async fn set_loudness(
        &self,
        room: RoomIndex,
        volume: Option<Volume>,
        muted: Option<bool>,
    ) -> Result<(), Refused> {
        self.ask(|reply| Command::Loudness { room, volume, muted, reply }).await
    }

    /// How it stands; `None` when the node is stopping.
    pub async fn state(&self) -> Option<State> {
        let (reply, replied) = oneshot::channel();
        self.commands.send(Command::Show(reply)).await.ok()?;
        replied.await.ok()
    }

    async fn ask(&self, command: impl FnOnce(Reply) -> Command) -> Result<(), Refused> {
        let (reply, replied) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| Refused::Stuck)?;
        match timeout(PATIENCE, replied).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) | Err(_) => Err(Refused::Stuck),
        }
    }
}

/// The task that watches the hub and takes the rooms.
struct Task {
    settings: StandaloneSettings,
    watch: Watch,
    desk: Arc<Desk>,
    player: Player,
    loudness: Vec<Loudness>,
    kept: PathBuf,
}

/// Starts it, within a runtime. It ends when the last handle is gone. What a person wants is kept in `folder`.
///
/// # Errors
/// When the system gives no thread.
pub(crate) fn start(
    settings: StandaloneSettings,
    desk: Arc<Desk>,
    hub: changes::Receiver<HubState>,
    folder: &Path,
) -> io::Result<StandaloneHandle> {
    let player = Player::start(Arc::clone(&desk), settings.material.clone())?;
    // With nothing to play there is no reason to keep the rooms from a hub that comes.
    let after = settings.after.filter(|_| settings.material.is_some());
    let mut watch = Watch::new(clock::now(), after);
    let kept = folder.join(KEPT);
    let mode = if settings.always { Mode::On } else { kept::read(&kept) };
    if mode != Mode::default() {
        watch.handle_mode(clock::now(), mode);
    }
    let loudness = vec![Loudness { volume: settings.volume, muted: false }; desk.rooms().len()];
    let (commands, commanded) = mpsc::channel(QUEUE);
    tokio::spawn(Task { settings, watch, desk, player, loudness, kept }.run(hub, commanded));
    Ok(StandaloneHandle { commands })
}

impl Task {
    async fn run(mut self, mut hub: changes::Receiver<HubState>, mut commands: mpsc::Receiver<Command>) {
        loop {
            self.act(true).await;
            let due = self.watch.poll_timeout();
            tokio::select! {
                changed = hub.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let (now, state) = (clock::now(), hub.borrow_and_update().clone());
                    if state.is_in_time() {
                        self.watch.handle_hub(now);
                    } else {
                        self.watch.handle_gone(now, state.silent_since().unwrap_or(now));
                    }
                }
                command = commands.recv() => match command {
                    Some(command) => self.obey(command).await,
                    None => return,
                },
                () = until(due) => self.watch.handle_timeout(clock::now()),
                () = sleep(LOOK), if self.may_be_turned() => self.take_turns(),
            }
        }
    }

    async fn act(&mut self, plays: bool) {
        while let Some(action) = self.watch.poll_action() {
            match action {
                Action::Take if self.desk.holder() == Holder::Hub => self.take(plays).await,
                Action::Give if self.desk.holder() == Holder::Node => self.give().await,
                Action::Take | Action::Give => {}
            }
        }
    }

    async fn obey(&mut self, command: Command) {
        let now = clock::now();
        match command {
            Command::Mode(mode, reply) => {
                let done = if self.settings.always { Err(Refused::ForGood) } else { Ok(()) };
                if done.is_ok() {
                    self.watch.handle_mode(now, mode);
                    let kept = self.kept.clone();
                    tokio::task::spawn_blocking(move || kept::write(&kept, mode));
                }
                answer(reply, done);
            }
            Command::Do(Wish::Play(Some(Material { place: Place::StandardInput, .. })), reply)
                if !self.settings.has_stdin =>
            {
                answer(reply, Err(Refused::NoStdin));
            }
            Command::Do(wish, reply) => {
                let may = match wish {
                    Wish::Play(_) => self.watch.handle_play(now),
                    _ => self.watch.is_alone(),
                };
                // What is to be played is not what would be played anyway.
                self.act(false).await;
                match (may, self.watch.phase()) {
                    (true, _) => self.player.tell(Order::Do(wish, reply)),
                    (false, Phase::WithHub) => answer(reply, Err(Refused::HubDecides)),
                    (false, _) if matches!(wish, Wish::Play(_)) => answer(reply, Err(Refused::SwitchedOff)),
                    (false, _) => answer(reply, Err(Refused::NothingPlays)),
                }
            }
            Command::Loudness { room, volume, muted, reply } => answer(reply, self.set(room, volume, muted)),
            Command::Show(reply) => {
                // Whoever asked may have gone.
                let _ = reply.send(self.state(now));
            }
        }
    }

    fn set(&mut self, room: RoomIndex, volume: Option<Volume>, muted: Option<bool>) -> Result<(), Refused> {
        if self.watch.phase() == Phase::WithHub {
            return Err(Refused::HubDecides);
        }
        if let Some(loudness) = self.loudness.get_mut(usize::from(room.0)) {
            loudness.volume = volume.unwrap_or(loudness.volume);
            loudness.muted = muted.unwrap_or(loudness.muted);
            self.desk.tell(Holder::Node, room, RoomCommand::Gain(loudness.gain(), RAMP));
        }
        Ok(())
    }

    /// Whether the rooms are the node's and one of them has a speaker that may be turned by hand.
    fn may_be_turned(&self) -> bool {
        let mut rooms = self.desk.rooms().iter();
        self.desk.holder() == Holder::Node && rooms.any(|(_, room)| room.status().may_be_turned())
    }

    /// What somebody has turned at a speaker is how loud its room is.
    fn take_turns(&mut self) {
        for (index, (_, room)) in (0..).map(RoomIndex).zip(self.desk.rooms()) {
            let volume = room.status().take_turn().map(Volume::nearest);
            if let (Some(volume), Some(loudness)) = (volume, self.loudness.get_mut(usize::from(index.0))) {
                loudness.volume = volume;
                self.desk.tell(Holder::Node, index, RoomCommand::Gain(loudness.gain(), RAMP));
            }
        }
    }

    async fn take(&mut self, plays: bool) {
        info!("standing alone");
        self.fade_out().await;
        self.desk.hand_to(Holder::Node);
        for (room, loudness) in (0..).map(RoomIndex).zip(&self.loudness) {
            self.desk.tell(Holder::Node, room, RoomCommand::Gain(loudness.gain(), RAMP));
        }
        self.player.tell(Order::Begin { plays });
    }

    async fn give(&mut self) {
        info!("standing alone no longer");
        self.player.tell(Order::End);
        self.fade_out().await;
        self.desk.hand_to(Holder::Hub);
    }

    async fn fade_out(&self) {
        self.desk.hand_to(Holder::Nobody);
        self.desk.tell_all(Holder::Nobody, &RoomCommand::Stop);
        sleep(FADE).await;
    }

    fn state(&self, now: Timestamp<NodeClock>) -> State {
        State {
            mode: self.watch.mode(),
            always: self.settings.always,
            phase: self.watch.phase(),
            for_so_long: now - self.watch.since(),
            playing: self.player.playing(),
            own: self.settings.material.as_ref().map(|own| own.place.to_string()),
            loudness: self.loudness.clone(),
        }
    }
}

impl Loudness {
    fn gain(self) -> Gain {
        if self.muted { Gain::SILENT } else { self.volume.gain() }
    }
}

fn answer(reply: Reply, done: Result<(), Refused>) {
    // Whoever asked may have gone.
    let _ = reply.send(done);
}

async fn until(due: Option<Timestamp<NodeClock>>) {
    match due {
        Some(due) => sleep((due - clock::now()).to_duration()).await,
        None => pending().await,
    }
}
