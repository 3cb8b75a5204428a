//! Stations that the household keeps.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use unisono_household::config::{Command, Station, StationId};

use super::{
    configure,
    error::ApiError,
    types::{NewStation, StationView},
};
use crate::engine::EngineHandle;

pub(super) async fn list(State(engine): State<EngineHandle>) -> Result<Json<Vec<StationView>>, ApiError> {
    let stations = known(&engine).await?;
    Ok(Json(stations.iter().map(|(id, station)| view(*id, station)).collect()))
}

pub(super) async fn add(
    State(engine): State<EngineHandle>,
    Json(NewStation { name, url }): Json<NewStation>,
) -> Result<(StatusCode, Json<StationView>), ApiError> {
    let id = StationId(fastrand::u64(1..));
    configure(&engine, Command::AddStation { id, name, url }).await?;
    let stations = known(&engine).await?;
    let (_, station) = find(&stations, &id.to_string())?;
    Ok((StatusCode::CREATED, Json(view(id, station))))
}

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
