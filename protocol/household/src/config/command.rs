//! What can be asked of the configuration, and what it answers.

use serde::{Deserialize, Serialize};
use unisono_core::{
    sound::RoomSound,
    units::Volume,
    wire::ids::{PeerId, RoomIndex},
};

use super::{
    GroupId, RoomId, Scene, SceneId, StationId,
    access::{Grant, GrantHash, SecretHash},
};
use crate::{members::Role, token::TokenHash};

/// A change of the configuration. On disk and between hubs it is postcard: variants are only appended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// A machine becomes a member; when its name is taken, a number is put behind it.
    AddMember {
        /// Its key.
        peer: PeerId,
        /// What it may do.
        role: Role,
        /// What it calls itself.
        name: String,
    },
    /// A machine is sent away, and its rooms with it.
    RemoveMember {
        /// Its key.
        peer: PeerId,
    },
    /// A member gets another name.
    RenameMember {
        /// Its key.
        peer: PeerId,
        /// The new name.
        name: String,
    },
    /// A room gets a name.
    SetRoomName {
        /// The room.
        room: RoomId,
        /// The new name; `None` for what its node calls it.
        name: Option<String>,
    },
    /// A room gets an upper limit.
    SetRoomMaxVolume {
        /// The room.
        room: RoomId,
        /// The loudest that it may be.
        volume: Volume,
    },
    /// A node says which rooms it drives. Those that it drives no more are forgotten.
    MeetRooms {
        /// The node.
        node: PeerId,
        /// All its rooms, and what it calls them.
        rooms: Vec<(RoomIndex, String)>,
    },
    /// A room is forgotten, with all that was set for it.
    ForgetRoom {
        /// The room.
        room: RoomId,
    },
    /// A group is made.
    CreateGroup {
        /// The new group.
        group: GroupId,
        /// Its name.
        name: String,
        /// Its rooms; they leave the groups that they were in.
        rooms: Vec<RoomId>,
    },
    /// A group gets another name.
    RenameGroup {
        /// The group.
        group: GroupId,
        /// The new name.
        name: String,
    },
    /// A group is forgotten.
    DeleteGroup {
        /// The group.
        group: GroupId,
    },
    /// A room goes to a group, and leaves the one that it was in.
    SetRoomGroup {
        /// The room.
        room: RoomId,
        /// The group; `None` for no group.
        group: Option<GroupId>,
    },
    /// A join token is issued.
    IssueToken {
        /// The hash of its secret.
        hash: TokenHash,
        /// What whoever redeems it becomes.
        role: Role,
        /// The last second in which it is good, in Unix time.
        expires_unix: u64,
        /// How many machines may join with it.
        uses: u32,
        /// Unix time on the hub that issues it; tokens that expired long before are forgotten.
        now_unix: u64,
    },
    /// A machine joins with a token. One that is a member already uses nothing up.
    RedeemToken {
        /// The hash of the token's secret.
        hash: TokenHash,
        /// The machine.
        peer: PeerId,
        /// What it calls itself.
        name: String,
        /// Unix time on the hub that it joins at.
        now_unix: u64,
    },
    /// A join token is good no more.
    RevokeToken {
        /// The hash of its secret.
        hash: TokenHash,
    },
    /// The household gets another name.
    RenameHousehold {
        /// The new name.
        name: String,
    },
    /// A room shapes its sound otherwise.
    SetRoomSound {
        /// The room.
        room: RoomId,
        /// Its channels and its equaliser.
        sound: RoomSound,
    },
    /// A room gets a volume that it does not begin to play above.
    SetRoomStartVolume {
        /// The room.
        room: RoomId,
        /// The volume; `None` for whatever it was at.
        volume: Option<Volume>,
    },
    /// A group has just these rooms. Those that come leave the groups that they were in.
    SetGroupRooms {
        /// The group.
        group: GroupId,
        /// Its rooms.
        rooms: Vec<RoomId>,
    },
    /// A scene is saved.
    SaveScene {
        /// The new scene.
        id: SceneId,
        /// What it is.
        scene: Scene,
    },
    /// A scene is forgotten.
    DeleteScene {
        /// The scene.
        id: SceneId,
    },
    /// Rooms go where a scene has them.
    RecallScene {
        /// The scene.
        id: SceneId,
        /// What groups are to be called that have to be made again; as many as the scene has are enough.
        made: Vec<GroupId>,
    },
    /// A station is kept.
    AddStation {
        /// The new station.
        id: StationId,
        /// What people call it.
        name: String,
        /// Where it is.
        url: String,
    },
    /// A station is forgotten.
    RemoveStation {
        /// The station.
        id: StationId,
    },
    /// The administrator's secret is set, or is another one from now on; browsers that were logged in are so no more.
    SetSecret {
        /// Its hash.
        secret: SecretHash,
    },
    /// A token of the control API is issued, or a browser logs in. Sessions that are over are forgotten.
    Grant {
        /// The hash of what is shown.
        hash: GrantHash,
        /// What it may do.
        grant: Grant,
    },
    /// A token of the control API is good no more, or a browser logs out.
    RevokeGrant {
        /// The hash of what is shown.
        hash: GrantHash,
    },
}

/// What became of a command that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The configuration is another one now.
    Changed,
    /// It was so already.
    Unchanged,
}

/// Why a command was not taken. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejected {
    /// No such token was issued here, or it has been forgotten.
    #[error("this join token was not issued by this household; get a new one")]
    TokenUnknown,
    /// As many machines have joined with the token as may.
    #[error("this join token has been used; get a new one")]
    TokenUsed,
    /// The token's time is over.
    #[error("this join token has expired; get a new one")]
    TokenExpired,
    /// A token with this hash has been issued before.
    #[error("this join token exists already; issue another")]
    TokenExists,
    /// There is no such member.
    #[error("there is no member {0}; `unisono nodes` lists them")]
    UnknownMember(PeerId),
    /// There is no such room.
    #[error("there is no room {0}; `unisono rooms` lists them")]
    UnknownRoom(RoomId),
    /// There is no such group.
    #[error("there is no such group; `unisono groups` lists them")]
    UnknownGroup,
    /// A group with this identifier has been created before.
    #[error("this group exists already; change it instead")]
    GroupExists,
    /// There is no such scene.
    #[error("there is no such scene; `unisono scene list` shows them")]
    UnknownScene,
    /// A scene with this identifier has been saved before.
    #[error("this scene exists already; forget it first")]
    SceneExists,
    /// There is no such station.
    #[error("there is no such station; `unisono station list` shows them")]
    UnknownStation,
    /// A station with this identifier has been added before.
    #[error("this station exists already; remove it first")]
    StationExists,
    /// No station can be there.
    #[error("the URL cannot be a station's: {0}")]
    BadUrl(&'static str),
    /// Something of the same kind has this name.
    #[error("the name \"{0}\" is taken; choose another")]
    NameTaken(String),
    /// A name of which nothing can be shown.
    #[error("a name needs a letter; choose another")]
    NameEmpty,
    /// There is no such token of the control API.
    #[error("there is no such token; `unisono access list` lists them")]
    UnknownGrant,
    /// The member has another role.
    #[error("{0} is a member with another role; remove it first")]
    OtherRole(PeerId),
    /// Without a hub nobody could change anything any more.
    #[error("the last hub cannot be removed; add another first")]
    LastHub,
    /// There are as many as there may be.
    #[error("there are {limit} {what} already; remove one first")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
}
