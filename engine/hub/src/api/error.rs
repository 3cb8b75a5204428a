//! What the API says when something cannot be done.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use unisono_api::Refusal;
use unisono_household::{Error, config::Rejected};

use crate::{access::TooMany, engine::PlayError, house::Refused};

/// A refusal, from whatever the hub's parts say.
#[derive(Debug)]
pub(super) struct ApiError {
    refusal: Refusal,
    /// For so many seconds asking again is of no use.
    wait_s: Option<u64>,
}

/// The hub is on its way out.
pub(super) struct Stopping;

impl ApiError {
    /// The hub is on its way out.
    pub(super) const STOPPING: Stopping = Stopping;

    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { refusal: Refusal::new(status, text), wait_s: None }
    }
}

impl From<Stopping> for ApiError {
    fn from(_: Stopping) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "the hub is stopping")
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        let status = match refused {
            Refused::UnknownGroup(_)
            | Refused::UnknownRoom(_)
            | Refused::UnknownEntry(..)
            | Refused::NotInGroup(..) => StatusCode::NOT_FOUND,
            _ => StatusCode::CONFLICT,
        };
        Self::new(status, refused.to_string())
    }
}

/// Somebody guesses.
impl From<TooMany> for ApiError {
    fn from(too_many: TooMany) -> Self {
        let wait_s = too_many.wait.as_millis().div_ceil(1_000).try_into().unwrap_or(u64::MAX);
        let problem = format!("too many attempts; wait {wait_s} s");
        Self { refusal: Refusal::new(StatusCode::TOO_MANY_REQUESTS, problem), wait_s: Some(wait_s) }
    }
}

/// The system cannot give what it always gives.
impl From<std::io::Error> for ApiError {
    fn from(error: std::io::Error) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

impl From<Rejected> for ApiError {
    fn from(rejected: Rejected) -> Self {
        let status = match rejected {
            Rejected::UnknownMember(_)
            | Rejected::UnknownRoom(_)
            | Rejected::UnknownGroup
            | Rejected::UnknownGrant
            | Rejected::UnknownScene
            | Rejected::UnknownStation => StatusCode::NOT_FOUND,
            Rejected::NameEmpty | Rejected::BadUrl(_) => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::CONFLICT,
        };
        Self::new(status, rejected.to_string())
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error {
            Error::Rejected(rejected) => rejected.into(),
            other => Self::new(StatusCode::INTERNAL_SERVER_ERROR, other.to_string()),
        }
    }
}

impl From<PlayError> for ApiError {
    fn from(error: PlayError) -> Self {
        match error {
            PlayError::Refused(refused) => refused.into(),
            PlayError::Stopping => Stopping.into(),
            error => Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.refusal.into_response();
        if let Some(wait_s) = self.wait_s {
            response.headers_mut().insert(header::RETRY_AFTER, wait_s.into());
        }
        response
    }
}
