//! The control API: JSON over HTTP, for this machine only as long as there is no access control.

mod error;
mod groups;
mod nodes;
mod rooms;
pub mod types;

use std::{io, net::IpAddr};

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{delete, get, patch, post, put},
};
use tokio::net::TcpListener;
use unisono_core::wire::VERSION;
use unisono_household::config::Command;

use self::{
    error::ApiError,
    types::{HubView, NewToken, TokenView},
};
use crate::{engine::EngineHandle, house::House};

/// The longest body of a request.
const MAX_BODY: usize = 64 * 1024;

/// Serves until the program ends.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, engine: EngineHandle) -> io::Result<()> {
    axum::serve(listener, router(engine)).await
}

/// Every route.
pub fn router(engine: EngineHandle) -> Router {
    let api = Router::new()
        .route("/hub", get(hub))
        .route("/nodes", get(nodes::list))
        .route("/nodes/{node}", patch(nodes::rename).delete(nodes::remove))
        .route("/tokens", post(issue_token))
        .route("/rooms", get(rooms::list))
        .route("/rooms/{room}", patch(rooms::change).delete(rooms::forget))
        .route("/groups", get(groups::list).post(groups::create))
        .route("/groups/{group}", get(groups::show).patch(groups::change).delete(groups::remove))
        .route("/groups/{group}/rooms/{room}", put(groups::add_room))
        .route("/groups/{group}/rooms/{room}", delete(groups::remove_room))
        .route("/groups/{group}/play", post(groups::play))
        .route("/groups/{group}/pause", post(groups::pause))
        .route("/groups/{group}/seek", post(groups::seek))
        .route("/groups/{group}/stop", post(groups::stop))
        .method_not_allowed_fallback(async |method: Method| {
            let problem = format!("{method} cannot be done here; the header \"Allow\" says what can");
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, problem)
        });
    Router::new()
        .nest("/api/v1", api)
        .fallback(async || ApiError::new(StatusCode::NOT_FOUND, "there is nothing here; the API is at /api/v1"))
        .layer(middleware::from_fn(only_this_machine))
        .layer(middleware::from_fn(read_whole))
        .layer(middleware::map_response(error::say_in_one_line))
        .with_state(engine)
}

/// Reads a request to its end before it is answered: of a connection with something unread in it no second request is
/// taken, and whoever has just sent one is left without an answer.
async fn read_whole(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match to_bytes(body, MAX_BODY).await {
        Ok(body) => next.run(Request::from_parts(parts, Body::from(body))).await,
        Err(_) => {
            let problem = format!("the body breaks off or is longer than {} KiB", MAX_BODY / 1024);
            let refusal = ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, problem);
            ([(header::CONNECTION, "close")], refusal).into_response()
        }
    }
}

/// Refuses what a web page of somebody else's could send: a foreign `Host` (DNS rebinding), a foreign `Origin`.
async fn only_this_machine(request: Request, next: Next) -> Response {
    match refusal(&request) {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    }
}

fn refusal(request: &Request) -> Option<ApiError> {
    // What cannot be read is nobody here.
    let text = |name| request.headers().get(name).map(|value| value.to_str().unwrap_or_default());
    let is_local = |authority: &str| {
        let host = authority.rsplit_once(':').map_or(authority, |(host, port)| {
            if port.bytes().all(|byte| byte.is_ascii_digit()) { host } else { authority }
        });
        let host = host.trim_matches(['[', ']']);
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    };
    if !text(header::HOST).is_some_and(is_local) {
        return Some(ApiError::new(StatusCode::MISDIRECTED_REQUEST, "this API answers to localhost only"));
    }
    let origin = text(header::ORIGIN);
    let foreign = origin.is_some_and(|origin| !origin.strip_prefix("http://").is_some_and(is_local));
    if foreign && !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Some(ApiError::new(StatusCode::FORBIDDEN, "a page from elsewhere may not change anything here"));
    }
    None
}

async fn hub(State(engine): State<EngineHandle>) -> Result<Json<HubView>, ApiError> {
    let household = engine.household(|household| household.household_id()).await.ok_or(ApiError::STOPPING)?;
    let port = engine.port();
    let view = engine.call(move |engine, _| {
        let house: &House = engine.house();
        HubView {
            name: house.name().into(),
            household: household.to_string(),
            port,
            protocol: VERSION.to_string(),
            version: env!("CARGO_PKG_VERSION").into(),
            codec: house.settings().codec.to_string(),
            refused_datagrams: house.bad_datagrams(),
        }
    });
    Ok(Json(view.await.ok_or(ApiError::STOPPING)?))
}

/// Changes the household's configuration.
async fn configure(engine: &EngineHandle, command: Command) -> Result<(), ApiError> {
    Ok(engine.configure(command).await.ok_or(ApiError::STOPPING)??)
}

/// A token is as good as a key while it lasts.
const MAX_TOKEN_LIFETIME_S: u64 = 365 * 86_400;

async fn issue_token(
    State(engine): State<EngineHandle>,
    Json(wanted): Json<NewToken>,
) -> Result<Json<TokenView>, ApiError> {
    for (key, value) in [("lifetime_s", wanted.lifetime_s), ("uses", wanted.uses.into())] {
        if value == 0 {
            let problem = format!("{key}: with 0 a token is of no use; leave it out or make it 1 or more");
            return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, problem));
        }
    }
    if wanted.lifetime_s > MAX_TOKEN_LIFETIME_S {
        let problem = format!("lifetime_s: {} is more than a year, {MAX_TOKEN_LIFETIME_S}", wanted.lifetime_s);
        return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, problem));
    }
    let token = engine.issue_token(wanted.lifetime_s, wanted.uses).await.ok_or(ApiError::STOPPING)?;
    let token = token.map_err(|error| ApiError::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    Ok(Json(TokenView { token: token.to_string(), lifetime_s: wanted.lifetime_s, uses: wanted.uses }))
}
