//! What there is to play on the hub's machine. Looking takes a while and covers are on disks, so that both are done
//! elsewhere: the hub's one thread has packets to send.

use axum::{
    Json,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use unisono_api::PREFIX;
use unisono_media::library::{self, Album, AlbumId, Artist, CoverId, Library, Page, Track};
use utoipa::ToSchema;

use super::{
    error::ApiError,
    types::{
        AlbumTracksView, AlbumView, ArtistView, LibraryView, Limit, MAX_LIMIT, Offset, PageView, ProblemView, ScanView,
        TrackView,
    },
};
use crate::engine::EngineHandle;

/// What may be in the query of a list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Wanted {
    /// Words, or their beginnings, that have to be there.
    search: String,
    /// The name of an artist.
    artist: Option<String>,
    /// The id of an album.
    #[param(pattern = "^[0-9a-f]{32}$")]
    album: Option<String>,
    /// So many are left out, from the first.
    #[param(value_type = Offset, inline)]
    offset: u32,
    /// So many are given at most.
    #[param(value_type = Limit, inline)]
    limit: usize,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { search: String::new(), artist: None, album: None, offset: 0, limit: 50 }
    }
}

/// A picture, as it is in a file.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "it is there to be described")]
struct Picture(Vec<u8>);

/// A picture is what its id says: whoever has it need never ask again.
const KEEP: &str = "private, max-age=31536000, immutable";

/// Shows what there is in the library's folders, and how far they are looked through.
#[utoipa::path(get, path = "/library", tag = "library", responses((status = OK, body = LibraryView)))]
pub(super) async fn show(State(engine): State<EngineHandle>) -> Result<Json<LibraryView>, ApiError> {
    Ok(Json(view(&engine).await?))
}

/// The library, in short.
pub(super) async fn view(engine: &EngineHandle) -> Result<LibraryView, ApiError> {
    let status = look(engine, Library::status).await?;
    let problem = |problem: library::Problem| ProblemView {
        file: one_line(&problem.file.to_string_lossy()),
        problem: one_line(&problem.problem),
    };
    Ok(LibraryView {
        folders: status.folders.iter().map(|folder| one_line(&folder.to_string_lossy())).collect(),
        tracks: status.tracks,
        albums: status.albums,
        artists: status.artists,
        scan: status.scan.map(|(done, total)| ScanView { done, total }),
        problems: status.problems.into_iter().map(problem).collect(),
    })
}

/// Has the folders looked through. It begins soon, and `GET /library` says how far it is.
#[utoipa::path(post, path = "/library/scan", tag = "library", responses(
    (status = ACCEPTED, description = "they will be"),
    (status = CONFLICT, description = "there are no folders"),
))]
pub(super) async fn scan(State(engine): State<EngineHandle>) -> Result<StatusCode, ApiError> {
    if engine.library().folders().is_empty() {
        let problem = "the library has no folders; name them with `library` in the hub's settings, or with --library";
        return Err(ApiError::new(StatusCode::CONFLICT, problem));
    }
    engine.library().rescan();
    Ok(StatusCode::ACCEPTED)
}

/// Lists tracks.
#[utoipa::path(get, path = "/library/tracks", tag = "library", params(Wanted), responses(
    (status = OK, body = PageView<TrackView>),
    (status = BAD_REQUEST, description = "the query cannot be read"),
    (status = UNPROCESSABLE_ENTITY, description = "the line names what in the query cannot be so"),
))]
pub(super) async fn tracks(
    State(engine): State<EngineHandle>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<PageView<TrackView>>, ApiError> {
    let query = checked(wanted)?;
    Ok(page(look(&engine, move |library| library.tracks(&query)).await?, track_view))
}

/// Lists albums.
#[utoipa::path(get, path = "/library/albums", tag = "library", params(Wanted), responses(
    (status = OK, body = PageView<AlbumView>),
    (status = BAD_REQUEST, description = "the query cannot be read"),
    (status = UNPROCESSABLE_ENTITY, description = "the line names what in the query cannot be so"),
))]
pub(super) async fn albums(
    State(engine): State<EngineHandle>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<PageView<AlbumView>>, ApiError> {
    let query = checked(wanted)?;
    Ok(page(look(&engine, move |library| library.albums(&query)).await?, album_view))
}

/// Lists artists.
#[utoipa::path(get, path = "/library/artists", tag = "library", params(Wanted), responses(
    (status = OK, body = PageView<ArtistView>),
    (status = BAD_REQUEST, description = "the query cannot be read"),
    (status = UNPROCESSABLE_ENTITY, description = "the line names what in the query cannot be so"),
))]
pub(super) async fn artists(
    State(engine): State<EngineHandle>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<PageView<ArtistView>>, ApiError> {
    let query = checked(wanted)?;
    let view = |Artist { name, albums, tracks }| ArtistView { name, albums, tracks };
    Ok(page(look(&engine, move |library| library.artists(&query)).await?, view))
}

/// Shows an album and its tracks.
#[utoipa::path(get, path = "/library/albums/{album}", tag = "library",
    params(("album" = String, Path, description = "Its id")),
    responses((status = OK, body = AlbumTracksView)))]
