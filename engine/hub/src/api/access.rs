//! Setting up, logging in and out, and tokens for programs.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use unisono_api::body::Body;
use unisono_household::config::{
    Command,
    access::{Grant, GrantHash, Scope},
};

use super::{
    configure,
    error::ApiError,
    guard::Asker,
    types::{AccessView, Login, MAX_SECRET, MIN_SECRET, NewAccess, NewAccessView, SessionView, Setup},
};
use crate::{
    access::{Access, draw_token, hash_secret, is_secret},
    engine::{EngineHandle, unix_now},
};

/// A browser that is logged in has to log in again after a month.
const SESSION_SECS: u64 = 30 * 86_400;

/// Who asks, and whether the hub has yet to be set up.
#[utoipa::path(get, path = "/session", tag = "access", responses((status = OK, body = SessionView)))]
pub(super) async fn session(State(access): State<Arc<Access>>, asker: Asker) -> Json<SessionView> {
    Json(SessionView {
        setup_needed: access.setup_needed(),
        scope: asker.scope().map(|scope| scope.name().into()),
        name: asker.caller.and_then(|caller| caller.name),
        loopback: asker.here,
    })
}

/// Sets the administrator's secret: with the setup code while there is none, later as an administrator.
#[utoipa::path(post, path = "/setup", tag = "access", request_body = Setup, responses(
    (status = NO_CONTENT, description = "the secret is set; a cookie lets the browser in"),
    (status = CONFLICT, description = "the hub has a secret already"),
    (status = TOO_MANY_REQUESTS, description = "too many have guessed; wait", headers(("Retry-After" = u64))),
))]
pub(super) async fn setup(
    State(engine): State<EngineHandle>,
    State(access): State<Arc<Access>>,
    asker: Asker,
    Body(wanted): Body<Setup>,
) -> Result<Response, ApiError> {
    if !(MIN_SECRET..=MAX_SECRET).contains(&wanted.secret.chars().count()) {
        let problem = format!("secret: it takes {MIN_SECRET} to {MAX_SECRET} letters");
        return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, problem));
    }
    // One after the other: nobody else sets up the hub in between.
    let _turn = access.hashing.acquire().await.map_err(|_| ApiError::STOPPING)?;
    if asker.scope() != Some(Scope::Admin) {
        if !access.setup_needed() {
            return Err(ApiError::new(StatusCode::CONFLICT, "this hub is set up; log in with its secret"));
        }
        access.may_try(asker.from)?;
        if !access.try_code(&wanted.code) {
            let problem = if access.has_code() {
                "code: it is not the one that the hub has printed"
            } else {
                "code: it is good no more; restart the hub, which prints another"
            };
            return Err(ApiError::new(StatusCode::FORBIDDEN, problem));
        }
        access.was_right(asker.from);
    }
    let hashed = tokio::task::spawn_blocking(move || hash_secret(&wanted.secret)).await;
    let secret = hashed.map_err(|_| ApiError::STOPPING)??;
    configure(&engine, Command::SetSecret { secret }).await?;
    access.spend_code();
    log_in(&engine, &access, &asker).await
}

/// Lets a browser in with the administrator's secret.
#[utoipa::path(post, path = "/login", tag = "access", request_body = Login, responses(
    (status = NO_CONTENT, description = "a cookie lets the browser in"),
    (status = CONFLICT, description = "the hub has no secret yet"),
    (status = TOO_MANY_REQUESTS, description = "too many have guessed; wait", headers(("Retry-After" = u64))),
))]
pub(super) async fn login(
    State(engine): State<EngineHandle>,
    State(access): State<Arc<Access>>,
    asker: Asker,
    Body(wanted): Body<Login>,
) -> Result<Response, ApiError> {
    let Some(secret) = access.config().borrow().access.secret.clone() else {
        return Err(ApiError::new(StatusCode::CONFLICT, "this hub has no secret yet; set it up first"));
    };
    access.may_try(asker.from)?;
    let turn = access.hashing.acquire().await.map_err(|_| ApiError::STOPPING)?;
    let is_right = wanted.secret.chars().count() <= MAX_SECRET
        && tokio::task::spawn_blocking(move || is_secret(&wanted.secret, &secret))
            .await
            .map_err(|_| ApiError::STOPPING)?;
    drop(turn);
    if !is_right {
        return Err(ApiError::new(StatusCode::FORBIDDEN, "secret: it is not the hub's"));
    }
    access.was_right(asker.from);
    log_in(&engine, &access, &asker).await
}

