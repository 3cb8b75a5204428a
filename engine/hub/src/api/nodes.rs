//! Machines of the household.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use unisono_api::body::Body;
use unisono_core::wire::ids::PeerId;
use unisono_household::config::{Command, Config};

use super::{
    configure,
    error::ApiError,
    types::{NodeChange, NodeView},
};
use crate::engine::{Engine, EngineHandle};

/// Lists the machines of the household.
#[utoipa::path(get, path = "/nodes", tag = "nodes", responses((status = OK, body = Vec<NodeView>)))]
pub(super) async fn list(State(engine): State<EngineHandle>) -> Result<Json<Vec<NodeView>>, ApiError> {
    let config = Arc::clone(&engine.config().borrow());
    let nodes = engine.look(move |engine, _| views(engine, &config));
    Ok(Json(nodes.await.ok_or(ApiError::STOPPING)?))
}

/// Every machine.
pub(super) fn views(engine: &mut Engine, config: &Config) -> Vec<NodeView> {
    let nodes = config.members.iter().map(|(peer, member)| NodeView {
        id: peer.to_string(),
        name: member.name.clone(),
        role: format!("{:?}", member.role).to_lowercase(),
        online: engine.house().is_online(*peer),
        address: engine.address_of(*peer).map(|address| address.to_string()),
    });
    nodes.collect()
}

/// Renames a machine.
#[utoipa::path(patch, path = "/nodes/{node}", tag = "nodes", request_body = NodeChange,
    params(("node" = String, Path, description = "Its id or its name")),
    responses((status = OK, body = NodeView), (status = CONFLICT, description = "the name is taken")))]
pub(super) async fn rename(
    State(engine): State<EngineHandle>,
    Path(node): Path<String>,
    Body(change): Body<NodeChange>,
) -> Result<Json<NodeView>, ApiError> {
    let peer = find(&engine, node).await?;
    configure(&engine, Command::RenameMember { peer, name: change.name }).await?;
    let Json(nodes) = list(State(engine)).await?;
    let renamed = nodes.into_iter().find(|node| node.id == peer.to_string());
    renamed.map(Json).ok_or_else(|| ApiError::STOPPING.into())
}

/// Sends a machine away, with its rooms: it plays for this household no more until it joins again.
#[utoipa::path(delete, path = "/nodes/{node}", tag = "nodes",
    params(("node" = String, Path, description = "Its id or its name")),
    responses(
        (status = NO_CONTENT, description = "it is no member any more"),
        (status = CONFLICT, description = "it is the last hub"),
    ))]
pub(super) async fn remove(
    State(engine): State<EngineHandle>,
    Path(node): Path<String>,
) -> Result<StatusCode, ApiError> {
    let peer = find(&engine, node).await?;
    configure(&engine, Command::RemoveMember { peer }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Finds a machine by its id or its name.
async fn find(engine: &EngineHandle, node: String) -> Result<PeerId, ApiError> {
    let found = engine.household(move |household| find_in(household.config(), &node).ok_or(node));
    let unknown = |node| {
        let problem = format!("there is no node \"{node}\"; `unisono nodes` lists them");
        ApiError::new(StatusCode::NOT_FOUND, problem)
    };
    found.await.ok_or(ApiError::STOPPING)?.map_err(unknown)
}

fn find_in(config: &Config, text: &str) -> Option<PeerId> {
    let by_id = config.members.keys().find(|peer| peer.to_string() == text);
    let named = || config.members.iter().find(|(_, member)| member.name.to_lowercase() == text.to_lowercase());
    by_id.or_else(|| Some(named()?.0)).copied()
}
