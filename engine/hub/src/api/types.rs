//! What the API gives and takes. Times are in seconds, rates in parts per million, volumes in percent.

mod bounds;
mod library;
mod queue;
mod saved;

use serde::{Deserialize, Deserializer, Serialize};
pub use unisono_api::{
    ErrorView,
    body::{object_or_null, whole, whole_or_null},
    bounds::{Channels, Name, NameOrNothing, Percent},
    node::OutputView,
    sound::{BandView, EqualiserView, LatencyPartView, VolumeView},
};
use unisono_household::config::access::Scope;
use utoipa::ToSchema;

use self::bounds::{File, Lifetime, Position, ScopeName, Secret, Uses};
pub(super) use self::bounds::{
    Limit, MAX_LIMIT, MAX_POSITION_S, MAX_SECRET, MAX_TOKEN_LIFETIME_S, MAX_TOKEN_USES, MIN_SECRET, Offset,
};
pub use self::{
    library::{AlbumTracksView, AlbumView, ArtistView, LibraryView, PageView, ProblemView, ScanView, TrackView},
    queue::{EntryView, GroupRooms, Item, ItemsAt, MoveTo, NewEntries, QueueSummary, QueueView, RepeatMode},
    saved::{NewScene, NewStation, SceneGroupView, SceneRoomView, SceneView, StationView},
};

/// The hub.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HubView {
    /// Its name.
    pub name: String,
    /// The household's short id.
    pub household: String,
    /// The UDP port at which nodes connect.
    pub port: u16,
    /// The protocol that it speaks.
    pub protocol: String,
    /// The program's version.
    pub version: String,
    /// The codec that it prefers.
    pub codec: String,
    /// Datagrams from nodes that meant nothing.
    pub refused_datagrams: u64,
}

/// A machine of the household.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NodeView {
    /// Its short id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `hub` or `node`.
    pub role: String,
    /// Whether it is connected to this hub.
    pub online: bool,
    /// From where.
    pub address: Option<String>,
}

/// A room.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RoomView {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Whether its node is connected.
    pub online: bool,
    /// The id of the group that it belongs to.
    pub group: Option<String>,
    /// 0 to 100.
    pub volume: u8,
    /// The loudest that it may be, 0 to 100.
    pub max_volume: u8,
    /// Whether it is muted.
    pub muted: bool,
    /// The output in use; when it does not work, why and what would bring it back.
    pub output: String,
    /// What lies between handing over a frame and hearing it.
    pub latency_s: f64,
    /// `offline`, `idle`, `starting`, `playing`, `no output`, `no clock`, or `alone` while its node plays what it has itself.
    pub state: String,
    /// How what it plays is coded: `opus`, `flac`, `pcm16` or `pcm24`. It is Opus at fewer bits than others get while
    /// its link carries no more.
    pub codec: Option<String>,
    /// Bits per second of that.
    pub bit_rate: Option<u32>,
    /// Which of its outputs it uses and why; `None` when its node does not say.
    pub output_state: Option<OutputView>,
    /// How well it is in time; `None` when its node says nothing.
    pub sync: Option<SyncView>,
    /// The volume that it does not begin to play above, 0 to 100.
    pub start_volume: Option<u8>,
    /// Its equaliser.
    pub equaliser: EqualiserView,
    /// Which channels it plays: `stereo`, `left`, `right`, `mono` (the mean of both) or `swapped`.
    pub channels: String,
    /// Why it does not sound as it is set, in one line; `None` when it does.
    pub sound_problem: Option<String>,
    /// Where `latency_s` comes from, in the order of the way; empty when its node does not say.
    pub latency: Vec<LatencyPartView>,
    /// What stands for its volume; `None` when its node does not say.
    pub volume_state: Option<VolumeView>,
}

