//! `BlueZ` over D-Bus.
//!
//! All of it goes through one connection of `zbus`. Agent, endpoints, transports and discovery belong to a connection and
//! end with it; and signals of adapters, devices and transports come through one connection in one order, so that
//! [`objects`] is at every moment what `BlueZ` showed. There is a library for the part that is not media, `bluer`; it was
//! tried and is not used: the end of a discovery cannot be waited for, an agent whose registration is called off stays
//! registered for as long as the program runs, and every session leaves a connection behind.
//!
//! The bus is where `DBUS_SYSTEM_BUS_ADDRESS` says, else where the system has it.

mod agent;
mod endpoint;
mod errors;
mod names;
mod objects;
mod programs;
mod transport;
mod watch;

use std::{collections::HashMap, future::Future, sync::Arc, time::Duration};

use tokio::sync::mpsc::UnboundedSender;
use zbus::{
    connection::Builder,
    message::Body,
    zvariant::{DynamicType, ObjectPath, Value},
};

use crate::Failure;

pub(crate) use self::{
    agent::{Abilities, Door},
    endpoint::Gate,
    names::{ADAPTER, TRANSPORT, adapter_name, adapter_path_of, device_address, device_path},
    objects::{Interfaces, Objects, TransportState},
    programs::Programs,
    transport::Acquired,
    watch::Event,
};

/// A connection to `BlueZ`, or to the bus on which it is to appear. Everything that it began ends with it.
pub(crate) struct Bluez {
    bus: zbus::Connection,
    gate: Arc<Gate>,
    events: UnboundedSender<Event>,
}

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Looking {
    /// Everything, so that a person can be told why something cannot be used.
    All,
    /// Classic devices.
    Classic,
}

impl Bluez {
    /// Connects to the bus. What is there and what happens goes to `events`, at first whether `BlueZ` is there.
    ///
    /// # Errors
    /// [`Failure::NoBluez`] without a system bus.
    pub(crate) async fn connect(gate: Arc<Gate>, events: UnboundedSender<Event>) -> Result<Self, Failure> {
        let bus = Builder::system().map(|bus| bus.method_timeout(CALL_LIMIT));
        let bus = async { bus?.build().await }.await.map_err(|error| errors::of_zbus(&error))?;
        tokio::spawn(watch::watch(bus.clone(), events.clone()));
        Ok(Self { bus, gate, events })
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
        let (bus, adapter, door) = (self.bus.clone(), adapter.to_owned(), door.clone());
        async move { agent::open(&bus, &adapter, &door, abilities, seconds).await }
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
        let (bus, adapter) = (self.bus.clone(), adapter.to_owned());
        async move { agent::close(&bus, &adapter).await }
    }

    /// Looks for devices until [`Self::stop_discovery`]; what is found shows among the objects.
    pub(crate) fn start_discovery(
        &self,
        adapter: &str,
        what: Looking,
    ) -> impl Future<Output = Result<(), Failure>> + use<> {
        let (bus, adapter) = (self.bus.clone(), adapter.to_owned());
        async move {
            let transport = if what == Looking::All { "auto" } else { "bredr" };
            // Without duplicates the signal of a device would be told once and never again.
            let filter = HashMap::from([("Transport", Value::from(transport)), ("DuplicateData", Value::from(true))]);
            call(&bus, &adapter, ADAPTER, "SetDiscoveryFilter", &(filter,)).await?;
            match call(&bus, &adapter, ADAPTER, "StartDiscovery", &()).await {
                // We look already.
                Ok(_) | Err(Failure::Busy) => Ok(()),
                Err(failure) => Err(failure),
            }
        }
    }

    /// Stops looking; done when `BlueZ` has.
    pub(crate) fn stop_discovery(&self, adapter: &str) -> impl Future<Output = Result<(), Failure>> + use<> {
        let (bus, adapter) = (self.bus.clone(), adapter.to_owned());
        async move {
            match call(&bus, &adapter, ADAPTER, "StopDiscovery", &()).await {
                // We do not look ("No discovery started", or it is another program that does).
                Ok(_) | Err(Failure::Other | Failure::AcquireFailed | Failure::ConnectFailed) => Ok(()),
                // It does not look while it is off.
                Err(Failure::AdapterOff | Failure::NotFound) => Ok(()),
                Err(failure) => Err(failure),
            }
        }
    }

    /// `Device1.Pair`; the agent is asked what there is to ask.
    pub(crate) fn pair(&self, device: &str) -> impl Future<Output = Result<(), Failure>> + use<> {
        self.tell_device(device, "Pair", ())
    }

    /// `Device1.CancelPairing`, of a `Pair` that has no answer yet.
    pub(crate) fn cancel_pairing(&self, device: &str) -> impl Future<Output = Result<(), Failure>> + use<> {
        self.tell_device(device, "CancelPairing", ())
    }

    /// Lets the device connect by itself from now on.
    pub(crate) fn trust(&self, device: &str) -> impl Future<Output = Result<(), Failure>> + use<> {
        let (bus, device) = (self.bus.clone(), device.to_owned());
        async move { set(&bus, &device, names::DEVICE, "Trusted", true.into()).await }
    }

    /// Connects the device's A2DP sink, and nothing else of it.
    pub(crate) fn connect_sink(&self, device: &str) -> impl Future<Output = Result<(), Failure>> + use<> {
        self.tell_device(device, "ConnectProfile", (names::uuid(names::AUDIO_SINK),))
    }

    /// Ends the connection with the device, and calls off one that is being made.
    pub(crate) fn disconnect(&self, device: &str) -> impl Future<Output = Result<(), Failure>> + use<> {
        self.tell_device(device, "Disconnect", ())
    }

    /// Drops the keys and all that `BlueZ` knows of the device. One that it does not know is no failure.
    pub(crate) fn remove(&self, device: &str) -> impl Future<Output = Result<(), Failure>> + use<> {
        let (bus, adapter) = (self.bus.clone(), adapter_path_of(device));
        let device = ObjectPath::try_from(device.to_owned());
        async move {
            let (adapter, device) = (adapter.ok_or(Failure::NoAdapter)?, device.map_err(|_| Failure::NotFound)?);
            match call(&bus, &adapter, ADAPTER, "RemoveDevice", &(device,)).await {
                Ok(_) | Err(Failure::NotFound) => Ok(()),
                Err(failure) => Err(failure),
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

    fn tell_device<B>(
        &self,
        device: &str,
        method: &'static str,
        body: B,
    ) -> impl Future<Output = Result<(), Failure>> + use<B>
    where
        B: serde::Serialize + DynamicType,
    {
        let (bus, device) = (self.bus.clone(), device.to_owned());
        async move { call(&bus, &device, names::DEVICE, method, &body).await.map(drop) }
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
