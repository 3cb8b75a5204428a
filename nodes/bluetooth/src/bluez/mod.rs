//! `BlueZ` over D-Bus.
//!
//! `bluer` carries the calls about adapters, pairing, trust, connections and the agent. `zbus` has what `bluer` lacks, the
//! media interfaces, and two things that it does differently: signals of adapters, devices and transports come in one
//! order through one connection, so [`objects`] is at every moment what `BlueZ` showed; and the end of a discovery, which
//! `bluer` leaves to a task of its own, can be waited for. Endpoints, transports and discoveries belong to that connection
//! for as long as it lives.
//!
//! Both libraries find the bus through `DBUS_SYSTEM_BUS_ADDRESS`, else where the system has it. The C library below
//! `bluer` reads that once per process, so there is no setting for it.

mod agent;
mod endpoint;
mod errors;
mod names;
mod objects;
mod programs;
mod transport;
mod watch;

use std::{collections::HashMap, future::Future, sync::Arc, time::Duration};

use bluer::agent::AgentHandle;
use tokio::sync::mpsc::UnboundedSender;
use zbus::{
    connection::Builder,
    message::Body,
    zvariant::{DynamicType, Value},
};

use crate::{Address, Failure};

pub(crate) use self::{
    agent::{Door, Window},
    endpoint::Gate,
    names::{TRANSPORT, adapter_name, adapter_path_of, device_address, device_path},
    objects::{Interfaces, Objects, TransportState},
    programs::Programs,
    transport::Acquired,
    watch::Event,
};

/// A connection to `BlueZ`, or to the bus on which it is to appear. Everything that it began ends with it.
pub(crate) struct Bluez {
    session: bluer::Session,
    /// For the agent of a window, and for pairing in it.
    window: bluer::Session,
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
        let sessions = async { Ok((bluer::Session::new().await?, bluer::Session::new().await?)) };
        let (session, window) = sessions.await.map_err(|error| errors::of_bluer(&error))?;
        let bus = Builder::system().map(|bus| bus.method_timeout(CALL_LIMIT));
        let bus = async { bus?.build().await }.await.map_err(|error| errors::of_zbus(&error))?;
        tokio::spawn(watch::watch(bus.clone(), events.clone()));
        Ok(Self { session, window, bus, gate, events })
    }

    /// Registers the agent that refuses whoever was not asked, until the handle is dropped.
    pub(crate) fn guard(&self) -> impl Future<Output = Result<AgentHandle, Failure>> + use<> {
        let session = self.session.clone();
        async move { agent::guard(&session).await }
    }

    /// Opens a window in which one device may be paired, see [`Window`].
    pub(crate) fn open_window(
        &self,
        adapter: &str,
        door: Door,
        pin: Option<String>,
        seconds: u32,
    ) -> impl Future<Output = Result<Window, Failure>> + use<> {
        let (session, adapter) = (self.window.clone(), adapter.to_owned());
        async move { Window::open(session, &adapter, door, pin, seconds).await }
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
        async move { agent::close_adapter(&adapter?).await }
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
            call(&bus, &adapter, names::ADAPTER, "SetDiscoveryFilter", &(filter,)).await?;
            match call(&bus, &adapter, names::ADAPTER, "StartDiscovery", &()).await {
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
            match call(&bus, &adapter, names::ADAPTER, "StopDiscovery", &()).await {
                // We do not look ("No discovery started", or it is another program that does).
                Ok(_) | Err(Failure::Other | Failure::AcquireFailed | Failure::ConnectFailed) => Ok(()),
                // It does not look while it is off.
                Err(Failure::AdapterOff | Failure::NotFound) => Ok(()),
                Err(failure) => Err(failure),
            }
        }
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
        let address = device_address(device);
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
        async move { transport::set_volume(&bus, &transport, volume).await }
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
        device_of(&self.session, path)
    }
}

/// The device at a path, as a session sees it.
fn device_of(session: &bluer::Session, path: &str) -> Result<bluer::Device, Failure> {
    let adapter = adapter_name(path).ok_or(Failure::NoAdapter)?;
    let address: Address = device_address(path).ok_or(Failure::NotFound)?;
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
