//! Crashes, damage and newer formats, on the database as it really lies on disk.

use std::{
    cell::RefCell,
    fs::{self, File, OpenOptions},
    io,
    ops::Bound,
};

use proptest::prelude::*;
use redb::{BackendError, StorageBackend, backends::FileBackend};
use tempfile::TempDir;
use unisono_core::wire::ids::{HouseholdId, PeerId};

use super::*;

/// A change of the medium, as the system was asked for it.
#[derive(Clone, Debug)]
enum Change {
    Write(u64, Vec<u8>),
    SetLen(u64),
    Sync,
}

thread_local! {
    /// What the recording database of this thread has done.
    static CHANGES: RefCell<Vec<Change>> = const { RefCell::new(Vec::new()) };
    /// How many more bytes fit on the disk, `None` for as many as one likes.
    static SPACE: RefCell<Option<usize>> = const { RefCell::new(None) };
}

/// A file that notes every change, and may be on a full disk.
#[derive(Debug)]
struct Recorder(FileBackend);

impl StorageBackend for Recorder {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        CHANGES.with_borrow_mut(|changes| changes.push(Change::SetLen(len)));
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        CHANGES.with_borrow_mut(|changes| changes.push(Change::Sync));
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let fits = SPACE.with_borrow_mut(|space| match space {
            Some(left) if *left < data.len() => false,
            Some(left) => {
                *left -= data.len();
                true
            }
            None => true,
        });
        if !fits {
            return Err(ErrorKind::StorageFull.into());
        }
        CHANGES.with_borrow_mut(|changes| changes.push(Change::Write(offset, data.to_vec())));
        self.0.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.0.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.try_lock_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.unlock_range(start, end)
    }
}

fn recording(path: &Path) -> Result<Database, redb::Error> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    Ok(builder().create_with_backend(Recorder(FileBackend::new(file)?))?)
}

const HUB: PeerId = PeerId([1; 32]);

fn founded() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("household.redb");
    ConfigStore::create(&path, &Config::founded(HouseholdId([7; 32]), HUB, "attic", 1)).unwrap();
    (dir, path)
}

fn rename(number: usize) -> Command {
    Command::RenameHousehold { name: format!("House {number} {}", "x".repeat(number % 7)) }
}

fn join(number: u8) -> Command {
    Command::AddMember { peer: PeerId([number; 32]), role: crate::members::Role::Node, name: "node".into() }
}

fn log_of(store: &ConfigStore) -> Vec<u64> {
    let table = store.database.as_ref().unwrap().begin_read().unwrap().open_table(LOG).unwrap();
    table.range(..=u64::MAX).unwrap().map(|entry| entry.unwrap().0.value()).collect()
}

#[test]
fn what_was_applied_is_there_after_a_restart() {
    let (_dir, path) = founded();
    let mut store = ConfigStore::open(&path).unwrap();
    assert_eq!(store.apply(&join(2)).unwrap(), Outcome::Changed);
    assert_eq!(store.apply(&join(2)).unwrap(), Outcome::Unchanged);
    assert!(matches!(store.apply(&Command::RemoveMember { peer: HUB }), Err(Error::Rejected(_))));
    let before = store.config().clone();
    drop(store);
    let store = ConfigStore::open(&path).unwrap();
    assert_eq!(store.config(), &before);
    assert_eq!((store.applied, log_of(&store)), (1, vec![1]));
}

#[test]
fn the_log_is_bounded() {
    let (_dir, path) = founded();
    let mut store = ConfigStore::open(&path).unwrap();
    let last = LOG_LEN + 3;
    for number in 1..=last {
        store.apply(&rename(usize::try_from(number).unwrap())).unwrap();
    }
    assert_eq!(log_of(&store), (last - LOG_LEN + 1..=last).collect::<Vec<_>>());
}

