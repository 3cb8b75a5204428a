//! `BlueZ` over D-Bus.
//!
//! `bluer` carries the calls about adapters, discovery, pairing and the agent; `zbus` has what `bluer` lacks, the media
//! interfaces, and it listens: signals of adapters, devices and transports come in one order through one connection, so
//! [`objects`] is at every moment what `BlueZ` showed. Endpoints and transports belong to that connection for as long as
//! it lives.
//!
//! Both libraries find the bus through `DBUS_SYSTEM_BUS_ADDRESS`, else where the system has it. The C library below
//! `bluer` reads that once per process, so there is no setting for it.

mod agent;
mod discovery;
mod endpoint;
mod errors;
mod names;
mod objects;
mod programs;
mod transport;
mod watch;

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use bluer::agent::AgentHandle;
use tokio::sync::mpsc::UnboundedSender;
use zbus::{connection::Builder, message::Body, zvariant::DynamicType};

use crate::{Address, Failure};

pub(crate) use self::{
    agent::{Door, Window},
    discovery::{Discovery, Looking},
    endpoint::Gate,
    names::{device_address, device_path},
    objects::{Objects, TransportState},
    programs::Programs,
    transport::Acquired,
    watch::Event,
};

/// A connection to `BlueZ`, or to the bus on which it is to appear. Everything that it began ends with it.
pub(crate) struct Bluez {
    session: bluer::Session,
    bus: zbus::Connection,
    gate: Arc<Gate>,
    events: UnboundedSender<Event>,
    /// Refuses whoever wants to pair or to connect without having been asked.
    guard: Option<AgentHandle>,
    /// How many endpoints are registered with each adapter.
    endpoints: BTreeMap<String, usize>,
}

impl Bluez {
    /// Connects to the bus. What is there and what happens goes to `events`, at first whether `BlueZ` is there.
    ///
    /// # Errors
    /// [`Failure::NoBluez`] without a system bus.
    pub(crate) async fn connect(gate: Arc<Gate>, events: UnboundedSender<Event>) -> Result<Self, Failure> {
        let session = bluer::Session::new().await.map_err(|error| errors::of_bluer(&error))?;
        let bus = Builder::system().map(|bus| bus.method_timeout(CALL_LIMIT));
        let bus = async { bus?.build().await }.await.map_err(|error| errors::of_zbus(&error))?;
        tokio::spawn(watch::watch(bus.clone(), events.clone()));
        Ok(Self { session, bus, gate, events, guard: None, endpoints: BTreeMap::new() })
    }

    /// `BlueZ` has come (back): nothing that was registered with it is any more.
    pub(crate) fn forget_registrations(&mut self) {
        self.guard = None;
        self.endpoints.clear();
    }

    /// Registers the agent that refuses, if it is not.
    ///
    /// # Errors
    /// When `BlueZ` does not take it.
    pub(crate) async fn register_guard(&mut self) -> Result<(), Failure> {
        if self.guard.is_none() {
            self.guard = Some(agent::guard(&self.session).await?);
        }
        Ok(())
    }

    /// Registers endpoints with an adapter until it has so many: `BlueZ` before 5.83 bears one speaker on each.
    ///
    /// # Errors
    /// When `BlueZ` does not take one.
    pub(crate) async fn register_endpoints(&mut self, adapter: &str, wanted: usize) -> Result<(), Failure> {
        let registered = self.endpoints.entry(adapter.into()).or_default();
        while *registered < wanted {
            endpoint::register(&self.bus, &self.gate, &self.events, adapter, *registered).await?;
            *registered += 1;
        }
        Ok(())
    }

    /// An adapter is gone, and what was registered with it.
    pub(crate) fn adapter_gone(&mut self, adapter: &str) {
        self.endpoints.remove(adapter);
    }

    /// Whether endpoints of ours are registered with an adapter.
    pub(crate) fn is_registered(&self, adapter: &str) -> bool {
        self.endpoints.get(adapter).is_some_and(|count| *count > 0)
    }

    /// Makes the adapter neither discoverable nor pairable.
    pub(crate) fn close_adapter(&self, adapter: &str) -> impl Future<Output = Result<(), Failure>> + use<> {
        let adapter = self.adapter(adapter);
        async move { agent::close_adapter(&adapter?).await }
    }

    /// Looks for devices until [`Discovery::stop`].
    pub(crate) fn discover(
        &self,
        adapter: &str,
        what: Looking,
    ) -> impl Future<Output = Result<Discovery, Failure>> + use<> {
        let adapter = self.adapter(adapter);
        async move { Discovery::start(adapter?, what).await }
    }

