//! The control API: JSON over HTTP, and a WebSocket of what changes.
//!
//! | module | what is in it |
//! |---|---|
//! | `server` | the sockets below: few connections, short heads, nobody who is held up by others |
//! | `guard` | what every request goes through: who asks, whether a page elsewhere has brought it about |
//! | `routes` | every route, and their description |
//! | `watch`, `events` | everything as it is, looked at once for all who watch |

mod access;
mod bluetooth;
mod error;
mod events;
mod groups;
mod guard;
mod health;
mod library;
mod metrics;
mod nodes;
mod openapi;
mod page;
mod queue;
mod relay;
mod rooms;
mod routes;
mod scenes;
mod server;
mod sources;
mod stations;
pub mod types;
mod watch;

use std::{io, sync::Arc};

use axum::{
    Json,
    extract::{FromRef, State},
    http::StatusCode,
};
use qrcode::{Color, QrCode};
use tokio::{
    net::TcpListener,
    sync::watch::{Receiver, Sender},
};
use tracing::warn;
use unisono_api::body::Body;
use unisono_core::wire::VERSION;
use unisono_household::{
    config::{Command, Config, access::GrantHash},
    local_access::LocalAccess,
};

pub use self::server::Limits;
use self::{
    error::ApiError,
    events::{Events, Sockets},
    types::{HubView, MAX_TOKEN_LIFETIME_S, MAX_TOKEN_USES, NewToken, TokenView},
    watch::Watch,
};
use crate::{
    access::{Access, Hosts, SetupCode, draw_token, invitation},
    engine::{EngineHandle, addresses_at},
    house::House,
};

/// How the API is served.
#[derive(Clone, Debug, Default)]
pub struct ApiSettings {
    /// Names by which the hub may be called beside its addresses, `localhost` and those of mDNS.
    pub hosts: Vec<String>,
    /// The setup code, where somebody has drawn it already and says it elsewhere, too.
    pub code: Option<SetupCode>,
    /// What connections may do.
    pub limits: Limits,
}

/// What routes are served with.
#[derive(Clone)]
struct Shared {
    engine: EngineHandle,
    access: Arc<Access>,
    events: Events,
    description: openapi::Description,
}

impl FromRef<Shared> for EngineHandle {
    fn from_ref(shared: &Shared) -> Self {
        shared.engine.clone()
    }
}

impl FromRef<Shared> for Arc<Access> {
    fn from_ref(shared: &Shared) -> Self {
        Arc::clone(&shared.access)
    }
}

impl FromRef<Shared> for Events {
    fn from_ref(shared: &Shared) -> Self {
        shared.events.clone()
    }
}

impl FromRef<Shared> for openapi::Description {
    fn from_ref(shared: &Shared) -> Self {
        shared.description.clone()
    }
}

/// Serves with the usual settings until the program ends.
///
/// # Errors
/// When the listener cannot be used.
pub async fn serve(listener: TcpListener, engine: EngineHandle) -> io::Result<()> {
    serve_until(listener, engine, ApiSettings::default(), Sender::new(false).subscribe()).await
}

/// Serves until `stop` is true, then lets what is being answered be finished.
///
/// # Errors
/// When the listener cannot be used.
pub async fn serve_until(
    listener: TcpListener,
    engine: EngineHandle,
    settings: ApiSettings,
    stop: Receiver<bool>,
) -> io::Result<()> {
    let at = listener.local_addr()?;
    let is_reachable = !at.ip().is_loopback();
    let token = draw_token()?;
    // Gone with this function.
    let local = LocalAccess::write(engine.runtime(), at.port(), &token);
    let local = local.inspect_err(|error| warn!("once the hub is set up, `unisono` needs a token: {error}")).ok();
    let hosts = Hosts::new(settings.hosts.iter().map(String::as_str).chain([machine_name().as_str()]));
    let drawn = || settings.code.map_or_else(SetupCode::draw, Ok);
    let code = if is_reachable { drawn()? } else { SetupCode::none() };
    let known = local.as_ref().map(|_| GrantHash::of(&token));
    let access = Arc::new(Access::new(engine.config(), hosts, known, at.port(), code.clone()));
    if is_reachable && access.setup_needed() {
        // Where nobody reads it, somebody on this machine can still set the hub up.
        let printed = unisono_settings::print(invitation(at, &addresses_at(at), &code));
        printed.unwrap_or_else(|error| warn!("the setup code cannot be shown: {error}"));
    }
    let watch = Arc::new(Watch::new(engine.clone(), Arc::clone(&access), is_reachable));
    let looking = tokio::spawn(Arc::clone(&watch).run(stop.clone()));
    let events =
        Events { watch, access: Arc::clone(&access), sockets: Arc::new(Sockets::default()), stop: stop.clone() };
    let router = routes::router(engine, access, events);
    server::serve(listener, router, settings.limits, stop).await;
    looking.abort();
    Ok(())
}

