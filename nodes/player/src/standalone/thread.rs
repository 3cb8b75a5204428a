//! The thread that reads what the node has and plays it on a [`Deck`]. It may wait for a disk, so nothing waits for it.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;
use tracing::{info, warn};
use unisono_core::{
    time::{Nanos, NodeClock, Timestamp},
    units::SampleRate,
};
use unisono_transport::clock;

use super::{
    Refused,
    deck::{CHANNELS, Deck, Playback, TURN},
    source::{Material, Read, Source},
};
use crate::{
    desk::{Desk, Holder},
    vital::vital,
};

/// Frames read at once.
const PIECE: usize = 960;

/// With nothing to play the thread looks around so often, for no particular reason.
const IDLE: Duration = Duration::from_secs(3_600);

/// A thread that has not ended by then is not waited for.
const FAREWELL: Duration = Duration::from_millis(500);

/// Where what came of an order goes.
pub(super) type Reply = oneshot::Sender<Result<(), Refused>>;

/// What the thread is told.
#[derive(Debug)]
pub(super) enum Order {
    /// The rooms are the node's. `plays`: what played when they were last goes on, or what the settings name begins.
    Begin { plays: bool },
    /// They are not any more.
    End,
    /// A person wants something.
    Do(Wish, Reply),
}

/// What a person may want.
#[derive(Debug)]
pub enum Wish {
    /// Play something; without it what is paused, or what the settings name.
    Play(Option<Material>),
    /// Stop for a while.
    Pause,
    /// Go to the next piece.
    Next,
    /// Stop.
    Stop,
}

/// What plays, for whoever asks.
#[derive(Clone, Debug, PartialEq)]
pub struct Playing {
    /// What it does.
    pub playback: Playback,
    /// From where.
    pub source: Option<String>,
    /// What is heard.
    pub title: Option<String>,
    /// Where in it.
    pub position: Option<Nanos>,
    /// Why nothing is heard that should be.
    pub warning: Option<String>,
}

impl Default for Playing {
    fn default() -> Self {
        Self { playback: Playback::Stopped, source: None, title: None, position: None, warning: None }
    }
}

/// The giving end. The thread ends with it.
#[derive(Debug)]
pub(super) struct Player {
    orders: Option<Sender<Order>>,
    thread: JoinHandle<()>,
    playing: Arc<Mutex<Playing>>,
}

impl Player {
    /// Starts the thread. `own` is what the settings name.
    ///
    /// # Errors
    /// When the system gives none.
    pub(super) fn start(desk: Arc<Desk>, own: Option<Material>) -> io::Result<Self> {
        let rate = SampleRate::HZ_48000;
        let deck = Deck::new(rate, desk.latency()).map_err(io::Error::other)?;
        let (orders, ordered) = mpsc::channel();
        let playing = Arc::new(Mutex::new(Playing::default()));
        let thread = Thread {
            rate,
            deck,
            desk,
            own,
            playing: Arc::clone(&playing),
            source: None,
            named: None,
            warning: None,
            has_rooms: false,
            was_stopped: false,
        };
        let thread = thread::Builder::new().name("standalone".into()).spawn(vital(move || thread.run(&ordered)))?;
        Ok(Self { orders: Some(orders), thread, playing })
    }

