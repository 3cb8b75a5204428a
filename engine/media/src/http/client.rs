//! One request and its answer, within limits.

use std::{sync::Arc, time::Duration};

use ureq::{
    Agent, BodyReader, Error, ResponseExt as _,
    http::{HeaderMap, StatusCode},
    tls::{RootCerts, TlsConfig, TlsProvider},
    unversioned::transport::{Connector as _, RustlsConnector, TcpConnector},
};

use super::{
    address::Allowed,
    resolve::{Guard, Lookup},
    wire::Icy,
};

/// To look a name up, and to connect, may take so long each.
const CONNECT: Duration = Duration::from_secs(5);

/// The whole head of an answer has to be there by then, however slowly it drips.
const HEAD: Duration = Duration::from_secs(8);

/// A station that sends nothing for so long is gone.
const SILENCE: Duration = Duration::from_secs(10);

/// Heads are some hundred bytes long; stations have been seen with two thousand.
const MAX_HEAD: usize = 16 * 1024;

/// A station is behind two or three redirects at the most.
const MAX_REDIRECTS: u32 = 5;

/// Asks hosts.
#[derive(Clone)]
pub(super) struct Client {
    agent: Agent,
}

/// The head of an answer, and the rest to be read.
pub(super) struct Answer {
    /// Where it came from in the end.
    pub(super) url: String,
    /// What is in it, in lower case, without parameters.
    pub(super) kind: String,
    /// Bytes that follow.
    pub(super) length: Option<u64>,
    /// Bytes of the whole, where only a part of it was asked for and given.
    pub(super) whole: Option<u64>,
    /// Whether parts of it can be asked for.
    pub(super) has_ranges: bool,
    /// Bytes between two titles.
    pub(super) title_interval: Option<usize>,
    /// What the station calls itself.
    pub(super) name: Option<String>,
    /// Whether it calls itself a station.
    pub(super) is_station: bool,
    pub(super) body: BodyReader<'static>,
}

/// Why there is no answer.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) reason: String,
}

impl Client {
    pub(super) fn new(allowed: Allowed, lookup: Lookup) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(RootCerts::WebPki)
            .unversioned_rustls_crypto_provider(provider)
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            // What stands between us and the host would connect to whatever it likes.
            .proxy(None)
            .http_status_as_error(false)
            .max_redirects(MAX_REDIRECTS)
            .max_response_header_size(MAX_HEAD)
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(HEAD))
            .timeout_per_read(Some(SILENCE))
            .timeout_per_write(Some(SILENCE))
            // Each answer lasts until somebody has heard enough.
            .max_idle_connections(0)
            .user_agent(concat!("Unisono/", env!("CARGO_PKG_VERSION")))
            .build();
        let connector = ().chain(TcpConnector::default()).chain(RustlsConnector::default()).chain(Icy);
        Self { agent: Agent::with_parts(config, connector, Guard { allowed, lookup }) }
    }

    /// Asks for what is at a URL, from a byte of it on.
    pub(super) fn get(&self, url: &str, from: Option<u64>) -> Result<Answer, Refusal> {
        let refuse = |reason: String| Refusal { reason };
        if !["http://", "https://"]
            .iter()
            .any(|scheme| url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
        {
            return Err(refuse("it is no URL of the web; it has to begin with http:// or https://".into()));
        }
        let mut request = self.agent.get(url);
        request = match from {
            Some(from) => request.header("Range", format!("bytes={from}-")),
            None => request.header("Icy-MetaData", "1"),
        };
        let response = request.call().map_err(|error| refuse(explain(&error)))?;
        let status = response.status();
        if !status.is_success() {
            return Err(refuse(said_no(status)));
        }
        let url = response.get_uri().to_string();
        let headers = response.headers();
        let number = |name: &str| text(headers, name)?.trim().parse().ok();
        let kind = text(headers, "content-type").unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let range = text(headers, "content-range").filter(|_| status == StatusCode::PARTIAL_CONTENT);
        let whole = range.as_deref().and_then(|range| range.rsplit_once('/')?.1.trim().parse().ok());
        Ok(Answer {
            url,
            kind,
            length: number("content-length"),
            whole,
            has_ranges: text(headers, "accept-ranges").is_some_and(|ranges| ranges.eq_ignore_ascii_case("bytes")),
            title_interval: number("icy-metaint")
                .and_then(|count| usize::try_from(count).ok())
                .filter(|count| *count > 0),
            name: text(headers, "icy-name").filter(|name| !name.is_empty()),
            is_station: headers.keys().any(|name| name.as_str().starts_with("icy-")),
            body: response.into_body().into_reader(),
        })
    }

    /// Ends what waits for a host.
    pub(super) fn hang_up(&self) {
        self.agent.clone().shutdown();
    }
}

/// A header as text, whatever its bytes are.
fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(super::icy::text(headers.get(name)?.as_bytes()))
}

fn said_no(status: StatusCode) -> String {
    let what = match status.as_u16() {
        401 | 403 => "the host does not let us have it",
        404 | 410 => "the host does not have it; check the address",
        429 | 503 => "the host has too much to do; try again later",
        500..=599 => "the host is not well; try again later",
        _ => "the host does not give it",
    };
    format!("{what} ({})", status.as_u16())
}

const TOO_MUCH: &str = "its answer begins with more than any station's; it is no station";

/// What an error means for a person.
pub(super) fn explain(error: &Error) -> String {
    match error {
        Error::Other(error) => error.to_string(),
        Error::HostNotFound => "there is no such host; check the address".into(),
        Error::Timeout(_) => "the host does not answer in time; try again later".into(),
        Error::TooManyRedirects => format!("it leads from one address to the next, more than {MAX_REDIRECTS} times"),
        Error::LargeResponseHeader(..) => TOO_MUCH.into(),
        // The library does not let on what kind of error that is.
        Error::Protocol(error) if error.to_string().contains("too many headers") => TOO_MUCH.into(),
        Error::BadUri(_) | Error::Http(_) => "it is no URL; check the address".into(),
        Error::Rustls(error) => format!("its certificate is not good ({error})"),
        Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(inner) => explain(inner),
            None => format!("no connection to the host ({error})"),
        },
        other => format!("its answer makes no sense ({other})"),
    }
}
