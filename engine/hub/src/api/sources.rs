//! Live inputs, and how they are. They are made in the settings alone: nobody on the network can have the hub run a
//! program, read a path or open a device.

use axum::{Json, extract::State};

use super::types::SourceView;
use crate::engine::EngineHandle;

/// Lists the live inputs, and how they are.
#[utoipa::path(get, path = "/sources", tag = "sources", responses((status = OK, body = Vec<SourceView>)))]
pub(super) async fn list(State(engine): State<EngineHandle>) -> Json<Vec<SourceView>> {
    Json(engine.sources().views())
}
