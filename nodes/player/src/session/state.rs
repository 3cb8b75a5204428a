//! What is known of the node's hub, for whoever asks.

use std::{net::SocketAddr, time::Instant};

use tokio::sync::watch;
use unisono_core::{
    time::{Nanos, NodeClock, Timestamp},
    wire::ids::{HouseholdId, PeerId},
};

/// A hub that says nothing for so long may be gone; its connection takes longer to be given up.
const SILENCE: Nanos = Nanos::from_millis(1_500);

/// The node's hub, or why it has none.
#[derive(Clone, Debug)]
pub struct HubState {
    /// The household that the node belongs to.
    pub household: Option<HouseholdId>,
    /// The hub.
    pub link: HubLink,
    /// Since when that has been so.
    pub since: Instant,
}

/// A hub, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HubLink {
    /// It has let the node in.
    Connected {
        /// Its name.
        name: String,
        /// Who it is.
        id: PeerId,
        /// Where it is.
        address: SocketAddr,
        /// Its clock is known well enough to play by.
        in_time: bool,
        /// Since when it says nothing, if it does not.
        silent_since: Option<Timestamp<NodeClock>>,
    },
    /// There is none, and why.
    Away(String),
}

impl Default for HubState {
    fn default() -> Self {
        Self { household: None, link: HubLink::Away("the node has just started".into()), since: Instant::now() }
    }
}

impl HubState {
    /// Whether a hub is there whose clock is known.
    pub const fn is_in_time(&self) -> bool {
        matches!(self.link, HubLink::Connected { in_time: true, silent_since: None, .. })
    }

    /// Since when nothing is heard of a hub that has not yet been given up.
    pub const fn silent_since(&self) -> Option<Timestamp<NodeClock>> {
        match self.link {
            HubLink::Connected { silent_since, .. } => silent_since,
            HubLink::Away(_) => None,
        }
    }
}

/// Tells those who ask.
#[derive(Debug)]
pub(super) struct Told(pub(super) watch::Sender<HubState>);

impl Told {
    /// The hub has let the node in.
    pub(super) fn connected(&self, household: Option<HouseholdId>, name: String, id: PeerId, address: SocketAddr) {
        let link = HubLink::Connected { name, id, address, in_time: false, silent_since: None };
        self.0.send_replace(HubState { household, link, since: Instant::now() });
    }

    /// Its clock is known.
    pub(super) fn in_time(&self) {
        self.0.send_if_modified(|state| match &mut state.link {
            HubLink::Connected { in_time, .. } => !std::mem::replace(in_time, true),
            HubLink::Away(_) => false,
        });
    }

    /// It was last heard of then.
    pub(super) fn heard(&self, now: Timestamp<NodeClock>, at: Option<Timestamp<NodeClock>>) {
        let silent = at.filter(|at| now - *at > SILENCE);
        self.0.send_if_modified(|state| match &mut state.link {
            HubLink::Connected { silent_since, .. } => std::mem::replace(silent_since, silent) != silent,
            HubLink::Away(_) => false,
        });
    }

    /// There is none.
    pub(super) fn away(&self, reason: impl Into<String>) {
        let link = HubLink::Away(reason.into());
        self.0.send_if_modified(|state| {
            let is_new = state.link != link;
            if matches!(state.link, HubLink::Connected { .. }) {
                state.since = Instant::now();
            }
            state.link = link;
            is_new
        });
    }
}
