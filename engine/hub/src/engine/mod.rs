//! The task that owns the house. Everything that changes it comes through one queue, so there is one order of events
//! and no lock; whatever may take long (files, keys, disks) happens elsewhere and comes back as an event.

mod admission;
mod asks;
mod catalogue;
mod doubles;
mod encoder;
mod figures;
mod keeper;
mod link;
mod playing;
mod probes;
mod shelf;
mod strangers;

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use tokio::{
    sync::{Notify, mpsc, oneshot, watch},
    time::{Instant, sleep_until},
};
use tracing::{debug, info, warn};
use unisono_core::{
    time::{HubClock, Timestamp},
    wire::{
        frame::Frame,
        ids::{HouseholdId, PeerId},
    },
};
use unisono_household::{
    config::{Command, Config},
    household::HubHousehold,
    local_join::LocalJoin,
    members::MAX_MEMBERS,
};
use unisono_media::library::{Library, LibrarySettings};
use unisono_transport::{
    Connection, Endpoint, Identity, Options, clock,
    discovery::{Announcement, Record},
};

pub(crate) use self::{admission::addresses_at, playing::frames_of};
pub use self::{
    asks::Answers,
    catalogue::{Catalogue, Nothing},
    playing::PlayError,
};
use self::{
    doubles::Doubles,
    encoder::Encoder,
    keeper::Keeper,
    link::{Link, LinkOrder},
    probes::ConnectionCount,
};
use crate::{
    access::Attempts,
    house::{Action, ConnectionId, GroupId, House, StreamSettings},
    metrics::Metrics,
    sources::{SourceSettings, Sources},
};

/// Events that may wait. At 500 nodes this is a tenth of a second of requests for repair.
const QUEUE: usize = 4_096;

/// Every member of the largest household, machines that have yet to join, and handshakes of either.
const MAX_CONNECTIONS: usize = MAX_MEMBERS + strangers::MAX_STRANGERS + 64;

/// So many events are taken before the engine looks whether sound is due.
const TOGETHER: usize = 64;

/// With nothing due the engine looks around so often.
const IDLE: Duration = Duration::from_secs(1);

/// While something plays, where it is gets written so often.
const POSITION_INTERVAL: Duration = Duration::from_secs(2);

/// What a hub is made of.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// The hub's name.
    pub name: String,
    /// Where nodes connect.
    pub listen: SocketAddr,
    /// What the hub keeps across restarts.
    pub state: PathBuf,
    /// Where it leaves a token for nodes on this machine.
    pub runtime: PathBuf,
    /// How streams are made.
    pub streams: StreamSettings,
    /// Folders with music to choose from.
    pub library: Vec<PathBuf>,
    /// What can be played beside files.
    pub sources: SourceSettings,
}