#[test]
fn the_log_leads_to_the_state() {
    let (_dir, path) = founded();
    let mut store = ConfigStore::open(&path).unwrap();
    let mut config = store.config().clone();
    for command in [join(2), rename(1), join(3), rename(2)] {
        store.apply(&command).unwrap();
    }
    let table = store.database.as_ref().unwrap().begin_read().unwrap().open_table(LOG).unwrap();
    for entry in table.range(..=u64::MAX).unwrap() {
        config.apply(&postcard::from_bytes(entry.unwrap().1.value()).unwrap()).unwrap();
    }
    assert_eq!(&config, store.config());
}

#[test]
fn another_process_and_a_newer_format_are_told_from_damage() {
    let (_dir, path) = founded();
    let store = ConfigStore::open(&path).unwrap();
    assert!(matches!(ConfigStore::open(&path).map(|_| ()).unwrap_err(), Error::Locked { .. }));
    let transaction = store.database.as_ref().unwrap().begin_write().unwrap();
    transaction.open_table(META).unwrap().insert(META_FORMAT, FORMAT + 1).unwrap();
    transaction.delete_table(STATE).unwrap();
    transaction.commit().unwrap();
    drop(store);
    let refused = ConfigStore::open(&path).map(|_| ()).unwrap_err();
    assert!(matches!(refused, Error::NewerState { found: 3, known: 2, .. }), "{refused}");
}

#[test]
fn what_format_1_kept_is_read_and_written_on_as_the_newest() {
    let (_dir, path) = founded();
    let mut store = ConfigStore::open(&path).unwrap();
    store.apply(&join(2)).unwrap();
    let before = store.config().clone();
    // Format 1 ended before what says who may use the API.
    let snapshot = before.to_bytes();
    let transaction = store.database.as_ref().unwrap().begin_write().unwrap();
    transaction.open_table(META).unwrap().insert(META_FORMAT, 1).unwrap();
    transaction.open_table(STATE).unwrap().insert(STATE_CONFIG, &snapshot[..snapshot.len() - 2]).unwrap();
    transaction.commit().unwrap();
    drop(store);
    let mut store = ConfigStore::open(&path).unwrap();
    assert_eq!(store.config(), &before);
    store.apply(&rename(1)).unwrap();
    let after = store.config().clone();
    assert_eq!(meta(store.database.as_ref().unwrap(), META_FORMAT).unwrap(), FORMAT);
    drop(store);
    assert_eq!(ConfigStore::open(&path).unwrap().config(), &after);
}

#[test]
fn a_full_disk_changes_nothing_and_freed_space_is_enough_to_go_on() {
    let (_dir, path) = founded();
    let mut store = ConfigStore::open_with(&path, recording).unwrap();
    store.apply(&rename(1)).unwrap();
    let before = store.config().clone();
    for space in [0, 0, 300, 4_000, 4_500, 9_000, 15_000] {
        SPACE.set(Some(space));
        let refused = store.apply(&rename(2)).unwrap_err();
        assert!(refused.to_string().contains("free some space"), "{space}: {refused}");
        assert_eq!(store.config(), &before);
    }
    SPACE.set(None);
    store.apply(&rename(3)).unwrap();
    assert_eq!(log_of(&store), [1, 2]);
    drop(store);
    assert_eq!(ConfigStore::open(&path).unwrap().config().name, "House 3 xxx");
}

/// What a database says: the configuration, the index of the last command in it, and the log.
type State = (Config, u64, Vec<u64>);

fn state_of(store: &ConfigStore) -> State {
    (store.config().clone(), store.applied, log_of(store))
}

/// Plays changes onto a copy of the database as it was before them, and opens what comes of it.
fn after(before: &[u8], changes: &[Change]) -> Result<State, Error> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("household.redb");
    fs::write(&path, before).unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    for change in changes {
        match change {
            Change::Write(offset, bytes) => std::os::unix::fs::FileExt::write_all_at(&file, bytes, *offset).unwrap(),
            Change::SetLen(len) => file.set_len(*len).unwrap(),
            Change::Sync => {}
        }
    }
    drop(file);
    ConfigStore::open(&path).map(|store| state_of(&store))
}

