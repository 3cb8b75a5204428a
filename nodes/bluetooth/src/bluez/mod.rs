//! `BlueZ` over D-Bus.
//!
//! `bluer` carries what is done with adapters and devices: closing and opening them, discovery, pairing, trust, connecting,
//! removing; one session for as long as the bus is there, since each leaves a connection behind. `zbus` has what `bluer`
//! lacks, the media interfaces, and the agent. It listens, too: signals of adapters, devices and transports come in one
//! order through one connection, so [`objects`] is at every moment what `BlueZ` showed, and a transport never outlives its
//! device there. Agent, endpoints and transports end with that connection.
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

use std::{future::Future, sync::Arc, time::Duration};

use tokio::sync::mpsc::UnboundedSender;
use zbus::{
    connection::Builder,
    message::Body,
    zvariant::{DynamicType, Value},
};

use crate::Failure;

pub(crate) use self::{
    agent::{Abilities, Door},
    discovery::Looking,
    endpoint::Gate,
    names::{TRANSPORT, adapter_name, adapter_path_of, device_address, device_path},
    objects::{Interfaces, Objects, TransportState},
    programs::Programs,
    transport::Acquired,
    watch::Event,
};

use self::discovery::Discoveries;

/// A connection to `BlueZ`, or to the bus on which it is to appear. Everything that it began ends with it.
pub(crate) struct Bluez {
    session: bluer::Session,
    discoveries: Discoveries,
    bus: zbus::Connection,
    gate: Arc<Gate>,
    events: UnboundedSender<Event>,
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
        Ok(Self { session, discoveries: Discoveries::default(), bus, gate, events })
    }

    /// Registers the agent, without abilities.
    pub(crate) fn guard(&self, door: &Door) -> impl Future<Output = Result<(), Failure>> + use<> {
        let (bus, door) = (self.bus.clone(), door.clone());
        async move { agent::register(&bus, &door, Abilities::None).await }
    }

    /// Opens a window of so many seconds at most, in which the agent has these abilities.
    pub(crate) fn open_window(
        &self,
        adapter: &str,
        door: &Door,
        abilities: Abilities,
        seconds: u32,
    ) -> impl Future<Output = Result<(), Failure>> + use<> {
        let (bus, adapter, door) = (self.bus.clone(), self.adapter(adapter), door.clone());
        async move { agent::open(&bus, &adapter?, &door, abilities, seconds).await }
    }

    /// Closes it.
    pub(crate) fn close_window(&self, adapter: &str, door: &Door) -> impl Future<Output = Result<(), Failure>> + use<> {
        let (close, guard) = (self.close_adapter(adapter), self.guard(door));
        async move {
            // Neither is left out because the other fails.
            let (closed, guarded) = (close.await, guard.await);
            closed.and(guarded)
        }
    }

    /// Registers the endpoint of a number with an adapter: `BlueZ` before 5.83 bears one speaker on each.
    pub(crate) fn register_endpoint(
        &self,
        adapter: &str,
        number: usize,
    ) -> impl Future<Output = Result<(), Failure>> + use<> {
        let (bus, gate, events, adapter) =
            (self.bus.clone(), self.gate.clone(), self.events.clone(), adapter.to_owned());
        async move { endpoint::register(&bus, &gate, &events, &adapter, number).await }
    }

    /// Makes the adapter neither discoverable nor pairable.
    pub(crate) fn close_adapter(&self, adapter: &str) -> impl Future<Output = Result<(), Failure>> + use<> {
        let adapter = self.adapter(adapter);
        async move { agent::close(&adapter?).await }
    }

    /// Looks for devices until [`Self::stop_discovery`]; what is found shows among the objects.
    pub(crate) fn start_discovery(
        &self,
        adapter: &str,
        what: Looking,
        limit: Duration,
    ) -> impl Future<Output = Result<(), Failure>> + use<> {
        let (discoveries, adapter) = (self.discoveries.clone(), self.adapter(adapter));
        async move { discoveries.start(adapter?, what, limit).await }
    }

    /// Stops looking; done when the adapter has.
    pub(crate) fn stop_discovery(
        &self,
        adapter: &str,
        limit: Duration,
    ) -> impl Future<Output = Result<(), Failure>> + use<> {
        let (discoveries, adapter) = (self.discoveries.clone(), self.adapter(adapter));
        async move { discoveries.stop(&adapter?, limit).await }
    }

    /// `Device1.Pair`; the agent is asked what there is to ask. Dropping it is `CancelPairing`.
    pub(crate) fn pair(&self, device: &str) -> impl Future<Output = Result<(), Failure>> + use<> {
        let device = self.device(device);
        async move { device?.pair().await.map_err(|error| errors::of_bluer(&error)) }
    }

    /// Lets the device connect by itself from now on.
    pub(crate) fn trust(&self, device: &str) -> impl Future<Output = Result<(), Failure>> + use<> {
        let device = self.device(device);
        async move { device?.set_trusted(true).await.map_err(|error| errors::of_bluer(&error)) }
    }

    /// Connects the device's A2DP sink, and nothing else of it.
    pub(crate) fn connect_sink(&self, device: &str) -> impl Future<Output = Result<(), Failure>> + use<> {
        let device = self.device(device);
        async move { device?.connect_profile(&names::SINK).await.map_err(|error| errors::of_bluer(&error)) }
    }

    /// Ends the connection with the device, and calls off one that is being made.
    pub(crate) fn disconnect(&self, device: &str) -> impl Future<Output = Result<(), Failure>> + use<> {
        let device = self.device(device);
        async move { device?.disconnect().await.map_err(|error| errors::of_bluer(&error)) }
    }

    /// Drops the keys and all that `BlueZ` knows of the device. One that it does not know is no failure.
    pub(crate) fn remove(&self, device: &str) -> impl Future<Output = Result<(), Failure>> + use<> {
        let (adapter, address) = (self.adapter(device), device_address(device));
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
        async move { call(&bus, &transport, TRANSPORT, "Release", &()).await.map(drop) }
    }

    /// Sets the speaker's own volume, 0 to 127.
    pub(crate) fn set_volume(&self, transport: &str, volume: u16) -> impl Future<Output = Result<(), Failure>> + use<> {
        let (bus, transport) = (self.bus.clone(), transport.to_owned());
        async move { set(&bus, &transport, TRANSPORT, "Volume", volume.min(127).into()).await }
    }

    /// The programs on the bus that use Bluetooth for sound.
    pub(crate) fn programs(&self) -> impl Future<Output = Result<Programs, Failure>> + use<> {
        let bus = self.bus.clone();
        async move { programs::look(&bus).await.map_err(|error| errors::of_zbus(&error)) }
    }

    /// The adapter that a path belongs to.
    fn adapter(&self, path: &str) -> Result<bluer::Adapter, Failure> {
        let name = adapter_name(path).ok_or(Failure::NoAdapter)?;
        self.session.adapter(name).map_err(|error| errors::of_bluer(&error))
    }

    fn device(&self, path: &str) -> Result<bluer::Device, Failure> {
        let address = device_address(path).ok_or(Failure::NotFound)?;
        self.adapter(path)?.device(bluer::Address(address.0)).map_err(|error| errors::of_bluer(&error))
    }
}

/// Sets a property.
async fn set(bus: &zbus::Connection, at: &str, interface: &str, name: &str, value: Value<'_>) -> Result<(), Failure> {
    call(bus, at, "org.freedesktop.DBus.Properties", "Set", &(interface, name, value)).await.map(drop)
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
