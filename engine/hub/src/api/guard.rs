//! What every request goes through before a route sees it, and every answer afterwards.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    body::{Body, HttpBody as _, to_bytes},
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tokio::time::timeout;
use unisono_api::{MAX_BODY, Refusal};
use unisono_household::config::access::Scope;

use super::{error::ApiError, server::Standing};
use crate::{
    access::{Access, Caller, Claims, Shown, Wanted, Who, foreign, wanted},
    engine::unix_now,
};

/// A body is here within this, or whoever sends it has other things in mind.
const BODY_LIMIT: Duration = Duration::from_secs(10);

/// What proxies add to a request that they pass on. One that adds nothing cannot be told from a program on this machine.
const BY_PROXIES: [&str; 7] =
    ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-server", "x-real-ip"];

/// Where a connection comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

/// Who asks, for a route that makes a difference.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    /// Where from.
    pub(super) from: IpAddr,
    /// Whether it is a program on this machine, for itself.
    pub(super) here: bool,
    /// Who, if the hub knows.
    pub(super) caller: Option<Caller>,
    /// Whether the page is one of https: then its cookie is for https alone.
    pub(super) over_tls: bool,
}

impl Asker {
    /// What whoever asks may do.
    pub(super) fn scope(&self) -> Option<Scope> {
        self.caller.as_ref().map(|caller| caller.scope)
    }

    /// Refuses what wants more than whoever asks may do.
    pub(super) fn check(&self, wants: Scope) -> Result<(), ApiError> {
        if self.scope() >= Some(wants) { Ok(()) } else { Err(too_little(wants)) }
    }
}

impl<S: Sync> FromRequestParts<S> for Asker {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let missing = || ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "nobody has judged who asks");
        parts.extensions.get::<Self>().cloned().ok_or_else(missing)
    }
}

/// Reads a request to its end before it is answered: of a connection with something unread in it no second request is
/// taken, and whoever has just sent one is left without an answer.
pub(super) async fn read_whole(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let refusal = match timeout(BODY_LIMIT, to_bytes(body, MAX_BODY)).await {
        Ok(Ok(body)) => {
            if let Some(standing) = parts.extensions.get::<Standing>() {
                standing.is_whole();
            }
            return next.run(Request::from_parts(parts, Body::from(body))).await;
        }
        Ok(Err(_)) => {
            let problem = format!("the body breaks off or is longer than {} KiB", MAX_BODY / 1024);
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, problem)
        }
        Err(_) => Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body does not come"),
    };
    ([(header::CONNECTION, "close")], refusal).into_response()
}

/// Lets in whoever may ask this.
pub(super) async fn judge(State(access): State<Arc<Access>>, mut request: Request, next: Next) -> Response {
    match judged(&access, &request) {
        Ok(asker) => {
            if asker.caller.is_some()
                && let Some(standing) = request.extensions().get::<Standing>()
            {
                standing.is_known();
            }
            request.extensions_mut().insert(asker);
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

fn judged(access: &Access, request: &Request) -> Result<Asker, ApiError> {
    let (method, headers) = (request.method(), request.headers());
    let refused = |status, problem| Err(ApiError::new(status, problem));
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if !access.hosts.is_ours(host) {
        let problem = "this hub is not called so; use its address or its name, or add the name to `api_hosts`";
        return refused(StatusCode::MISDIRECTED_REQUEST, problem);
    }
    let changes = !matches!(*method, Method::GET | Method::HEAD);
    let opens_socket = headers.get(header::UPGRADE).is_some();
    let claims = Claims::of(headers, host);
    if (changes || opens_socket) && foreign(claims) {
        return refused(StatusCode::FORBIDDEN, "a page from elsewhere may not change anything here");
    }
    let from = request.extensions().get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
    let shown = Shown {
        from,
        forwarded: BY_PROXIES.iter().any(|name| headers.contains_key(*name)),
        token: bearer(headers),
        session: access.cookie_in(headers),
    };
    let who = access.who(shown, unix_now());
    let caller = match who {
        Who::Known(caller) => Some(caller),
        Who::Nobody | Who::BadToken => None,
    };
    // A browser adds the cookie to whatever a page has it send; those that do not say which page are too old.
    if changes && caller.as_ref().is_some_and(|caller| caller.by_cookie) && !claims.is_of_a_browser() {
        return refused(StatusCode::FORBIDDEN, "a session changes things from its own page only; programs use a token");
    }
    if let Wanted::Scope(scope) = wanted(method, request.uri().path()) {
        match &caller {
            None if shown.token.is_some() => {
                return refused(StatusCode::UNAUTHORIZED, "this token is not good; `unisono access create` makes one");
            }
            None if access.setup_needed() => {
                let problem = "this hub has no administrator yet; open its page and type the code that it has printed";
                return refused(StatusCode::UNAUTHORIZED, problem);
            }
            None => return refused(StatusCode::UNAUTHORIZED, "log in, or send a token"),
            Some(caller) if caller.scope < scope => return Err(too_little(scope)),
            Some(_) => {}
        }
    }
    let over_tls = claims.origin.is_some_and(|origin| origin.starts_with("https://"));
    Ok(Asker { from, here: shown.is_here(), caller, over_tls })
}

/// A form of a page, the one thing that it may send anywhere without being asked, is never JSON.
pub(super) async fn want_json(request: Request, next: Next) -> Response {
    // It is here as a whole; some programs send nothing in chunks.
    let has_body = request.body().size_hint().exact() != Some(0);
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if has_body && !essence.eq_ignore_ascii_case("application/json") {
        let problem = "a body has to be JSON, with `Content-Type: application/json`";
        return Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, problem).into_response();
    }
    next.run(request).await
}

fn too_little(wants: Scope) -> ApiError {
    let problem = format!("this takes the scope \"{}\"; ask whoever administers the hub", wants.name());
    ApiError::new(StatusCode::FORBIDDEN, problem)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().unwrap_or_default().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// What keeps browsers from doing with an answer what it is not meant for.
pub(super) async fn strict(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let is_page = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, if is_page { PAGE_POLICY } else { POLICY }),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        // A route may be stricter.
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    // What the hub says is true now.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// For data: nothing in it is to be run or shown.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// For the page: its own files and nothing else, no script or style within it.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
                           connect-src 'self'; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; \
                           form-action 'none'";