/// How well a room is in time, and what that rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SyncView {
    /// How far it is ahead of (positive) or behind its group.
    pub error_s: f64,
    /// What the figure rests on: `nothing`, `model` (nothing is heard), `estimate`, `device` or `acoustic`.
    pub evidence: String,
    /// How long ago that was so; `None` where the figure rests on nothing.
    pub age_s: Option<f64>,
    /// How far the figure may be off, unequal ways of the network apart.
    pub uncertainty_s: f64,
    /// The shortest round trip.
    pub rtt_s: f64,
    /// How much faster the node's clock runs than the hub's.
    pub clock_drift_ppm: f64,
    /// How much faster the converter runs than the node's clock.
    pub dac_drift_ppm: f64,
    /// Sound that has arrived and not been decoded.
    pub buffered_s: f64,
    /// Packets that arrived.
    pub received: u64,
    /// Packets that did not arrive the first time.
    pub lost: u64,
    /// Of those, packets that arrived after all.
    pub repaired: u64,
    /// Packets that came after their deadline.
    pub late: u64,
    /// Sound that was made up or left out because its packet was missing.
    pub concealed_s: f64,
    /// Times the converter ran dry.
    pub underruns: u64,
    /// Times the sound had to jump to be in time.
    pub resyncs: u64,
}

/// A group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GroupView {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The ids of its rooms.
    pub rooms: Vec<String>,
    /// 0 to 100; a factor on every room's volume.
    pub volume: u8,
    /// Whether all of it is muted.
    pub muted: bool,
    /// `stopped`, `paused` or `playing`.
    pub state: String,
    /// What it plays or played.
    pub title: Option<String>,
    /// What is wrong with that, in one line; until something else plays.
    pub warning: Option<String>,
    /// Where in that it is.
    pub position_s: Option<f64>,
    /// How long that is.
    pub length_s: Option<f64>,
    /// What the library knows of that.
    pub track: Option<TrackView>,
    /// What comes behind the last entry of the queue.
    pub repeat: RepeatMode,
    /// Whether the queue plays in any order, each entry once.
    pub shuffle: bool,
    /// The queue, in short.
    pub queue: QueueSummary,
    /// How long before it is heard a packet is sent: the slowest output, and the margin.
    pub latency_s: f64,
    /// Of that, what packets have for their way and for being asked for again.
    pub margin_s: f64,
}

/// A change to a room; what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RoomChange {
    /// What people call it; empty for what its node calls it.
    #[schema(value_type = Option<NameOrNothing>)]
    pub name: Option<String>,
    /// The loudest that it may be, 0 to 100.
    #[schema(value_type = Option<Percent>)]
    #[serde(deserialize_with = "whole_or_null")]
    pub max_volume: Option<u8>,
    /// 0 to 100.
    #[schema(value_type = Option<Percent>)]
    #[serde(deserialize_with = "whole_or_null")]
    pub volume: Option<u8>,
    /// Whether it is muted.
    pub muted: Option<bool>,
    /// The volume that it does not begin to play above, 0 to 100; `null` for none.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Percent>)]
    pub start_volume: Option<Option<u8>>,
    /// Its equaliser, all of it.
    #[serde(deserialize_with = "object_or_null", skip_serializing_if = "Option::is_none")]
    pub equaliser: Option<EqualiserView>,
    /// Which channels it plays: `stereo`, `left`, `right`, `mono` or `swapped`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Channels>)]
    pub channels: Option<String>,
}

/// A value that may be `null`, and is not left out.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u8>>, D::Error> {
    whole_or_null(deserializer).map(Some)
}

/// A change to a machine of the household.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeChange {
    /// What people call it.
    #[schema(value_type = Name)]
    pub name: String,
}

/// A new group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGroup {
    /// What people call it.
    #[schema(value_type = Name)]
    pub name: String,
    /// Ids or names of its rooms.
    #[serde(default)]
    pub rooms: Vec<String>,
}

/// A change to a group; what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GroupChange {
    /// What people call it.
    #[schema(value_type = Option<Name>)]
    pub name: Option<String>,
    /// 0 to 100.
    #[schema(value_type = Option<Percent>)]
    #[serde(deserialize_with = "whole_or_null")]
    pub volume: Option<u8>,
    /// Whether all of it is muted.
    pub muted: Option<bool>,
    /// What comes behind the last entry of the queue.
    pub repeat: Option<RepeatMode>,
    /// Whether the queue plays in any order, each entry once.
    pub shuffle: Option<bool>,
}

