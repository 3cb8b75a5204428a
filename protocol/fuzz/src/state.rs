//! Files that the system or a person may have damaged.

use std::{
    fs,
    io::Write,
    path::Path,
    sync::{Arc, LazyLock},
};

use redb::{Database, TableDefinition};
use ring::digest::{SHA256, digest};
use tempfile::TempDir;
use unisono_core::{
    sound::RoomSound,
    time::{Nanos, Timestamp},
    wire::ids::{HouseholdId, PeerId},
};
use unisono_household::{
    Error,
    config::{Command, Config, Outcome},
    household::HubHousehold,
    keys::{SecretKey, load_or_create_secret},
    node_store::NodeStore,
    session_store::{Outlast, SessionStore},
};
use unisono_hub::house::{At, Entry, GroupId, House, Media, Order, Repeat, SavedQueue, Snapshot, StreamSettings};

use crate::keys;

/// A key file, and a file of random bytes. What cannot be read is left as it is.
pub fn key_file(data: &[u8]) {
    let folder = folder();
    let path = folder.path().join("hub.key");
    write_secret(&path, data);
    if let Ok(key) = SecretKey::load_or_create(&path) {
        assert_eq!(SecretKey::load_or_create(&path).expect("it was read before").public(), key.public());
    }
    if let Ok(secret) = load_or_create_secret::<64>(&path) {
        assert_eq!(load_or_create_secret::<64>(&path).expect("it was read before"), secret);
    }
    assert_eq!(fs::read(&path).expect("the file is ours"), data);
}

/// A node's state: a file as it is, or what is in one when the first byte is odd. What was read is read again.
pub fn node_state(data: &[u8]) {
    let folder = folder();
    write_secret(&folder.path().join("node.key"), keys::key_file(1).as_bytes());
    write_state(&folder.path().join("node.state.a"), *b"UNISNODE", data);
    let Ok(mut store) = NodeStore::open(folder.path()) else { return };
    let hubs = store.hubs().clone();
    let (pinned, members) = (store.pinned().copied(), store.members().cloned());
    for hub in hubs.keys() {
        store.remember_addresses(*hub, &["192.0.2.1:8470".parse().expect("an address")]).expect("it can be written");
    }
    drop(store);
    let again = NodeStore::open(folder.path()).expect("it was read before");
    assert_eq!((again.pinned(), again.members()), (pinned.as_ref(), members.as_ref()));
    assert!(again.hubs().keys().eq(hubs.keys()));
}

/// A hub's session state, made as for [`node_state`]. The hub always starts, and what it writes it reads.
pub fn session_state(data: &[u8]) {
    let folder = folder();
    write_state(&folder.path().join("session.state.b"), *b"UNISSESS", data);
    let mut store = match SessionStore::open(folder.path()) {
        Ok(store) => store,
        Err(Error::NewerState { .. }) => return,
        Err(other) => panic!("{other}"),
    };
    store.put("volume", data.to_vec()).expect("it is not as long");
    store.save(Outlast::Crash).expect("it can be written");
    let again = SessionStore::open(folder.path()).expect("it was written by us");
    assert_eq!(again.get("volume"), Some(data));
}

/// How rooms sound, as a node keeps it. What was read is within its bounds, and written as it was.
pub fn room_sounds(data: &[u8]) {
    let Ok(sounds) = serde_json::from_slice::<Vec<RoomSound>>(data) else { return };
    let bytes = serde_json::to_vec(&sounds).expect("sounds have no failing serializer");
    assert_eq!(serde_json::from_slice::<Vec<RoomSound>>(&bytes).expect("it was written by us"), sounds);
}

/// A queue as it is on disk.
type KeptQueue = (Vec<Entry>, Repeat, Option<Order>, u64, u64);

/// What a hub keeps of rooms and groups, and of queues, one behind the other in
/// postcard: the hub always starts, goes on with what it can, and keeps it again.
pub fn hub_snapshot(data: &[u8]) {
    let Ok((mut snapshot, rest)) = postcard::take_from_bytes::<Snapshot>(data) else { return };
    if let Ok((places, rest)) = postcard::take_from_bytes(rest) {
        snapshot.places = places;
        let queues = postcard::from_bytes::<Vec<(GroupId, KeptQueue)>>(rest).unwrap_or_default().into_iter();
        let saved = queues.map(|(group, (entries, repeat, order, next_id, version))| {
            let entries = entries.into_iter().map(Arc::new).collect();
            (group, SavedQueue { entries, repeat, order, next_id, version })
        });
        snapshot.queues = saved.collect();
    }
    let (hub, group, at) = (PeerId([1; 32]), GroupId(1), Timestamp::from_nanos(1_000_000_000));
    let mut config = Config::founded(HouseholdId([0; 32]), hub, "hub", 1);
    config.apply(&Command::CreateGroup { group, name: "all".into(), rooms: Vec::new() }).expect("there is none");
    let mut house = House::new("hub".into(), hub, StreamSettings::default(), 1).expect("usual settings");
    house.configure(at, &config);
    house.restore(snapshot);
    let _ = house.resume(at, group);
    let song = Media { frames: Some(48_000), ..Media::default() };
    let _ = house.enqueue(at, group, vec![song], At::Next);
    let _ = house.position(at, group);
    house.handle_timeout(at + Nanos::from_secs(1));
    let kept = house.snapshot(at);
    let bytes = postcard::to_allocvec(&kept).expect("it has no failing serializer");
    assert!(postcard::from_bytes::<Snapshot>(&bytes).is_ok());
}

