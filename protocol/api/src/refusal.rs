//! What an API says when something cannot be done.

use axum::{
    Json,
    body::to_bytes,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ErrorView {
    /// One line: what is wrong, and what to try.
    pub error: String,
}

/// A status and one line for a person.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    status: StatusCode,
    text: String,
}

impl Refusal {
    /// A refusal; what was asked for may be quoted in it.
    pub fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into().replace(char::is_control, " ") }
    }

    /// A value that cannot be: 422.
    pub fn impossible(text: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, text)
    }

    /// Something that cannot be done as things are: 409.
    pub fn conflict(text: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, text)
    }

    /// The status.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The line.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(ErrorView { error: self.text })).into_response()
    }
}

/// The longest refusal of axum's own that is passed on; a field of the longest body is named in full.
const MAX_REFUSAL: usize = 128 * 1024;

/// Axum's own refusals are bare text or nothing; here every one is `{"error": "one line"}`.
pub(crate) async fn say_in_one_line(response: Response) -> Response {
    let status = response.status();
    let is_ours = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if is_ours || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let body = to_bytes(response.into_body(), MAX_REFUSAL).await.unwrap_or_default();
    let text = if body.is_empty() { status.to_string() } else { String::from_utf8_lossy(&body).into_owned() };
    Refusal::new(status, text).into_response()
}
