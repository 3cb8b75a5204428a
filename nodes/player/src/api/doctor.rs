//! What is wrong with the node, and what to do about it.

use axum::{Json, extract::State};
use unisono_bluetooth::doctor::{Finding, diagnose};

use super::NodeHandle;

pub(super) async fn examine(State(node): State<NodeHandle>) -> Json<Vec<Finding>> {
    Json(diagnose(&node.bluetooth().facts().await))
}