    /// `Device1.CancelPairing`.
    pub(crate) fn cancel_pairing(&self, device: &str) -> impl Future<Output = Result<(), Failure>> + use<> {
        let (bus, device) = (self.bus.clone(), device.to_owned());
        async move { call(&bus, &device, names::DEVICE, "CancelPairing", &()).await.map(drop) }
    }

    /// Lets the device connect by itself from now on.
    pub(crate) fn trust(&self, device: &str) -> impl Future<Output = Result<(), Failure>> + use<> {
        let device = self.device(device);
        async move { device?.set_trusted(true).await.map_err(|error| errors::of_bluer(&error)) }
    }

    /// Connects the device's A2DP sink, and nothing else of it.
    pub(crate) fn connect_sink(&self, device: &str) -> impl Future<Output = Result<(), Failure>> + use<> {
        let device = self.device(device);
        async move {
            let sink = names::uuid(names::AUDIO_SINK);
            device?.connect_profile(&sink).await.map_err(|error| errors::of_bluer(&error))
        }
    }

    /// Ends the connection with the device, and calls off one that is being made.
    pub(crate) fn disconnect(&self, device: &str) -> impl Future<Output = Result<(), Failure>> + use<> {
        let device = self.device(device);
        async move { device?.disconnect().await.map_err(|error| errors::of_bluer(&error)) }
    }

    /// Drops the keys and all that `BlueZ` knows of the device. One that it does not know is no failure.
    pub(crate) fn remove(&self, device: &str) -> impl Future<Output = Result<(), Failure>> + use<> {
        let adapter = self.adapter(device);
        let address = names::device_address(device);
        async move {
            let address = address.ok_or(Failure::NotFound)?;
            match adapter?.remove_device(bluer::Address(address.0)).await {
                Err(bluer::Error { kind: bluer::ErrorKind::DoesNotExist | bluer::ErrorKind::NotFound, .. }) => Ok(()),
                done => done.map_err(|error| errors::of_bluer(&error)),
            }
        }
    }

    /// Takes the stream of a transport, see [`transport::acquire`].
    pub(crate) fn acquire(
        &self,
        transport: &str,
        pending: bool,
    ) -> impl Future<Output = Result<Acquired, Failure>> + Send + use<> {
        let (bus, transport) = (self.bus.clone(), transport.to_owned());
        async move { transport::acquire(&bus, &transport, pending).await }
    }

    /// Gives the stream of a transport back: the speaker is told to pause.
    pub(crate) fn release(&self, transport: &str) -> impl Future<Output = Result<(), Failure>> + use<> {
        let (bus, transport) = (self.bus.clone(), transport.to_owned());
        async move { call(&bus, &transport, names::TRANSPORT, "Release", &()).await.map(drop) }
    }

    /// Sets the speaker's own volume, 0 to 127.
    pub(crate) fn set_volume(
        &self,
        transport: &str,
        volume: u16,
    ) -> impl Future<Output = Result<(), Failure>> + use<> {
        let (bus, transport) = (self.bus.clone(), transport.to_owned());
        async move { transport::set_volume(&bus, &transport, volume).await }
    }

    /// The programs on the bus that use Bluetooth for sound.
    pub(crate) fn programs(&self) -> impl Future<Output = Result<Programs, Failure>> + use<> {
        let bus = self.bus.clone();
        async move { programs::look(&bus).await.map_err(|error| errors::of_zbus(&error)) }
    }

    /// The adapter that a path belongs to.
    fn adapter(&self, path: &str) -> Result<bluer::Adapter, Failure> {
        let name = names::adapter_name(path).ok_or(Failure::NoAdapter)?;
        self.session.adapter(name).map_err(|error| errors::of_bluer(&error))
    }

    fn device(&self, path: &str) -> Result<bluer::Device, Failure> {
        device_of(&self.session, path)
    }
}

/// The device at a path, as a session sees it.
fn device_of(session: &bluer::Session, path: &str) -> Result<bluer::Device, Failure> {
    let adapter = names::adapter_name(path).ok_or(Failure::NoAdapter)?;
    let address: Address = names::device_address(path).ok_or(Failure::NotFound)?;
    let device = session.adapter(adapter).and_then(|adapter| adapter.device(bluer::Address(address.0)));
    device.map_err(|error| errors::of_bluer(&error))
}

/// Calls a method of `BlueZ`.
async fn call<B>(bus: &zbus::Connection, path: &str, interface: &str, method: &str, body: &B) -> Result<Body, Failure>
where
    B: serde::Serialize + DynamicType,
{
    let reply = bus.call_method(Some(names::BLUEZ), path, Some(interface), method, body).await;
    Ok(reply.map_err(|error| errors::of_zbus(&error))?.body())
}

/// No call takes longer, whatever `BlueZ` does: its own longest timer is the agent's, 60 s.
const CALL_LIMIT: Duration = Duration::from_secs(75);
