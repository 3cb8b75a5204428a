//! A household as a hub holds it: keys, configuration, and the member list signed.
//!
//! The folder holds `hub.key`, `household.key`, `reset.key` (see [`crate::keys`]), `household.redb` (a redb database of
//! the [configuration](crate::config)) and `hub.lock`. While `first-start` is there too, the first start was cut short
//! and nobody has met this hub yet; the next start makes what is missing. Later a missing file is an error: half an
//! identity is not made up again. Only the reset key is, which costs nothing but a second at the next restart.

use std::{net::SocketAddr, path::Path};

use unisono_core::wire::ids::{HouseholdId, PeerId};

use crate::{
    Error,
    config::{Command, Config, ConfigStore, Outcome},
    files::{self, StateFolder},
    keys::{self, SecretKey},
    members::{Role, SignedMembers},
    recovery,
    token::{JoinToken, TokenHash},
};

/// A hub's household. One process at a time has it.
pub struct HubHousehold {
    folder: StateFolder,
    hub_key: SecretKey,
    household_key: SecretKey,
    reset_key: [u8; 64],
    store: ConfigStore,
    members: SignedMembers,
    members_version: u64,
    /// The secret with which nodes of this machine join while the hub runs.
    local: Option<TokenHash>,
    /// Commands that could not be written.
    failures: u64,
}

impl HubHousehold {
    /// Opens the household in a folder, or founds one, with this hub in it, when the folder is empty.
    ///
    /// `hub_name` and `now_unix` (Unix seconds) matter only to a new household.
    ///
    /// # Errors
    /// When another hub uses the folder; when a file is missing, damaged, newer than this build, not for the owner
    /// alone, or cannot be read; when the keys do not belong to the configuration. Nothing is replaced then.
    pub fn open_or_create(folder: &Path, hub_name: &str, now_unix: u64) -> Result<Self, Error> {
        let folder = StateFolder::open(folder, "hub")?;
        if !files::exists(&folder.file(FIRST_START))? {
            let missing = missing_files(&folder)?;
            if missing.len() == FILES.len() {
                begin_first_start(&folder)?;
            } else if let Some(name) = missing.first() {
                return Err(Error::Incomplete { missing: folder.file(name), program: "hub" });
            }
        }
        Self::open(folder, hub_name, now_unix)
    }

    /// The household's key as text for paper (see [`recovery`]); `None` where there is no household. Nothing else in the
    /// folder needs to be sound, and a hub may run in it. Secret.
    ///
    /// # Errors
    /// When the key is damaged, not for the owner alone, or cannot be read.
    pub fn recovery_code(folder: &Path) -> Result<Option<String>, Error> {
        Ok(SecretKey::load(&folder.join(HOUSEHOLD_KEY))?.map(|key| recovery::recovery_code(&key)))
    }

    /// Founds a household anew from its recovery code, in an empty folder, with this hub as its only member. Nodes of
    /// the household recognise it; they are let in again one by one.
    ///
    /// # Errors
    /// When the code is mistyped, the clock is not set, the folder holds a household, or cannot be written.
    pub fn recover(folder: &Path, hub_name: &str, code: &str, now_unix: u64) -> Result<Self, Error> {
        let key = recovery::key_from_recovery_code(code)?;
        if now_unix < EARLIEST_CLOCK {
            return Err(Error::ClockNotSet { now_unix });
        }
        let folder = StateFolder::open(folder, "hub")?;
        let begun = files::exists(&folder.file(FIRST_START))?;
        match SecretKey::load(&folder.file(HOUSEHOLD_KEY))? {
            // A recovery that was cut short.
            Some(begun_with) if begun && begun_with.public() == key.public() => {}
            None if missing_files(&folder)?.len() == FILES.len() => {
                begin_first_start(&folder)?;
                key.store(&folder.file(HOUSEHOLD_KEY))?;
            }
            _ => return Err(Error::NotEmpty { path: folder.path().to_owned() }),
        }
        Self::open(folder, hub_name, now_unix)
    }

    /// Opens a folder, and makes what is missing.
    fn open(folder: StateFolder, hub_name: &str, now_unix: u64) -> Result<Self, Error> {
        let hub_key = SecretKey::load_or_create(&folder.file(HUB_KEY))?;
        let household_key = SecretKey::load_or_create(&folder.file(HOUSEHOLD_KEY))?;
        let reset_key = keys::load_or_create_secret(&folder.file(RESET_KEY))?;
        let (hub, household) = (PeerId(hub_key.public()), HouseholdId(household_key.public()));
        let database = folder.file(DATABASE);
        let store = if files::exists(&database)? {
            ConfigStore::open(&database)?
        } else {
            ConfigStore::create(&database, &Config::founded(household, hub, hub_name, now_unix))?
        };
        if store.config().household != household {
            return Err(Error::WrongHouseholdKey { path: folder.file(HOUSEHOLD_KEY) });
        }
        if store.config().members.get(&hub).map(|member| member.role) != Some(Role::Hub) {
            return Err(Error::NotAHub { path: folder.file(HUB_KEY) });
        }
        files::remove(&folder.file(FIRST_START))?;
        let list = store.config().member_list();
        let members = SignedMembers::sign(&list, &household_key)?;
        let members_version = list.version;
        Ok(Self {
            folder,
            hub_key,
            household_key,
            reset_key,
            store,
            members,
            members_version,
            local: None,
            failures: 0,
        })
    }

