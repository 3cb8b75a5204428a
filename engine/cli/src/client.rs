//! Talks to the control API of a hub or a node.

use std::{
    io::{BufRead, BufReader},
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context, anyhow, bail};
use serde::{Serialize, de::DeserializeOwned};
use unisono_api::{ErrorView, NOTHING_HERE, PREFIX};
use unisono_settings::{API_PORT, NODE_API_PORT, user_runtime_folder};
use ureq::{
    Agent, Body, RequestBuilder,
    http::{Response, Uri},
    typestate::{WithBody, WithoutBody},
};

/// Longer than any answer takes, a file on a slow disk included.
const TIMEOUT: Duration = Duration::from_secs(20);

/// What takes its time (a scan, a pairing) says something within this.
const SLOW: Duration = Duration::from_secs(160);

/// One hub, or one node.
pub(crate) struct Client {
    agent: Agent,
    slow: Agent,
    api: String,
    /// `hub` or `node`.
    kind: &'static str,
    /// What to show to be let in.
    token: Option<String>,
}

impl Client {
    /// For a hub's API at `address:port`.
    pub(crate) fn hub(api: &str) -> Self {
        Self::new(api, "hub", API_PORT)
    }

    /// With a token, or the one that a hub on this machine has left for programs of its user.
    pub(crate) fn with_token(self, token: Option<String>) -> Self {
        // Only a hub that is here is shown what it has left here; where there is nothing, none may be needed.
        let api = self.api.replace("localhost", "127.0.0.1");
        let here = api.parse().ok().filter(|api: &SocketAddr| api.ip().is_loopback());
        let folder = user_runtime_folder();
        let left = here.and_then(|api| unisono_hub::access::local_token(&folder, api.port()).ok().flatten());
        Self { token: token.or(left), ..self }
    }

    /// For a node's.
    pub(crate) fn node(api: &str) -> Self {
        Self::new(api, "node", NODE_API_PORT)
    }

    fn new(api: &str, kind: &'static str, port: u16) -> Self {
        let agent = Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false).build();
        let slow = Agent::config_builder().timeout_recv_response(Some(SLOW)).http_status_as_error(false).build();
        let api = api.trim_start_matches("http://").trim_end_matches('/');
        // A name, such as localhost:8480, is taken as it is.
        let address = unisono_settings::address(api, Ipv4Addr::LOCALHOST.into(), port);
        let api = address.map_or_else(|_| api.into(), |address| address.to_string());
        Self { agent: agent.into(), slow: slow.into(), api, kind, token: None }
    }

    /// Has something done that takes its time, and hands over each line of the answer as it comes, and every second that
    /// there was none; until `take` says that it is enough.
    pub(crate) fn lines<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &str,
        body: &impl Serialize,
        mut take: impl FnMut(&str, Option<T>) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let uri = self.uri_with(path, query)?;
        let response = self.check(self.shown(self.slow.post(uri)).send_json(body))?;
        for line in BufReader::new(response.into_body().into_reader()).lines() {
            let line = line.context("the answer broke off")?;
            if line.is_empty() {
                if !take(&line, None)? {
                    break;
                }
                continue;
            }
            let parsed = serde_json::from_str(&line).map_err(|_| match serde_json::from_str::<ErrorView>(&line) {
                Ok(said) => anyhow!("{}", said.error),
                Err(_) => self.stranger(),
            });
            if !take(&line, Some(parsed?))? {
                break;
            }
        }
        Ok(())
    }

    /// As [`Self::post_to`], for what takes longer than an answer may.
    pub(crate) fn post_slowly<T: DeserializeOwned>(&self, path: &[&str], body: &impl Serialize) -> anyhow::Result<T> {
        self.answer(self.shown(self.slow.post(self.uri(path)?)).send_json(body))
    }

    pub(crate) fn get<T: DeserializeOwned>(&self, what: &str) -> anyhow::Result<T> {
        self.get_from(&[what])
    }

    pub(crate) fn get_from<T: DeserializeOwned>(&self, path: &[&str]) -> anyhow::Result<T> {
        self.plain(self.agent.get(self.uri(path)?))
    }

    /// As [`Self::get_from`], with a query.
    pub(crate) fn search<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, String)]) -> anyhow::Result<T> {
        let query: Vec<String> = query.iter().map(|(key, value)| format!("{key}={}", escaped(value))).collect();
        self.plain(self.agent.get(self.uri_with(path, &format!("?{}", query.join("&")))?))
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
        self.uri_with(path, "")
    }

    /// With a query that begins with its question mark.
    fn uri_with(&self, path: &[&str], query: &str) -> anyhow::Result<Uri> {
        let path: Vec<String> = path.iter().map(|part| escaped(part)).collect();
        let uri = format!("http://{}{PREFIX}/{}{query}", self.api, path.join("/"));
        uri.parse().map_err(|_| match self.kind {
            "hub" => anyhow!("--api: \"{}\" is no address; write 127.0.0.1:8480", self.api),
            _ => anyhow!("--node: \"{}\" is no address; write 127.0.0.1:8481", self.api),
        })
    }

    fn plain<T: DeserializeOwned>(&self, request: RequestBuilder<WithoutBody>) -> anyhow::Result<T> {
        self.answer(self.shown(request).call())
    }

    fn with_body<T: DeserializeOwned>(
        &self,
        request: RequestBuilder<WithBody>,
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        self.answer(self.shown(request).send_json(body))
    }

    fn shown<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        }
    }

    fn answer<T: DeserializeOwned>(&self, answer: Result<Response<Body>, ureq::Error>) -> anyhow::Result<T> {
        let mut response = self.check(answer)?;
        let text =
            response.body_mut().read_to_string().with_context(|| format!("the {}'s answer broke off", self.kind))?;
        // No content is null.
        let text = if text.is_empty() { "null" } else { &text };
        serde_json::from_str(text).map_err(|_| self.stranger())
    }

    /// An answer that is no refusal.
    fn check(&self, answer: Result<Response<Body>, ureq::Error>) -> anyhow::Result<Response<Body>> {
        let (kind, api) = (self.kind, &self.api);
        let mut response = answer.map_err(|error| match error {
            ureq::Error::Io(reason) => {
                anyhow!("no {kind} answers at {api}: {reason}; is `unisono-{kind}` running here?")
            }
            ureq::Error::Timeout(_) => anyhow!("the {kind} at {api} does not answer in time"),
            other => anyhow!("the {kind} at {api} cannot be asked: {other}"),
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = response.body_mut().read_to_string().with_context(|| format!("the {kind}'s answer broke off"))?;
        let said = serde_json::from_str::<ErrorView>(&text).map_or(text, |view| view.error);
        if said == NOTHING_HERE {
            return Err(self.stranger());
        }
        bail!("{}", if said.is_empty() { status.to_string() } else { said });
    }

    fn stranger(&self) -> anyhow::Error {
        let other = if self.kind == "node" { "for a hub it is --api" } else { "for a node it is --node" };
        anyhow!("what answers at {} is no {} of this version; {other}", self.api, self.kind)
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
