//! Scenes: which rooms are together and how loud, to come back to.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use unisono_api::body::Body;
use unisono_core::units::Volume;
use unisono_household::config::{Command, Scene, SceneGroup, SceneId};

use super::{
    configure,
    error::ApiError,
    groups,
    types::{GroupView, NewScene, SceneGroupView, SceneRoomView, SceneView},
};
use crate::{
    engine::EngineHandle,
    house::{GroupId, House, RoomId},
};

/// Lists the scenes.
#[utoipa::path(get, path = "/scenes", tag = "scenes", responses((status = OK, body = Vec<SceneView>)))]
pub(super) async fn list(State(engine): State<EngineHandle>) -> Result<Json<Vec<SceneView>>, ApiError> {
    Ok(Json(views(&known(&engine).await?)))
}

/// Every scene.
pub(super) fn views(scenes: &BTreeMap<SceneId, Scene>) -> Vec<SceneView> {
    scenes.iter().map(|(id, scene)| view(*id, scene)).collect()
}

/// Saves which rooms are together and how loud, as it is now.
#[utoipa::path(post, path = "/scenes", tag = "scenes", request_body = NewScene, responses(
    (status = CREATED, body = SceneView),
    (status = CONFLICT, description = "the name is taken, or there are too many"),
))]
pub(super) async fn save(
    State(engine): State<EngineHandle>,
    Body(NewScene { name }): Body<NewScene>,
) -> Result<(StatusCode, Json<SceneView>), ApiError> {
    let scene = engine.call(move |engine, _| as_it_is(engine.house(), name)).await.ok_or(ApiError::STOPPING)?;
    let id = SceneId(fastrand::u64(1..));
    configure(&engine, Command::SaveScene { id, scene }).await?;
    let (id, scene) = find(&engine, id.to_string()).await?;
    Ok((StatusCode::CREATED, Json(view(id, &scene))))
}

/// Goes back to a scene.
#[utoipa::path(post, path = "/scenes/{scene}/recall", tag = "scenes",
    params(("scene" = String, Path, description = "Its id or its name")),
    responses((status = OK, body = Vec<GroupView>), (status = CONFLICT, description = "there are too many groups")))]
pub(super) async fn recall(
    State(engine): State<EngineHandle>,
    Path(scene): Path<String>,
) -> Result<Json<Vec<GroupView>>, ApiError> {
    let (id, scene) = find(&engine, scene).await?;
    let made = scene.groups.iter().map(|_| GroupId(fastrand::u64(1..))).collect();
    configure(&engine, Command::RecallScene { id, made }).await?;
    let meant = engine.household(move |household| {
        let groups = scene.groups.iter().map(|saved| (household.config().group_of_scene(saved), saved.volume));
        let groups: Vec<_> = groups.filter_map(|(group, volume)| Some((group?, volume))).collect();
        (groups, scene)
    });
    let (groups, scene) = meant.await.ok_or(ApiError::STOPPING)?;
    let rooms = scene.groups.iter().flat_map(|group| &group.rooms).chain(&scene.apart);
    let rooms: Vec<(RoomId, Volume)> = rooms.map(|(room, volume)| (*room, *volume)).collect();
    let set = engine.call(move |engine, _| {
        let house = engine.house();
        for (room, volume) in rooms {
            // One may have been forgotten since, and none is louder than it may be now.
            let limit = house.rooms().get(&room).map(|room| room.max_volume);
            let _ = limit.map(|limit| house.set_room(room, Some(volume.min(limit)), None));
        }
        for (group, volume) in groups {
            let _ = house.set_group(group, Some(volume), None);
        }
    });
    set.await.ok_or(ApiError::STOPPING)?;
    groups::list(State(engine)).await
}

/// Forgets a scene.
#[utoipa::path(delete, path = "/scenes/{scene}", tag = "scenes",
    params(("scene" = String, Path, description = "Its id or its name")),
    responses((status = NO_CONTENT, description = "it is forgotten")))]
pub(super) async fn forget(
    State(engine): State<EngineHandle>,
    Path(scene): Path<String>,
) -> Result<StatusCode, ApiError> {
    let (id, _) = find(&engine, scene).await?;
    configure(&engine, Command::DeleteScene { id }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Everything as it is now.
fn as_it_is(house: &House, name: String) -> Scene {
    let volume = |room: &RoomId| (*room, house.rooms().get(room).map_or(Volume::START, |room| room.volume));
    let groups = house.groups().iter().map(|(id, group)| SceneGroup {
        group: *id,
        name: group.name.clone(),
        volume: group.volume,
        rooms: group.rooms.iter().map(volume).collect(),
    });
    let apart = house.rooms().iter().filter(|(_, room)| room.group.is_none());
    Scene { name, groups: groups.collect(), apart: apart.map(|(id, room)| (*id, room.volume)).collect() }
}

async fn known(engine: &EngineHandle) -> Result<BTreeMap<SceneId, Scene>, ApiError> {
    Ok(engine.household(|household| household.config().scenes.clone()).await.ok_or(ApiError::STOPPING)?)
}

/// The scene of an id or a name.
async fn find(engine: &EngineHandle, text: String) -> Result<(SceneId, Scene), ApiError> {
    let mut scenes = known(engine).await?;
    let by_id = text.parse::<SceneId>().ok().filter(|id| scenes.contains_key(id));
    let by_name = || scenes.iter().find(|(_, scene)| scene.name.to_lowercase() == text.to_lowercase());
    let found = by_id.or_else(|| by_name().map(|(id, _)| *id));
    let unknown = || {
        let problem = format!("there is no scene {text:?}; `unisono scene list` shows them");
        ApiError::new(StatusCode::NOT_FOUND, problem)
    };
    found.and_then(|id| scenes.remove_entry(&id)).ok_or_else(unknown)
}

fn view(id: SceneId, scene: &Scene) -> SceneView {
    let rooms = |rooms: &BTreeMap<RoomId, Volume>| {
        rooms.iter().map(|(id, volume)| SceneRoomView { id: id.to_string(), volume: volume.percent() }).collect()
    };
    let groups = scene.groups.iter().map(|group| SceneGroupView {
        name: group.name.clone(),
        volume: group.volume.percent(),
        rooms: rooms(&group.rooms),
    });
    SceneView { id: id.to_string(), name: scene.name.clone(), groups: groups.collect(), apart: rooms(&scene.apart) }
}
