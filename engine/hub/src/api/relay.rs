//! What is asked of a room's node: its Bluetooth speakers, its doctor, standing alone. Passed on as it is, answered as it
//! comes.

use std::time::Duration;

use axum::{
    RequestExt,
    body::{Body, Bytes},
    extract::{FromRequest, OriginalUri, Path, Request},
    http::{self, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use unisono_api::{ErrorView, PREFIX};
use unisono_core::wire::control::Method;

use super::error::ApiError;
use crate::engine::{Answers, EngineHandle};

/// A node that has said nothing for so long says nothing any more. The longest scan may find nothing for as long.
const LIMIT: Duration = Duration::from_secs(150);

/// A request that names a room, and what follows it.
pub(super) struct Asked {
    room: String,
    method: Method,
    path: String,
    body: Bytes,
}

impl<S: Send + Sync> FromRequest<S> for Asked {
    type Rejection = Response;

    async fn from_request(mut request: Request, state: &S) -> Result<Self, Response> {
        let parameters = request.extract_parts::<Path<Vec<(String, String)>>>().await;
        let Path(parameters) = parameters.map_err(IntoResponse::into_response)?;
        let room = parameters.into_iter().find(|(name, _)| name == "room").map(|(_, room)| room).unwrap_or_default();
        let uri = request.extensions().get::<OriginalUri>().map_or_else(|| request.uri().clone(), |uri| uri.0.clone());
        let path = path_of(&uri);
        let method = match *request.method() {
            http::Method::POST => Method::Post,
            http::Method::PATCH => Method::Patch,
            http::Method::DELETE => Method::Delete,
            _ => Method::Get,
        };
        let body = Bytes::from_request(request, state).await.map_err(IntoResponse::into_response)?;
        Ok(Self { room, method, path, body })
    }
}

/// Passes it on.
pub(super) async fn ask(engine: &EngineHandle, asked: Asked) -> Result<Response, ApiError> {
    let Asked { room, method, path, body } = asked;
    pass_on(engine, room, method, path, body.into()).await
}

/// Asks the node of a room for a path of its API, and answers what it answers.
pub(super) async fn pass_on(
    engine: &EngineHandle,
    room: String,
    method: Method,
    path: String,
    body: Vec<u8>,
) -> Result<Response, ApiError> {
    let is_stream = ["/bluetooth/scan", "/bluetooth/pair"].iter().any(|stream| path.starts_with(stream));
    let mut answers = engine.ask(room, method, path, body).await.ok_or(ApiError::STOPPING)??;
    let Some(first) = answers.next(LIMIT).await else { return Err(silent()) };
    let status = StatusCode::from_u16(first.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let kind = if is_stream && status.is_success() { "application/x-ndjson" } else { "application/json" };
    let unfolding = Unfolding { first: Some(first.part), status: first.status, answers, is_stream };
    let parts = stream::unfold(unfolding, next);
    Ok((status, [(header::CONTENT_TYPE, kind)], Body::from_stream(parts)).into_response())
}

/// What follows the room in a path, with its query.
fn path_of(uri: &http::Uri) -> String {
    let path = uri.path().strip_prefix(PREFIX).unwrap_or(uri.path());
    // "", "rooms", the room, and the rest.
    let rest = path.splitn(4, '/').nth(3).unwrap_or_default();
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("/{rest}{query}")
}

/// An answer under way.
struct Unfolding {
    first: Option<Vec<u8>>,
    status: u16,
    answers: Answers,
    is_stream: bool,
}

/// The part in hand, else the next. An answer that breaks off says so: in its last line where it has lines, else by
/// having no end. Its last part has another status than the first then.
async fn next(mut answer: Unfolding) -> Option<(Result<Vec<u8>, &'static str>, Unfolding)> {
    if let Some(part) = answer.first.take() {
        return Some((Ok(part), answer));
    }
    if answer.answers.is_over() {
        return None;
    }
    match answer.answers.next(LIMIT).await {
        Some(part) if part.status == answer.status => Some((Ok(part.part), answer)),
        Some(_) | None => {
            answer.answers.give_up();
            let line = serde_json::to_string(&ErrorView { error: SILENT.into() }).unwrap_or_default();
            let part = if answer.is_stream { Ok(format!("{line}\n").into()) } else { Err(SILENT) };
            Some((part, answer))
        }
    }
}

const SILENT: &str = "the node has gone, or does not answer; see `unisono rooms`";

fn silent() -> ApiError {
    ApiError::new(StatusCode::BAD_GATEWAY, SILENT)
}