/// What to play; without a file, go on with what is paused.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Play {
    /// A file on the hub, as an absolute path or, where its name is no UTF-8, a `file://` URL.
    #[schema(value_type = Option<File>)]
    pub file: Option<String>,
    /// Where to begin.
    #[schema(value_type = Position)]
    pub position_s: f64,
}

/// Where to go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Seek {
    /// From the start.
    #[schema(value_type = Position)]
    pub position_s: f64,
}

/// A token to be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewToken {
    /// For how long it is good.
    #[schema(value_type = Lifetime)]
    #[serde(deserialize_with = "whole")]
    pub lifetime_s: u64,
    /// How many nodes can join with it.
    #[schema(value_type = Uses)]
    #[serde(deserialize_with = "whole")]
    pub uses: u32,
}

impl Default for NewToken {
    fn default() -> Self {
        Self { lifetime_s: 3_600, uses: 1 }
    }
}

/// A token that was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TokenView {
    /// What to give to `unisono-node --join`. Secret until it is used.
    pub token: String,
    /// For how long it is good.
    pub lifetime_s: u64,
    /// How many nodes can join with it.
    pub uses: u32,
    /// The command as a QR code: its rows, from above, `1` where it is dark.
    #[serde(default)]
    pub qr: Vec<String>,
}

impl RoomChange {
    /// What it takes to make this change: volume and mute are for everybody who plays, all else is for whoever
    /// administers the house.
    pub fn wants(&self) -> Scope {
        let everyday = Self { volume: self.volume, muted: self.muted, ..Self::default() };
        if *self == everyday { Scope::Control } else { Scope::Admin }
    }
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionView {
    /// Whether the hub has yet to be given an administrator's secret.
    pub setup_needed: bool,
    /// What whoever asks may do: `read`, `control` or `admin`; `None`: log in first.
    pub scope: Option<String>,
    /// What the token or the browser is called.
    pub name: Option<String>,
    /// Whether it is a program on the hub's machine.
    pub loopback: bool,
}

/// The administrator's secret is to be set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// The code that the hub has printed at its start; administrators need none.
    #[serde(default)]
    pub code: String,
    /// The secret, 8 to 256 letters.
    #[schema(value_type = Secret)]
    pub secret: String,
}

/// Somebody wants to be let in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The administrator's secret.
    pub secret: String,
}

/// A token of this API, or a browser that is logged in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccessView {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// `read`, `control` or `admin`.
    pub scope: String,
    /// `token` or `session`.
    pub kind: String,
    /// When it was made, in Unix time.
    pub created_unix: u64,
    /// Until when it is good, in Unix time; a token lasts until it is revoked.
    pub until_unix: Option<u64>,
}

/// A token of this API to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccess {
    /// What it is for; no two have one name.
    #[schema(value_type = Name)]
    pub name: String,
    /// `read`, `control` or `admin`.
    #[schema(value_type = ScopeName)]
    pub scope: String,
}

/// A token of this API that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewAccessView {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// `read`, `control` or `admin`.
    pub scope: String,
    /// What to send as `Authorization: Bearer`. It is shown this once.
    pub token: String,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthView {
    /// `problem`, `warning` or `note`.
    pub severity: String,
    /// What is wrong.
    pub what: String,
    /// Where: the hub, or a room or a group by its name.
    #[serde(rename = "where")]
    pub place: String,
    /// What to do.
    pub remedy: String,
    /// Since when, in Unix time, as far as this hub has seen it.
    pub since_unix: Option<u64>,
}

/// A live input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SourceView {
    /// Its name.
    pub name: String,
    /// `fifo`, `tcp`, `stdin` or `line_in`.
    pub kind: String,
    /// How its samples are laid out: rate, bits and channels, as in `48000:16:2`.
    pub format: String,
    /// `silent`, `playing`, `waiting` while nobody writes, or `failed`.
    pub state: String,
    /// Why it has failed.
    pub problem: Option<String>,
    /// How much faster than the hub's clock it runs, once that is known.
    pub drift_ppm: Option<f64>,
    /// How often its sound was late.
    pub underruns: u64,
}