/// A configuration and commands on it, as they stand in the database.
pub fn config_commands(data: &[u8]) {
    let Ok((mut config, mut rest)) = postcard::take_from_bytes::<Config>(data) else { return };
    while let Ok((command, after)) = postcard::take_from_bytes::<Command>(rest) {
        rest = after;
        let before = config.clone();
        let outcome = config.apply(&command);
        assert_eq!(outcome == Ok(Outcome::Changed), config != before, "{command:?}: {outcome:?}");
    }
    let bytes = config.to_bytes();
    let again: Config = postcard::from_bytes(&bytes).expect("it was written by us");
    assert_eq!((again.to_bytes(), again), (bytes, config));
}

/// A hub's configuration. When the first byte is odd, the rest is the snapshot in a sound database, in the format before
/// this one or, when the second bit is set, in this one; otherwise it is what was altered in one: where (three bytes), how
/// many bytes (one), and to what.
pub fn config_database(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let folder = folder();
    let database = folder.path().join("household.redb");
    write_keys(folder.path());
    if first % 2 == 1 {
        write_database(&database, rest, if first % 4 == 3 { FORMAT } else { FORMAT - 1 });
    } else {
        let mut bytes = SOUND.clone();
        for (at, change) in changes(rest) {
            if let Some(place) = bytes.get_mut(at..at + change.len()) {
                place.copy_from_slice(change);
            }
        }
        write_secret(&database, &bytes);
    }
    let Ok(mut household) = HubHousehold::open_or_create(folder.path(), "hub", NOW) else { return };
    let renamed = household.apply(&Command::RenameHousehold { name: "another".into() });
    let config = household.config().clone();
    drop(household);
    if renamed.is_ok() {
        let again = HubHousehold::open_or_create(folder.path(), "hub", NOW).expect("it was read before");
        assert_eq!(again.config(), &config);
    }
}

/// A folder that goes when the value does; in memory where there is such a place.
pub(crate) fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("there is room for a folder")
}

/// The format of the snapshot that `unisono_household` writes.
const FORMAT: u64 = 2;

/// Some time in 2026.
const NOW: u64 = 1_780_000_000;

/// A database as a hub has just made it.
static SOUND: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let folder = folder();
    let database = folder.path().join("household.redb");
    write_keys(folder.path());
    let hub = PeerId(keys::public(&keys::pair(1)));
    write_database(&database, &Config::founded(household_id(), hub, "hub", NOW).to_bytes(), FORMAT);
    fs::read(&database).expect("it has just been written")
});

fn household_id() -> HouseholdId {
    HouseholdId(keys::public(&keys::pair(9)))
}

fn write_keys(folder: &Path) {
    write_secret(&folder.join("hub.key"), keys::key_file(1).as_bytes());
    write_secret(&folder.join("household.key"), keys::key_file(9).as_bytes());
}

/// As `unisono_household` makes it.
fn write_database(path: &Path, snapshot: &[u8], format: u64) {
    let write = || -> Result<(), redb::Error> {
        let database = Database::create(path)?;
        let transaction = database.begin_write()?;
        {
            let mut meta = transaction.open_table(TableDefinition::<&str, u64>::new("meta"))?;
            meta.insert("format", format)?;
            meta.insert("applied", 0)?;
            let mut state = transaction.open_table(TableDefinition::<&str, &[u8]>::new("state"))?;
            state.insert("config", snapshot)?;
            transaction.open_table(TableDefinition::<u64, &[u8]>::new("log"))?;
        }
        Ok(transaction.commit()?)
    };
    write().expect("the folder is ours");
}

fn changes(mut data: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    std::iter::from_fn(move || {
        let [a, b, c, length, rest @ ..] = data else { return None };
        let (change, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        data = rest;
        Some((usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c), change))
    })
}

/// One copy of a state file: as it is after the first byte, or, when that is odd, around the rest.
fn write_state(path: &Path, magic: [u8; 8], data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let mut bytes = rest.to_vec();
    if first % 2 == 1 {
        bytes = [&magic[..], &[0, 1], &[0, 0, 0, 0, 0, 0, 0, 1], rest].concat();
        bytes.extend(digest(&SHA256, &bytes).as_ref());
    }
    write_secret(path, &bytes);
}

/// A file for its owner alone.
fn write_secret(path: &Path, bytes: &[u8]) {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).and_then(|mut file| file.write_all(bytes)).expect("the folder is ours");
}
