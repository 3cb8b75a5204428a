//! Groups, and what they play.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde_json::json;
use unisono_api::body::Body;
use unisono_core::time::{HubClock, Timestamp};
use unisono_household::config::Command;

use super::{
    configure,
    error::ApiError,
    guard::Asker,
    queue::{summary, track_view},
    rooms::checked_volume,
    types::{GroupChange, GroupView, MAX_POSITION_S, NewGroup, Play, Seek},
};
use crate::{
    engine::{EngineHandle, PlayError, frames_of},
    house::{GroupId, House, Playback, Refused},
    location,
};

/// What every command gives: the group as it is afterwards.
pub(super) type Answer = Result<Json<GroupView>, ApiError>;

/// Lists the groups.
#[utoipa::path(get, path = "/groups", tag = "groups", responses((status = OK, body = Vec<GroupView>)))]
pub(super) async fn list(State(engine): State<EngineHandle>) -> Result<Json<Vec<GroupView>>, ApiError> {
    let groups = engine.look(|engine, now| views(engine.house(), now));
    Ok(Json(groups.await.ok_or(ApiError::STOPPING)?))
}

/// Every group.
pub(super) fn views(house: &House, now: Timestamp<HubClock>) -> Vec<GroupView> {
    house.groups().keys().filter_map(|id| view(house, now, *id)).collect()
}

/// Shows a group.
#[utoipa::path(get, path = "/groups/{group}", tag = "groups",
    params(("group" = String, Path, description = "Its id or its name")),
    responses((status = OK, body = GroupView)))]
pub(super) async fn show(State(engine): State<EngineHandle>, Path(group): Path<String>) -> Answer {
    command(&engine, group, |_, _, _| Ok(())).await
}

/// Makes a group; its rooms leave the groups that they were in.
#[utoipa::path(post, path = "/groups", tag = "groups", request_body = NewGroup,
    responses((status = CREATED, body = GroupView), (status = NOT_FOUND, description = "a room is not there"), (status = CONFLICT, description = "the name is taken")))]
pub(super) async fn create(
    State(engine): State<EngineHandle>,
    Body(wanted): Body<NewGroup>,
) -> Result<(StatusCode, Json<GroupView>), ApiError> {
    let found = engine.call(move |engine, _| {
        let rooms = wanted.rooms.iter().map(|room| engine.house().find_room(room)).collect::<Result<Vec<_>, _>>()?;
        Ok::<_, Refused>((wanted.name, rooms))
    });
    let (name, rooms) = found.await.ok_or(ApiError::STOPPING)??;
    let id = GroupId(fastrand::u64(1..));
    configure(&engine, Command::CreateGroup { group: id, name, rooms }).await?;
    Ok((StatusCode::CREATED, command(&engine, id.to_string(), |_, _, _| Ok(())).await?))
}

/// Changes a group.
#[utoipa::path(patch, path = "/groups/{group}", tag = "groups", request_body = GroupChange,
    params(("group" = String, Path, description = "Its id or its name")),
    responses((status = OK, body = GroupView), (status = CONFLICT, description = "the name is taken")))]
pub(super) async fn change(
    State(engine): State<EngineHandle>,
    Path(group): Path<String>,
    Body(change): Body<GroupChange>,
) -> Answer {
    let volume = change.volume.map(checked_volume).transpose()?;
    let id = find(&engine, group).await?;
    if let Some(name) = change.name {
        configure(&engine, Command::RenameGroup { group: id, name }).await?;
    }
    let repeat = change.repeat.map(Into::into);
    command(&engine, id.to_string(), move |house, now, id| {
        house.set_group(id, volume, change.muted)?;
        house.set_order(now, id, repeat, change.shuffle)
    })
    .await
}

/// Dissolves a group.
#[utoipa::path(delete, path = "/groups/{group}", tag = "groups",
    params(("group" = String, Path, description = "Its id or its name")),
    responses((status = NO_CONTENT, description = "it is dissolved")))]
