//! Every route. What is added here with `routes!` is described, too.

use std::sync::Arc;

use axum::{Router, middleware, routing::get};
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
        .routes(routes!(rooms::beep))
        .routes(routes!(library::show))
        .routes(routes!(library::scan))
        .routes(routes!(library::tracks))
        .routes(routes!(library::albums))
        .routes(routes!(library::album))
        .routes(routes!(library::artists))
        .routes(routes!(library::cover))
        .routes(routes!(queue::set_rooms))
        .routes(routes!(queue::next))
        .routes(routes!(queue::previous))
        .routes(routes!(queue::list, queue::add, queue::clear))
        .routes(routes!(queue::remove))
        .routes(routes!(queue::move_to))
        .routes(routes!(queue::play))
        .routes(routes!(sources::list))
        .routes(routes!(scenes::list, scenes::save))
        .routes(routes!(scenes::forget))
        .routes(routes!(scenes::recall))
        .routes(routes!(stations::list, stations::add))
        .routes(routes!(stations::remove))
}

#[cfg(test)]
mod tests;