/// Logs a browser out.
#[utoipa::path(post, path = "/logout", tag = "access", responses(
    (status = NO_CONTENT, description = "the cookie is good no more"),
))]
pub(super) async fn logout(
    State(engine): State<EngineHandle>,
    State(access): State<Arc<Access>>,
    asker: Asker,
) -> Result<Response, ApiError> {
    if let Some(caller) = asker.caller.as_ref().filter(|caller| caller.by_cookie)
        && let Some(hash) = caller.grant
    {
        configure(&engine, Command::RevokeGrant { hash }).await?;
    }
    Ok(with_cookie(&access.cookie("", 0, asker.over_tls)))
}

/// Lists tokens, and browsers that are logged in.
#[utoipa::path(get, path = "/access", tag = "access", responses((status = OK, body = Vec<AccessView>)))]
pub(super) async fn list(State(access): State<Arc<Access>>) -> Json<Vec<AccessView>> {
    let (config, now) = (access.config(), unix_now());
    let config = config.borrow();
    let kept = &config.access;
    let good = kept.grants.keys().filter_map(|hash| Some((hash, kept.grant(*hash, now)?)));
    Json(good.map(|(hash, grant)| view(*hash, grant)).collect())
}

/// Makes a token for a program.
#[utoipa::path(post, path = "/access", tag = "access", request_body = NewAccess, responses(
    (status = CREATED, body = NewAccessView),
    (status = CONFLICT, description = "another token has the name"),
))]
pub(super) async fn create(
    State(engine): State<EngineHandle>,
    Body(wanted): Body<NewAccess>,
) -> Result<(StatusCode, Json<NewAccessView>), ApiError> {
    let problem = || format!("scope: \"{}\" is none of read, control, admin", wanted.scope);
    let scope =
        Scope::named(&wanted.scope).ok_or_else(|| ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, problem()))?;
    let token = draw_token()?;
    let hash = GrantHash::of(&token);
    let grant = Grant { name: wanted.name, scope, created_unix: unix_now(), session_until_unix: None };
    configure(&engine, Command::Grant { hash, grant }).await?;
    let config = engine.config();
    let config = config.borrow();
    let made = config.access.grants.get(&hash).ok_or(ApiError::STOPPING)?;
    let view = NewAccessView { id: hash.to_string(), name: made.name.clone(), scope: scope.name().into(), token };
    Ok((StatusCode::CREATED, Json(view)))
}

/// Ends a token, or logs a browser out: at once, and what it has open with it.
#[utoipa::path(delete, path = "/access/{id}", tag = "access", params(("id" = String, Path)), responses(
    (status = NO_CONTENT, description = "it is good no more"),
    (status = NOT_FOUND, description = "there is none"),
))]
pub(super) async fn revoke(State(engine): State<EngineHandle>, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    let found = engine.config().borrow().access.grants.keys().find(|hash| hash.to_string() == id).copied();
    let unknown = || {
        let problem = format!("there is no token \"{id}\"; `unisono access list` lists them");
        ApiError::new(StatusCode::NOT_FOUND, problem)
    };
    configure(&engine, Command::RevokeGrant { hash: found.ok_or_else(unknown)? }).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn log_in(engine: &EngineHandle, access: &Access, asker: &Asker) -> Result<Response, ApiError> {
    let token = draw_token()?;
    let created_unix = unix_now();
    let grant = Grant {
        name: format!("browser at {}", asker.from.to_canonical()),
        scope: Scope::Admin,
        created_unix,
        session_until_unix: Some(created_unix + SESSION_SECS),
    };
    configure(engine, Command::Grant { hash: GrantHash::of(&token), grant }).await?;
    Ok(with_cookie(&access.cookie(&token, SESSION_SECS, asker.over_tls)))
}

fn with_cookie(cookie: &str) -> Response {
    let cookie = HeaderValue::from_str(cookie).map(|cookie| [(header::SET_COOKIE, cookie)]);
    match cookie {
        Ok(cookie) => (StatusCode::NO_CONTENT, cookie).into_response(),
        Err(_) => StatusCode::NO_CONTENT.into_response(),
    }
}

fn view(hash: GrantHash, grant: &Grant) -> AccessView {
    AccessView {
        id: hash.to_string(),
        name: grant.name.clone(),
        scope: grant.scope.name().into(),
        kind: if grant.session_until_unix.is_some() { "session" } else { "token" }.into(),
        created_unix: grant.created_unix,
        until_unix: grant.session_until_unix,
    }
}
