//! How a node that runs, as a service does, gets into a household.

use std::time::Duration;

use axum::{Json, extract::State, http::StatusCode};
use tokio::time::timeout;
use unisono_api::{
    Refusal,
    body::Body,
    node::{Join, NodeView},
};
use unisono_household::token::JoinToken;

use super::{NodeHandle, node};
use crate::session::HubLink;

/// A node may be looking for a hub elsewhere first; the token's addresses and the hub's answer take their time then.
const LIMIT: Duration = Duration::from_secs(15);

pub(super) async fn join(
    State(handle): State<NodeHandle>,
    Body(wanted): Body<Join>,
) -> Result<Json<NodeView>, Refusal> {
    let token = wanted.token.parse::<JoinToken>();
    let token = token.map_err(|error| Refusal::impossible(format!("token: {error}")))?;
    let has_hub = matches!(handle.inner.hub.borrow().link, HubLink::Connected { .. });
    if has_hub {
        return Err(Refusal::conflict("this node is with its hub already"));
    }
    let outcome = timeout(LIMIT, handle.inner.inviter.invite(token)).await;
    match outcome {
        Ok(Some(Ok(()))) => node::show(State(handle)).await,
        Ok(Some(Err(reason))) => Err(Refusal::conflict(reason)),
        Ok(None) => Err(Refusal::conflict("this node looks for no hub: it stands alone for good, or is stopping")),
        Err(_) => {
            let text = "it is not known yet whether the node has joined; `unisono --node status` tells";
            Err(Refusal::new(StatusCode::GATEWAY_TIMEOUT, text))
        }
    }
}
