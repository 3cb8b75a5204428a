//! The node's Bluetooth speakers. What takes its time is answered line by line, with an empty line for every second in
//! which nothing happened: whoever does not listen any more is noticed by it.

use std::{convert::Infallible, time::Duration};

use axum::{
    Json,
    extract::{Path, Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::{sync::mpsc::Receiver, time::timeout};
use unisono_api::{
    Refusal,
    bluetooth::{FailureView, FoundView, OfferView, Pair, PairLine, ScanLine, SpeakerChange},
    body::Body,
};
use unisono_bluetooth::{
    Address, Failure,
    pairing::scan::Found,
    service::{Bluetooth, Change, PairEvent, ScanEvent, SpeakerView},
    speakers::Offer,
};
use unisono_core::time::Nanos;

use super::NodeHandle;

/// The longest scan, in seconds; inquiries starve everything else on the radio.
const MAX_SCAN_S: u64 = 120;

/// Without anything to tell, so often a sign of life.
const ALIVE: Duration = Duration::from_secs(1);

/// Nobody measures an ear's distance beyond this, in milliseconds.
const MAX_TRIM_MS: f64 = 1_000.0;

/// For how long to scan.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Span {
    #[serde(default = "usual")]
    seconds: u64,
}

const fn usual() -> u64 {
    30
}

/// A speaker as it is shown.
#[derive(Serialize)]
pub(super) struct Shown {
    #[serde(flatten)]
    speaker: SpeakerView,
    equaliser_offer: Option<OfferView>,
}

impl From<SpeakerView> for Shown {
    fn from(mut speaker: SpeakerView) -> Self {
        let offer = speaker.offer.take();
        let equaliser_offer =
            offer.map(|Offer { model, source, equaliser }| OfferView { model, source, equaliser: (&equaliser).into() });
        Self { speaker, equaliser_offer }
    }
}

pub(super) async fn list(State(node): State<NodeHandle>) -> Json<Vec<Shown>> {
    Json(node.bluetooth().list().await.into_iter().map(Shown::from).collect())
}

pub(super) async fn scan(State(node): State<NodeHandle>, Query(span): Query<Span>) -> Result<Response, Refusal> {
    if !(1..=MAX_SCAN_S).contains(&span.seconds) {
        return Err(Refusal::impossible(format!("seconds: {} is not between 1 and {MAX_SCAN_S}", span.seconds)));
    }
    let events = node.bluetooth().scan(Duration::from_secs(span.seconds)).await;
    Ok(lines(events, |event| match event {
        ScanEvent::Found(found) => ScanLine::Found(found_view(found)),
        ScanEvent::Over(failure) => ScanLine::Over { failure: failure.map(failure_view) },
    }))
}

pub(super) async fn pair(State(node): State<NodeHandle>, Body(pair): Body<Pair>) -> Result<Response, Refusal> {
    let address = checked(&pair.address)?;
    let events = node.bluetooth().pair(address, pair.pin).await;
    Ok(lines(events, move |event| match event {
        PairEvent::Step(step) => PairLine::Step { step: step.name().into(), text: step.to_string() },
        PairEvent::Paired => PairLine::Paired { address: address.to_string() },
        PairEvent::Failed(failure) => PairLine::Failed { failure: failure_view(failure) },
    }))
}

pub(super) async fn act(
    State(node): State<NodeHandle>,
    Path((address, verb)): Path<(String, String)>,
) -> Result<Json<Option<Shown>>, Refusal> {
    let address = checked(&address)?;
    let bluetooth = node.bluetooth();
    let done = match &verb[..] {
        "connect" => bluetooth.connect(address).await,
        "disconnect" => bluetooth.disconnect(address).await,
        "forget" => bluetooth.forget(address).await,
        "test" => bluetooth.test(address).await,
        other => {
            let problem = format!("\"{other}\" is nothing that can be done; try connect, disconnect, forget or test");
            return Err(Refusal::new(StatusCode::NOT_FOUND, problem));
        }
    };
    done.map_err(refusal)?;
    Ok(Json(speaker(bluetooth, address).await))
}

pub(super) async fn change(
    State(node): State<NodeHandle>,
    Path(address): Path<String>,
    Body(change): Body<SpeakerChange>,
) -> Result<Json<Option<Shown>>, Refusal> {
    let address = checked(&address)?;
    let SpeakerChange { name, mode, trim_ms, idle, quality, volume_mode } = change;
    if trim_ms.is_some_and(|trim| trim.is_nan() || trim.abs() > MAX_TRIM_MS) {
        return Err(Refusal::impossible(format!("trim_ms: it is not between -{MAX_TRIM_MS} and {MAX_TRIM_MS}")));
    }
    let change = Change {
        alias: name,
        mode: named("mode", mode, "polite, exclusive or on_demand")?,
        trim: trim_ms.map(|trim| Nanos::from_secs_f64(trim * 1e-3)),
        idle: named("idle", idle, "tone, silence, suspend or disconnect")?,
        quality: named("quality", quality, "standard or xq")?,
        volume: named("volume_mode", volume_mode, "speaker or samples")?,
    };
    node.bluetooth().change(address, change).await.map_err(refusal)?;
    Ok(Json(speaker(node.bluetooth(), address).await))
}

async fn speaker(bluetooth: &Bluetooth, address: Address) -> Option<Shown> {
    bluetooth.list().await.into_iter().find(|speaker| speaker.address == address).map(Shown::from)
}

/// A body that has a line for each event, until there are none any more. Dropping it drops them.
fn lines<E: Send + 'static, L: Serialize>(
    events: Receiver<E>,
    line: impl Fn(E) -> L + Clone + Send + 'static,
) -> Response {
    let body = stream::unfold(events, move |mut events| {
        let line = line.clone();
        async move {
            let text = match timeout(ALIVE, events.recv()).await {
                Ok(Some(event)) => serde_json::to_string(&line(event)).unwrap_or_default() + "\n",
                Ok(None) => return None,
                Err(_) => "\n".into(),
            };
            Some((Ok::<_, Infallible>(text), events))
        }
    });
    ([(header::CONTENT_TYPE, "application/x-ndjson")], axum::body::Body::from_stream(body)).into_response()
}

fn checked(address: &str) -> Result<Address, Refusal> {
    address.parse().map_err(|error: <Address as std::str::FromStr>::Err| Refusal::impossible(error.to_string()))
}

/// One of a few words.
fn named<T: DeserializeOwned>(key: &str, word: Option<String>, words: &str) -> Result<Option<T>, Refusal> {
    let Some(word) = word else { return Ok(None) };
    let parsed = serde_json::from_value(serde_json::Value::String(word.clone()));
    parsed.map(Some).map_err(|_| Refusal::impossible(format!("{key}: \"{word}\" is none of {words}")))
}

fn found_view(found: Found) -> FoundView {
    FoundView {
        address: found.address.to_string(),
        name: found.name,
        signal: found.signal,
        model: found.model,
        standing: found.standing.name().into(),
        obstacle: found.standing.obstacle().map(failure_view),
    }
}

fn failure_view(failure: Failure) -> FailureView {
    FailureView { name: failure.name().into(), cause: failure.cause().into(), remedy: failure.remedy().into() }
}

fn refusal(failure: Failure) -> Refusal {
    let status = if failure == Failure::Unknown { StatusCode::NOT_FOUND } else { StatusCode::CONFLICT };
    Refusal::new(status, failure.to_string())
}
