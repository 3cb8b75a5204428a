//! Groups, and what they play.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use unisono_core::time::{HubClock, Timestamp};

use super::{
    error::ApiError,
    rooms::checked_volume,
    types::{GroupChange, GroupView, NewGroup, Play, Seek},
};
use crate::{
    engine::{EngineHandle, PlayError, frames_of},
    house::{GroupId, House, Playback, Refused},
};

/// What every command gives: the group as it is afterwards.
type Answer = Result<Json<GroupView>, ApiError>;

pub(super) async fn list(State(engine): State<EngineHandle>) -> Result<Json<Vec<GroupView>>, ApiError> {
    let groups = engine.call(|engine, now| {
        let house: &House = engine.house();
        house.groups().keys().filter_map(|id| view(house, now, *id)).collect()
    });
    Ok(Json(groups.await.ok_or(ApiError::STOPPING)?))
}

pub(super) async fn show(State(engine): State<EngineHandle>, Path(group): Path<String>) -> Answer {
    command(&engine, group, |_, _, _| Ok(())).await
}

pub(super) async fn create(
    State(engine): State<EngineHandle>,
    Json(wanted): Json<NewGroup>,
) -> Result<(StatusCode, Json<GroupView>), ApiError> {
    check_name(&wanted.name)?;
    let created = engine.call(move |engine, now| {
        let house = engine.house();
        let rooms = wanted.rooms.iter().map(|room| house.find_room(room)).collect::<Result<Vec<_>, _>>()?;
        let id = house.create_group(now, &wanted.name, &rooms)?;
        Ok::<_, Refused>(view(house, now, id))
    });
    let created = created.await.ok_or(ApiError::STOPPING)??.ok_or(ApiError::STOPPING)?;
    Ok((StatusCode::CREATED, Json(created)))
}

pub(super) async fn change(
    State(engine): State<EngineHandle>,
    Path(group): Path<String>,
    Json(change): Json<GroupChange>,
) -> Answer {
    let volume = change.volume.map(checked_volume).transpose()?;
    change.name.as_deref().map(check_name).transpose()?;
    command(&engine, group, move |house, _, id| house.set_group(id, change.name.as_deref(), volume, change.muted)).await
}

pub(super) async fn remove(
    State(engine): State<EngineHandle>,
    Path(group): Path<String>,
) -> Result<StatusCode, ApiError> {
    let removed = engine.call(move |engine, now| {
        let house = engine.house();
        let id = house.find_group(&group)?;
        house.delete_group(now, id)
    });
    removed.await.ok_or(ApiError::STOPPING)??;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn add_room(
    State(engine): State<EngineHandle>,
    Path((group, room)): Path<(String, String)>,
) -> Answer {
    command(&engine, group, move |house, now, id| {
        let room = house.find_room(&room)?;
        house.add_room(now, id, room)
    })
    .await
}

pub(super) async fn remove_room(
    State(engine): State<EngineHandle>,
    Path((group, room)): Path<(String, String)>,
) -> Answer {
    command(&engine, group, move |house, now, id| {
        let room = house.find_room(&room)?;
        house.remove_room(now, id, room)
    })
    .await
}

pub(super) async fn play(
    State(engine): State<EngineHandle>,
    Path(group): Path<String>,
    Json(play): Json<Play>,
) -> Answer {
    let seconds = checked_seconds(play.position_s)?;
    let id = find_heard(&engine, group.clone()).await?;
    match play.file {
        Some(file) if !file.starts_with('/') => {
            let problem = format!("file: \"{file}\" is not an absolute path");
            return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, problem));
        }
        Some(file) => {
            engine.play_file(id, file.into(), seconds).await?;
        }
        None if seconds > 0.0 => {
            let problem = "position_s: without a file nothing begins anew; seek, then play";
            return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, problem));
        }
        None => engine.resume(id).await?,
    }
    show(State(engine), Path(group)).await
}

pub(super) async fn pause(State(engine): State<EngineHandle>, Path(group): Path<String>) -> Answer {
    command(&engine, group, House::pause).await
}

pub(super) async fn stop(State(engine): State<EngineHandle>, Path(group): Path<String>) -> Answer {
    command(&engine, group, House::stop).await
}

pub(super) async fn seek(
    State(engine): State<EngineHandle>,
    Path(group): Path<String>,
    Json(seek): Json<Seek>,
) -> Answer {
    let seconds = checked_seconds(seek.position_s)?;
    command(&engine, group, move |house, now, id| {
        let frame = frames_of(seconds, house.settings().rate);
        house.seek(now, id, frame)
    })
    .await
}

/// Has the house do something with a group, and gives the group as it is afterwards.
fn check_name(name: &str) -> Result<(), ApiError> {
    if name.chars().all(|character| character.is_control() || character.is_whitespace()) {
        return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "name: a group needs one"));
    }
    Ok(())
}

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
async fn find_heard(engine: &EngineHandle, group: String) -> Result<GroupId, PlayError> {
    let found = engine.call(move |engine, _| {
        let house: &House = engine.house();
        let id = house.find_group(&group)?;
        house.check_audience(id).map(|()| id)
    });
    Ok(found.await.ok_or(PlayError::Stopping)??)
}

/// A position that can be.
fn checked_seconds(seconds: f64) -> Result<f64, ApiError> {
    let possible = (0.0..=1e7).contains(&seconds);
    let problem = || format!("position_s: {seconds} is not a position");
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
        position_s: house.position(now, id).map(seconds),
        length_s: group.media.as_ref().and_then(|media| media.frames).map(seconds),
        latency_s: house.lead_of(id).as_secs_f64(),
        margin_s: group.margin.as_secs_f64(),
    })
}
