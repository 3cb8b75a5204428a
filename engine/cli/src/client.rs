//! Talks to a hub's control API.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use serde::{Serialize, de::DeserializeOwned};
use unisono_hub::api::types::ErrorView;
use ureq::{
    Agent, Body, RequestBuilder,
    http::{Response, Uri},
    typestate::{WithBody, WithoutBody},
};

/// Longer than any answer takes, a file on a slow disk included.
const TIMEOUT: Duration = Duration::from_secs(20);

/// One hub.
pub(crate) struct Client {
    agent: Agent,
    api: String,
}

impl Client {
    /// For the API at `address:port`.
    pub(crate) fn new(api: &str) -> Self {
        let config = Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false).build();
        Self { agent: config.into(), api: api.trim_start_matches("http://").trim_end_matches('/').into() }
    }

    pub(crate) fn get<T: DeserializeOwned>(&self, what: &str) -> anyhow::Result<T> {
        self.get_from(&[what])
    }

    pub(crate) fn get_from<T: DeserializeOwned>(&self, path: &[&str]) -> anyhow::Result<T> {
        self.plain(self.agent.get(self.uri(path)?))
    }

    pub(crate) fn post<T: DeserializeOwned>(&self, what: &str, body: &impl Serialize) -> anyhow::Result<T> {
        self.post_to(&[what], body)
    }

    pub(crate) fn post_to<T: DeserializeOwned>(&self, path: &[&str], body: &impl Serialize) -> anyhow::Result<T> {
        self.with_body(self.agent.post(self.uri(path)?), body)
    }

    pub(crate) fn patch<T: DeserializeOwned>(&self, path: &[&str], body: &impl Serialize) -> anyhow::Result<T> {
        self.with_body(self.agent.patch(self.uri(path)?), body)
    }

    pub(crate) fn put<T: DeserializeOwned>(&self, path: &[&str]) -> anyhow::Result<T> {
        self.with_body(self.agent.put(self.uri(path)?), &())
    }

    pub(crate) fn delete<T: DeserializeOwned>(&self, path: &[&str]) -> anyhow::Result<T> {
        self.plain(self.agent.delete(self.uri(path)?))
    }

    fn uri(&self, path: &[&str]) -> anyhow::Result<Uri> {
        let path: Vec<String> = path.iter().map(|part| escaped(part)).collect();
        let uri = format!("http://{}/api/v1/{}", self.api, path.join("/"));
        uri.parse().map_err(|_| anyhow!("--api: \"{}\" is no address; write 127.0.0.1:8480", self.api))
    }

    fn plain<T: DeserializeOwned>(&self, request: RequestBuilder<WithoutBody>) -> anyhow::Result<T> {
        self.answer(request.call())
    }

    fn with_body<T: DeserializeOwned>(
        &self,
        request: RequestBuilder<WithBody>,
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        self.answer(request.send_json(body))
    }

    fn answer<T: DeserializeOwned>(&self, answer: Result<Response<Body>, ureq::Error>) -> anyhow::Result<T> {
        let mut response = answer.map_err(|error| match error {
            ureq::Error::Io(reason) => {
                anyhow!("no hub answers at {}: {reason}; is `unisono-hub` running here?", self.api)
            }
            ureq::Error::Timeout(_) => anyhow!("the hub at {} does not answer in time", self.api),
            other => anyhow!("the hub at {} cannot be asked: {other}", self.api),
        })?;
        let status = response.status();
        let text = response.body_mut().read_to_string().context("the hub's answer broke off")?;
        if !status.is_success() {
            let said = serde_json::from_str::<ErrorView>(&text).map_or(text, |view| view.error);
            bail!("{}", if said.is_empty() { status.to_string() } else { said });
        }
        // No content is null.
        let text = if text.is_empty() { "null" } else { &text };
        serde_json::from_str(text).with_context(|| format!("what answers at {} is no hub of this version", self.api))
    }
}

/// A name as a part of a path (RFC 3986).
fn escaped(part: &str) -> String {
    let mut escaped = String::new();
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rooms_may_hold_anything() {
        assert_eq!(escaped("living room/2"), "living%20room%2F2");
        assert_eq!(escaped("Küche"), "K%C3%BCche");
        assert_eq!(escaped(".."), "..");
    }
}
