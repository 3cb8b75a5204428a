//! What a node keeps: its own key, the household that it belongs to, where its hubs were, and how their clocks drift.
//!
//! `node.key` is a key file (see [`crate::keys`]); the rest is `node.state`, in two copies (`node.state.a`,
//! `node.state.b`) of which the newer intact one counts. A node that has joined no household has no `node.state`.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use unisono_core::wire::ids::PeerId;

use crate::{
    Error,
    files::{self, StateFolder},
    generations::{Generations, Kind, Outlast},
    keys::SecretKey,
    members::{MemberList, Pinned, Role, SignedMembers},
    token::MAX_ADDRESSES,
};

/// How much faster a hub's clock runs than the node's, as measured before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearnedDrift {
    /// Parts per thousand million.
    pub ppb: i32,
    /// One standard deviation, in parts per thousand million.
    pub uncertainty_ppb: u32,
}

/// What a node remembers of one hub.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownHub {
    /// Where it was last, in the order to try.
    pub addresses: Vec<SocketAddr>,
    /// Its drift, once learned.
    pub drift: Option<LearnedDrift>,
}

/// A node's own files. One process at a time has them.
#[derive(Debug)]
pub struct NodeStore {
    _folder: StateFolder,
    key: SecretKey,
    files: Generations,
    state: State,
    home: Option<Home>,
}

/// What is in `node.state`, as postcard.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct State {
    /// The signed member list; the pin follows from it.
    members: Option<Vec<u8>>,
    hubs: BTreeMap<PeerId, KnownHub>,
}

impl NodeStore {
    /// Opens the node's folder, and makes the node's key when there is nothing in it yet.
    ///
    /// # Errors
    /// When another node uses the folder, a file is damaged, newer than this build or cannot be read, or the key is
    /// gone while the state is there.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let folder = StateFolder::open(folder, "node")?;
        let (files, payload) = Generations::open(folder.path(), &STATE_FILE)?;
        let key_path = folder.file(KEY_FILE);
        if payload.is_some() && !files::exists(&key_path)? {
            return Err(Error::Incomplete { missing: key_path, program: "node" });
        }
        let (state, home) = match payload {
            Some(payload) => {
                decode(&payload).ok_or_else(|| Error::StateDamaged { path: folder.file(STATE_FILE.name) })?
            }
            None => Default::default(),
        };
        Ok(Self { key: SecretKey::load_or_create(&key_path)?, _folder: folder, files, state, home })
    }

    /// Joins the household of a list; see [`Pinned::by_joining`] for what must have been proved before. A node that
    /// is in that household already takes the list as [`accept`](Self::accept) does.
    ///
    /// # Errors
    /// When the node belongs to another household, the list is not to be trusted, or cannot be written.
    pub fn join(&mut self, signed: &SignedMembers, hub: PeerId) -> Result<(), Error> {
        if self.home.is_some() {
            return self.accept(signed).map(|_| ());
        }
        let home = Pinned::by_joining(signed, hub)?;
        self.settle(signed, home)
    }

    /// Takes a member list that a hub has sent; see [`Pinned::accept`]. What was known of hubs that are none any more
    /// is forgotten.
    ///
    /// # Errors
    /// When the list is not to be trusted, the node belongs to no household, or the list cannot be written.
    pub fn accept(&mut self, signed: &SignedMembers) -> Result<&MemberList, Error> {
        let (mut pinned, _) = self.home.clone().ok_or(Error::NoHousehold)?;
        let list = pinned.accept(signed)?;
        self.settle(signed, (pinned, list))?;
        self.members().ok_or(Error::NoHousehold)
    }

    /// Leaves the household: the next one may be joined.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn leave(&mut self) -> Result<(), Error> {
        self.save(State::default())?;
        self.home = None;
        Ok(())
    }

    /// Remembers where a hub is, at most [`MAX_ADDRESSES`] addresses.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn remember_addresses(&mut self, hub: PeerId, addresses: &[SocketAddr]) -> Result<(), Error> {
        let addresses = &addresses[..addresses.len().min(MAX_ADDRESSES)];
        self.remember(hub, |known| known.addresses = addresses.to_vec())
    }

    /// Remembers how a hub's clock drifts.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn remember_drift(&mut self, hub: PeerId, drift: LearnedDrift) -> Result<(), Error> {
        self.remember(hub, |known| known.drift = Some(drift))
    }

    /// The node's own key.
    pub fn key(&self) -> &SecretKey {
        &self.key
    }

    /// The household that the node belongs to.
    pub fn pinned(&self) -> Option<&Pinned> {
        self.home.as_ref().map(|(pinned, _)| pinned)
    }

    /// The newest member list that the node has accepted.
    pub fn members(&self) -> Option<&MemberList> {
        self.home.as_ref().map(|(_, list)| list)
    }

    /// What is remembered of the hubs of the household.
    pub fn hubs(&self) -> &BTreeMap<PeerId, KnownHub> {
        &self.state.hubs
    }

    /// Copies of the state that were damaged when it was opened, kept under these names. The state is that of the
    /// other copy, which may be one change older.
    pub fn damaged(&self) -> &[PathBuf] {
        self.files.damaged()
    }

    fn settle(&mut self, signed: &SignedMembers, home: Home) -> Result<(), Error> {
        let mut state = self.state.clone();
        state.members = Some(signed.to_bytes());
        state.hubs.retain(|hub, _| home.1.role_of(*hub) == Some(Role::Hub));
        self.save(state)?;
        self.home = Some(home);
        Ok(())
    }

    /// Only hubs of the household are remembered, so the file cannot grow with what strangers say.
    fn remember(&mut self, hub: PeerId, change: impl FnOnce(&mut KnownHub)) -> Result<(), Error> {
        if self.members().and_then(|list| list.role_of(hub)) != Some(Role::Hub) {
            return Ok(());
        }
        let mut state = self.state.clone();
        change(state.hubs.entry(hub).or_default());
        self.save(state)
    }

    fn save(&mut self, state: State) -> Result<(), Error> {
        if state != self.state {
            let payload = postcard::to_allocvec(&state).expect("the state has no failing serializer");
            self.files.write(&payload, Outlast::PowerLoss)?;
            self.state = state;
        }
        Ok(())
    }
}

