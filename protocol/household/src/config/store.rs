//! The configuration on disk: one database, changed by one durable transaction per command.
//!
//! | table | key | value |
//! |---|---|---|
//! | `meta` | `format` | the format of what is in the other tables |
//! | `meta` | `applied` | the index of the last command that the state contains, 0 for none |
//! | `state` | `config` | the snapshot (postcard) |
//! | `log` | index from 1 | the command (postcard); the last [`LOG_LEN`] are kept |
//!
//! A command that is rejected or changes nothing is not written.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use redb::{Builder, Database, ReadableDatabase, TableDefinition};

use super::{Command, Config, FORMAT, Outcome};
use crate::{Error, files};

/// The configuration of a household, and its database.
pub(crate) struct ConfigStore {
    path: PathBuf,
    open_database: OpenDatabase,
    /// `None` after a failed write: the database takes no more until it is opened again.
    database: Option<Database>,
    config: Config,
    applied: u64,
}

impl ConfigStore {
    /// Makes a database that holds `config`, where there is none yet.
    pub(crate) fn create(path: &Path, config: &Config) -> Result<Self, Error> {
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(".new");
        let unfinished = PathBuf::from(unfinished);
        files::remove(&unfinished)?;
        files::write_atomically(&unfinished, b"")?;
        let database = builder().create(&unfinished).map_err(redb::Error::from);
        database.and_then(|database| found(&database, config)).map_err(understood(path))?;
        files::rename(&unfinished, path)?;
        Self::open(path)
    }

    /// Opens a database, after checking it from end to end.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        Self::open_with(path, |path| builder().open(path).map_err(redb::Error::from))
    }

    fn open_with(path: &Path, open_database: OpenDatabase) -> Result<Self, Error> {
        let database = open_database(path).map_err(understood(path))?;
        let found = meta(&database, META_FORMAT).map_err(understood(path))?;
        if found > FORMAT {
            return Err(Error::NewerState { path: path.to_owned(), found, known: FORMAT });
        }
        let applied = meta(&database, META_APPLIED).map_err(understood(path))?;
        let config = snapshot(&database, found).map_err(understood(path))?;
        let config = config.ok_or_else(|| Error::StateDamaged { path: path.to_owned() })?;
        Ok(Self { path: path.to_owned(), open_database, database: Some(database), config, applied })
    }

    /// Carries out a command: on disk, durably, then in memory.
    ///
    /// After a failed write the database is opened again by the next command, so that freed space is enough to go on.
    /// The state is then the one on disk.
    pub(crate) fn apply(&mut self, command: &Command) -> Result<Outcome, Error> {
        if self.database.is_none() {
            *self = Self::open_with(&self.path, self.open_database)?;
        }
        let mut next = self.config.clone();
        let outcome = next.apply(command)?;
        if outcome == Outcome::Changed {
            let index = self.applied.saturating_add(1);
            let database = self.database.as_ref().expect("opened above");
            if let Err(cause) = write(database, index, command, &next) {
                self.database = None;
                return Err(understood(&self.path)(cause));
            }
            self.applied = index;
            self.config = next;
        }
        Ok(outcome)
    }

    /// The index of the last command that has changed the configuration.
    pub(crate) fn applied(&self) -> u64 {
        self.applied
    }

    /// The configuration as it is.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }
}

type OpenDatabase = fn(&Path) -> Result<Database, redb::Error>;

/// Opens whatever it is given without trusting it: a plain open may panic on a file that was altered.
fn builder() -> Builder {
    let mut builder = Database::builder();
    builder.set_check_integrity_on_open(true).set_cache_size(CACHE_LEN);
    builder
}

fn found(database: &Database, config: &Config) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert(META_FORMAT, FORMAT)?;
        meta.insert(META_APPLIED, 0)?;
        transaction.open_table(STATE)?.insert(STATE_CONFIG, config.to_bytes().as_slice())?;
        transaction.open_table(LOG)?;
    }
    Ok(transaction.commit()?)
}

fn write(database: &Database, index: u64, command: &Command, config: &Config) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    // Names in it come from strangers, and the one-phase commit trusts a checksum that can be forged.
    transaction.set_two_phase_commit(true);
    {
        let command = postcard::to_allocvec(command).expect("commands have no failing serializer");
        let mut log = transaction.open_table(LOG)?;
        log.insert(index, command.as_slice())?;
        log.retain_in(..=index.saturating_sub(LOG_LEN), |_, _| false)?;
        transaction.open_table(STATE)?.insert(STATE_CONFIG, config.to_bytes().as_slice())?;
        let mut meta = transaction.open_table(META)?;
        meta.insert(META_APPLIED, index)?;
        // What was read may have been in an older format.
        meta.insert(META_FORMAT, FORMAT)?;
    }
    Ok(transaction.commit()?)
}

fn meta(database: &Database, key: &str) -> Result<u64, redb::Error> {
    let table = database.begin_read()?.open_table(META)?;
    Ok(table.get(key)?.map_or(0, |number| number.value()))
}

fn snapshot(database: &Database, format: u64) -> Result<Option<Config>, redb::Error> {
    let table = database.begin_read()?.open_table(STATE)?;
    Ok(table.get(STATE_CONFIG)?.and_then(|config| Config::from_bytes(config.value(), format)))
}

/// Turns what the database says into what a person can act on.
fn understood(path: &Path) -> impl FnOnce(redb::Error) -> Error {
    let path = path.to_owned();
    move |error| match error {
        redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => {
            Error::Locked { path: path.parent().unwrap_or(&path).to_owned(), program: "hub" }
        }
        // redb says so of a file that is no database, and of one that was cut off.
        redb::Error::Io(cause) if matches!(cause.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) => {
            Error::StateDamaged { path }
        }
        redb::Error::Io(cause) => Error::Io { action: "use", path, cause },
        redb::Error::PreviousIo => {
            Error::Io { action: "write", path, cause: std::io::Error::other("an earlier write has failed") }
        }
        _ => Error::StateDamaged { path },
    }
}

const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
const META_FORMAT: &str = "format";
const META_APPLIED: &str = "applied";
const STATE: TableDefinition<&str, &[u8]> = TableDefinition::new("state");
const STATE_CONFIG: &str = "config";
const LOG: TableDefinition<u64, &[u8]> = TableDefinition::new("log");

/// Commands that are kept: enough for a hub that was away for an evening to catch up without a snapshot.
const LOG_LEN: u64 = 1024;
/// The whole database of a large household is smaller, in bytes.
const CACHE_LEN: usize = 4 * 1024 * 1024;

#[cfg(test)]
mod tests;
