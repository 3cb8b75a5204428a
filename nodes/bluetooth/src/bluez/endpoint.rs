//! Our A2DP source as `BlueZ` sees it: an endpoint for SBC, and nothing else, so nobody falls back to a telephone's sound.
//!
//! `BlueZ` waits 3 s for each answer, and the speaker 6 s: everything here answers at once.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::mpsc::UnboundedSender;
use tracing::{debug, warn};
use zbus::{
    Connection, fdo, interface,
    zvariant::{ObjectPath, OwnedObjectPath, Value},
};

use super::{
    call, errors,
    names::{AUDIO_SOURCE, MEDIA, adapter_name, device_address, uuid},
    objects::{Objects, Properties},
    watch::Event,
};
use crate::{
    Address, Failure,
    a2dp::{CAPABILITIES, Quality, select, validate},
};

/// Who is let in, and what is asked of them. Shared by all endpoints.
#[derive(Debug, Default)]
pub(crate) struct Gate(Mutex<Guests>);

#[derive(Debug, Default)]
struct Guests {
    welcome: BTreeSet<Address>,
    /// What the speaker that is being connected by an adapter is to get; `BlueZ` does not say for whom it asks.
    quality: BTreeMap<String, Quality>,
}

impl Gate {
    /// Lets these speakers in and no others.
    pub(crate) fn welcome(&self, speakers: BTreeSet<Address>) {
        self.guests().welcome = speakers;
    }

    /// What the speaker that an adapter connects next is to get.
    pub(crate) fn expect(&self, adapter: &str, quality: Quality) {
        self.guests().quality.insert(adapter.into(), quality);
    }

    fn guests(&self) -> MutexGuard<'_, Guests> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Registers the endpoint of a number with an adapter.
pub(super) async fn register(
    bus: &Connection,
    gate: &Arc<Gate>,
    events: &UnboundedSender<Event>,
    adapter: &str,
    number: usize,
) -> Result<(), Failure> {
    let name = adapter_name(adapter).ok_or(Failure::NoAdapter)?;
    let path = ObjectPath::try_from(format!("/org/unisono/bluetooth/{name}/sbc{number}"))
        .map_err(|_| Failure::NoAdapter)?
        .into_owned();
    let endpoint = Endpoint { adapter: adapter.into(), gate: gate.clone(), events: events.clone() };
    // One that is still there from before BlueZ was restarted serves again.
    bus.object_server().at(&path, endpoint).await.map_err(|error| errors::of_zbus(&error))?;
    let properties = HashMap::from([
        ("UUID", Value::from(uuid(AUDIO_SOURCE))),
        ("Codec", Value::from(SBC)),
        ("Capabilities", Value::from(CAPABILITIES.to_vec())),
        ("DelayReporting", Value::from(true)),
    ]);
    call(bus, adapter, MEDIA, "RegisterEndpoint", &(&path, properties)).await.map(drop)
}

struct Endpoint {
    adapter: String,
    gate: Arc<Gate>,
    events: UnboundedSender<Event>,
}

/// One call after another: a configuration must not overtake the end of the one before.
#[expect(clippy::needless_pass_by_value, reason = "what the interface hands over is owned")]
#[interface(name = "org.bluez.MediaEndpoint1", spawn = false)]
impl Endpoint {
    /// Which of the speaker's capabilities are to be used.
    fn select_configuration(&self, capabilities: Vec<u8>) -> fdo::Result<Vec<u8>> {
        let quality = self.gate.guests().quality.get(&self.adapter).copied().unwrap_or_default();
        let chosen = select(&capabilities, quality).map_err(|failure| refused(failure, &capabilities))?;
        debug!("of {capabilities:02x?}, {chosen:?}");
        Ok(chosen.to_bytes().to_vec())
    }

    /// A stream has been configured; when the speaker connected by itself, as it likes.
    fn set_configuration(&self, transport: OwnedObjectPath, properties: Properties) -> fdo::Result<()> {
        let mut objects = Objects::default();
        let interfaces = HashMap::from([(super::names::TRANSPORT.to_owned(), properties)]);
        objects.add(transport.as_str(), &interfaces);
        let configured = objects.transports.get(transport.as_str()).cloned().unwrap_or_default();
        let address = device_address(&configured.device);
        if !address.is_some_and(|address| self.gate.guests().welcome.contains(&address)) {
            warn!("{} is none of ours and wants to be played to: refused", configured.device);
            return Err(fdo::Error::AccessDenied("not a speaker of this node".into()));
        }
        validate(&configured.configuration).map_err(|failure| refused(failure, &configured.configuration))?;
        let properties = interfaces.into_values().next().unwrap_or_default();
        let _ = self.events.send(Event::Configured(transport.to_string(), properties));
        Ok(())
    }

    /// The stream is no more.
    fn clear_configuration(&self, transport: OwnedObjectPath) {
        let _ = self.events.send(Event::Cleared(transport.to_string()));
    }

    /// The endpoint is no more: `BlueZ` ends. Its name leaves the bus next, and everything follows from that.
    fn release(&self) {}
}

fn refused(failure: Failure, bytes: &[u8]) -> fdo::Error {
    warn!("a speaker offers {bytes:02x?}: {failure}");
    fdo::Error::InvalidArgs(failure.cause().into())
}

/// The codec's number in A2DP.
const SBC: u8 = 0;
