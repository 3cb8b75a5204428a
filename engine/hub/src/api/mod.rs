//! The control API: JSON over HTTP, for this machine only as long as there is no access control.

mod error;
mod groups;
mod nodes;
mod relay;
mod rooms;
mod sources;
pub mod types;

use std::io;

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
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
        .route("/rooms/{room}/doctor", get(relay::ask))
        .route("/rooms/{room}/standalone", get(relay::ask).post(relay::ask))
        .route("/rooms/{room}/bluetooth", get(relay::ask))
        .route("/rooms/{room}/bluetooth/scan", post(relay::ask))
        .route("/rooms/{room}/bluetooth/pair", post(relay::ask))
        .route("/rooms/{room}/bluetooth/{address}", patch(relay::ask))
        .route("/rooms/{room}/bluetooth/{address}/{verb}", post(relay::ask))
        .route("/sources", get(sources::list))
        .route("/groups", get(groups::list).post(groups::create))
        .route("/groups/{group}", get(groups::show).patch(groups::change).delete(groups::remove))
        .route("/groups/{group}/rooms/{room}", put(groups::add_room))
        .route("/groups/{group}/rooms/{room}", delete(groups::remove_room))
        .route("/groups/{group}/play", post(groups::play))
        .route("/groups/{group}/pause", post(groups::pause))
        .route("/groups/{group}/seek", post(groups::seek))
        .route("/groups/{group}/stop", post(groups::stop));
    unisono_api::guarded(api).with_state(engine)
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
