//! Who may use the control API: the administrator's secret, tokens for programs, and browsers that are logged in.
//!
//! Nothing in here opens anything: secrets are kept as salted slow hashes, tokens as their SHA-256.

use std::{collections::BTreeMap, fmt};

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::{Config, Rejected};

/// What somebody may do; each contains those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// See everything.
    Read,
    /// Play, group, and set volumes.
    Control,
    /// Everything.
    Admin,
}

impl Scope {
    /// Every one, the least first.
    pub const ALL: [Self; 3] = [Self::Read, Self::Control, Self::Admin];

    /// Its name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Control => "control",
            Self::Admin => "admin",
        }
    }

    /// The scope with a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// A secret as it is kept: PBKDF2 with HMAC-SHA-256.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretHash {
    /// Drawn at random for this secret.
    pub salt: [u8; 16],
    /// How often it is hashed.
    pub iterations: u32,
    /// What comes of it.
    pub hash: [u8; 32],
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "a secret, hashed {} times", self.iterations)
    }
}

/// What is kept of a token of the control API, and what it is found by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GrantHash(pub [u8; 32]);

impl GrantHash {
    /// Of a token as it is shown.
    pub fn of(token: &str) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        Self(hash)
    }
}

/// The id of a token: enough of its hash to tell it from others, and of no use to anybody.
impl fmt::Display for GrantHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..8].iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for GrantHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// What a token, or a browser that is logged in, may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// What people call it; no two tokens have one name.
    pub name: String,
    /// What it may do.
    pub scope: Scope,
    /// When it was made, in Unix time.
    pub created_unix: u64,
    /// A browser that is logged in: until when, in Unix time. A token lasts until it is revoked.
    pub session_until_unix: Option<u64>,
}

/// Everything about who may use the control API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// The administrator's secret, once there is one.
    pub secret: Option<SecretHash>,
    /// Tokens and sessions.
    pub grants: BTreeMap<GrantHash, Grant>,
}

impl Access {
    /// What belongs to a token at an instant; `None` when it is not good.
    pub fn grant(&self, hash: GrantHash, now_unix: u64) -> Option<&Grant> {
        self.grants.get(&hash).filter(|grant| grant.session_until_unix.is_none_or(|until| now_unix <= until))
    }
}

impl Config {
    /// Whoever is logged in with the secret before this one is so no more.
    pub(super) fn set_secret(&mut self, secret: &SecretHash) {
        self.access.secret = Some(secret.clone());
        self.access.grants.retain(|_, grant| grant.session_until_unix.is_none());
    }

    pub(super) fn add_grant(&mut self, hash: GrantHash, grant: &Grant) -> Result<(), Rejected> {
        let (grants, now) = (&mut self.access.grants, grant.created_unix);
        if grants.contains_key(&hash) {
            return Err(Rejected::TokenExists);
        }
        grants.retain(|_, other| other.session_until_unix.is_none_or(|until| now <= until));
        if grant.session_until_unix.is_some() {
            let sessions = grants.iter().filter(|(_, other)| other.session_until_unix.is_some());
            let oldest = sessions.clone().min_by_key(|(hash, other)| (other.created_unix, **hash));
            if let Some((oldest, _)) = oldest.filter(|_| sessions.count() >= MAX_SESSIONS) {
                let oldest = *oldest;
                grants.remove(&oldest);
            }
            grants.insert(hash, Grant { name: unisono_core::wire::control::presentable(&grant.name), ..grant.clone() });
            return Ok(());
        }
        let name = super::apply::given(&grant.name)?;
        let tokens = grants.values().filter(|other| other.session_until_unix.is_none());
        super::apply::bound("tokens of the control API", tokens.clone().count(), MAX_TOKENS)?;
        super::apply::refuse_taken(&name, tokens.map(|other| other.name.as_str()))?;
        grants.insert(hash, Grant { name, ..grant.clone() });
        Ok(())
    }

    pub(super) fn revoke_grant(&mut self, hash: GrantHash) -> Result<(), Rejected> {
        self.access.grants.remove(&hash).map(|_| ()).ok_or(Rejected::UnknownGrant)
    }
}

/// More than a home has programs.
const MAX_TOKENS: usize = 64;

/// More than a home has browsers. One more, and the one that logged in first is logged out.
const MAX_SESSIONS: usize = 64;