/// Runs commands on a recorded database. Gives its bytes before, every change, and the states at the command
/// boundaries with the number of changes that had been made by then.
fn record(commands: &[Command]) -> (Vec<u8>, Vec<Change>, Vec<(usize, State)>) {
    let (_dir, path) = founded();
    let before = fs::read(&path).unwrap();
    CHANGES.take();
    let mut store = ConfigStore::open_with(&path, recording).unwrap();
    let mut states = vec![(0, state_of(&store))];
    for command in commands {
        store.apply(command).unwrap();
        states.push((CHANGES.with_borrow(Vec::len), state_of(&store)));
    }
    drop(store);
    (before, CHANGES.take(), states)
}

/// After so many changes the state is that of the last finished command, or of the one that was being written.
fn expect_boundary(state: &State, made: usize, states: &[(usize, State)]) {
    let finished = states.iter().rposition(|(changes, _)| *changes <= made).unwrap();
    let allowed = &states[finished..states.len().min(finished + 2)];
    assert!(allowed.iter().any(|(_, allowed)| allowed == state), "after {made} changes: {state:?}");
}

#[test]
fn a_crash_between_any_two_writes_leaves_the_state_at_a_command() {
    let commands: Vec<_> = (0..6).map(rename).chain((2..6).map(join)).collect();
    let (before, changes, states) = record(&commands);
    for made in 0..=changes.len() {
        let state = after(&before, &changes[..made]).unwrap_or_else(|error| panic!("after {made} changes: {error}"));
        expect_boundary(&state, made, &states);
    }
}

proptest! {
    /// The medium may have taken any part of what was not flushed yet, in any order, and half of a page.
    #[test]
    fn a_power_cut_leaves_the_state_at_a_command(cut in any::<prop::sample::Index>(), seed in any::<u64>()) {
        let commands: Vec<_> = (0..4).map(rename).chain((2..4).map(join)).collect();
        let (before, changes, states) = record(&commands);
        let made = cut.index(changes.len() + 1);
        let flushed = changes[..made].iter().rposition(|change| matches!(change, Change::Sync)).unwrap_or(0);
        let mut dice = seed;
        let mut taken = changes[..flushed].to_vec();
        for change in &changes[flushed..made] {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            match (dice >> 60, change) {
                // A change of length is in the journal of the file system, in order.
                (_, Change::SetLen(_)) | (0..7, _) => taken.push(change.clone()),
                (7..9, Change::Write(offset, bytes)) if bytes.len() > 512 => {
                    taken.push(Change::Write(*offset, bytes[..512].to_vec()));
                }
                _ => {}
            }
        }
        let state = after(&before, &taken);
        prop_assert!(state.is_ok(), "after {made} changes: {}", state.unwrap_err());
        expect_boundary(&state.unwrap(), made, &states);
    }

    #[test]
    fn noise_in_place_of_a_database_is_an_error(noise in prop::collection::vec(any::<u8>(), 0..9000)) {
        prop_assert!(after(&noise, &[]).is_err());
    }

    #[test]
    fn damage_anywhere_is_an_error_or_harmless(
        place in any::<prop::sample::Index>(),
        noise in prop::collection::vec(any::<u8>(), 1..300),
        cut in any::<bool>(),
    ) {
        let (_dir, path) = founded();
        ConfigStore::open(&path).unwrap().apply(&join(2)).unwrap();
        let intact = state_of(&ConfigStore::open(&path).unwrap());
        let mut bytes = fs::read(&path).unwrap();
        let start = place.index(bytes.len());
        if cut {
            bytes.truncate(start);
        } else {
            let end = bytes.len().min(start + noise.len());
            bytes[start..end].copy_from_slice(&noise[..end - start]);
        }
        match after(&bytes, &[]) {
            Ok(state) => prop_assert_eq!(state, intact),
            Err(error) => prop_assert!(matches!(error, Error::StateDamaged { .. } | Error::Io { .. }), "{}", error),
        }
    }
}

#[test]
fn a_database_that_was_cut_off_is_called_damaged() {
    let (_dir, path) = founded();
    let whole = fs::read(&path).unwrap();
    for length in [0, 1, 100, 4_096, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        let refused = ConfigStore::open(&path).map(|_| ()).unwrap_err();
        assert!(matches!(refused, Error::StateDamaged { .. }), "{length}: {refused}");
    }
}
