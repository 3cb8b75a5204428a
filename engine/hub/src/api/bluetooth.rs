//! What is asked of a room's node, route by route; `relay` passes it on.

use axum::{extract::State, response::Response};
use unisono_api::{
    bluetooth::{FindingView, Pair, PairLine, ScanLine, SpeakerChange, SpeakerSummary},
    node::{StandaloneChange, StandaloneView},
};

use super::{
    error::ApiError,
    relay::{Asked, ask},
};
use crate::engine::EngineHandle;

type Answer = Result<Response, ApiError>;

/// What is wrong with a room, and what to do about it.
#[utoipa::path(get, path = "/rooms/{room}/doctor", tag = "rooms",
    params(("room" = String, Path, description = "Its id or its name")),
    responses(
        (status = OK, body = Vec<FindingView>),
        (status = CONFLICT, description = "the room's node is not there, or knows nothing of this"),
        (status = BAD_GATEWAY, description = "the node has gone, or does not answer"),
        (status = GATEWAY_TIMEOUT, description = "it takes the node too long"),
    ))]
pub(super) async fn doctor(State(engine): State<EngineHandle>, asked: Asked) -> Answer {
    ask(&engine, asked).await
}

/// How a room's node stands alone.
#[utoipa::path(get, path = "/rooms/{room}/standalone", tag = "rooms",
    params(("room" = String, Path, description = "Its id or its name")),
    responses(
        (status = OK, body = StandaloneView),
        (status = CONFLICT, description = "the room's node is not there, or knows nothing of this"),
        (status = BAD_GATEWAY, description = "the node has gone, or does not answer"),
        (status = GATEWAY_TIMEOUT, description = "it takes the node too long"),
    ))]
pub(super) async fn standalone(State(engine): State<EngineHandle>, asked: Asked) -> Answer {
    ask(&engine, asked).await
}

/// Says when a room's node is to stand alone.
#[utoipa::path(post, path = "/rooms/{room}/standalone", tag = "rooms", request_body = StandaloneChange,
    params(("room" = String, Path, description = "Its id or its name")),
    responses(
        (status = OK, body = StandaloneView),
        (status = CONFLICT, description = "the room's node is not there, or knows nothing of this"),
        (status = BAD_GATEWAY, description = "the node has gone, or does not answer"),
        (status = GATEWAY_TIMEOUT, description = "it takes the node too long"),
    ))]
pub(super) async fn stand_alone(State(engine): State<EngineHandle>, asked: Asked) -> Answer {
    ask(&engine, asked).await
}

/// Lists the Bluetooth speakers that a room's node remembers.
#[utoipa::path(get, path = "/rooms/{room}/bluetooth", tag = "bluetooth",
    params(("room" = String, Path, description = "Its id or its name")),
    responses(
        (status = OK, body = Vec<SpeakerSummary>),
        (status = CONFLICT, description = "the room's node is not there, or knows nothing of this"),
        (status = BAD_GATEWAY, description = "the node has gone, or does not answer"),
        (status = GATEWAY_TIMEOUT, description = "it takes the node too long"),
    ))]
pub(super) async fn list(State(engine): State<EngineHandle>, asked: Asked) -> Answer {
    ask(&engine, asked).await
}

/// Looks for Bluetooth speakers; a line for each that is found, and an empty one a second for a sign of life.
#[utoipa::path(post, path = "/rooms/{room}/bluetooth/scan", tag = "bluetooth",
    params(
        ("room" = String, Path, description = "Its id or its name"),
        ("seconds" = Option<u64>, Query, description = "For how long, 1 to 120", minimum = 1, maximum = 120),
    ),
    responses(
        (status = OK, body = ScanLine, content_type = "application/x-ndjson"),
        (status = BAD_REQUEST, description = "the query cannot be read"),
        (status = CONFLICT, description = "the room's node is not there, or knows nothing of this"),
        (status = UNPROCESSABLE_ENTITY, description = "the line names what cannot be so"),
        (status = BAD_GATEWAY, description = "the node has gone, or does not answer"),
        (status = GATEWAY_TIMEOUT, description = "it takes the node too long"),
    ))]
pub(super) async fn scan(State(engine): State<EngineHandle>, asked: Asked) -> Answer {
    ask(&engine, asked).await
}

/// Pairs a Bluetooth speaker; a line for each step.
#[utoipa::path(post, path = "/rooms/{room}/bluetooth/pair", tag = "bluetooth", request_body = Pair,
    params(("room" = String, Path, description = "Its id or its name")),
    responses(
        (status = OK, body = PairLine, content_type = "application/x-ndjson"),
        (status = CONFLICT, description = "the room's node is not there, or knows nothing of this"),
        (status = BAD_GATEWAY, description = "the node has gone, or does not answer"),
        (status = GATEWAY_TIMEOUT, description = "it takes the node too long"),
    ))]
pub(super) async fn pair(State(engine): State<EngineHandle>, asked: Asked) -> Answer {
    ask(&engine, asked).await
}

/// Changes what is set for a remembered Bluetooth speaker.
#[utoipa::path(patch, path = "/rooms/{room}/bluetooth/{address}", tag = "bluetooth", request_body = SpeakerChange,
    params(
        ("room" = String, Path, description = "Its id or its name"),
        ("address" = String, Path, description = "The speaker's, as in AA:BB:CC:DD:EE:FF"),
    ),
    responses(
        (status = OK, body = Option<SpeakerSummary>),
        (status = CONFLICT, description = "the room's node is not there, or knows nothing of this"),
        (status = BAD_GATEWAY, description = "the node has gone, or does not answer"),
        (status = GATEWAY_TIMEOUT, description = "it takes the node too long"),
    ))]
pub(super) async fn change(State(engine): State<EngineHandle>, asked: Asked) -> Answer {
    ask(&engine, asked).await
}

/// Connects, disconnects, forgets or tests a remembered Bluetooth speaker.
#[utoipa::path(post, path = "/rooms/{room}/bluetooth/{address}/{verb}", tag = "bluetooth",
    params(
        ("room" = String, Path, description = "Its id or its name"),
        ("address" = String, Path, description = "The speaker's, as in AA:BB:CC:DD:EE:FF"),
        ("verb" = String, Path, description = "connect, disconnect, forget or test"),
    ),
    responses(
        (status = OK, body = Option<SpeakerSummary>),
        (status = CONFLICT, description = "the room's node is not there, or it cannot be done"),
        (status = UNPROCESSABLE_ENTITY, description = "the address is none"),
        (status = BAD_GATEWAY, description = "the node has gone, or does not answer"),
        (status = GATEWAY_TIMEOUT, description = "it takes the node too long"),
    ))]
pub(super) async fn act(State(engine): State<EngineHandle>, asked: Asked) -> Answer {
    ask(&engine, asked).await
}
