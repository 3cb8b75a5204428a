//! What values may be that somebody gives this API.

use unisono_api::bounds::{number, one_of, text, whole};
use unisono_household::{
    config::{STATION_URL, access::Scope},
    members::MAX_MEMBERS,
};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::house::MAX_ENTRIES;

/// No piece is longer, in seconds: a third of a year.
pub(crate) const MAX_POSITION_S: f64 = 1e7;

/// A token is as good as a key while it lasts.
pub(crate) const MAX_TOKEN_LIFETIME_S: u64 = 365 * 86_400;

/// As many machines as a household has can join with one token.
#[expect(clippy::cast_possible_truncation, reason = "it fits, or this does not compile")]
pub(crate) const MAX_TOKEN_USES: u32 = {
    assert!(MAX_MEMBERS <= u32::MAX as usize, "it fits");
    MAX_MEMBERS as u32
};

/// What NIST asks of a secret that a person has chosen (SP 800-63B), in letters.
pub(crate) const MIN_SECRET: usize = 8;

/// Longer than any sentence.
pub(crate) const MAX_SECRET: usize = 256;

/// The longest part of a list that is given at once.
pub(crate) const MAX_LIMIT: usize = 500;

unisono_api::bounds! {
    /// Where in a piece something is, in seconds.
    pub(crate) Position = number((0.0, MAX_POSITION_S));
    /// For how long a join token is good, in seconds.
    pub(crate) Lifetime = whole(1, MAX_TOKEN_LIFETIME_S);
    /// How many nodes can join with a token.
    pub(crate) Uses = whole(1, MAX_TOKEN_USES.into());
    /// A secret that a person has chosen.
    pub(crate) Secret = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(MIN_SECRET))
        .max_length(Some(MAX_SECRET))
        .into();
    /// What a token lets somebody do.
    pub(crate) ScopeName = one_of(Scope::ALL.map(Scope::name));
    /// Where a station is.
    pub(crate) StationUrl = text(STATION_URL);
    /// A file on the hub.
    pub(crate) File = text("^(/|file:///)");
    /// A place in a queue, from 0.
    pub(crate) Place = whole(0, MAX_ENTRIES as u64);
    /// How many are left out.
    pub(crate) Offset = whole(0, u32::MAX.into());
    /// How many are given at most.
    pub(crate) Limit = whole(0, MAX_LIMIT as u64);
}
