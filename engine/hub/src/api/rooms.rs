//! Rooms.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use unisono_api::{body::Body, metrics::evidence_name, sound};
use unisono_core::{
    sound::{ChannelMap, Equaliser, RoomSound},
    time::{HubClock, Timestamp},
    units::Volume,
    wire::control::{Method, OutputReport, RoomReport, RoomState},
};
use unisono_household::config::Command;

use super::{
    configure,
    error::ApiError,
    guard::Asker,
    relay,
    types::{LatencyPartView, OutputView, RoomChange, RoomView, SyncView, VolumeView},
};
use crate::{
    engine::EngineHandle,
    house::{House, RoomId},
};

/// Lists the rooms, and how well they are in time.
#[utoipa::path(get, path = "/rooms", tag = "rooms", responses((status = OK, body = Vec<RoomView>)))]
pub(super) async fn list(State(engine): State<EngineHandle>) -> Result<Json<Vec<RoomView>>, ApiError> {
    let rooms = engine.look(|engine, now| views(engine.house(), now));
    Ok(Json(rooms.await.ok_or(ApiError::STOPPING)?))
}

/// Every room.
pub(super) fn views(house: &House, now: Timestamp<HubClock>) -> Vec<RoomView> {
    house.rooms().keys().filter_map(|id| view(house, now, *id)).collect()
}

/// Changes a room. Volume and mute take the scope control, all else admin.
#[utoipa::path(patch, path = "/rooms/{room}", tag = "rooms", request_body = RoomChange,
    params(("room" = String, Path, description = "Its id or its name")),
    responses(
        (status = OK, body = RoomView),
        (status = CONFLICT, description = "the name is taken, or several rooms have it"),
    ))]
pub(super) async fn change(
    State(engine): State<EngineHandle>,
    asker: Asker,
    Path(room): Path<String>,
    Body(change): Body<RoomChange>,
) -> Result<Json<RoomView>, ApiError> {
    asker.check(change.wants())?;
    let volume = change.volume.map(checked_volume).transpose()?;
    let max_volume = change.max_volume.map(|percent| checked("max_volume", percent)).transpose()?;
    let start_volume =
        change.start_volume.map(|percent| percent.map(|percent| checked("start_volume", percent)).transpose());
    let start_volume = start_volume.transpose()?;
    let equaliser = change.equaliser.map(|equaliser| equaliser.checked()).transpose().map_err(impossible)?;
    let channels = change.channels.map(|name| sound::channels(&name)).transpose().map_err(impossible)?;
    let found = engine.call(move |engine, _| {
        let house: &House = engine.house();
        let id = house.find_room(&room)?;
        house.check_room(id, volume, max_volume).map(|()| id)
    });
    let id = found.await.ok_or(ApiError::STOPPING)??;
    if let Some(name) = change.name {
        let name = (!name.is_empty()).then_some(name);
        configure(&engine, Command::SetRoomName { room: id, name }).await?;
    }
    if let Some(volume) = max_volume {
        configure(&engine, Command::SetRoomMaxVolume { room: id, volume }).await?;
    }
    if let Some(volume) = start_volume {
        configure(&engine, Command::SetRoomStartVolume { room: id, volume }).await?;
    }
    if equaliser.is_some() || channels.is_some() {
        shape(&engine, id, equaliser, channels).await?;
    }
    let changed = engine.call(move |engine, now| {
        let house = engine.house();
        house.set_room(id, volume, change.muted)?;
        Ok::<_, ApiError>(view(house, now, id))
    });
    changed.await.ok_or(ApiError::STOPPING)??.map(Json).ok_or_else(|| ApiError::STOPPING.into())
}

/// Changes how a room shapes its sound: it is heard before it is on the disk.
async fn shape(
    engine: &EngineHandle,
    id: RoomId,
    equaliser: Option<Equaliser>,
    channels: Option<ChannelMap>,
) -> Result<(), ApiError> {
    let set = engine.call(move |engine, _| {
        let house = engine.house();
        let now = house.rooms().get(&id).map(|room| room.sound).unwrap_or_default();
        let sound =
            RoomSound { channels: channels.unwrap_or(now.channels), equaliser: equaliser.unwrap_or(now.equaliser) };
        house.set_sound(id, sound).map(|()| sound)
    });
    let sound = set.await.ok_or(ApiError::STOPPING)??;
    let configured = configure(engine, Command::SetRoomSound { room: id, sound }).await;
    if configured.is_err() {
        // The hub is stopping, or has said what is wrong.
        let _ = engine.call(move |engine, _| engine.house().withdraw_sound(id)).await;
    }
    configured
}

/// Has a room beep, for who looks for it.
#[utoipa::path(post, path = "/rooms/{room}/beep", tag = "rooms",
    params(("room" = String, Path, description = "Its id or its name")),
    responses(
        (status = ACCEPTED, description = "it will"),
        (status = CONFLICT, description = "nothing would be heard, or the room's node is not there or knows nothing of this"),
        (status = BAD_GATEWAY, description = "the node has gone, or does not answer"),
        (status = GATEWAY_TIMEOUT, description = "it takes the node too long"),
    ))]
