//! What a group plays one after the other.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use unisono_api::body::Body;
use unisono_core::{time::Timestamp, units::SampleRate, words::count};
use unisono_household::config::Command;

use super::{
    configure,
    error::ApiError,
    groups::{Answer, find, find_heard, show},
    stations,
    types::{
        EntryView, GroupRooms, GroupView, Item, ItemsAt, MoveTo, NewEntries, QueueSummary, QueueView, RepeatMode,
        TrackView,
    },
};
use crate::{
    engine::{Catalogue, EngineHandle},
    house::{At, Entry, EntryId, GroupId, House, MAX_ENTRIES, Media, MediaKind, Queue, Refused, Repeat, Track},
};

type QueueAnswer = Result<Json<QueueView>, ApiError>;

/// Shows what a group plays one after the other.
#[utoipa::path(get, path = "/groups/{group}/queue", tag = "queue",
    params(("group" = String, Path, description = "Its id or its name")),
    responses((status = OK, body = QueueView)))]
pub(super) async fn list(State(engine): State<EngineHandle>, Path(group): Path<String>) -> QueueAnswer {
    change(&engine, group, |_, _, _| Ok(())).await
}

/// Puts tracks, albums, stations or inputs into a queue, and plays them if so wanted: what plays goes on until the first
/// of them is open, and when none can be opened nothing has changed.
#[utoipa::path(post, path = "/groups/{group}/queue", tag = "queue", request_body = NewEntries,
    params(("group" = String, Path, description = "Its id or its name")),
    responses(
        (status = OK, body = QueueView),
        (status = NOT_FOUND, description = "there is no such group, or nothing of this id to play"),
        (status = CONFLICT, description = "nobody would hear it, or the queue is full"),
        (status = UNPROCESSABLE_ENTITY, description = "none of it can be played; the queue is as it was, and the line says why"),
    ))]
pub(super) async fn add(
    State(engine): State<EngineHandle>,
    Path(group): Path<String>,
    Body(wanted): Body<NewEntries>,
) -> QueueAnswer {
    let id = if wanted.play { find_heard(&engine, group).await? } else { find(&engine, group).await? };
    let NewEntries { items, at, play, index } = wanted;
    if items.is_empty() {
        let problem = "items: there is nothing to add; name a track, an album, a station or a source";
        return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, problem));
    }
    let index = checked_place("index", index)?;
    let media = resolve(&engine, items).await?;
    if play && index >= media.len() {
        let problem = format!("index: {index} is none of the {} to be added", count(media.len(), "entry"));
        return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, problem));
    }
    let at = match at {
        ItemsAt::Replace => None,
        ItemsAt::Next => Some(At::Next),
        ItemsAt::End => Some(At::End),
    };
    if play {
        engine.play_new(id, media, at, index).await?;
    } else {
        let added = engine.call(move |engine, now| match at {
            Some(at) => engine.house().enqueue(now, id, media, at),
            None => engine.house().replace_queue(now, id, media, false),
        });
        added.await.ok_or(ApiError::STOPPING)??;
    }
    list(State(engine), Path(id.to_string())).await
}

/// Takes all entries out; what plays stops.
#[utoipa::path(delete, path = "/groups/{group}/queue", tag = "queue",
    params(("group" = String, Path, description = "Its id or its name")),
    responses((status = OK, body = QueueView)))]
pub(super) async fn clear(State(engine): State<EngineHandle>, Path(group): Path<String>) -> QueueAnswer {
    change(&engine, group, House::clear_queue).await
}

/// Takes an entry out.
#[utoipa::path(delete, path = "/groups/{group}/queue/{entry}", tag = "queue",
    params(("group" = String, Path, description = "Its id or its name"), ("entry" = String, Path, description = "Its id in the queue")),
    responses((status = OK, body = QueueView)))]
pub(super) async fn remove(
    State(engine): State<EngineHandle>,
    Path((group, entry)): Path<(String, String)>,
) -> QueueAnswer {
    change(&engine, group, move |house, now, id| house.remove_entry(now, id, entry_of(house, id, &entry)?)).await
}

/// Moves an entry.
#[utoipa::path(post, path = "/groups/{group}/queue/{entry}/move", tag = "queue", request_body = MoveTo,
    params(("group" = String, Path, description = "Its id or its name"), ("entry" = String, Path, description = "Its id in the queue")),
    responses((status = OK, body = QueueView)))]
pub(super) async fn move_to(
    State(engine): State<EngineHandle>,
    Path((group, entry)): Path<(String, String)>,
    Body(wanted): Body<MoveTo>,
) -> QueueAnswer {
    let to = checked_place("to", wanted.to)?;
    change(&engine, group, move |house, now, id| house.move_entry(now, id, entry_of(house, id, &entry)?, to)).await
}