pub(super) async fn remove(
    State(engine): State<EngineHandle>,
    Path(group): Path<String>,
) -> Result<StatusCode, ApiError> {
    let group = find(&engine, group).await?;
    configure(&engine, Command::DeleteGroup { group }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Adds a room; it leaves the group that it was in.
#[utoipa::path(put, path = "/groups/{group}/rooms/{room}", tag = "groups",
    params(("group" = String, Path, description = "Its id or its name"), ("room" = String, Path, description = "Its id or its name")),
    responses((status = OK, body = GroupView), (status = CONFLICT, description = "several rooms have the name")))]
pub(super) async fn add_room(
    State(engine): State<EngineHandle>,
    Path((group, room)): Path<(String, String)>,
) -> Answer {
    let found = engine.call(move |engine, _| {
        let house: &House = engine.house();
        Ok::<_, Refused>((house.find_group(&group)?, house.find_room(&room)?))
    });
    let (id, room) = found.await.ok_or(ApiError::STOPPING)??;
    configure(&engine, Command::SetRoomGroup { room, group: Some(id) }).await?;
    show(State(engine), Path(id.to_string())).await
}

/// Takes a room out.
#[utoipa::path(delete, path = "/groups/{group}/rooms/{room}", tag = "groups",
    params(("group" = String, Path, description = "Its id or its name"), ("room" = String, Path, description = "Its id or its name")),
    responses((status = OK, body = GroupView), (status = CONFLICT, description = "several rooms have the name")))]
pub(super) async fn remove_room(
    State(engine): State<EngineHandle>,
    Path((group, room)): Path<(String, String)>,
) -> Answer {
    let found = engine.call(move |engine, _| {
        let house: &House = engine.house();
        let (id, room) = (house.find_group(&group)?, house.find_room(&room)?);
        house.check_in_group(id, room).map(|()| (id, room))
    });
    let (id, room) = found.await.ok_or(ApiError::STOPPING)??;
    configure(&engine, Command::SetRoomGroup { room, group: None }).await?;
    show(State(engine), Path(id.to_string())).await
}

/// Plays a file of the hub's, or goes on after a pause. Files are named by programs on the hub's machine alone.
#[utoipa::path(post, path = "/groups/{group}/play", tag = "groups", request_body = Play,
    params(("group" = String, Path, description = "Its id or its name")),
    responses((status = OK, body = GroupView), (status = CONFLICT, description = "nobody would hear it, or nothing was paused")))]
pub(super) async fn play(
    State(engine): State<EngineHandle>,
    asker: Asker,
    Path(group): Path<String>,
    Body(play): Body<Play>,
) -> Answer {
    if play.file.is_some() && !asker.here {
        let problem = "file: only programs on the hub's machine may name a file; play something of its library";
        return Err(ApiError::new(StatusCode::FORBIDDEN, problem));
    }
    let seconds = checked_seconds(play.position_s)?;
    let id = find_heard(&engine, group.clone()).await?;
    match play.file {
        Some(file) => {
            let problem = || {
                let problem = format!("file: \"{file}\" is neither an absolute path nor a file:// URL");
                ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, problem)
            };
            let path = location::path(&file).ok_or_else(problem)?;
            engine.play_file(id, path, seconds).await?;
        }
        None if seconds > 0.0 => {
            let problem = "position_s: without a file nothing begins anew; seek, then play";
            return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, problem));
        }
        None => engine.resume(id).await?,
    }
    show(State(engine), Path(group)).await
}

/// Pauses.
#[utoipa::path(post, path = "/groups/{group}/pause", tag = "groups",
    params(("group" = String, Path, description = "Its id or its name")),
    responses((status = OK, body = GroupView), (status = CONFLICT, description = "nothing plays")))]
pub(super) async fn pause(State(engine): State<EngineHandle>, Path(group): Path<String>) -> Answer {
    command(&engine, group, House::pause).await
}

