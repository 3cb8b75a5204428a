//! What a hub asks of the node's API for somebody who asked the hub: carried out by the same routes, answered in parts.

use std::{collections::HashMap, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{Request, header},
    response::IntoResponse,
};
use futures_util::StreamExt;
use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinSet},
    time::timeout,
};
use tower::ServiceExt;
use unisono_api::{PREFIX, Refusal};
use unisono_core::wire::{
    control::{Answer, Ask, MAX_PART, Method},
    ids::AskId,
};

/// Parts that may wait for the session to send them.
const QUEUE: usize = 16;

/// The longest answer, in bytes.
const MAX_ANSWER: usize = 1024 * 1024;

/// Nothing that may be asked takes longer.
const LIMIT: Duration = Duration::from_secs(180);

/// The status of what took longer: gateway timeout.
const TOO_LONG: u16 = 504;

/// The asks of one connection. Dropping it ends them.
#[derive(Debug)]
pub(crate) struct Relay {
    router: Router,
    parts: (mpsc::Sender<Answer>, mpsc::Receiver<Answer>),
    running: HashMap<AskId, AbortHandle>,
    tasks: JoinSet<()>,
}

impl Relay {
    /// Nothing is asked yet.
    pub(crate) fn new(router: Router) -> Self {
        Self { router, parts: mpsc::channel(QUEUE), running: HashMap::new(), tasks: JoinSet::new() }
    }

    /// Carries something out.
    pub(crate) fn ask(&mut self, ask: Ask) {
        let (id, parts) = (ask.id, Parts { id: ask.id, sender: self.parts.0.clone() });
        // Those that were dropped have told nobody.
        while self.tasks.try_join_next().is_some() {}
        let router = self.router.clone();
        let abort = self.tasks.spawn(async move {
            if timeout(LIMIT, carry_out(router, ask, &parts)).await.is_err() {
                parts.send(TOO_LONG, Vec::new(), true).await;
            }
        });
        self.running.insert(id, abort);
    }

    /// Drops it.
    pub(crate) fn forget(&mut self, id: AskId) {
        if let Some(task) = self.running.remove(&id) {
            task.abort();
        }
    }

    /// The next part of any answer. Loses nothing when it is cancelled.
    pub(crate) async fn next(&mut self) -> Answer {
        loop {
            // It holds a sender itself.
            let Some(answer) = self.parts.1.recv().await else { continue };
            if answer.last {
                self.running.remove(&answer.id);
                while self.tasks.try_join_next().is_some() {}
            }
            return answer;
        }
    }
}

/// The status of a last part behind which something is missing, whatever that of the answer was.
const BROKEN_OFF: u16 = 502;

struct Parts {
    id: AskId,
    sender: mpsc::Sender<Answer>,
}

impl Parts {
    /// Whether anybody takes it.
    async fn send(&self, status: u16, part: Vec<u8>, last: bool) -> bool {
        self.sender.send(Answer { id: self.id, status, part, last }).await.is_ok()
    }
}

async fn carry_out(router: Router, ask: Ask, parts: &Parts) {
    let response = match request_of(ask) {
        Ok(request) => match router.oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        },
        Err(refusal) => refusal.into_response(),
    };
    let status = response.status().as_u16();
    let (mut body, mut length) = (response.into_body().into_data_stream(), 0);
    while let Some(bytes) = body.next().await {
        length += bytes.as_ref().map_or(0, bytes::Bytes::len);
        let Some(bytes) = bytes.ok().filter(|_| length <= MAX_ANSWER) else {
            parts.send(BROKEN_OFF, Vec::new(), true).await;
            return;
        };
        for part in bytes.chunks(MAX_PART) {
            if !parts.send(status, part.into(), false).await {
                return;
            }
        }
    }
    parts.send(status, Vec::new(), true).await;
}

fn request_of(ask: Ask) -> Result<Request<Body>, Refusal> {
    check(&ask)?;
    let method = match ask.method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Patch => "PATCH",
        Method::Delete => "DELETE",
        Method::Other(_) => return Err(Refusal::impossible("this node does not know that method; update it")),
    };
    let mut request = Request::builder().method(method).uri(format!("{PREFIX}{}", ask.path));
    if !ask.body.is_empty() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    let impossible = |_| Refusal::impossible("this path cannot be");
    request.body(Body::from(ask.body)).map_err(impossible)
}