fn decode(payload: &[u8]) -> Option<(State, Option<Home>)> {
    let state: State = postcard::from_bytes(payload).ok()?;
    let home = match &state.members {
        Some(members) => Some(SignedMembers::from_bytes(members).and_then(|signed| Pinned::as_named(&signed)).ok()?),
        None => None,
    };
    Some((state, home))
}

/// The household of a node, and its members.
type Home = (Pinned, MemberList);

const KEY_FILE: &str = "node.key";

/// The signed list is at most 128 kB, and five hundred hubs with all their addresses are less.
static STATE_FILE: Kind = Kind { name: "node.state", magic: *b"UNISNODE", format: 1, limit: 512 * 1024 };

#[cfg(test)]
mod tests {
    use std::fs;

    use unisono_core::wire::ids::HouseholdId;

    use super::*;
    use crate::members::Member;

    const HUB: PeerId = PeerId([1; 32]);

    fn list(household: u8, version: u64, hubs: &[PeerId]) -> SignedMembers {
        let key = SecretKey::from_seed(&[household; 32]);
        let members = hubs.iter().map(|peer| Member { peer: *peer, role: Role::Hub, name: "hub".into() }).collect();
        let household = HouseholdId(key.public());
        SignedMembers::sign(&MemberList { household, version, members, successions: Vec::new() }, &key).unwrap()
    }

