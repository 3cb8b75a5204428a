//! Every route. What is added here with `routes!` is described, too.

use std::sync::Arc;

use axum::{
    Router, middleware,
    routing::{delete, get, post, put},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Shared, access, bluetooth, events, events::Events, groups, guard, health, library, metrics, nodes, openapi, page,
    queue, rooms, scenes, sources, stations,
};
use crate::{access::Access, engine::EngineHandle};
use unisono_api::metrics::count_requests;

/// Every route, for whoever may ask.
pub(super) fn router(engine: EngineHandle, access: Arc<Access>, events: Events) -> Router {
    let (api, described) = described().split_for_parts();
    let shared =
        Shared { engine, access: Arc::clone(&access), events, description: openapi::Description::of(described) };
    let beside = Router::new()
        .route("/metrics", get(metrics::page))
        .route("/prometheus/targets", get(metrics::targets))
        .merge(page::router());
    let counting = middleware::from_fn_with_state(shared.engine.metrics().http(), count_requests);
    unisono_api::routed(api, beside)
        .with_state(shared)
        .layer(middleware::from_fn(guard::want_json))
        .layer(middleware::from_fn_with_state(access, guard::judge))
        .layer(middleware::from_fn(guard::read_whole))
        .layer(middleware::map_response(guard::strict))
        .layer(counting)
}

/// The routes, and their description.
pub(super) fn described() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(openapi::head())
        .routes(routes!(super::hub))
        .routes(routes!(health::health))
        .routes(routes!(events::events))
        .routes(routes!(openapi::openapi))
        .routes(routes!(access::session))
        .routes(routes!(access::setup))
        .routes(routes!(access::login))
        .routes(routes!(access::logout))
        .routes(routes!(access::list, access::create))
        .routes(routes!(access::revoke))
        .routes(routes!(nodes::list))
        .routes(routes!(nodes::rename, nodes::remove))
        .routes(routes!(super::issue_token))
        .routes(routes!(rooms::list))
        .routes(routes!(rooms::change, rooms::forget))
        .routes(routes!(bluetooth::doctor))
        .routes(routes!(bluetooth::standalone, bluetooth::stand_alone))
        .routes(routes!(bluetooth::list))
        .routes(routes!(bluetooth::scan))
        .routes(routes!(bluetooth::pair))
        .routes(routes!(bluetooth::change))
        .routes(routes!(bluetooth::act))
        .routes(routes!(groups::list, groups::create))
        .routes(routes!(groups::show, groups::change, groups::remove))
        .routes(routes!(groups::add_room, groups::remove_room))
        .routes(routes!(groups::play))
        .routes(routes!(groups::pause))
        .routes(routes!(groups::seek))
        .routes(routes!(groups::stop))
        .route("/rooms/{room}/beep", post(rooms::beep))
        .route("/library", get(library::show))
        .route("/library/scan", post(library::scan))
        .route("/library/tracks", get(library::tracks))
        .route("/library/albums", get(library::albums))
        .route("/library/albums/{album}", get(library::album))
        .route("/library/artists", get(library::artists))
        .route("/library/covers/{cover}", get(library::cover))
        .route("/groups/{group}/rooms", put(queue::set_rooms))
        .route("/groups/{group}/next", post(queue::next))
        .route("/groups/{group}/previous", post(queue::previous))
        .route("/groups/{group}/queue", get(queue::list).post(queue::add).delete(queue::clear))
        .route("/groups/{group}/queue/{entry}", delete(queue::remove))
        .route("/groups/{group}/queue/{entry}/move", post(queue::move_to))
        .route("/groups/{group}/queue/{entry}/play", post(queue::play))
        .route("/sources", get(sources::list))
        .route("/scenes", get(scenes::list).post(scenes::save))
        .route("/scenes/{scene}", delete(scenes::forget))
        .route("/scenes/{scene}/recall", post(scenes::recall))
        .route("/stations", get(stations::list).post(stations::add))
        .route("/stations/{station}", delete(stations::remove))
}

#[cfg(test)]
mod tests;