/// Plays an entry from its start.
#[utoipa::path(post, path = "/groups/{group}/queue/{entry}/play", tag = "queue",
    params(("group" = String, Path, description = "Its id or its name"), ("entry" = String, Path, description = "Its id in the queue")),
    responses(
        (status = OK, body = QueueView),
        (status = CONFLICT, description = "nobody would hear it"),
        (status = UNPROCESSABLE_ENTITY, description = "it cannot be played; the line says why"),
    ))]
pub(super) async fn play(
    State(engine): State<EngineHandle>,
    Path((group, entry)): Path<(String, String)>,
) -> QueueAnswer {
    let id = find_heard(&engine, group).await?;
    let found = engine.call(move |engine, _| entry_of(engine.house(), id, &entry));
    let entry = found.await.ok_or(ApiError::STOPPING)??;
    engine.play_entry(id, entry, 0).await?;
    list(State(engine), Path(id.to_string())).await
}

/// Plays what comes next.
#[utoipa::path(post, path = "/groups/{group}/next", tag = "queue",
    params(("group" = String, Path, description = "Its id or its name")),
    responses(
        (status = OK, body = GroupView),
        (status = CONFLICT, description = "nothing comes next, or nobody would hear it"),
        (status = UNPROCESSABLE_ENTITY, description = "it cannot be played; the line says why"),
    ))]
pub(super) async fn next(State(engine): State<EngineHandle>, Path(group): Path<String>) -> Answer {
    let id = find_heard(&engine, group).await?;
    let found = engine.call(move |engine, _| engine.house().next_entry(id));
    engine.start(id, found.await.ok_or(ApiError::STOPPING)??).await?;
    show(State(engine), Path(id.to_string())).await
}

/// Goes back to the start of what plays, or within its first three seconds to what comes before it.
#[utoipa::path(post, path = "/groups/{group}/previous", tag = "queue",
    params(("group" = String, Path, description = "Its id or its name")),
    responses(
        (status = OK, body = GroupView),
        (status = CONFLICT, description = "nothing comes before, or nobody would hear it"),
        (status = UNPROCESSABLE_ENTITY, description = "it cannot be played; the line says why"),
    ))]
pub(super) async fn previous(State(engine): State<EngineHandle>, Path(group): Path<String>) -> Answer {
    let id = find_heard(&engine, group).await?;
    let found = engine.call(move |engine, now| engine.house().previous_entry(now, id));
    engine.play_entry(id, found.await.ok_or(ApiError::STOPPING)??, 0).await?;
    show(State(engine), Path(id.to_string())).await
}

/// Moves what plays to other rooms, or into more or fewer of them; in those that stay it goes on without a gap.
#[utoipa::path(put, path = "/groups/{group}/rooms", tag = "groups", request_body = GroupRooms,
    params(("group" = String, Path, description = "Its id or its name")),
    responses((status = OK, body = GroupView), (status = CONFLICT, description = "several rooms have the name")))]
pub(super) async fn set_rooms(
    State(engine): State<EngineHandle>,
    Path(group): Path<String>,
    Body(wanted): Body<GroupRooms>,
) -> Answer {
    let found = engine.call(move |engine, _| {
        let house: &House = engine.house();
        let rooms = wanted.rooms.iter().map(|room| house.find_room(room)).collect::<Result<Vec<_>, _>>()?;
        Ok::<_, Refused>((house.find_group(&group)?, rooms))
    });
    let (id, rooms) = found.await.ok_or(ApiError::STOPPING)??;
    configure(&engine, Command::SetGroupRooms { group: id, rooms }).await?;
    show(State(engine), Path(id.to_string())).await
}

/// Has the house do something with a group's queue, and gives the queue as it is afterwards.
async fn change(
    engine: &EngineHandle,
    group: String,
    change: impl FnOnce(&mut House, Timestamp<unisono_core::time::HubClock>, GroupId) -> Result<(), Refused>
    + Send
    + 'static,
) -> QueueAnswer {
    let done = engine.call(move |engine, now| {
        let house = engine.house();
        let id = house.find_group(&group)?;
        change(house, now, id)?;
        let queue = house.groups().get(&id).map(|group| group.queue.clone()).unwrap_or_default();
        Ok::<_, Refused>((queue, house.settings().rate))
    });
    // A long queue is written where it holds nobody up.
    let (queue, rate) = done.await.ok_or(ApiError::STOPPING)??;
    Ok(Json(view(&queue, rate)))
}

/// A place that an entry can have.
fn checked_place(key: &str, place: usize) -> Result<usize, ApiError> {
    let problem = || format!("{key}: {place} is more than the {MAX_ENTRIES} that a queue holds");
    if place <= MAX_ENTRIES { Ok(place) } else { Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, problem())) }
}