    #[test]
    fn a_node_remembers_across_restarts() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = NodeStore::open(dir.path()).unwrap();
        assert_eq!(store.pinned(), None);
        let public = store.key().public();
        store.join(&list(7, 3, &[HUB]), HUB).unwrap();
        store.accept(&list(7, 4, &[HUB])).unwrap();
        let drift = LearnedDrift { ppb: -17_000, uncertainty_ppb: 40 };
        store.remember_addresses(HUB, &["10.0.0.1:7000".parse().unwrap(); 9]).unwrap();
        store.remember_drift(HUB, drift).unwrap();
        drop(store);

        let store = NodeStore::open(dir.path()).unwrap();
        assert_eq!(store.key().public(), public);
        assert_eq!(store.pinned().unwrap().version(), 4);
        assert_eq!(store.members().unwrap().role_of(HUB), Some(Role::Hub));
        assert_eq!(store.hubs()[&HUB].addresses.len(), 4);
        assert_eq!(store.hubs()[&HUB].drift, Some(drift));
        assert!(store.damaged().is_empty());
    }

    #[test]
    fn a_node_leaves_before_it_joins_another_household() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = NodeStore::open(dir.path()).unwrap();
        assert!(matches!(store.accept(&list(7, 3, &[HUB])), Err(Error::NoHousehold)));
        store.join(&list(7, 3, &[HUB]), HUB).unwrap();
        assert!(matches!(store.join(&list(8, 9, &[HUB]), HUB), Err(Error::OtherHousehold { .. })));
        assert_eq!(store.pinned().unwrap().version(), 3);
        store.leave().unwrap();
        store.join(&list(8, 9, &[HUB]), HUB).unwrap();
        assert_eq!(store.pinned().unwrap().version(), 9);
    }

    #[test]
    fn strangers_and_former_hubs_are_not_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = NodeStore::open(dir.path()).unwrap();
        let (former, stranger) = (PeerId([2; 32]), PeerId([3; 32]));
        store.join(&list(7, 3, &[HUB, former]), HUB).unwrap();
        for hub in [HUB, former, stranger] {
            store.remember_addresses(hub, &["10.0.0.1:7000".parse().unwrap()]).unwrap();
        }
        assert_eq!(store.hubs().keys().copied().collect::<Vec<_>>(), [HUB, former]);
        store.accept(&list(7, 4, &[HUB])).unwrap();
        assert_eq!(store.hubs().keys().copied().collect::<Vec<_>>(), [HUB]);
    }

    #[test]
    fn one_damaged_copy_costs_one_change_and_two_stop_the_node() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = NodeStore::open(dir.path()).unwrap();
        store.join(&list(7, 3, &[HUB]), HUB).unwrap();
        store.accept(&list(7, 4, &[HUB])).unwrap();
        drop(store);
        fs::write(dir.path().join("node.state.b"), "noise").unwrap();
        let store = NodeStore::open(dir.path()).unwrap();
        assert_eq!(store.pinned().unwrap().version(), 3);
        assert_eq!(store.damaged().len(), 1);
        drop(store);
        fs::write(dir.path().join("node.state.a"), "noise").unwrap();
        let refused = NodeStore::open(dir.path()).unwrap_err();
        assert!(matches!(refused, Error::StateDamaged { .. }), "{refused}");
    }

    #[test]
    fn a_lost_key_does_not_make_a_new_machine_by_itself() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = NodeStore::open(dir.path()).unwrap();
        store.join(&list(7, 3, &[HUB]), HUB).unwrap();
        drop(store);
        fs::remove_file(dir.path().join("node.key")).unwrap();
        let refused = NodeStore::open(dir.path()).unwrap_err();
        assert!(matches!(refused, Error::Incomplete { .. }), "{refused}");
        assert!(!dir.path().join("node.key").exists());
    }

    #[test]
    fn nothing_is_written_when_nothing_has_changed() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = NodeStore::open(dir.path()).unwrap();
        store.join(&list(7, 3, &[HUB]), HUB).unwrap();
        store.accept(&list(7, 3, &[HUB])).unwrap();
        store.remember_addresses(PeerId([9; 32]), &[]).unwrap();
        assert!(!dir.path().join("node.state.b").exists());
    }
}
