//! Who may pair and connect: nobody, except in a window that a person opened, and then one address.
//!
//! `BlueZ` asks the agent. It is the default one, there as soon as an adapter is used, and says no to everyone for whom
//! the door is not open.
//! Outside a window it is registered without abilities; pairing that we begin needs none when it just works. In a window
//! it can compare numbers, and has a PIN if a person gave one.
//!
//! It is an object of ours and not `bluer`'s: that one rejects what it has no handler for and derives its abilities from
//! the handlers that it has, so it cannot be let to change; and one whose registration is called off half-way stays.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::{info, warn};
use zbus::{
    Connection, interface,
    zvariant::{ObjectPath, OwnedObjectPath},
};

use super::{
    call, errors,
    names::{AUDIO, Service, device_address, service},
};
use crate::{Address, Failure};

/// For whom the agent says yes, if for anybody.
#[derive(Clone, Debug, Default)]
pub(crate) struct Door(Arc<Mutex<Guest>>);

#[derive(Debug, Default)]
struct Guest {
    address: Option<Address>,
    pin: Option<String>,
}

impl Door {
    /// Lets this one in and nobody else.
    pub(crate) fn set(&self, address: Option<Address>) {
        self.guest().address = address;
    }

    /// What is answered when a PIN is wanted.
    pub(crate) fn set_pin(&self, pin: Option<String>) {
        self.guest().pin = pin;
    }

    fn ask(&self, question: &str, device: &OwnedObjectPath) -> Result<(), Refusal> {
        let address = device_address(device.as_str());
        if address.is_some() && self.guest().address == address {
            info!("{device}: {question}: yes, it is the one being paired");
            return Ok(());
        }
        warn!("{device}: {question}: refused; {}", Failure::NotExpected);
        Err(Refusal::Rejected("nobody asked for it".into()))
    }

    fn guest(&self) -> MutexGuard<'_, Guest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the agent can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Abilities {
    /// Nothing.
    None,
    /// Say that two numbers are the same.
    Compare,
    /// That, and give a PIN.
    Pin,
}

/// Registers the agent with these abilities, in place of how it was registered before.
pub(super) async fn register(bus: &Connection, door: &Door, abilities: Abilities) -> Result<(), Failure> {
    const MANAGER: &str = "org.bluez.AgentManager1";
    let path = ObjectPath::from_static_str_unchecked(PATH);
    // It is there from then on.
    bus.object_server().at(&path, Agent(door.clone())).await.map_err(|error| errors::of_zbus(&error))?;
    let abilities = match abilities {
        Abilities::None => "NoInputNoOutput",
        Abilities::Compare => "DisplayYesNo",
        Abilities::Pin => "KeyboardDisplay",
    };
    for _ in 0..TRIES {
        // That it was not registered is no matter.
        let _ = call(bus, ROOT, MANAGER, "UnregisterAgent", &(&path,)).await;
        match call(bus, ROOT, MANAGER, "RegisterAgent", &(&path, abilities)).await {
            Ok(_) => return call(bus, ROOT, MANAGER, "RequestDefaultAgent", &(&path,)).await.map(drop),
            // Another registration, of before, came in between.
            Err(Failure::AlreadyPaired) => {}
            Err(failure) => return Err(failure),
        }
    }
    Err(Failure::Busy)
}

/// Makes an adapter pairable for so many seconds at most, and never discoverable.
pub(super) async fn open(
    bus: &Connection,
    adapter: &bluer::Adapter,
    door: &Door,
    abilities: Abilities,
    seconds: u32,
) -> Result<(), Failure> {
    let closed = async {
        adapter.set_discoverable(false).await?;
        adapter.set_pairable_timeout(seconds).await
    };
    closed.await.map_err(|error| errors::of_bluer(&error))?;
    register(bus, door, abilities).await?;
    adapter.set_pairable(true).await.map_err(|error| errors::of_bluer(&error))
}

/// Makes an adapter neither discoverable nor pairable.
pub(super) async fn close(adapter: &bluer::Adapter) -> Result<(), Failure> {
    let closed = async {
        adapter.set_discoverable(false).await?;
        adapter.set_pairable(false).await
    };
    closed.await.map_err(|error| errors::of_bluer(&error))
}

struct Agent(Door);

/// How `BlueZ` hears a no.
#[derive(Debug, zbus::DBusError)]
#[zbus(prefix = "org.bluez.Error")]
enum Refusal {
    #[zbus(error)]
    ZBus(zbus::Error),
    Rejected(String),
}

#[expect(clippy::needless_pass_by_value, reason = "what the interface hands over is owned")]
#[interface(name = "org.bluez.Agent1", spawn = false)]
impl Agent {
    fn request_pin_code(&self, device: OwnedObjectPath) -> Result<String, Refusal> {
        self.0.ask("it wants a PIN", &device)?;
        self.0.guest().pin.clone().ok_or_else(|| Refusal::Rejected("nobody gave a PIN".into()))
    }

    fn request_confirmation(&self, device: OwnedObjectPath, _passkey: u32) -> Result<(), Refusal> {
        self.0.ask("it shows a number to compare", &device)
    }

    fn request_authorization(&self, device: OwnedObjectPath) -> Result<(), Refusal> {
        self.0.ask("it wants to pair", &device)
    }

    fn authorize_service(&self, device: OwnedObjectPath, uuid: &str) -> Result<(), Refusal> {
        if service(uuid).is_some_and(|service| AUDIO.contains(&service) || REMOTE_CONTROL.contains(&service)) {
            return self.0.ask("it wants to connect", &device);
        }
        warn!("{device}: it wants {uuid}: refused");
        Err(Refusal::Rejected("no service of this node".into()))
    }

    /// A speaker has nothing on which a person could type what is shown.
    fn display_pin_code(&self, _device: OwnedObjectPath, _pin: &str) -> Result<(), Refusal> {
        Err(Refusal::Rejected("there is nothing to show it on".into()))
    }

    fn display_passkey(&self, _device: OwnedObjectPath, _passkey: u32, _entered: u16) {}

    fn request_passkey(&self, _device: OwnedObjectPath) -> Result<u32, Refusal> {
        Err(Refusal::Rejected("there is nothing to type it on".into()))
    }

    /// Whatever was asked has been answered by then.
    fn cancel(&self) {}

    fn release(&self) {}
}

const TRIES: u32 = 3;
const ROOT: &str = "/org/bluez";
const PATH: &str = "/org/unisono/bluetooth/agent";

/// AVRCP, by its three names.
const REMOTE_CONTROL: [Service; 3] = [0x110c, 0x110e, 0x110f];
