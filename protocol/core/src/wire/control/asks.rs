//! What a hub asks of a node's own API for somebody who asked the hub: Bluetooth speakers, the doctor, standing alone.
//! Since 1.2.

use serde::{Deserialize, Serialize};

use super::open_enum;
use crate::wire::{Error, ids::AskId};

/// Asks that a node takes in hand at once.
pub const MAX_ASKS: usize = 16;

/// The longest path of an ask with its query, in bytes.
pub const MAX_PATH: usize = 1_024;

/// The longest body of an ask, in bytes: no request of the API is near it, and as many as may be in hand fit into what
/// waits for a slow node.
pub const MAX_ASK_BODY: usize = 8 * 1024;

/// The longest part of an answer, in bytes.
pub const MAX_PART: usize = 16 * 1024;

open_enum! {
    /// The method of a request.
    Method {
        /// Tell.
        Get = 1,
        /// Do.
        Post = 2,
        /// Change.
        Patch = 3,
        /// Delete.
        Delete = 4,
    }
}

/// From a hub: a request to the node's own API. What a node does not do for others it refuses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Names it in answers.
    pub id: AskId,
    /// What is to be done.
    pub method: Method,
    /// With what: a path below `/api/v1`, with its query.
    pub path: String,
    /// JSON, or nothing.
    pub body: Vec<u8>,
}

impl Ask {
    /// # Errors
    /// When a field is longer than any node takes.
    pub fn validate(&self) -> Result<(), Error> {
        if self.path.len() > MAX_PATH {
            return Err(Error::Field("path"));
        }
        if self.body.len() > MAX_ASK_BODY { Err(Error::Field("body")) } else { Ok(()) }
    }
}

/// From a hub: nobody waits for that answer any more; the node is to drop what it does for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forget {
    /// Which.
    pub id: AskId,
}

/// From a node: the next part of an answer. What takes its time (a scan) is answered in parts as they come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// To which ask.
    pub id: AskId,
    /// The status, as in HTTP; the same in every part.
    pub status: u16,
    /// The next bytes of the body.
    pub part: Vec<u8>,
    /// Nothing follows.
    pub last: bool,
}

impl Answer {
    /// # Errors
    /// When the part is longer than any hub takes, or the status is none.
    pub fn validate(&self) -> Result<(), Error> {
        if !(200..600).contains(&self.status) {
            return Err(Error::Field("status"));
        }
        if self.part.len() > MAX_PART { Err(Error::Field("part")) } else { Ok(()) }
    }
}
