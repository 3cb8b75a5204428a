//! The node: finds its hub, stays connected, and lets its rooms play.

pub(crate) mod hubs;
mod invitation;
mod link;
mod pace;
mod probes;
mod race;
pub(crate) mod report;
mod state;
mod wanted;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use axum::Router;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{info, warn};
use unisono_core::{
    clock::Estimator,
    leadership::Judge,
    time::Nanos,
    units::{Drift, SampleRate},
    wire::{
        control::{Refuse, RefuseReason},
        ids::PeerId,
    },
};
use unisono_household::{
    local_join::read_local_token,
    members::Pinned,
    node_store::{LearnedDrift, NodeStore},
    token::JoinToken,
};
use unisono_transport::{Connection, Endpoint, Expect, Identity, Options};

pub(crate) use self::invitation::Inviter;
pub use self::state::{HubLink, HubState};
use self::{
    hubs::{Backoff, Hubs},
    invitation::{Invitation, Outcome},
    link::Ended,
    state::Told,
};
use crate::{
    api::{self, NodeHandle},
    bluetooth::{BluetoothSettings, Lazy},
    desk::Desk,
    metrics::Watched,
    output::{Opener, OutputSpec},
    room::{Room, RoomSetup},
    sound,
    standalone::{self, StandaloneSettings},
};

/// One room as the settings have it.
#[derive(Clone, Debug)]
pub struct RoomSettings {
    /// What the room is called until the household names it.
    pub name: String,
    /// Where its sound may go, the best first; at least one.
    pub outputs: Vec<OutputSpec>,
    /// What lies behind the converter.
    pub latency: Nanos,
}

/// A node as the settings have it.
#[derive(Clone, Debug)]
pub struct NodeSettings {
    /// The node's name.
    pub name: String,
    /// Where its hub is; found by itself when empty.
    pub hubs: Vec<String>,
    /// What it keeps across restarts.
    pub state: PathBuf,
    /// Where a hub on the same machine leaves a token.
    pub runtime: PathBuf,
    /// A token to join with.
    pub join: Option<JoinToken>,
    /// Its rooms.
    pub rooms: Vec<RoomSettings>,
    /// How it stands alone.
    pub standalone: StandaloneSettings,
    /// What it may do with speakers.
    pub bluetooth: BluetoothSettings,
    /// Where its own control API answers: where it is asked to, and once the node starts where it does.
    pub api: Option<SocketAddr>,
}