/// Stops.
#[utoipa::path(post, path = "/groups/{group}/stop", tag = "groups",
    params(("group" = String, Path, description = "Its id or its name")),
    responses((status = OK, body = GroupView)))]
pub(super) async fn stop(State(engine): State<EngineHandle>, Path(group): Path<String>) -> Answer {
    command(&engine, group, House::stop).await
}

/// Goes to a position.
#[utoipa::path(post, path = "/groups/{group}/seek", tag = "groups", request_body = Seek,
    params(("group" = String, Path, description = "Its id or its name")),
    responses((status = OK, body = GroupView), (status = CONFLICT, description = "nothing plays")))]
pub(super) async fn seek(
    State(engine): State<EngineHandle>,
    Path(group): Path<String>,
    Body(seek): Body<Seek>,
) -> Answer {
    let seconds = checked_seconds(seek.position_s)?;
    command(&engine, group, move |house, now, id| {
        let frame = frames_of(seconds, house.settings().rate);
        house.seek(now, id, frame)
    })
    .await
}

pub(super) async fn find(engine: &EngineHandle, group: String) -> Result<GroupId, ApiError> {
    let found = engine.call(move |engine, _| engine.house().find_group(&group));
    Ok(found.await.ok_or(ApiError::STOPPING)??)
}

/// Has the house do something with a group, and gives the group as it is afterwards.
async fn command(
    engine: &EngineHandle,
    group: String,
    command: impl FnOnce(&mut House, Timestamp<HubClock>, GroupId) -> Result<(), Refused> + Send + 'static,
) -> Answer {
    let done = engine.call(move |engine, now| {
        let house = engine.house();
        let id = house.find_group(&group)?;
        command(house, now, id)?;
        Ok::<_, Refused>(view(house, now, id))
    });
    done.await.ok_or(ApiError::STOPPING)??.map(Json).ok_or_else(|| ApiError::STOPPING.into())
}

/// A group in which somebody would hear what is played.
pub(super) async fn find_heard(engine: &EngineHandle, group: String) -> Result<GroupId, PlayError> {
    let found = engine.call(move |engine, _| {
        let house: &House = engine.house();
        let id = house.find_group(&group)?;
        house.check_audience(id).map(|()| id)
    });
    Ok(found.await.ok_or(PlayError::Stopping)??)
}

/// A position that can be.
fn checked_seconds(seconds: f64) -> Result<f64, ApiError> {
    let possible = (0.0..=MAX_POSITION_S).contains(&seconds);
    let problem = || format!("position_s: {} is not between 0 and {MAX_POSITION_S} seconds", json!(seconds));
    if possible { Ok(seconds) } else { Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, problem())) }
}

fn view(house: &House, now: Timestamp<HubClock>, id: GroupId) -> Option<GroupView> {
    let group = house.groups().get(&id)?;
    let seconds = |frames: u64| frames as f64 / f64::from(house.settings().rate.hertz());
    Some(GroupView {
        id: id.to_string(),
        name: group.name.clone(),
        rooms: group.rooms.iter().map(ToString::to_string).collect(),
        volume: group.volume.percent(),
        muted: group.muted,
        state: match group.playback {
            Playback::Stopped => "stopped",
            Playback::Paused(_) => "paused",
            Playback::Playing => "playing",
        }
        .into(),
        title: group.media.as_ref().map(|media| media.title.clone()),
        warning: group.warning().map(Into::into),
        position_s: house.position(now, id).map(seconds),
        length_s: group.media.as_ref().and_then(|media| media.frames).map(seconds),
        track: group.media.as_ref().and_then(|media| media.track.as_deref()).map(track_view),
        repeat: group.queue.repeat().into(),
        shuffle: group.queue.is_shuffled(),
        queue: summary(&group.queue),
        latency_s: house.lead_of(id).as_secs_f64(),
        margin_s: group.margin.as_secs_f64(),
    })
}
