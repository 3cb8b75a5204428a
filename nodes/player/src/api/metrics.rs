//! The page for Prometheus.

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use unisono_api::{Refusal, metrics::CONTENT_TYPE};

use super::{NodeHandle, stopping};
use crate::metrics::Present;

pub(super) async fn page(State(node): State<NodeHandle>) -> Result<Response, Refusal> {
    let phase = node.inner.standalone.state().await.ok_or_else(stopping)?.phase;
    // On a thread for it: the node's own is the one that carries the sound.
    let written = tokio::task::spawn_blocking(move || {
        let (inner, hub) = (&node.inner, node.inner.hub.borrow().clone());
        inner.metrics.text(&Present {
            name: &inner.name,
            id: inner.id.to_string(),
            desk: &inner.desk,
            hub: &hub,
            watched: &inner.watched,
            phase,
            speakers: &inner.bluetooth.figures(),
        })
    });
    let text = written.await.map_err(|_| stopping())?;
    let text = text.map_err(|error| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}
