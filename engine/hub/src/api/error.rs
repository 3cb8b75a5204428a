//! What the API says when something cannot be done.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::types::ErrorView;
use crate::{engine::PlayError, house::Refused};

/// A status and one line for a person.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    text: String,
}

/// The hub is on its way out.
pub(super) struct Stopping;

impl ApiError {
    /// The hub is on its way out.
    pub(super) const STOPPING: Stopping = Stopping;

    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
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
            Refused::UnknownGroup(_) | Refused::UnknownRoom(_) => StatusCode::NOT_FOUND,
            Refused::BeyondEnd(..) => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::CONFLICT,
        };
        Self::new(status, refused.to_string())
    }
}

impl From<PlayError> for ApiError {
    fn from(error: PlayError) -> Self {
        match error {
            PlayError::Refused(refused) => refused.into(),
            PlayError::Stopping => Stopping.into(),
            PlayError::Media(error) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(ErrorView { error: self.text })).into_response()
    }
}