    /// Tells it something.
    pub(super) fn tell(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // It is there for as long as there are orders.
            let _ = orders.send(order);
        }
    }

    /// What plays.
    pub(super) fn playing(&self) -> Playing {
        self.playing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.orders = None;
        // It holds the rooms, which are to fade out before the program ends. It may hang on a disk.
        let until = Instant::now() + FAREWELL;
        while !self.thread.is_finished() && Instant::now() < until {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

struct Thread {
    rate: SampleRate,
    deck: Deck,
    desk: Arc<Desk>,
    own: Option<Material>,
    playing: Arc<Mutex<Playing>>,
    source: Option<Source>,
    named: Option<String>,
    warning: Option<String>,
    has_rooms: bool,
    /// A person has stopped it: it does not begin by itself again.
    was_stopped: bool,
}

impl Thread {
    fn run(mut self, orders: &Receiver<Order>) {
        loop {
            let is_busy = self.has_rooms && self.deck.playback() == Playback::Playing;
            match orders.recv_timeout(if is_busy { TURN.to_duration() } else { IDLE }) {
                Ok(order) => self.obey(order),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.turn();
        }
    }

    fn obey(&mut self, order: Order) {
        let now = clock::now();
        match order {
            Order::Begin { plays } => self.begin(now, plays),
            Order::End => {
                self.deck.close(now);
                self.has_rooms = false;
                // A stop and a pause are for the time that was: the next one without a hub begins anew.
                self.was_stopped = false;
                if self.deck.playback() == Playback::Paused {
                    self.deck.stop(now);
                    (self.source, self.named) = (None, None);
                }
            }
            Order::Do(wish, reply) => {
                let done = self.carry_out(now, wish);
                // Whoever asked may have gone.
                let _ = reply.send(done);
            }
        }
    }

    fn begin(&mut self, now: Timestamp<NodeClock>, plays: bool) {
        self.deck.open();
        self.has_rooms = true;
        if !plays {
            return self.deck.pause(now);
        }
        let Some(own) = self.own.clone().filter(|_| self.deck.playback() == Playback::Stopped && !self.was_stopped)
        else {
            return;
        };
        if let Err(refused) = self.start(now, &own) {
            warn!("{refused}");
            self.warning = Some(refused.to_string());
        }
    }

    fn carry_out(&mut self, now: Timestamp<NodeClock>, wish: Wish) -> Result<(), Refused> {
        match (wish, self.deck.playback()) {
            (Wish::Play(Some(material)), _) => self.start(now, &material)?,
            (Wish::Play(None), Playback::Stopped) => {
                let own = self.own.clone().ok_or(Refused::NothingToPlay)?;
                self.start(now, &own)?;
            }
            (Wish::Play(None), _) => self.deck.play(),
            (Wish::Pause | Wish::Next, Playback::Stopped) => return Err(Refused::NothingPlays),
            (Wish::Pause, _) => self.deck.pause(now),
            (Wish::Next, _) => {
                if self.source.as_ref().is_some_and(|source| !source.has_pieces()) {
                    return Err(Refused::NoPieces);
                }
                if !self.deck.next(now) && !self.source.as_mut().is_some_and(Source::skip) {
                    self.deck.finish();
                }
            }
            (Wish::Stop, _) => {
                self.deck.stop(now);
                (self.source, self.named) = (None, None);
                self.was_stopped = true;
            }
        }
        Ok(())
    }

    fn start(&mut self, now: Timestamp<NodeClock>, material: &Material) -> Result<(), Refused> {
        let source = Source::open(material, self.rate).map_err(Refused::Source)?;
        info!("playing {}", material.place);
        self.deck.stop(now);
        (self.source, self.named, self.warning) = (Some(source), Some(material.place.to_string()), None);
        self.was_stopped = false;
        self.deck.play();
        Ok(())
    }

    /// Reads what is wanted, and tells the rooms.
    fn turn(&mut self) {
        if self.has_rooms {
            self.deck.set_latency(self.desk.latency());
            self.read();
            self.deck.advance(clock::now());
            while let Some(command) = self.deck.poll_command() {
                if !self.desk.tell_all(Holder::Node, &command) {
                    break;
                }
            }
        }
        self.publish();
    }

    fn read(&mut self) {
        let mut samples = [0.0; PIECE * CHANNELS];
        loop {
            let wanted = self.deck.wants(clock::now()).min(PIECE);
            if wanted == 0 {
                return;
            }
            match self.source.as_mut().map_or(Read::Over, |source| source.read(&mut samples[..wanted * CHANNELS])) {
                Read::Frames(frames) => self.deck.push(&samples[..frames * CHANNELS]),
                Read::Piece(title) => self.deck.mark(title),
                Read::Nothing => return,
                Read::Over => {
                    self.source = None;
                    self.deck.finish();
                }
            }
        }
    }

    fn publish(&self) {
        let heard = self.deck.heard(clock::now());
        let playing = Playing {
            playback: self.deck.playback(),
            source: self.named.clone().filter(|_| self.deck.playback() != Playback::Stopped),
            title: heard.map(|(title, _)| title.into()),
            position: heard.map(|(_, position)| position),
            warning: self.warning.clone(),
        };
        *self.playing.lock().unwrap_or_else(PoisonError::into_inner) = playing;
    }
}