    /// Changes the configuration, and signs the member list again when that has changed.
    ///
    /// # Errors
    /// When the command is rejected ([`Error::Rejected`]), or cannot be written.
    pub fn apply(&mut self, command: &Command) -> Result<Outcome, Error> {
        let outcome = self.store.apply(command);
        let is_unwritten = outcome.as_ref().is_err_and(|error| !matches!(error, Error::Rejected(_)));
        self.failures += u64::from(is_unwritten);
        if self.config().members_version != self.members_version {
            let list = self.config().member_list();
            self.members = SignedMembers::sign(&list, &self.household_key)?;
            self.members_version = list.version;
        }
        outcome
    }

    /// Issues a token with which `uses` nodes can join at any of the addresses until `lifetime_secs` from now.
    ///
    /// # Errors
    /// When there are too many tokens or addresses, or the token cannot be written.
    pub fn issue_token(
        &mut self,
        addresses: &[SocketAddr],
        lifetime_secs: u64,
        uses: u32,
        now_unix: u64,
    ) -> Result<JoinToken, Error> {
        let token = JoinToken::new(addresses, self.hub(), keys::random()?)?;
        let hash = TokenHash::of(token.secret());
        let expires_unix = now_unix.saturating_add(lifetime_secs);
        self.apply(&Command::IssueToken { hash, role: Role::Node, expires_unix, uses, now_unix })?;
        Ok(token)
    }

    /// Makes a node that has shown the secret of a token a member. One that is a member already uses nothing up, so a
    /// node whose answer got lost may ask again.
    ///
    /// # Errors
    /// When the token is not good ([`Error::Rejected`]), or the change cannot be written.
    pub fn redeem(&mut self, secret: &[u8; 16], peer: PeerId, name: &str, now_unix: u64) -> Result<Outcome, Error> {
        let (hash, name) = (TokenHash::of(secret), name.to_owned());
        if self.role_of(peer).is_none() && self.local == Some(hash) {
            return self.apply(&Command::AddMember { peer, role: Role::Node, name });
        }
        self.apply(&Command::RedeemToken { hash, peer, name, now_unix })
    }

    /// Lets nodes of the same user on this machine join by themselves: leaves a token in a file in `folder` until the
    /// returned value is dropped. The token is good until this is called again or the hub ends.
    ///
    /// # Errors
    /// When there are too many addresses, or the file cannot be written.
    #[cfg(unix)]
    pub fn open_local_join(
        &mut self,
        folder: &Path,
        addresses: &[SocketAddr],
    ) -> Result<crate::local_join::LocalJoin, Error> {
        let token = JoinToken::new(addresses, self.hub(), keys::random()?)?;
        let file = crate::local_join::LocalJoin::write(folder, &token)?;
        self.local = Some(TokenHash::of(token.secret()));
        Ok(file)
    }

    /// The hub's own key.
    pub fn hub_key(&self) -> &SecretKey {
        &self.hub_key
    }

    /// The hub.
    pub fn hub(&self) -> PeerId {
        PeerId(self.hub_key.public())
    }

    /// The key from which QUIC's stateless resets are made.
    pub fn reset_key(&self) -> &[u8; 64] {
        &self.reset_key
    }

    /// The household.
    pub fn household_id(&self) -> HouseholdId {
        self.config().household
    }

    /// The member list as it is now, signed.
    pub fn members(&self) -> &SignedMembers {
        &self.members
    }

    /// The configuration as it is now.
    pub fn config(&self) -> &Config {
        self.store.config()
    }

    /// How many commands have changed the configuration.
    pub fn changes(&self) -> u64 {
        self.store.applied()
    }

    /// How many commands could not be written.
    pub const fn failures(&self) -> u64 {
        self.failures
    }

    /// What a machine may do, `None` when it is not a member.
    pub fn role_of(&self, peer: PeerId) -> Option<Role> {
        self.config().members.get(&peer).map(|member| member.role)
    }

    /// The state folder, in which [`crate::session_store`] has its place too.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

fn missing_files(folder: &StateFolder) -> Result<Vec<&'static str>, Error> {
    let mut missing = Vec::new();
    for name in FILES {
        if !files::exists(&folder.file(name))? {
            missing.push(name);
        }
    }
    Ok(missing)
}

fn begin_first_start(folder: &StateFolder) -> Result<(), Error> {
    files::write_atomically(&folder.file(FIRST_START), b"The first start of this hub is not finished.\n")
}

const HUB_KEY: &str = "hub.key";
const HOUSEHOLD_KEY: &str = "household.key";
const DATABASE: &str = "household.redb";
const RESET_KEY: &str = "reset.key";
const FIRST_START: &str = "first-start";
/// What makes a household.
const FILES: [&str; 3] = [HUB_KEY, HOUSEHOLD_KEY, DATABASE];
/// The first second of 2025: a clock before that has not been set.
const EARLIEST_CLOCK: u64 = 1_735_689_600;

#[cfg(test)]
mod tests;
