//! For Prometheus: the page that it reads, and where else there are some.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use unisono_api::metrics::CONTENT_TYPE;

use super::error::ApiError;
use crate::{
    engine::EngineHandle,
    metrics::{self, TargetGroup},
};

pub(super) async fn page(State(engine): State<EngineHandle>) -> Result<Response, ApiError> {
    match metrics::page(&engine).await {
        Ok(text) => Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response()),
        Err(None) => Err(ApiError::STOPPING.into()),
        Err(Some(problem)) => Err(ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, problem)),
    }
}

/// The hub's own address is the one at which it was asked.
pub(super) async fn targets(
    State(engine): State<EngineHandle>,
    headers: HeaderMap,
) -> Result<Json<Vec<TargetGroup>>, ApiError> {
    let authority = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    Ok(Json(metrics::targets(&engine, authority).await.ok_or(ApiError::STOPPING)?))
}