pub(super) async fn album(
    State(engine): State<EngineHandle>,
    Path(album): Path<String>,
) -> Result<Json<AlbumTracksView>, ApiError> {
    let missing = || ApiError::new(StatusCode::NOT_FOUND, format!("there is no album \"{album}\"; look for it anew"));
    let id: AlbumId = album.parse().map_err(|_| missing())?;
    let (found, tracks) = look(&engine, move |library| library.album(&id)).await?.ok_or_else(missing)?;
    let AlbumView { id, title, artist, year, length_s, cover, .. } = album_view(found);
    let tracks = tracks.into_iter().map(track_view).collect();
    Ok(Json(AlbumTracksView { id, title, artist, year, tracks, length_s, cover }))
}

/// Gives a picture.
#[utoipa::path(get, path = "/library/covers/{cover}", tag = "library",
    params(
        ("cover" = String, Path, description = "Its id"),
        ("if-none-match" = Option<String>, Header, description = "The tag of one that is there already"),
    ),
    responses(
        (status = OK, description = "the picture", content((Picture = "image/jpeg"), (Picture = "image/png"))),
        (status = NOT_MODIFIED, description = "it is the one that is there"),
    ))]
pub(super) async fn cover(
    State(engine): State<EngineHandle>,
    Path(cover): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let missing = || ApiError::new(StatusCode::NOT_FOUND, format!("there is no cover \"{cover}\""));
    let id: CoverId = cover.parse().map_err(|_| missing())?;
    let tag = format!("\"{id}\"");
    let common = [(header::CACHE_CONTROL, KEEP.to_owned()), (header::ETAG, tag.clone())];
    let asked = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if asked.is_some_and(|asked| asked.split(',').any(|one| one.trim() == tag)) {
        return Ok((StatusCode::NOT_MODIFIED, common).into_response());
    }
    let found = look(&engine, move |library| library.cover(&id)).await?.ok_or_else(missing)?;
    let safe = [
        (header::CONTENT_TYPE, found.mime),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
    ];
    Ok((common, safe, found.bytes).into_response())
}

/// A track as the API shows it.
pub(crate) fn track_view(track: Track) -> TrackView {
    TrackView {
        id: track.id.to_string(),
        title: track.title,
        artist: track.artist,
        album: track.album,
        album_id: track.album_id.map(|id| id.to_string()),
        number: track.number,
        disc: track.disc,
        year: track.year,
        genre: track.genre,
        length_s: track.length_s,
        cover: track.cover.map(cover_path),
        codec: track.codec,
        rate: track.rate,
        channels: track.channels,
    }
}

fn album_view(album: Album) -> AlbumView {
    AlbumView {
        id: album.id.to_string(),
        title: album.title,
        artist: album.artist,
        year: album.year,
        tracks: album.tracks,
        length_s: album.length_s,
        cover: album.cover.map(cover_path),
    }
}

fn cover_path(id: CoverId) -> String {
    format!("{PREFIX}/library/covers/{id}")
}

fn page<T, V>(found: Page<T>, view: impl Fn(T) -> V) -> Json<PageView<V>> {
    Json(PageView { total: found.total, items: found.items.into_iter().map(view).collect() })
}

fn checked(wanted: Wanted) -> Result<library::Query, ApiError> {
    let impossible = |problem: String| ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, problem);
    let Wanted { search, artist, album, offset, limit } = wanted;
    if limit > MAX_LIMIT {
        return Err(impossible(format!("limit: {limit} is more than {MAX_LIMIT}")));
    }
    let album = album.map(|album| album.parse().map_err(|problem| impossible(format!("album: {problem}"))));
    Ok(library::Query {
        search,
        artist,
        album: album.transpose()?,
        offset: offset.try_into().unwrap_or(usize::MAX),
        limit,
    })
}

/// Looks something up on a thread for that.
async fn look<T: Send + 'static>(
    engine: &EngineHandle,
    look: impl FnOnce(&Library) -> T + Send + 'static,
) -> Result<T, ApiError> {
    let library = engine.library().clone();
    tokio::task::spawn_blocking(move || look(&library)).await.map_err(|_| ApiError::STOPPING.into())
}

fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}
