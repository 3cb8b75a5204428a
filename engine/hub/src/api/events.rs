//! The WebSocket of changes.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::{
        State, WebSocketUpgrade,
        ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code},
    },
    http::StatusCode,
    response::Response,
};
use tokio::{
    sync::watch,
    time::{Instant, interval, timeout},
};

use super::{
    error::ApiError,
    guard::Asker,
    server::{is_here, stopped},
    watch::Watch,
};
use crate::{access::Access, engine::unix_now};

/// Sockets in all.
const MAX_SOCKETS: usize = 300;

/// Sockets of one address; this machine has no limit of its own.
const MAX_OF_ONE: usize = 32;

/// So often the hub asks whether somebody is still there.
const PING: Duration = Duration::from_secs(20);

/// Who answers nothing for so long is gone.
const SILENCE: Duration = Duration::from_secs(50);

/// Who takes nothing of what is sent for so long is gone.
const SEND_LIMIT: Duration = Duration::from_secs(10);

/// Nothing is expected from the other side, and it is not to fill the memory.
const MAX_MESSAGE: usize = 4 * 1024;

/// Of pongs there is one for each ping. Who says more than this meanwhile wants nothing but to keep the hub busy.
const MAX_SAID: u32 = 64;

/// The sockets that are there.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    of: Mutex<HashMap<IpAddr, usize>>,
}

/// A place among them.
struct Place {
    sockets: Arc<Sockets>,
    from: IpAddr,
}

impl Sockets {
    fn take(self: &Arc<Self>, from: IpAddr) -> Option<Place> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let from = from.to_canonical();
        let has = of.get(&from).copied().unwrap_or_default();
        if of.values().sum::<usize>() >= MAX_SOCKETS || (!is_here(from) && has >= MAX_OF_ONE) {
            return None;
        }
        of.insert(from, has + 1);
        Some(Place { sockets: Arc::clone(self), from })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut of = self.sockets.of.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(has) = of.get_mut(&self.from) {
            *has -= 1;
            if *has == 0 {
                of.remove(&self.from);
            }
        }
    }
}

/// Everything as it is, then what changes: a WebSocket of JSON texts.
///
/// The first is `{"seq": N, "at": S, "snapshot": {...}}`, with `hub`, `rooms`, `groups`, `nodes`, `sources`, `stations`,
/// `scenes`, `library` and `health`. Each that follows is
/// `{"seq": N+1, "at": S, "changed": {"rooms": [...]}, "removed": {"rooms": ["id"]}}`: a view that has changed comes
/// whole, `hub`, `library` and `health` as they are in a snapshot. Sources go by their `name`, all else by its `id`. A
/// queue has changed when its `version` in its group has; the library is looked at twice a second. `at` is in seconds on the hub's clock; a position
/// goes on by itself from there while its group plays. Who reads too slowly gets another snapshot, with
/// `"resync": true`. When the session or token ends, so does the socket, with code 1008.
#[utoipa::path(get, path = "/events", tag = "events", responses(
    (status = SWITCHING_PROTOCOLS, description = "a WebSocket"),
    (status = BAD_REQUEST, description = "it is no WebSocket"),
    (status = UPGRADE_REQUIRED, description = "it is no WebSocket"),
    (status = TOO_MANY_REQUESTS, description = "there are too many already"),
))]
pub(super) async fn events(
    State(events): State<Events>,
    asker: Asker,
    socket: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let socket = socket.map_err(|no_socket| ApiError::new(no_socket.status(), no_socket.body_text()))?;
    let too_many = "too many watch already; close a page, or wait";
    let place = events.sockets.take(asker.from);
    let place = place.ok_or_else(|| ApiError::new(StatusCode::TOO_MANY_REQUESTS, too_many))?;
    let socket = socket.max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE);
    Ok(socket.on_upgrade(move |socket| async move {
        serve(socket, &events, &asker).await;
        drop(place);
    }))
}

/// What sockets are served with.
#[derive(Clone)]
pub(super) struct Events {
    pub(super) watch: Arc<Watch>,
    pub(super) access: Arc<Access>,
    pub(super) sockets: Arc<Sockets>,
    pub(super) stop: watch::Receiver<bool>,
}

async fn serve(mut socket: WebSocket, events: &Events, asker: &Asker) {
    let reason = watch(&mut socket, events, asker).await;
    if let Some((code, reason)) = reason {
        let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
        let _ = timeout(SEND_LIMIT, socket.send(Message::Close(Some(frame)))).await;
    }
}

/// Until somebody has enough. Gives what the other side is to be told.
async fn watch(socket: &mut WebSocket, events: &Events, asker: &Asker) -> Option<(u16, &'static str)> {
    let stopping = Some((close_code::AWAY, "the hub is stopping"));
    let Some((snapshot, mut watcher)) = events.watch.begin().await else { return stopping };
    send(socket, Message::Text(snapshot)).await?;
    let (mut stop, mut config) = (events.stop.clone(), events.access.config());
    let mut ping = interval(PING);
    let (mut heard, mut said) = (Instant::now(), 0);
    loop {
        tokio::select! {
            next = watcher.next() => match next {
                Some(text) => send(socket, Message::Text(text)).await?,
                None => return stopping,
            },
            received = socket.recv() => match received {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {
                    (heard, said) = (Instant::now(), said + 1);
                    if said > MAX_SAID {
                        return Some((close_code::POLICY, "nothing is expected here"));
                    }
                }
            },
            _ = ping.tick() => {
                said = 0;
                if heard.elapsed() > SILENCE {
                    return None;
                }
                if !is_still_let_in(&events.access, asker) {
                    return Some((close_code::POLICY, "log in again"));
                }
                send(socket, Message::Ping(Vec::new().into())).await?;
            }
            _ = config.changed() => {
                if !is_still_let_in(&events.access, asker) {
                    return Some((close_code::POLICY, "log in again"));
                }
            }
            () = stopped(&mut stop) => return stopping,
        }
    }
}

/// Whether whoever was let in would be so now.
fn is_still_let_in(access: &Access, asker: &Asker) -> bool {
    let Some(caller) = &asker.caller else { return false };
    match caller.grant {
        Some(hash) => access.config().borrow().access.grant(hash, unix_now()).is_some(),
        // A program on this machine that was let in because there was no secret yet, or with the token for it.
        None => caller.by_local_token || access.setup_needed(),
    }
}

async fn send(socket: &mut WebSocket, message: Message) -> Option<()> {
    timeout(SEND_LIMIT, socket.send(message)).await.ok()?.ok()
}