/// Why a node gave up. Everything else it tries again for as long as it runs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What it keeps cannot be used.
    #[error(transparent)]
    State(#[from] unisono_household::Error),
    /// The network cannot be used, or no hub answered when it was to join.
    #[error(transparent)]
    Network(#[from] unisono_transport::Error),
    /// A room's threads could not be started.
    #[error("no thread for room \"{room}\": {reason}; the system has too many")]
    Threads {
        /// The room.
        room: String,
        /// What the system says.
        reason: std::io::Error,
    },
    /// The hub does not want the node.
    #[error("the hub refused this node: {0}")]
    Refused(String),
    /// There is no thread to play on its own.
    #[error("no thread to play alone: {0}; the system has too many")]
    Standalone(std::io::Error),
    /// None of a token's addresses answered.
    #[error("cannot join: {0}")]
    CannotJoin(String),
}

/// A node that runs.
#[derive(Debug)]
pub struct Node {
    name: String,
    endpoint: Arc<Endpoint>,
    store: NodeStore,
    hubs: Hubs,
    runtime: PathBuf,
    join: Option<JoinToken>,
    /// Nobody gave that one: a hub on this machine has left it.
    join_is_local: bool,
    invitations: mpsc::Receiver<Invitation>,
    /// Who waits to hear what becomes of the token in `join`, if it came with an invitation.
    asker: Option<oneshot::Sender<Outcome>>,
    desk: Arc<Desk>,
    /// What the hub may ask of the node's API.
    relayed: Router,
    handle: NodeHandle,
    told: Told,
    watched: Arc<Watched>,
    is_alone_for_good: bool,
    judges: Vec<Judge>,
    /// What was learned of each hub's clock since the node started.
    estimators: BTreeMap<PeerId, Estimator>,
}

impl Node {
    /// Opens what the node keeps, its port and its rooms. To be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// When any of it cannot be used.
    pub fn start(settings: NodeSettings) -> Result<Self, Error> {
        let store = NodeStore::open(&settings.state)?;
        for path in store.damaged() {
            warn!("{} is damaged; its older copy is used", path.display());
        }
        let identity = Identity::from_pkcs8(store.key().pkcs8())?;
        // A node accepts nothing, so nobody needs its resets.
        let endpoint = Endpoint::bind(SocketAddr::from(([0_u16; 8], 0)), &identity, &Options::new([0; 64]))?;
        let bluetooth = Arc::new(Lazy::new(settings.state.clone(), settings.bluetooth));
        let (speakers, holders) = (Arc::clone(&bluetooth), Arc::clone(&bluetooth));
        let opener = Opener::with_speakers(
            move |address| speakers.handle().open(address),
            move |address| (holders.handle().holders(address), holders.handle().connects(address)),
        );
        let mut rooms = Vec::new();
        for room in settings.rooms {
            let (outputs, opener) = (room.outputs.clone(), opener.clone());
            let setup = RoomSetup { outputs, opener, latency: room.latency, rate: SampleRate::HZ_48000 };
            let running = Room::start(&setup).map_err(|reason| Error::Threads { room: room.name.clone(), reason })?;
            rooms.push((room, running));
        }
        let judges = vec![Judge::default(); rooms.len()];
        let (told, hub) = watch::channel(HubState::default());
        let kept = sound::read(&settings.state, rooms.len());
        let (desk, is_alone_for_good) = (Arc::new(Desk::new(rooms, kept)), settings.standalone.always);
        tokio::spawn(sound::keep(settings.state.clone(), desk.sounds()));
        let standalone = standalone::start(settings.standalone, Arc::clone(&desk), hub.clone(), &settings.state);
        let standalone = standalone.map_err(Error::Standalone)?;
        let watched = Arc::new(Watched::default());
        let itself = (&settings.name[..], identity.peer_id(), settings.api);
        let desk_of = Arc::clone(&desk);
        let (inviter, invitations) = invitation::channel();
        let handle = NodeHandle::new(itself, desk_of, (hub, inviter), standalone, bluetooth, Arc::clone(&watched));
        Ok(Self {
            name: settings.name,
            endpoint: Arc::new(endpoint),
            hubs: Hubs::new(settings.hubs),
            runtime: settings.runtime,
            join: settings.join,
            join_is_local: false,
            invitations,
            asker: None,
            relayed: api::relayed(handle.clone()),
            handle,
            told: Told(told),
            watched,
            is_alone_for_good,
            judges,
            desk,
            store,
            estimators: BTreeMap::new(),
        })
    }

    /// The way to it for its control API.
    pub fn handle(&self) -> NodeHandle {
        self.handle.clone()
    }

    /// Plays for its hub until `stop` completes.
    ///
    /// # Errors
    ///
    /// When it was to join and cannot, or the hub will never have it.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> Result<(), Error> {
        tokio::pin!(stop);
        if self.is_alone_for_good {
            drop(self.invitations);
            self.told.away("this node stands alone for good");
            stop.await;
            return Ok(());
        }
        let mut backoff = Backoff::new();
        loop {
            let connected = tokio::select! {
                () = &mut stop => return Ok(()),
                connected = self.connect() => connected?,
            };
            if let Some(connection) = connected {
                let ended = self.serve(&connection, stop.as_mut()).await;
                let reason = ended.to_string();
                let was_invited = self.answer(Err(reason.clone()));
                match ended {
                    Ended::Stopped => return Ok(()),
                    Ended::Refused(refuse) if !was_invited && self.is_final(&refuse) => {
                        return Err(Error::Refused(refuse.text));
                    }
                    Ended::Refused(_) => {
                        self.hubs.warn_once(&format!("{reason}; asking again"));
                        self.told.away(reason);
                        self.hubs.turned_away(connection.remote_address());
                        backoff.slow_down();
                    }
                    Ended::Closed(_) => {
                        info!("{reason}");
                        self.told.away(reason);
                        backoff.start_over();
                    }
                    Ended::Distrusted(_) => {
                        warn!("{reason}");
                        self.told.away(reason);
                        self.hubs.turned_away(connection.remote_address());
                        backoff.slow_down();
                    }
                    Ended::NoThread(_) => {
                        warn!("{reason}");
                        self.told.away(reason);
                        backoff.slow_down();
                    }
                }
            }
            tokio::select! {
                () = &mut stop => return Ok(()),
                Some(invitation) = self.invitations.recv() => self.take(invitation),
                () = backoff.wait(&mut self.hubs) => {}
            }
        }
    }

    /// A connection to a hub, or `None` when none could be had now.
    async fn connect(&mut self) -> Result<Option<Connection>, Error> {
        if self.store.pinned().is_none() || self.join.is_some() {
            return self.connect_to_join().await;
        }
        let remembered = self.store.hubs().values().flat_map(|hub| hub.addresses.iter().copied()).collect::<Vec<_>>();
        let household = self.store.pinned().map(Pinned::household);
        let addresses = self.hubs.candidates(household, &remembered).await;
        match self.first_to_answer(&addresses, Expect::AnyMember, ROUND).await {
            Ok(connection) => return Ok(Some(connection)),
            Err(Some(error)) => {
                self.told.away(error.to_string());
                self.hubs.failed(&error);
            }
            Err(None) if addresses.is_empty() => self.told.away("no hub was found on this network"),
            Err(None) => {}
        }
        Ok(None)
    }

    /// A connection to the hub that answers first, or why there is none; `None` when no address had its say.
    async fn first_to_answer(
        &self,
        addresses: &[SocketAddr],
        expect: Expect,
        limit: Duration,
    ) -> Result<Connection, Option<unisono_transport::Error>> {
        let attempts = addresses.iter().map(|&address| {
            let endpoint = Arc::clone(&self.endpoint);
            async move { endpoint.connect(address, expect).await }
        });
        race::first(attempts, limit).await.map_err(race::most_telling)
    }

    async fn connect_to_join(&mut self) -> Result<Option<Connection>, Error> {
        // A hub leaves another each time that it starts, so the one that is there now is taken.
        if self.join_is_local {
            (self.join, self.join_is_local) = (None, false);
        }
        let asked_for = self.join.is_some() && self.store.pinned().is_none();
        if self.join.is_none() {
            self.join = read_local_token(&self.runtime)?;
            self.join_is_local = self.join.is_some();
        }
        let Some(token) = &self.join else {
            let text = "not in a household yet: get a token with `unisono token`, then `unisono --node join TOKEN` here, \
                        or start with --join TOKEN";
            self.told.away(text);
            self.hubs.say_once(text);
            return Ok(None);
        };
        let error = match self.first_to_answer(token.addresses(), Expect::Key(token.hub()), Duration::MAX).await {
            Ok(connection) => return Ok(Some(connection)),
            Err(error) => error,
        };
        let reason = match error {
            None => "the token holds no address; make another one with `unisono token`".into(),
            Some(error @ unisono_transport::Error::WrongKey { .. }) => {
                format!("{error}; the token is of another hub, make one with `unisono token` on this one")
            }
            Some(error) => format!("{error}; is the hub running, and is its UDP port reachable from here?"),
        };
        let failed = Error::CannotJoin(reason);
        if !self.answer(Err(failed.to_string())) && asked_for {
            return Err(failed);
        }
        // A token that a hub on this machine has left behind, which writes a new one when it starts; or one that a node
        // was given again which has a household; or one that came with an invitation.
        (self.join, self.join_is_local) = (None, false);
        Ok(None)
    }

    /// Takes an invitation, unless whoever gave it has gone since.
    fn take(&mut self, invitation: Invitation) {
        let Invitation { token, asker } = invitation;
        if !asker.is_closed() {
            (self.join, self.join_is_local, self.asker) = (Some(token), false, Some(asker));
        }
    }

    /// Tells whoever has invited the node what became of the token, which is not used again. Says whether anybody had.
    fn answer(&mut self, outcome: Outcome) -> bool {
        let Some(asker) = self.asker.take() else { return false };
        self.join = None;
        // He may wait no longer.
        let _ = asker.send(outcome);
        true
    }

    /// Whether a refusal will be the same next time. One that joins by itself waits for a hub that will have it.
    fn is_final(&self, refuse: &Refuse) -> bool {
        let joins = !self.join_is_local && (self.store.pinned().is_none() || self.join.is_some());
        joins && !matches!(refuse.reason, RefuseReason::Full | RefuseReason::Replaced)
    }

    /// What is known of a hub's clock.
    fn take_estimator(&mut self, hub: PeerId) -> Estimator {
        let learned = self.store.hubs().get(&hub).and_then(|known| known.drift);
        self.estimators.remove(&hub).unwrap_or_else(|| {
            learned.map_or_else(Estimator::new, |learned| {
                let ratio = |ppb: i32| Drift::from_ratio(f64::from(ppb) * 1e-9);
                // A machine that was cold runs otherwise than one that was warm: never believe it to better than 5 ppm.
                let within = (f64::from(learned.uncertainty_ppb) * 1e-9).max(5e-6);
                Estimator::with_prior(ratio(learned.ppb), Drift::from_ratio(within))
            })
        })
    }

    fn keep_estimator(&mut self, hub: PeerId, estimator: Estimator) {
        if let Some((drift, within)) = estimator.learned() {
            let uncertainty_ppb = within.parts_per_billion().unsigned_abs();
            let learned = LearnedDrift { ppb: drift.parts_per_billion(), uncertainty_ppb };
            if let Err(error) = self.store.remember_drift(hub, learned) {
                warn!("{error}");
            }
        }
        self.estimators.insert(hub, estimator);
    }
}

