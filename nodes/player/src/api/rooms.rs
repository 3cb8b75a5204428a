//! The node's rooms. While the node stands alone, all of them play the same, each as loud as it is set.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use unisono_api::{
    Refusal,
    body::Body,
    node::{OutputView, Play, RoomChange, RoomView},
    sound::LatencyPartView,
};
use unisono_core::{
    time::{Nanos, NodeClock},
    units::{Gain, Volume},
    wire::ids::RoomIndex,
};
use unisono_media::RawFormat;
use unisono_transport::clock;

use super::{NodeHandle, refusal, stopping};
use crate::{
    desk::Holder,
    room::RoomCommand,
    session::report,
    standalone::{Material, Place, State as Standalone, Wish},
};

/// What every command gives: the room as it is afterwards.
type Answer = Result<Json<RoomView>, Refusal>;

pub(super) async fn list(State(node): State<NodeHandle>) -> Result<Json<Vec<RoomView>>, Refusal> {
    let state = node.inner.standalone.state().await.ok_or_else(stopping)?;
    let rooms = 0..node.inner.desk.rooms().len();
    Ok(Json(rooms.filter_map(|index| view(&node, &state, RoomIndex(u8::try_from(index).ok()?))).collect()))
}

pub(super) async fn change(
    State(node): State<NodeHandle>,
    Path(room): Path<String>,
    Body(change): Body<RoomChange>,
) -> Answer {
    let room = find(&node, &room)?;
    let volume = change.volume.map(|percent| {
        let problem = || Refusal::impossible(format!("volume: {percent} is not between 0 and 100"));
        Volume::new(percent).ok_or_else(problem)
    });
    let volume = volume.transpose()?;
    let set = node.inner.standalone.set_loudness(room, volume, change.muted).await;
    set.map_err(|refused| refusal(&refused))?;
    show(&node, room).await
}

pub(super) async fn play(
    State(node): State<NodeHandle>,
    Path(room): Path<String>,
    wanted: Option<Body<Play>>,
) -> Answer {
    let room = find(&node, &room)?;
    let material = material(wanted.map(|Body(play)| play).unwrap_or_default())?;
    wish(&node, room, Wish::Play(material)).await
}

pub(super) async fn pause(State(node): State<NodeHandle>, Path(room): Path<String>) -> Answer {
    let room = find(&node, &room)?;
    wish(&node, room, Wish::Pause).await
}

pub(super) async fn next(State(node): State<NodeHandle>, Path(room): Path<String>) -> Answer {
    let room = find(&node, &room)?;
    wish(&node, room, Wish::Next).await
}

pub(super) async fn stop(State(node): State<NodeHandle>, Path(room): Path<String>) -> Answer {
    let room = find(&node, &room)?;
    wish(&node, room, Wish::Stop).await
}

/// A sound to find the room by, as loud as the room is.
pub(super) async fn beep(State(node): State<NodeHandle>, Path(room): Path<String>) -> Result<StatusCode, Refusal> {
    let index = find(&node, &room)?;
    let (settings, room) = node.inner.desk.rooms().get(usize::from(index.0)).ok_or_else(stopping)?;
    let (name, output) = (&settings.name, room.status().output());
    if !output.works {
        return Err(Refusal::conflict(format!("nothing is heard in room \"{name}\": {}", output.text)));
    }
    if room.status().gain() == Gain::SILENT {
        let text = format!("room \"{name}\" is silent: it or its group is muted, or at 0; turn it up first");
        return Err(Refusal::conflict(text));
    }
    room.tell(RoomCommand::Beep);
    Ok(StatusCode::ACCEPTED)
}

async fn wish(node: &NodeHandle, room: RoomIndex, wish: Wish) -> Answer {
    node.inner.standalone.wish(wish).await.map_err(|refused| refusal(&refused))?;
    show(node, room).await
}