/// Whether a hub may ask it: everything that reads no file of this machine by its name.
fn check(ask: &Ask) -> Result<(), Refusal> {
    let path = ask.path.split('?').next().unwrap_or_default();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let is_empty = ask.body.iter().all(|byte| b"{} \t\r\n".contains(byte));
    let may = match segments[..] {
        ["node" | "rooms" | "doctor"] => ask.method == Method::Get,
        ["bluetooth", ..] | ["standalone"] => true,
        ["rooms", _] => ask.method == Method::Patch,
        ["rooms", _, "pause" | "next" | "stop"] => true,
        ["rooms", _, "beep"] => ask.method == Method::Post,
        // Without anything named in it.
        ["rooms", _, "play"] => is_empty,
        _ => false,
    };
    if may { Ok(()) } else { Err(Refusal::conflict("a node does not do this for others; ask it on its own machine")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(method: Method, path: &str, body: &str) -> Ask {
        Ask { id: AskId(1), method, path: path.into(), body: body.into() }
    }

    #[test]
    fn a_hub_may_not_have_a_node_read_files() {
        for (method, path, body) in [
            (Method::Get, "/doctor", ""),
            (Method::Get, "/bluetooth", ""),
            (Method::Post, "/bluetooth/scan?seconds=3", ""),
            (Method::Patch, "/bluetooth/AA:BB:CC:DD:EE:FF", "{\"trim_ms\": 3}"),
            (Method::Post, "/standalone", "{\"on\": true}"),
            (Method::Post, "/rooms/0/play", ""),
            (Method::Post, "/rooms/0/play", "{ }"),
            (Method::Post, "/rooms/kitchen/pause", ""),
            (Method::Post, "/rooms/0/beep", ""),
        ] {
            assert!(check(&ask(method, path, body)).is_ok(), "{path} {body}");
        }
        for (method, path, body) in [
            (Method::Post, "/rooms/0/play", "{\"file\": \"/etc/passwd\"}"),
            (Method::Post, "/rooms/0/play?x", "{\"folder\": \"/\"}"),
            (Method::Post, "/rooms/0/play/", ""),
            (Method::Post, "/rooms/0/../0/play", "{}"),
            (Method::Post, "/%72ooms/0/play", "{\"file\": \"/etc/passwd\"}"),
            (Method::Post, "//rooms/0/play", "{\"file\": \"/etc/passwd\"}"),
            (Method::Post, "rooms/0/play", "{\"file\": \"/etc/passwd\"}"),
            (Method::Post, "/doctor", ""),
            (Method::Post, "/join", "{\"token\": \"unisono1-\"}"),
            (Method::Get, "/rooms/0/beep", ""),
            (Method::Get, "", ""),
            (Method::Get, "/", ""),
            (Method::Get, "/metrics", ""),
        ] {
            assert!(check(&ask(method, path, body)).is_err(), "{path} {body}");
        }
    }

    #[tokio::test]
    async fn an_answer_comes_in_parts_that_fit_and_ends() {
        let long = "x".repeat(MAX_PART * 2 + 5);
        let route = axum::routing::get(async move || long.clone());
        let router = Router::new().nest(PREFIX, Router::new().route("/doctor", route));
        let mut relay = Relay::new(router);
        relay.ask(ask(Method::Get, "/doctor", ""));
        let mut length = 0;
        loop {
            let answer = relay.next().await;
            assert!(answer.validate().is_ok() && answer.status == 200);
            length += answer.part.len();
            if answer.last {
                break;
            }
        }
        assert_eq!(length, MAX_PART * 2 + 5);
        assert!(relay.running.is_empty());
    }

    #[tokio::test]
    async fn what_is_forgotten_is_dropped() {
        let (held, mut dropped) = mpsc::channel::<()>(1);
        let held = std::sync::Mutex::new(Some(held));
        let held = std::sync::Arc::new(held);
        let route = axum::routing::get(async move || {
            let _held = held.lock().unwrap().take();
            std::future::pending::<()>().await;
        });
        let mut relay = Relay::new(Router::new().nest(PREFIX, Router::new().route("/doctor", route)));
        relay.ask(ask(Method::Get, "/doctor", ""));
        tokio::task::yield_now().await;
        relay.forget(AskId(1));
        assert_eq!(dropped.recv().await, None);
    }
}