fn entry_of(house: &House, group: GroupId, text: &str) -> Result<EntryId, Refused> {
    let name = house.groups().get(&group).map(|group| group.name.clone()).unwrap_or_default();
    let entry = text.parse().map_err(|_| Refused::UnknownEntry(text.into(), name))?;
    house.check_entry(group, entry).map(|()| entry)
}

/// What is meant by what somebody wants to hear.
async fn resolve(engine: &EngineHandle, items: Vec<Item>) -> Result<Vec<Media>, ApiError> {
    let stations = stations::known(engine).await?;
    let found = engine.call(|engine, _| (engine.catalogue(), engine.house().settings().rate));
    let (catalogue, rate) = found.await.ok_or(ApiError::STOPPING)?;
    let resolve = move || {
        let mut media = Vec::new();
        for item in items {
            match &item {
                Item::Track(id) => media.push(of_track(known_track(&*catalogue, id)?, rate)),
                Item::Album(id) => {
                    let tracks = catalogue.album(id).ok_or_else(|| unknown("album", id))?;
                    media.extend(tracks.into_iter().map(|track| of_track(track, rate)));
                }
                Item::Station(name) => {
                    let (_, station) = stations::find(&stations, name)?;
                    let (title, location) = (station.name.clone(), station.url.clone());
                    media.push(Media { title, location, kind: MediaKind::Station, ..Media::default() });
                }
                Item::Source(name) => {
                    if !catalogue.has_source(name) {
                        return Err(unknown("source", name));
                    }
                    let (title, location) = (name.clone(), name.clone());
                    media.push(Media { title, location, kind: MediaKind::Source, ..Media::default() });
                }
            }
            if media.len() > MAX_ENTRIES {
                let problem = format!("items: these are more than the {MAX_ENTRIES} that a queue holds");
                return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, problem));
            }
        }
        Ok(media)
    };
    tokio::task::spawn_blocking(resolve).await.map_err(|_| ApiError::STOPPING)?
}

fn known_track(catalogue: &dyn Catalogue, id: &str) -> Result<Track, ApiError> {
    catalogue.track(id).ok_or_else(|| unknown("track", id))
}

fn unknown(what: &str, id: &str) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, format!("there is no {what} {id:?}"))
}

fn of_track(track: Track, rate: SampleRate) -> Media {
    Media {
        title: track.title.clone(),
        location: track.id.clone(),
        frames: track.length.map(|length| rate.frames_in(length).0),
        kind: MediaKind::Track,
        track: Some(Box::new(track)),
    }
}

fn view(queue: &Queue, rate: SampleRate) -> QueueView {
    QueueView {
        version: queue.version(),
        index: queue.index(),
        repeat: queue.repeat().into(),
        shuffle: queue.is_shuffled(),
        entries: queue.entries().iter().map(|entry| entry_view(entry, rate)).collect(),
    }
}

fn entry_view(entry: &Arc<Entry>, rate: SampleRate) -> EntryView {
    let media = &entry.media;
    let track = media.track.as_deref();
    EntryView {
        entry: entry.id.to_string(),
        kind: match media.kind {
            MediaKind::Track => "track",
            MediaKind::Station => "station",
            MediaKind::Source => "source",
            MediaKind::File => "file",
        }
        .into(),
        title: media.title.clone(),
        artist: track.and_then(|track| track.artist.clone()),
        album: track.and_then(|track| track.album.clone()),
        length_s: media.frames.map(|frames| frames as f64 / f64::from(rate.hertz())),
        cover: track.and_then(|track| track.cover.clone()),
    }
}

/// A queue, in short.
pub(super) fn summary(queue: &Queue) -> QueueSummary {
    QueueSummary { length: queue.entries().len(), index: queue.index(), version: queue.version() }
}

/// What the library knows of what plays.
pub(super) fn track_view(track: &Track) -> TrackView {
    let Track { id, title, artist, album, album_id, number, disc, year, genre, length, cover, codec, rate, channels } =
        track.clone();
    let length_s = length.map(unisono_core::time::Nanos::as_secs_f64);
    TrackView { id, title, artist, album, album_id, number, disc, year, genre, length_s, cover, codec, rate, channels }
}

impl From<Repeat> for RepeatMode {
    fn from(repeat: Repeat) -> Self {
        match repeat {
            Repeat::Off => Self::Off,
            Repeat::All => Self::All,
            Repeat::One => Self::One,
        }
    }
}

impl From<RepeatMode> for Repeat {
    fn from(repeat: RepeatMode) -> Self {
        match repeat {
            RepeatMode::Off => Self::Off,
            RepeatMode::All => Self::All,
            RepeatMode::One => Self::One,
        }
    }
}