/// What the machine is called.
fn machine_name() -> String {
    std::fs::read_to_string("/etc/hostname").map(|name| name.trim().to_owned()).unwrap_or_default()
}

/// What the hub is.
#[utoipa::path(get, path = "/hub", tag = "hub", responses((status = OK, body = HubView)))]
async fn hub(State(engine): State<EngineHandle>) -> Result<Json<HubView>, ApiError> {
    let (config, port) = (Arc::clone(&engine.config().borrow()), engine.port());
    let view = engine.look(move |engine, _| hub_view(engine.house(), &config, port));
    Ok(Json(view.await.ok_or(ApiError::STOPPING)?))
}

fn hub_view(house: &House, config: &Config, port: u16) -> HubView {
    HubView {
        name: house.name().into(),
        household: config.household.to_string(),
        port,
        protocol: VERSION.to_string(),
        version: env!("CARGO_PKG_VERSION").into(),
        codec: house.settings().codec.to_string(),
        refused_datagrams: house.bad_datagrams(),
    }
}

/// Changes the household's configuration.
async fn configure(engine: &EngineHandle, command: Command) -> Result<(), ApiError> {
    Ok(engine.configure(command).await.ok_or(ApiError::STOPPING)??)
}

/// Makes a token with which nodes join the household.
#[utoipa::path(post, path = "/tokens", tag = "nodes", request_body = NewToken, responses(
    (status = OK, body = TokenView),
    (status = CONFLICT, description = "there are too many"),
))]
async fn issue_token(
    State(engine): State<EngineHandle>,
    Body(wanted): Body<NewToken>,
) -> Result<Json<TokenView>, ApiError> {
    for (key, value) in [("lifetime_s", wanted.lifetime_s), ("uses", wanted.uses.into())] {
        if value == 0 {
            let problem = format!("{key}: with 0 a token is of no use; leave it out or make it 1 or more");
            return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, problem));
        }
    }
    if wanted.lifetime_s > MAX_TOKEN_LIFETIME_S {
        let problem = format!("lifetime_s: {} is more than a year, {MAX_TOKEN_LIFETIME_S}", wanted.lifetime_s);
        return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, problem));
    }
    if wanted.uses > MAX_TOKEN_USES {
        let problem = format!("uses: {} is more than a household has machines, {MAX_TOKEN_USES}", wanted.uses);
        return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, problem));
    }
    let token = engine.issue_token(wanted.lifetime_s, wanted.uses).await.ok_or(ApiError::STOPPING)?;
    let token = token.map_err(|error| ApiError::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    let token = token.to_string();
    let qr = drawn(&format!("unisono-node --join {token}"));
    Ok(Json(TokenView { token, lifetime_s: wanted.lifetime_s, uses: wanted.uses, qr }))
}

/// A text as a QR code, row by row; none where it is too long for one.
fn drawn(text: &str) -> Vec<String> {
    let Ok(code) = QrCode::new(text) else { return Vec::new() };
    let digit = |colour: &Color| if *colour == Color::Dark { '1' } else { '0' };
    code.to_colors().chunks(code.width()).map(|row| row.iter().map(digit).collect()).collect()
}