async fn show(node: &NodeHandle, room: RoomIndex) -> Answer {
    let state = node.inner.standalone.state().await.ok_or_else(stopping)?;
    view(node, &state, room).map(Json).ok_or_else(stopping)
}

/// What is meant, if anything was named.
fn material(play: Play) -> Result<Option<Material>, Refusal> {
    let Play { folder, file, fifo, stdin, format, shuffle } = play;
    let format = format.map(|format| format.parse().map_err(|error| Refusal::impossible(format!("format: {error}"))));
    let format = format.transpose()?.unwrap_or(RawFormat::CD_48);
    let paths = [("folder", folder), ("file", file), ("fifo", fifo)];
    let mut places = Vec::new();
    for (key, path) in paths.into_iter().filter_map(|(key, path)| Some((key, path?))) {
        if !path.starts_with('/') {
            return Err(Refusal::impossible(format!("{key}: \"{path}\" is no absolute path")));
        }
        places.push(Place::Path(path.into()));
    }
    places.extend(stdin.then_some(Place::StandardInput));
    if places.len() > 1 {
        return Err(Refusal::impossible("name one of folder, file, fifo and stdin, not several"));
    }
    Ok(places.pop().map(|place| Material { place, format, shuffle }))
}

/// Finds a room by its index or, when only one has it, by its name.
fn find(node: &NodeHandle, text: &str) -> Result<RoomIndex, Refusal> {
    let rooms = node.inner.desk.rooms();
    let by_index = text.parse().ok().filter(|index| usize::from(*index) < rooms.len()).map(RoomIndex);
    let mut named =
        (0..).map(RoomIndex).zip(rooms).filter(|(_, (room, _))| room.name.to_lowercase() == text.to_lowercase());
    match (by_index, named.next(), named.next()) {
        (Some(index), ..) | (None, Some((index, _)), None) => Ok(index),
        (None, Some(_), Some(_)) => {
            Err(Refusal::conflict(format!("more than one room is called \"{text}\"; use its index")))
        }
        (None, None, _) => Err(Refusal::new(
            StatusCode::NOT_FOUND,
            format!("this node has no room \"{text}\"; `unisono --node status` lists them"),
        )),
    }
}

fn view(node: &NodeHandle, state: &Standalone, index: RoomIndex) -> Option<RoomView> {
    let (settings, room) = node.inner.desk.rooms().get(usize::from(index.0))?;
    let loudness = state.loudness.get(usize::from(index.0))?;
    let (status, output, holder) = (room.status(), room.status().output(), node.inner.desk.holder());
    let is_own = holder == Holder::Node;
    let sound = node.inner.desk.sounds().borrow().get(usize::from(index.0)).copied().unwrap_or_default();
    Some(RoomView {
        index: index.0,
        name: settings.name.clone(),
        output: output.text,
        works: output.works,
        output_state: OutputView {
            choice: output.choice.name().into(),
            held_s: (clock::now::<NodeClock>() - output.since).as_secs_f64(),
            latency_s: status.latency().as_secs_f64(),
            why: said(output.why),
            back: said(output.back),
        },
        state: match (output.works, status.is_playing()) {
            (false, _) => "no output",
            (true, true) => "playing",
            (true, false) => "idle",
        }
        .into(),
        plays_for: match holder {
            Holder::Hub => "hub",
            Holder::Nobody => "nobody",
            Holder::Node => "node",
        }
        .into(),
        title: state.playing.title.clone().filter(|_| is_own),
        position_s: state.playing.position.filter(|_| is_own).map(Nanos::as_secs_f64),
        volume: loudness.volume.percent(),
        muted: loudness.muted,
        underruns: status.underruns(),
        latency: status.latency_parts().iter().map(LatencyPartView::from).collect(),
        channels: sound.channels.name().into(),
        equaliser: (&sound.equaliser).into(),
        volume_state: (&report::volume(index, room)).into(),
    })
}

fn said(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}
