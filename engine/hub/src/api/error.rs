//! What the API says when something cannot be done.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use unisono_api::Refusal;
use unisono_household::{Error, config::Rejected};

use crate::{engine::PlayError, house::Refused};

/// A refusal, from whatever the hub's parts say.
#[derive(Debug)]
pub(super) struct ApiError(Refusal);

/// The hub is on its way out.
pub(super) struct Stopping;

impl ApiError {
    /// The hub is on its way out.
    pub(super) const STOPPING: Stopping = Stopping;

    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self(Refusal::new(status, text))
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
            Refused::BeyondEnd(..) | Refused::TooLoud(..) => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::CONFLICT,
        };
        Self::new(status, refused.to_string())
    }
}

impl From<Rejected> for ApiError {
    fn from(rejected: Rejected) -> Self {
        let status = match rejected {
            Rejected::UnknownMember(_)
            | Rejected::UnknownRoom(_)
            | Rejected::UnknownGroup
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
        self.0.into_response()
    }
}
