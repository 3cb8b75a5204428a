//! What the API says when something cannot be done.

use axum::{
    Json,
    body::to_bytes,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use unisono_household::{Error, config::Rejected};

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
        // What was asked for may be quoted in it.
        Self { status, text: text.into().replace(char::is_control, " ") }
    }
}

/// The longest refusal of axum's own that is passed on; a field of the longest body is named in full.
const MAX_REFUSAL: usize = 128 * 1024;

/// Axum's own refusals are bare text or nothing; here every one is `{"error": "one line"}`.
pub(super) async fn say_in_one_line(response: Response) -> Response {
    let status = response.status();
    let is_ours = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if is_ours || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let body = to_bytes(response.into_body(), MAX_REFUSAL).await.unwrap_or_default();
    let text = if body.is_empty() { status.to_string() } else { String::from_utf8_lossy(&body).into_owned() };
    ApiError::new(status, text).into_response()
}

impl From<Stopping> for ApiError {
    fn from(_: Stopping) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "the hub is stopping")
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        let status = match refused {
            Refused::UnknownGroup(_) | Refused::UnknownRoom(_) | Refused::NotInGroup(..) => StatusCode::NOT_FOUND,
            Refused::BeyondEnd(..) | Refused::TooLoud(..) => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::CONFLICT,
        };
        Self::new(status, refused.to_string())
    }
}

impl From<Rejected> for ApiError {
    fn from(rejected: Rejected) -> Self {
        let status = match rejected {
            Rejected::UnknownMember(_) | Rejected::UnknownRoom(_) | Rejected::UnknownGroup => StatusCode::NOT_FOUND,
            Rejected::NameEmpty => StatusCode::UNPROCESSABLE_ENTITY,
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
            PlayError::Media(error) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(ErrorView { error: self.text })).into_response()
    }
}