/// Why a hub cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What it keeps cannot be used.
    #[error(transparent)]
    State(#[from] unisono_household::Error),
    /// There is no household yet.
    #[error("there is no household in {}; name the folder of one with --state", state.display())]
    NoHousehold {
        /// The folder.
        state: PathBuf,
    },
    /// Its port cannot be used.
    #[error("{error} (--listen, or `listen` in the settings)")]
    Port {
        /// What is wrong.
        error: unisono_transport::Error,
    },
    /// Its key cannot be used.
    #[error(transparent)]
    Identity(unisono_transport::Error),
    /// Streams cannot be made as the settings want them.
    #[error(transparent)]
    Streams(#[from] unisono_codec::Error),
    /// The library has no thread to be looked through on.
    #[error("the system gives no thread for the library ({0}); end other programs")]
    Library(std::io::Error),
}

/// Something to be done by the engine, with everything that it has at hand.
type Call = Box<dyn FnOnce(&mut Engine, Timestamp<HubClock>) + Send>;

/// What comes to the engine.
enum Event {
    Call(Call),
    /// Something that only looks.
    Look(Call),
    /// The configuration has changed; with the signed member list when that has too.
    Configured(Box<Config>, Option<Vec<u8>>),
    Connected(Connection),
    Frame(ConnectionId, Frame),
    Datagram(ConnectionId, Bytes),
    Gone(ConnectionId),
}

/// The way to the engine.
#[derive(Clone)]
pub struct EngineHandle {
    events: mpsc::Sender<Event>,
    household: Arc<Mutex<HubHousehold>>,
    /// The configuration as it is, for whoever must not wait for a disk.
    config: Arc<watch::Sender<Arc<Config>>>,
    /// Told whenever something may look otherwise than before.
    stirred: Arc<Notify>,
    listens_at: SocketAddr,
    library: Library,
    metrics: Arc<Metrics>,
    runtime: Arc<Path>,
    sources: Arc<Sources>,
}

/// The hub.
pub struct Engine {
    house: House,
    handle: EngineHandle,
    received: mpsc::Receiver<Event>,
    endpoint: Arc<Endpoint>,
    links: HashMap<ConnectionId, Link>,
    count: ConnectionCount,
    encoders: BTreeMap<GroupId, Encoder>,
    /// Opened for what is about to be cued or followed.
    sources: HashMap<GroupId, Box<dyn unisono_media::Source>>,
    catalogue: Arc<dyn Catalogue>,
    keeper: Keeper,
    doubles: Doubles,
    /// Tokens that were tried.
    attempts: Arc<Mutex<Attempts>>,
    underruns: figures::Underruns,
    household_id: HouseholdId,
    asks: asks::Waiting,
    next_connection: u64,
    changed: bool,
    _local: Option<LocalJoin>,
    _announcement: Announcement,
}

/// The code on paper with which the household of a hub can be founded anew.
///
/// # Errors
/// When there is no household yet, or its key cannot be read.
pub fn recovery_code(settings: &EngineSettings) -> Result<String, Error> {
    let none = || Error::NoHousehold { state: settings.state.clone() };
    HubHousehold::recovery_code(&settings.state)?.ok_or_else(none)
}

/// Founds a household anew from its recovery code, in an empty state folder. Its nodes know it again and are let in by
/// a join token each.
///
/// # Errors
/// When the code is mistyped, or the folder is not empty.
pub fn recover(settings: &EngineSettings, code: &str) -> Result<(), Error> {
    HubHousehold::recover(&settings.state, &settings.name, code, unix_now())?;
    Ok(())
}

impl Engine {
    /// Opens what the hub keeps and its port. To be called within a tokio runtime.
    ///
    /// # Errors
    /// When any of it cannot be used.
    pub fn start(settings: &EngineSettings) -> Result<Self, Error> {
        let mut household = HubHousehold::open_or_create(&settings.state, &settings.name, unix_now())?;
        let metrics = Arc::new(Metrics::new());
        let (keeper, kept) = Keeper::open(&settings.state, metrics.session.clone())?;
        // Before the runtime folder is made for the token: others have to get through it to their FIFOs.
        let sources = Arc::new(Sources::open(&settings.sources, &settings.streams));
        let identity = Identity::from_pkcs8(household.hub_key().pkcs8()).map_err(Error::Identity)?;
        let options =
            Options { accept: true, max_connections: MAX_CONNECTIONS, ..Options::new(*household.reset_key()) };
        let endpoint = Endpoint::bind(settings.listen, &identity, &options).map_err(|error| Error::Port { error })?;
        let listens_at = endpoint.local_address().unwrap_or(settings.listen);
        let port = listens_at.port();
        let loopback =
            if listens_at.ip().is_unspecified() { SocketAddr::from(([127, 0, 0, 1], port)) } else { listens_at };
        let local = household.open_local_join(&settings.runtime, &[loopback]);
        let local = local.inspect_err(|error| warn!("nodes on this machine cannot join by themselves: {error}")).ok();
        let record = Record::new(identity.peer_id(), Some(household.household_id()), &settings.name);
        let announcement = Announcement::start(&record, listens_at);
        let seed = clock::now::<HubClock>().as_nanos().cast_unsigned();
        let mut house = House::new(settings.name.clone(), identity.peer_id(), settings.streams.clone(), seed)?;
        house.configure(clock::now(), household.config());
        let resume = kept.map_or_else(Vec::new, |kept| playing::restore(&mut house, kept));
        let (events, received) = mpsc::channel(QUEUE);
        let library = LibrarySettings { folders: settings.library.clone(), state: settings.state.clone() };
        let library = Library::open(library).map_err(Error::Library)?;
        let household_id = household.household_id();
        let catalogue = Arc::new(shelf::Shelf { library: library.clone(), sources: Arc::clone(&sources) });
        let handle = EngineHandle {
            events,
            config: Arc::new(watch::Sender::new(Arc::new(household.config().clone()))),
            household: Arc::new(Mutex::new(household)),
            stirred: Arc::default(),
            listens_at,
            library,
            metrics,
            runtime: settings.runtime.as_path().into(),
            sources,
        };
        info!("hub \"{}\" ({}) listens at UDP port {port}", settings.name, identity.peer_id());
        let engine = Self {
            house,
            handle,
            received,
            endpoint: Arc::new(endpoint),
            links: HashMap::new(),
            count: ConnectionCount::default(),
            encoders: BTreeMap::new(),
            sources: HashMap::new(),
            catalogue,
            keeper,
            doubles: Doubles::default(),
            attempts: Arc::new(Mutex::new(Attempts::at_long_tokens())),
            underruns: figures::Underruns::new(),
            household_id,
            asks: asks::Waiting::new(),
            next_connection: 1,
            changed: false,
            _local: local,
            _announcement: announcement,
        };
        for group in resume {
            tokio::spawn(playing::resume(engine.handle.clone(), group));
        }
        Ok(engine)
    }

    /// Has it play more than files: what this knows.
    #[must_use]
    pub fn with_catalogue(mut self, catalogue: Arc<dyn Catalogue>) -> Self {
        self.catalogue = catalogue;
        self
    }

    /// What it can play beside files.
    pub fn catalogue(&self) -> Arc<dyn Catalogue> {
        Arc::clone(&self.catalogue)
    }

    /// The way to this engine.
    pub fn handle(&self) -> EngineHandle {
        self.handle.clone()
    }

    /// The house, to be read or commanded.
    pub const fn house(&mut self) -> &mut House {
        &mut self.house
    }

    /// The household.
    pub(crate) const fn household_id(&self) -> HouseholdId {
        self.household_id
    }

    /// Whether volumes and what plays would be there after a restart.
    pub fn is_durable(&self) -> bool {
        !self.keeper.has_failed()
    }

    /// Whether a connection of a node is there.
    pub fn address_of(&self, peer: PeerId) -> Option<SocketAddr> {
        self.links.values().find(|link| link.connection.peer() == peer).map(|link| link.connection.remote_address())
    }

    /// Serves until `stop` completes, then says goodbye.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        let (endpoint, events) = (Arc::clone(&self.endpoint), self.handle.events.clone());
        let acceptor = tokio::spawn(async move {
            while let Some(connection) = endpoint.accept().await {
                if events.send(Event::Connected(connection)).await.is_err() {
                    return;
                }
            }
        });
        let mut save_at = Instant::now() + POSITION_INTERVAL;
        loop {
            self.act();
            let now: Timestamp<HubClock> = clock::now();
            let due = self.house.poll_timeout().map_or(IDLE, |at| (at - now).to_duration()).min(IDLE);
            let wake = (Instant::now() + due).min(save_at);
            tokio::select! {
                () = &mut stop => break,
                Some(event) = self.received.recv() => self.take(event),
                () = sleep_until(wake) => {}
            }
            // What has come in meanwhile is taken together; but whoever sends without end holds up nobody's sound.
            for _ in 0..TOGETHER {
                let Ok(event) = self.received.try_recv() else { break };
                self.take(event);
            }
            let now = clock::now();
            self.house.handle_timeout(now);
            if self.changed || Instant::now() >= save_at {
                save_at = Instant::now() + POSITION_INTERVAL;
                self.keeper.keep(self.house.snapshot(now), self.changed);
                self.changed = false;
            }
        }
        acceptor.abort();
        self.keeper.keep(self.house.snapshot(clock::now()), true);
        self.endpoint.shut_down("the hub is stopping").await;
    }

    fn take(&mut self, event: Event) {
        let now = clock::now();
        if !matches!(event, Event::Look(_) | Event::Datagram(..)) {
            self.handle.stirred.notify_one();
        }
        match event {
            Event::Call(call) | Event::Look(call) => call(self, now),
            Event::Configured(config, members) => {
                self.house.configure(now, &config);
                if let Some(members) = members {
                    self.house.members_changed(now, members);
                }
            }
            Event::Connected(connection) => {
                if let Some(text) = self.too_many_strangers(&connection) {
                    return connection.close(&text);
                }
                let id = ConnectionId(self.next_connection);
                self.next_connection += 1;
                debug!("connection {} from {} ({})", id.0, connection.remote_address(), connection.peer());
                self.house.handle_connected(id, connection.peer());
                self.links.insert(id, Link::start(id, connection, self.handle.events.clone(), &self.count));
            }
            Event::Frame(id, frame) => {
                if let Some(link) = self.links.get_mut(&id) {
                    link.heard = Instant::now();
                }
                self.house.handle_frame(now, id, &frame);
            }
            Event::Datagram(id, datagram) => self.house.handle_datagram(now, id, &datagram),
            Event::Gone(id) => {
                self.house.handle_disconnected(id);
                self.links.remove(&id);
            }
        }
        // Packets are answered before more is taken in.
        self.act();
    }

    /// Does what the house wants done.
    fn act(&mut self) {
        while let Some(action) = self.house.poll_action() {
            match action {
                Action::Control(id, bytes) => self.order(id, LinkOrder::Control(bytes)),
                Action::Datagram(id, bytes) => {
                    if let Some(link) = self.links.get(&id) {
                        // A connection that is over says so by itself.
                        let _ = link.connection.send_datagram(bytes);
                    }
                }
                Action::Clock(id, server) => self.order(id, LinkOrder::Clock(Box::new(server))),
                Action::Judge(id, peer, hello) => self.judge(id, peer, hello),
                Action::Meet(peer, rooms) => self.meet(peer, rooms),
                Action::Budget(id, bit_rate, latency) => {
                    if let Some(link) = self.links.get(&id) {
                        link.connection.set_budget(bit_rate, latency);
                    }
                }
                Action::Close(id, reason) => self.order(id, LinkOrder::Close(reason)),
                Action::Cue { group, run, position, entry, source_frame } => {
                    self.cue(group, run, position, entry, source_frame);
                }
                Action::Open { group, run, entry, media } => self.open_follower(group, run, entry, media),
                Action::Follow { group, run, entry, instead_from } => self.follow(group, run, entry, instead_from),
                Action::Unfollow(group, run) => {
                    if let Some(encoder) = self.encoders.get(&group) {
                        encoder.follow(run, None);
                    }
                }
                Action::Finish { group, run, end_at } => self.finish(group, run, end_at),
                Action::Start(group, entry) => self.start_entry(group, entry),
                Action::AddRendition(group, plan) => {
                    if let Some(encoder) = self.encoders.get(&group) {
                        encoder.add(plan);
                    }
                }
                Action::RemoveRendition(group, stream) => {
                    if let Some(encoder) = self.encoders.get(&group) {
                        encoder.remove(stream);
                    }
                }
                Action::Packet { group, stream, position } => {
                    let packet = self.encoders.get(&group).and_then(|encoder| encoder.take(stream, position));
                    match packet {
                        Some(payload) => self.house.handle_packet(group, stream, position, payload),
                        None => {
                            *self.underruns.entry(group).or_default() += 1;
                            debug!("the source of group {group} was late for position {}", position.0);
                        }
                    }
                }
                Action::CloseStream(group) => {
                    self.encoders.remove(&group);
                }
                Action::Answer(answer) => self.answer(answer),
                Action::Unanswered(id) => {
                    self.asks.remove(&id);
                }
                Action::Ended(group) => {
                    info!("group {group} has played to the end");
                    self.handle.stirred.notify_one();
                }
                Action::Changed => {
                    self.changed = true;
                    self.handle.stirred.notify_one();
                }
            }
        }
    }

    /// Why a machine that is no member cannot be heard now.
    fn too_many_strangers(&mut self, connection: &Connection) -> Option<String> {
        let members = self.house.members();
        if members.contains(&connection.peer()) {
            return None;
        }
        let others = self.links.values().filter(|link| !members.contains(&link.connection.peer()));
        strangers::refusal(connection.remote_address().ip(), others.map(|link| link.connection.remote_address().ip()))
    }

    /// Tells a link something; one that does not keep up is closed.
    fn order(&mut self, id: ConnectionId, order: LinkOrder) {
        let stuck = self.links.get(&id).is_some_and(|link| link.orders.try_send(order).is_err());
        if stuck && let Some(link) = self.links.get(&id) {
            warn!("node {} does not read what it is told; its connection is closed", link.connection.peer());
            link.connection.close("too far behind");
        }
    }
}

