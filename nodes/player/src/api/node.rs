//! The node and its hub.

use axum::{Json, extract::State};
use unisono_api::{
    Refusal,
    node::{HubLinkView, NodeView},
};
use unisono_core::wire::VERSION;

use super::{NodeHandle, standalone, stopping};
use crate::session::{HubLink, HubState};

pub(super) async fn show(State(node): State<NodeHandle>) -> Result<Json<NodeView>, Refusal> {
    let state = node.inner.standalone.state().await.ok_or_else(stopping)?;
    let hub = node.inner.hub.borrow().clone();
    Ok(Json(NodeView {
        name: node.inner.name.clone(),
        id: node.inner.id.to_string(),
        version: env!("CARGO_PKG_VERSION").into(),
        protocol: VERSION.to_string(),
        household: hub.household.map(|household| household.to_string()),
        hub: view(&hub),
        standalone: standalone::view(&state),
    }))
}

fn view(hub: &HubState) -> HubLinkView {
    let since_s = hub.since.elapsed().as_secs_f64();
    match &hub.link {
        HubLink::Connected { name, id, address, .. } => HubLinkView {
            connected: true,
            since_s,
            name: Some(name.clone()),
            id: Some(id.to_string()),
            address: Some(address.to_string()),
            in_time: hub.is_in_time(),
            reason: hub.silent_since().map(|_| "it does not answer".into()),
        },
        HubLink::Away(reason) => HubLinkView {
            connected: false,
            since_s,
            name: None,
            id: None,
            address: None,
            in_time: false,
            reason: Some(reason.clone()),
        },
    }
}
