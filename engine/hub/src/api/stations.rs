//! Stations that the household keeps.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use unisono_api::body::Body;
use unisono_household::config::{Command, Station, StationId};

use super::{
    configure,
    error::ApiError,
    types::{NewStation, StationView},
};
use crate::engine::EngineHandle;

/// Lists the stations.
#[utoipa::path(get, path = "/stations", tag = "stations", responses((status = OK, body = Vec<StationView>)))]
pub(super) async fn list(State(engine): State<EngineHandle>) -> Result<Json<Vec<StationView>>, ApiError> {
    Ok(Json(views(&known(&engine).await?)))
}

/// Every station.
pub(super) fn views(stations: &BTreeMap<StationId, Station>) -> Vec<StationView> {
    stations.iter().map(|(id, station)| view(*id, station)).collect()
}

/// Keeps a station.
#[utoipa::path(post, path = "/stations", tag = "stations", request_body = NewStation, responses(
    (status = CREATED, body = StationView),
    (status = CONFLICT, description = "the name is taken, or there are too many"),
))]
pub(super) async fn add(
    State(engine): State<EngineHandle>,
    Body(NewStation { name, url }): Body<NewStation>,
) -> Result<(StatusCode, Json<StationView>), ApiError> {
    let id = StationId(fastrand::u64(1..));
    configure(&engine, Command::AddStation { id, name, url }).await?;
    let stations = known(&engine).await?;
    let (_, station) = find(&stations, &id.to_string())?;
    Ok((StatusCode::CREATED, Json(view(id, station))))
}

/// Removes a station.
#[utoipa::path(delete, path = "/stations/{station}", tag = "stations",
    params(("station" = String, Path, description = "Its id or its name")),
    responses((status = NO_CONTENT, description = "it is removed")))]
pub(super) async fn remove(
    State(engine): State<EngineHandle>,
    Path(station): Path<String>,
) -> Result<StatusCode, ApiError> {
    let (id, _) = find(&known(&engine).await?, &station)?;
    configure(&engine, Command::RemoveStation { id }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// All stations.
pub(super) async fn known(engine: &EngineHandle) -> Result<BTreeMap<StationId, Station>, ApiError> {
    Ok(engine.household(|household| household.config().stations.clone()).await.ok_or(ApiError::STOPPING)?)
}

/// The station of an id or a name.
pub(super) fn find<'a>(
    stations: &'a BTreeMap<StationId, Station>,
    text: &str,
) -> Result<(StationId, &'a Station), ApiError> {
    let by_id = text.parse::<StationId>().ok().and_then(|id| stations.get_key_value(&id));
    let by_name = || stations.iter().find(|(_, station)| station.name.to_lowercase() == text.to_lowercase());
    let unknown = || {
        let problem = format!("there is no station {text:?}; `unisono station list` shows them");
        ApiError::new(StatusCode::NOT_FOUND, problem)
    };
    by_id.or_else(by_name).map(|(id, station)| (*id, station)).ok_or_else(unknown)
}

fn view(id: StationId, station: &Station) -> StationView {
    StationView { id: id.to_string(), name: station.name.clone(), url: station.url.clone() }
}