/// After so long the likeliest addresses are tried again, however many others there are: a little more than an attempt
/// takes.
const ROUND: Duration = Duration::from_millis(3_250);

/// Without an answer to the greeting for so long a hub is given up.
const GREETING_LIMIT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, Permissions},
        net::Ipv4Addr,
        os::unix::fs::PermissionsExt,
        path::Path,
    };

    use super::*;

    fn node(folder: &Path, join: Option<JoinToken>) -> Node {
        let room =
            RoomSettings { name: "kitchen".into(), outputs: vec!["model".parse().unwrap()], latency: Nanos::ZERO };
        let settings = NodeSettings {
            name: "kitchen".into(),
            hubs: vec!["127.0.0.1:9".into()],
            state: folder.join("node"),
            runtime: folder.join("run"),
            join,
            rooms: vec![room],
            standalone: StandaloneSettings::default(),
            bluetooth: BluetoothSettings::default(),
            api: None,
        };
        Node::start(settings).unwrap()
    }

    /// What a hub looks like that never welcomes anybody.
    fn hub(folder: &Path) -> (Endpoint, JoinToken) {
        let identity = Identity::from_pkcs8(NodeStore::open(&folder.join("hub")).unwrap().key().pkcs8()).unwrap();
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let options = Options { accept: true, ..Options::new([1; 64]) };
        let endpoint = Endpoint::bind(here, &identity, &options).unwrap();
        let token = JoinToken::new(&[endpoint.local_address().unwrap()], identity.peer_id(), [7; 16]).unwrap();
        (endpoint, token)
    }

    fn unknown() -> Refuse {
        Refuse { reason: RefuseReason::TokenUnknown, text: "this token is not known".into() }
    }

    #[tokio::test]
    async fn a_node_that_joins_by_itself_outlives_a_hub_that_goes_before_it_has_let_it_in() {
        let folder = tempfile::tempdir().unwrap();
        let (hub, token) = hub(folder.path());
        let left = folder.path().join("run/hub.join");
        fs::create_dir_all(folder.path().join("run")).unwrap();
        fs::write(&left, token.to_string()).unwrap();
        fs::set_permissions(&left, Permissions::from_mode(0o600)).unwrap();

        let mut node = node(folder.path(), None);
        let (connected, accepted) = tokio::join!(node.connect(), hub.accept());
        assert!(connected.unwrap().is_some() && accepted.is_some());
        assert!(!node.is_final(&unknown()), "the next token may be known");
        hub.shut_down("it ends").await;
        drop(hub);
        // Its token is still there, and nobody answers; then it is gone.
        assert!(node.connect().await.unwrap().is_none());
        fs::remove_file(left).unwrap();
        assert!(node.connect().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_node_that_was_told_to_join_ends_when_it_cannot() {
        let folder = tempfile::tempdir().unwrap();
        let (hub, token) = hub(folder.path());
        hub.shut_down("it ends").await;
        drop(hub);
        let mut node = node(folder.path(), Some(token));
        assert!(node.is_final(&unknown()));
        assert!(matches!(node.connect().await, Err(Error::CannotJoin(_))));
    }
}
