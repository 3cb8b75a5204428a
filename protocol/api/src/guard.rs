//! Who may ask, and the form of what is answered.

use std::net::IpAddr;

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    http::{Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};

use crate::{MAX_BODY, PREFIX, Refusal, refusal::say_in_one_line};

/// What is said of a path that no route has.
pub const NOTHING_HERE: &str = "there is nothing here; the API is at /api/v1";

/// Routes under [`PREFIX`] and beside those, for whoever has been let in already; refusals in one line.
pub fn routed<S: Clone + Send + Sync + 'static>(api: Router<S>, beside: Router<S>) -> Router<S> {
    let api = api.method_not_allowed_fallback(async |method: Method| {
        let problem = format!("{method} cannot be done here; the header \"Allow\" says what can");
        Refusal::new(StatusCode::METHOD_NOT_ALLOWED, problem)
    });
    let nothing = async || Refusal::new(StatusCode::NOT_FOUND, NOTHING_HERE);
    Router::new().nest(PREFIX, api).merge(beside).fallback(nothing).layer(middleware::map_response(say_in_one_line))
}

/// As [`routed`], for programs on this machine alone, and with routes beside those of the API.
pub fn guarded<S: Clone + Send + Sync + 'static>(api: Router<S>, beside: Router<S>) -> Router<S> {
    routed(api, beside).layer(middleware::from_fn(only_this_machine)).layer(middleware::from_fn(read_whole))
}

/// Reads a request to its end before it is answered: of a connection with something unread in it no second request is
/// taken, and whoever has just sent one is left without an answer.
async fn read_whole(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match to_bytes(body, MAX_BODY).await {
        Ok(body) => next.run(Request::from_parts(parts, Body::from(body))).await,
        Err(_) => {
            let problem = format!("the body breaks off or is longer than {} KiB", MAX_BODY / 1024);
            let refusal = Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, problem);
            ([(header::CONNECTION, "close")], refusal).into_response()
        }
    }
}

/// Refuses what a web page of somebody else's could send: a foreign `Host` (DNS rebinding), a foreign `Origin`.
async fn only_this_machine(request: Request, next: Next) -> Response {
    match refusal(&request) {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    }
}

fn refusal(request: &Request) -> Option<Refusal> {
    // What cannot be read is nobody here.
    let text = |name| request.headers().get(name).map(|value| value.to_str().unwrap_or_default());
    let is_local = |authority: &str| {
        let host = authority.rsplit_once(':').map_or(authority, |(host, port)| {
            if port.bytes().all(|byte| byte.is_ascii_digit()) { host } else { authority }
        });
        let host = host.trim_matches(['[', ']']);
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    };
    if !text(header::HOST).is_some_and(is_local) {
        return Some(Refusal::new(StatusCode::MISDIRECTED_REQUEST, "this API answers to localhost only"));
    }
    // Another server on this machine has pages of its own, which are somebody else's, too.
    let host = text(header::HOST);
    let elsewhere = text(header::ORIGIN).is_some_and(|origin| origin.strip_prefix("http://") != host);
    let site = text(header::HeaderName::from_static("sec-fetch-site"));
    let foreign = elsewhere || site.is_some_and(|site| !matches!(site, "same-origin" | "none"));
    if foreign && !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Some(Refusal::new(StatusCode::FORBIDDEN, "a page from elsewhere may not change anything here"));
    }
    None
}