pub(super) async fn beep(State(engine): State<EngineHandle>, Path(room): Path<String>) -> Result<Response, ApiError> {
    let found = engine.call(move |engine, _| {
        let house: &House = engine.house();
        let id = house.find_room(&room)?;
        house.check_beep(id).map(|()| id)
    });
    let id = found.await.ok_or(ApiError::STOPPING)??;
    let path = format!("/rooms/{}/beep", id.index.0);
    relay::pass_on(&engine, id.to_string(), Method::Post, path, Vec::new()).await
}

/// Forgets a room whose node is gone.
#[utoipa::path(delete, path = "/rooms/{room}", tag = "rooms",
    params(("room" = String, Path, description = "Its id or its name")),
    responses(
        (status = NO_CONTENT, description = "it is forgotten"),
        (status = CONFLICT, description = "its node is there, or several rooms have the name"),
    ))]
pub(super) async fn forget(
    State(engine): State<EngineHandle>,
    Path(room): Path<String>,
) -> Result<StatusCode, ApiError> {
    let found = engine.call(move |engine, _| {
        let house: &House = engine.house();
        let id = house.find_room(&room)?;
        house.check_gone(id).map(|()| id)
    });
    let room = found.await.ok_or(ApiError::STOPPING)??;
    configure(&engine, Command::ForgetRoom { room }).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) fn checked_volume(percent: u8) -> Result<Volume, ApiError> {
    checked("volume", percent)
}

fn checked(key: &str, percent: u8) -> Result<Volume, ApiError> {
    let problem = || format!("{key}: {percent} is not between 0 and 100");
    Volume::new(percent).ok_or_else(|| ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, problem()))
}

fn impossible(problem: String) -> ApiError {
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, problem)
}

fn view(house: &House, now: Timestamp<HubClock>, id: RoomId) -> Option<RoomView> {
    let room = house.rooms().get(&id)?;
    let online = house.is_online(id.node);
    let report = room.report.as_ref().filter(|_| online);
    let state = match report.map(|report| report.state) {
        None if online => "starting",
        None => "offline",
        Some(RoomState::Idle) => "idle",
        Some(RoomState::Starting) => "starting",
        Some(RoomState::Playing) => "playing",
        Some(RoomState::NoOutput) => "no output",
        Some(RoomState::NoClock) => "no clock",
        Some(RoomState::Alone) => "alone",
        Some(RoomState::Other(_)) => "unknown",
    };
    let rests_on = |report: &RoomReport| evidence_name(report.evidence);
    let sync = report.map(|report| SyncView {
        error_s: report.sync_error.as_secs_f64(),
        evidence: rests_on(report).unwrap_or("nothing").into(),
        age_s: rests_on(report).map(|_| (now - room.reported_at).as_secs_f64()),
        uncertainty_s: report.uncertainty.as_secs_f64(),
        rtt_s: room.clock.rtt.as_secs_f64(),
        clock_drift_ppm: f64::from(room.clock.drift_ppb) * 1e-3,
        dac_drift_ppm: f64::from(report.dac_drift_ppb) * 1e-3,
        buffered_s: report.buffered.as_secs_f64(),
        received: report.received,
        lost: report.lost,
        repaired: report.repaired,
        late: report.late,
        concealed_s: report.concealed_frames as f64 / f64::from(house.settings().rate.hertz()),
        underruns: report.underruns,
        resyncs: report.resyncs,
    });
    let format = house.format_of(id);
    Some(RoomView {
        id: id.to_string(),
        name: room.name.clone(),
        online,
        group: room.group.map(|group| group.to_string()),
        volume: room.volume.percent(),
        max_volume: room.max_volume.percent(),
        muted: room.muted,
        output: report.map_or_else(|| room.output.clone(), |report| report.output.clone()),
        latency_s: room.latency.as_secs_f64(),
        state: state.into(),
        codec: format.map(|format| format.codec.to_string()),
        bit_rate: format.map(|format| format.bit_rate),
        output_state: room.output_report.as_ref().filter(|_| online).map(output_view),
        sync,
        start_volume: room.start_volume.map(Volume::percent),
        equaliser: (&room.sound.equaliser).into(),
        channels: room.sound.channels.name().into(),
        sound_problem: house.sound_problem(id),
        latency: room.latency_parts.iter().map(LatencyPartView::from).collect(),
        volume_state: room.volume_report.as_ref().map(VolumeView::from),
    })
}

fn output_view(report: &OutputReport) -> OutputView {
    let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    OutputView {
        choice: report.choice.name().into(),
        held_s: report.held.as_secs_f64(),
        latency_s: report.latency.as_secs_f64(),
        why: said(&report.why),
        back: said(&report.back),
    }
}