impl EngineHandle {
    /// What there is to play on this machine.
    pub const fn library(&self) -> &Library {
        &self.library
    }

    /// Has the engine do something, and waits for what comes of it. `None` when the hub is stopping.
    pub async fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut Engine, Timestamp<HubClock>) -> T + Send + 'static,
    ) -> Option<T> {
        let (call, answered) = answered(call);
        self.events.send(Event::Call(call)).await.ok()?;
        answered.await.ok()
    }

    /// As [`Self::call`], for what only looks: nobody is told that something may have changed.
    pub async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&mut Engine, Timestamp<HubClock>) -> T + Send + 'static,
    ) -> Option<T> {
        let (call, answered) = answered(look);
        self.events.send(Event::Look(call)).await.ok()?;
        answered.await.ok()
    }

    /// Waits until something may look otherwise than before. For one who waits.
    pub(crate) async fn stirred(&self) {
        self.stirred.notified().await;
    }

    /// As [`Self::call`], from a thread of its own, without waiting for what comes of it.
    fn tell(&self, call: impl FnOnce(&mut Engine, Timestamp<HubClock>) + Send + 'static) {
        // The engine may have ended.
        let _ = self.events.blocking_send(Event::Call(Box::new(call)));
    }

    /// As [`Self::call`], from where nothing can be waited for. Where too much waits already it is left out.
    fn mention(&self, call: impl FnOnce(&mut Engine, Timestamp<HubClock>) + Send + 'static) {
        let _ = self.events.try_send(Event::Call(Box::new(call)));
    }

    /// Has the household do something; it may wait for a disk, so it is done on a thread for that. When the
    /// configuration is another one then, the engine knows it before whoever asked can ask for more.
    pub async fn household<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut HubHousehold) -> T + Send + 'static,
    ) -> Option<T> {
        let (household, events) = (Arc::clone(&self.household), self.events.clone());
        let writes = self.metrics.configuration.clone();
        let published = Arc::clone(&self.config);
        let call = move || {
            let mut household = household.lock().unwrap_or_else(PoisonError::into_inner);
            let (changes, members_version) = (household.changes(), household.config().members_version);
            let failures = household.failures();
            let answer = call(&mut household);
            if household.failures() != failures {
                writes.failed();
            }
            if household.changes() != changes {
                writes.written();
                let config = household.config().clone();
                published.send_replace(Arc::new(config.clone()));
                let members = (config.members_version != members_version).then(|| household.members().to_bytes());
                // While nobody else can change it again, so that the engine sees changes in their order. It may have
                // ended.
                let _ = events.blocking_send(Event::Configured(Box::new(config), members));
            }
            answer
        };
        tokio::task::spawn_blocking(call).await.ok()
    }

    /// Changes the configuration. `None` when the hub is stopping.
    pub async fn configure(&self, command: Command) -> Option<Result<(), unisono_household::Error>> {
        self.household(move |household| household.apply(&command).map(|_| ())).await
    }

    /// What is counted.
    pub(crate) const fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// The configuration as it is, now and whenever it changes.
    pub fn config(&self) -> watch::Receiver<Arc<Config>> {
        self.config.subscribe()
    }

    /// The live inputs, and the way to stations.
    pub fn sources(&self) -> &Arc<Sources> {
        &self.sources
    }

    /// The UDP port at which nodes connect.
    pub const fn port(&self) -> u16 {
        self.listens_at.port()
    }

    /// Where programs on this machine find what is left for them.
    pub(crate) fn runtime(&self) -> &Path {
        &self.runtime
    }
}

/// A call, and where its answer comes.
fn answered<T: Send + 'static>(
    call: impl FnOnce(&mut Engine, Timestamp<HubClock>) -> T + Send + 'static,
) -> (Call, oneshot::Receiver<T>) {
    let (answer, answered) = oneshot::channel();
    let call: Call = Box::new(move |engine, now| {
        // Whoever asked may have gone.
        let _ = answer.send(call(engine, now));
    });
    (call, answered)
}

/// Seconds since 1970 on the wall clock: for tokens and for judging how long the hub was away, never for sound.
pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
