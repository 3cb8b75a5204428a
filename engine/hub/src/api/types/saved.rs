//! Scenes and stations.

use serde::{Deserialize, Serialize};
use unisono_api::bounds::Name;
use utoipa::ToSchema;

use super::bounds::StationUrl;

/// Which rooms were together and how loud.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SceneView {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The groups.
    pub groups: Vec<SceneGroupView>,
    /// Rooms in no group.
    pub apart: Vec<SceneRoomView>,
}

/// A group of a scene.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SceneGroupView {
    /// What it was called.
    pub name: String,
    /// 0 to 100; a factor on every room's volume.
    pub volume: u8,
    /// Its rooms.
    pub rooms: Vec<SceneRoomView>,
}

/// A room of a scene.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SceneRoomView {
    /// Its id.
    pub id: String,
    /// 0 to 100.
    pub volume: u8,
}

/// A scene to be saved as things are now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewScene {
    /// What it is to be called.
    #[schema(value_type = Name)]
    pub name: String,
}

/// A station.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StationView {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Where it is.
    pub url: String,
}

/// A station to be kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewStation {
    /// What people are to call it.
    #[schema(value_type = Name)]
    pub name: String,
    /// Where it is: http or https.
    #[schema(value_type = StationUrl)]
    pub url: String,
}
