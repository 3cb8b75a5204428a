//! The node's own control API: JSON over HTTP, for this machine only as long as there is no access control. A part of it
//! answers the node's hub, too.

mod bluetooth;
mod doctor;
mod join;
mod metrics;
mod node;
mod relay;
mod rooms;
mod standalone;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use axum::{
    Router,
    http::StatusCode,
    middleware,
    routing::{get, patch, post},
};
use tokio::{net::TcpListener, sync::watch};
use tracing::{info, warn};
use unisono_api::{Refusal, metrics::count_requests};
use unisono_bluetooth::service::Bluetooth;
use unisono_core::wire::{
    control::Figures,
    ids::{PeerId, RoomIndex},
};
use unisono_settings::NODE_API_PORT;

pub(crate) use self::relay::Relay;
use crate::{
    bluetooth::Lazy,
    desk::Desk,
    metrics::{Metrics, Watched, figures},
    session::{HubState, Inviter},
    standalone::{Refused, StandaloneHandle},
};

/// A node, for its API.
#[derive(Clone, Debug)]
pub struct NodeHandle {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: String,
    id: PeerId,
    desk: Arc<Desk>,
    hub: watch::Receiver<HubState>,
    inviter: Inviter,
    standalone: StandaloneHandle,
    bluetooth: Arc<Lazy>,
    api: Option<SocketAddr>,
    watched: Arc<Watched>,
    metrics: Metrics,
}

impl NodeHandle {
    pub(crate) fn new(
        (name, id, api): (&str, PeerId, Option<SocketAddr>),
        desk: Arc<Desk>,
        (hub, inviter): (watch::Receiver<HubState>, Inviter),
        standalone: StandaloneHandle,
        bluetooth: Arc<Lazy>,
        watched: Arc<Watched>,
    ) -> Self {
        let (name, metrics) = (name.into(), Metrics::new());
        let inner = Inner { name, id, desk, hub, inviter, standalone, bluetooth, api, watched, metrics };
        Self { inner: Arc::new(inner) }
    }

    /// What is known of the rooms beyond their reports, for a hub.
    pub(crate) fn figures(&self) -> Figures {
        let speakers = self.inner.bluetooth.figures();
        let rooms = (0..).map(RoomIndex).zip(self.inner.desk.rooms());
        let rooms = rooms.map(|(index, (settings, room))| figures(index, settings, room, &speakers));
        Figures { rooms: rooms.collect(), api: self.inner.api }
    }

    fn bluetooth(&self) -> &Bluetooth {
        self.inner.bluetooth.handle()
    }
}

/// The port where the API answers. Where none was asked for and the usual one is taken, by another node on this machine
/// as a rule, any; `None` when there is none at all, without which a node plays as well.
///
/// # Errors
/// When the port that was asked for cannot be had.
pub async fn bind(asked: Option<SocketAddr>) -> io::Result<Option<TcpListener>> {
    if let Some(asked) = asked {
        let refused = |error: io::Error| {
            let text =
                format!("the control API cannot have TCP port {asked} ({error}); choose another with --api, or `api`");
            io::Error::new(error.kind(), text)
        };
        return TcpListener::bind(asked).await.map(Some).map_err(refused);
    }
    let usual = match TcpListener::bind((Ipv4Addr::LOCALHOST, NODE_API_PORT)).await {
        Ok(listener) => return Ok(Some(listener)),
        Err(error) => error,
    };
    let any = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    match &any {
        Ok(_) => info!("TCP port {NODE_API_PORT} cannot be had for the control API ({usual}); it is at another"),
        Err(error) => warn!("there is no control API, for there is no TCP port for it ({error})"),
    }
    Ok(any.ok())
}

/// Serves until the program ends.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, node: NodeHandle) -> io::Result<()> {
    axum::serve(listener, router(node)).await
}

/// Every route, for programs on this machine.
pub fn router(node: NodeHandle) -> Router {
    let counting = middleware::from_fn_with_state(node.inner.metrics.http(), count_requests);
    let beside = Router::new().route("/metrics", get(metrics::page));
    unisono_api::guarded(routes(), beside).with_state(node).layer(counting)
}

/// Every route, for [`Relay`], which chooses what the hub may ask.
pub(crate) fn relayed(node: NodeHandle) -> Router {
    unisono_api::routed(routes(), Router::new()).with_state(node)
}

fn routes() -> Router<NodeHandle> {
    Router::new()
        .route("/node", get(node::show))
        .route("/join", post(join::join))
        .route("/rooms", get(rooms::list))
        .route("/rooms/{room}", patch(rooms::change))
        .route("/rooms/{room}/beep", post(rooms::beep))
        .route("/rooms/{room}/play", post(rooms::play))
        .route("/rooms/{room}/pause", post(rooms::pause))
        .route("/rooms/{room}/next", post(rooms::next))
        .route("/rooms/{room}/stop", post(rooms::stop))
        .route("/bluetooth", get(bluetooth::list))
        .route("/bluetooth/scan", post(bluetooth::scan))
        .route("/bluetooth/pair", post(bluetooth::pair))
        .route("/bluetooth/{address}", patch(bluetooth::change))
        .route("/bluetooth/{address}/{verb}", post(bluetooth::act))
        .route("/doctor", get(doctor::examine))
        .route("/standalone", get(standalone::show).post(standalone::change))
}

/// The node is on its way out.
fn stopping() -> Refusal {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the node is stopping")
}

fn refusal(refused: &Refused) -> Refusal {
    let status = match refused {
        Refused::NothingToPlay | Refused::Source(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Refused::Stuck => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::CONFLICT,
    };
    Refusal::new(status, refused.to_string())
}
