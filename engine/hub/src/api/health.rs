//! What is wrong, and what to do.

use axum::{Json, extract::State};

use super::{error::ApiError, events::Events, types::HealthView};

/// What is not as it should be, worst first; empty when all is well.
#[utoipa::path(get, path = "/health", tag = "hub", responses((status = OK, body = Vec<HealthView>)))]
pub(super) async fn health(State(events): State<Events>) -> Result<Json<Vec<HealthView>>, ApiError> {
    Ok(Json(events.watch.health().await.ok_or(ApiError::STOPPING)?))
}
