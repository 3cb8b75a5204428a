//! A stand-in for `BlueZ` on a private bus.
//!
//! Real `BlueZ` plays in the virtual machine (`make test-bluetooth`). What it cannot be made to do there on demand is why
//! this exists:
//!
//! * refuse any call with each of the errors that it has, at every step (a real one needs a defect in the other device,
//!   the radio or the kernel for most of them);
//! * answer slowly, or never;
//! * leave the stream's socket full, and close it in the middle of a packet;
//! * have a volume that follows in coarse steps, late, or not at all, and that somebody turns at the speaker;
//! * show a delay report that is absent, zero, late, or that changes (5.66 never shows one from another `BlueZ`);
//! * be restarted at a chosen instant: its name lost, its objects and our registrations gone, and all of it back;
//! * have a speaker that connects by itself, with a configuration that it chose and we did not, and that starts the stream;
//! * have a stranger that wants to pair, or to be played to, outside a window;
//! * have a speaker that wants a PIN, that has forgotten its key, that has only Low Energy, or no music, or whose Low
//!   Energy half is seen whether it is in pairing mode or not;
//! * share the bus with bluealsa, oFono or PipeWire;
//! * do all of that a thousand times in a minute, from a seed.
//!
//! It has the interfaces that the node uses, as `BlueZ` 5.66 to 5.87 has them: `ObjectManager`, `Adapter1`, `Device1`,
//! `AgentManager1`, `Media1` and `MediaTransport1`, and it calls the node's agent and endpoints back as `BlueZ` does. It
//! has no radio: a speaker is in reach or not, and a stream is a pair of sockets.

mod calls;
mod faults;
mod media;
mod objects;
mod speaker;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use futures_util::StreamExt;
use unisono_bluetooth::Address;
use zbus::{connection::Builder, zvariant::Value};

pub(crate) use self::{
    faults::{Fault, Faults, errors_of},
    media::Heard,
    speaker::Speaker,
};
use self::{
    media::Endpoint,
    objects::{Tree, path, properties, service},
};

pub(crate) const ADAPTER: &str = "org.bluez.Adapter1";
pub(crate) const DEVICE: &str = "org.bluez.Device1";
pub(crate) const MEDIA: &str = "org.bluez.Media1";
pub(crate) const TRANSPORT: &str = "org.bluez.MediaTransport1";
const AGENT: &str = "org.bluez.Agent1";
const ENDPOINT: &str = "org.bluez.MediaEndpoint1";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// The stand-in. Clones are the same one.
#[derive(Clone)]
pub(crate) struct StandIn(Arc<Inner>);

struct Inner {
    bus: zbus::Connection,
    world: Mutex<World>,
    faults: Faults,
}

/// All that there is.
#[derive(Default)]
struct World {
    objects: Tree,
    speakers: BTreeMap<Address, Speaker>,
    endpoints: Vec<Endpoint>,
    /// Agents by the name of their connection: path and abilities.
    agents: BTreeMap<String, (String, String)>,
    /// The connections whose agents are the default, the last one first in line.
    default_agents: Vec<String>,
    /// Who looks for devices on which adapter.
    looking: BTreeSet<(String, String)>,
    /// Who looks for classic devices alone.
    classic_only: BTreeSet<(String, String)>,
    streams: BTreeMap<String, Heard>,
    transports: u32,
    /// Pairings that go on, by device: called off when gone.
    bonding: BTreeSet<String>,
    /// Every call that came, as `Method path`.
    calls: Vec<String>,
    /// What the node did that it is not to do.
    wrongs: Vec<&'static str>,
}

impl StandIn {
    /// Appears on the bus with one adapter, `hci0`.
    pub(crate) async fn start() -> Self {
        let bus = Builder::system().unwrap().build().await.unwrap();
        let inner = Inner { bus, world: Mutex::default(), faults: Faults::default() };
        let standin = Self(Arc::new(inner));
        let answering = standin.clone();
        let stream = zbus::MessageStream::from(&standin.0.bus);
        tokio::spawn(async move { answering.answer(stream).await });
        let watching = standin.clone();
        let dbus = zbus::fdo::DBusProxy::new(&standin.0.bus).await.unwrap();
        let mut changes = dbus.receive_name_owner_changed().await.unwrap();
        tokio::spawn(async move {
            while let Some(change) = changes.next().await {
                let change = change.args().unwrap();
                if change.new_owner().is_none() {
                    watching.owner_gone(change.name()).await;
                }
            }
        });
        standin.add_adapter("hci0").await;
        standin.0.bus.request_name("org.bluez").await.unwrap();
        standin
    }

    /// What goes wrong.
    pub(crate) fn faults(&self) -> &Faults {
        &self.0.faults
    }

    /// Plugs an adapter in.
    pub(crate) async fn add_adapter(&self, name: &str) {
        let number: u8 = name.strip_prefix("hci").unwrap().parse().unwrap();
        let at = format!("/org/bluez/{name}");
        let adapter = properties([
            ("Address", format!("00:AA:01:00:00:{number:02X}").into()),
            ("AddressType", "public".into()),
            ("Name", "node".into()),
            ("Alias", "node".into()),
            ("Class", 0x10c_u32.into()),
            ("Powered", true.into()),
            // As an unlucky machine has them: the node is to close both.
            ("Discoverable", true.into()),
            ("DiscoverableTimeout", 0_u32.into()),
            ("Pairable", true.into()),
            ("PairableTimeout", 0_u32.into()),
            ("Discovering", false.into()),
            ("UUIDs", own_services()),
        ]);
        self.show(&at, ADAPTER, adapter).await;
        let supported = vec![service(0x110a), service(0x110b)];
        self.show(&at, MEDIA, properties([("SupportedUUIDs", supported.into())])).await;
    }

    /// Pulls an adapter out.
    pub(crate) async fn remove_adapter(&self, name: &str) {
        let at = format!("/org/bluez/{name}");
        let below: Vec<_> =
            self.world().objects.keys().filter(|path| path.starts_with(&format!("{at}/"))).cloned().collect();
        for device in below.iter().filter(|path| !path.contains("/fd")) {
            self.end_transports(device, None).await;
            self.hide(device).await;
        }
        self.world().endpoints.retain(|endpoint| endpoint.adapter != at);
        self.hide(&at).await;
    }

    /// Another program registers services with an adapter.
    pub(crate) async fn offer(&self, name: &str, services: &[u16]) {
        let all: Vec<_> = [0x1200, 0x110c, 0x110e].iter().chain(services).map(|number| service(*number)).collect();
        self.put(&format!("/org/bluez/{name}"), ADAPTER, "UUIDs", all.into()).await;
    }

    /// Brings a speaker into the house, or changes one.
    pub(crate) async fn place(&self, speaker: Speaker) {
        let address = speaker.address;
        self.world().speakers.insert(address, speaker);
        self.look_around().await;
    }

    /// Changes a speaker.
    pub(crate) async fn change(&self, address: Address, change: impl FnOnce(&mut Speaker)) {
        change(self.world().speakers.get_mut(&address).unwrap());
        self.look_around().await;
    }

    /// The speaker as it is.
    pub(crate) fn speaker(&self, address: Address) -> Speaker {
        self.world().speakers[&address].clone()
    }

    /// What came, as `Method path`, since this was asked last.
    pub(crate) fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.world().calls)
    }

    /// What the node did that it is not to do, ever.
    pub(crate) fn wrongs(&self) -> Vec<&'static str> {
        self.world().wrongs.clone()
    }

    /// Something that holds whatever happens.
    fn hold(&self, holds: bool, what: &'static str) {
        if !holds {
            self.world().wrongs.push(what);
        }
    }

    /// The abilities of the agent that is the default.
    pub(crate) fn default_agent(&self) -> Option<String> {
        let world = self.world();
        Some(world.agents.get(world.default_agents.last()?)?.1.clone())
    }

    /// How many endpoints are registered with an adapter.
    pub(crate) fn endpoints(&self, adapter: &str) -> usize {
        let at = format!("/org/bluez/{adapter}");
        self.world().endpoints.iter().filter(|endpoint| endpoint.adapter == at).count()
    }

    /// `BlueZ` ends, and is started again after a while. What was paired is kept, as it is on disk.
    pub(crate) async fn restart(&self, after: Duration) {
        let endpoints = std::mem::take(&mut self.world().endpoints);
        for endpoint in &endpoints {
            self.tell(&endpoint.owner, &endpoint.path, ENDPOINT, "Release", &()).await;
        }
        self.0.bus.release_name("org.bluez").await.unwrap();
        let paired: Vec<_> = {
            let mut world = self.world();
            let paired = world.objects.iter().filter_map(|(at, object)| {
                let device = object.get(DEVICE)?;
                let truth = |name: &str| device.get(name).is_some_and(|value| value.downcast_ref().unwrap_or(false));
                truth("Paired").then(|| (at.clone(), truth("Trusted")))
            });
            let paired = paired.collect();
            let adapters: Vec<_> = world
                .objects
                .iter()
                .filter(|(_, object)| object.contains_key(ADAPTER))
                .map(|(at, _)| at.clone())
                .collect();
            world.objects.retain(|at, _| adapters.contains(at));
            for adapter in world.objects.values_mut().filter_map(|object| object.get_mut(ADAPTER)) {
                adapter.insert("UUIDs".into(), own_services().try_into().unwrap());
                adapter.insert("Discovering".into(), false.into());
            }
            world.streams.clear();
            world.agents.clear();
            world.default_agents.clear();
            world.looking.clear();
            world.bonding.clear();
            paired
        };
        tokio::time::sleep(after).await;
        for (at, trusted) in paired {
            self.show_device(&at).await;
            self.put(&at, DEVICE, "Bonded", true.into()).await;
            self.put(&at, DEVICE, "Paired", true.into()).await;
            self.put(&at, DEVICE, "Trusted", trusted.into()).await;
            self.take(&at, DEVICE, "RSSI").await;
        }
        self.0.bus.request_name("org.bluez").await.unwrap();
    }

    /// With a connection go its agent, its endpoints with their transports, and its discovery.
    async fn owner_gone(&self, owner: &str) {
        let (ended, adapters) = {
            let mut world = self.world();
            world.agents.remove(owner);
            world.default_agents.retain(|other| other != owner);
            world.looking.retain(|(_, other)| other != owner);
            let (gone, left): (Vec<_>, _) =
                std::mem::take(&mut world.endpoints).into_iter().partition(|endpoint| endpoint.owner == owner);
            world.endpoints = left;
            let adapters: BTreeSet<_> = gone.iter().map(|endpoint| endpoint.adapter.clone()).collect();
            (gone.into_iter().filter_map(|endpoint| endpoint.used_by).collect::<Vec<_>>(), adapters)
        };
        for transport in ended {
            self.world().streams.remove(&transport);
            self.hide(&transport).await;
        }
        for adapter in adapters {
            self.put(&adapter, ADAPTER, "UUIDs", own_services()).await;
        }
    }

    /// A device wants to pair by itself. Whether it was let.
    pub(crate) async fn pair_from_outside(&self, address: Address) -> bool {
        let at = device_path("hci0", address);
        self.show_device(&at).await;
        let agent = {
            let world = self.world();
            world.default_agents.last().and_then(|owner| Some((owner.clone(), world.agents.get(owner)?.0.clone())))
        };
        let Some((owner, agent)) = agent else { return false };
        let device = zbus::zvariant::ObjectPath::try_from(at.as_str()).unwrap();
        let authorized = self.tell(&owner, &agent, AGENT, "RequestAuthorization", &(&device,)).await;
        let service = (&device, service(0x110d));
        authorized && self.tell(&owner, &agent, AGENT, "AuthorizeService", &service).await
    }

    /// Whether a call to the node succeeds.
    async fn tell<B>(&self, owner: &str, at: &str, interface: &str, method: &str, body: &B) -> bool
    where
        B: serde::Serialize + zbus::zvariant::DynamicType + Sync,
    {
        self.0.bus.call_method(Some(owner), at, Some(interface), method, body).await.is_ok()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.world.lock().unwrap()
    }
}

/// What `BlueZ` itself offers.
fn own_services() -> Value<'static> {
    vec![service(0x1200), service(0x110c), service(0x110e)].into()
}

/// The path of a device behind an adapter.
pub(crate) fn device_path(adapter: &str, address: Address) -> String {
    format!("/org/bluez/{adapter}/dev_{}", address.to_string().replace(':', "_"))
}

/// The address in the path of a device or of something below it.
fn address_in(at: &str) -> Option<Address> {
    at.split('/').find_map(|part| part.strip_prefix("dev_"))?.replace('_', ":").parse().ok()
}

/// The adapter of a path.
fn adapter_in(at: &str) -> String {
    at.split('/').take(4).collect::<Vec<_>>().join("/")
}

impl StandIn {
    /// Shows the device of a speaker.
    async fn show_device(&self, at: &str) {
        let Some(speaker) = address_in(at).and_then(|address| self.world().speakers.get(&address).cloned()) else {
            return;
        };
        if self.world().objects.contains_key(at) {
            return;
        }
        let services: Vec<_> = speaker.services.iter().map(|number| service(*number)).collect();
        let mut device = properties([
            ("Address", speaker.address.to_string().into()),
            ("AddressType", if speaker.low_energy { "random" } else { "public" }.into()),
            ("Name", speaker.name.into()),
            ("Alias", speaker.name.into()),
            ("UUIDs", services.into()),
            ("RSSI", (-52_i16).into()),
            ("Bonded", false.into()),
            ("Paired", false.into()),
            ("Trusted", false.into()),
            ("Blocked", false.into()),
            ("LegacyPairing", speaker.pin.is_some().into()),
            ("Connected", false.into()),
            ("ServicesResolved", false.into()),
            ("Adapter", path(&adapter_in(at))),
        ]);
        if !speaker.low_energy {
            device.extend(properties([("Class", 0x24_0414_u32.into())]));
        }
        self.show(at, DEVICE, device).await;
    }

    /// What adapters that look for devices see now. A device that was seen before is told again, as `BlueZ` does for those
    /// who want duplicates.
    async fn look_around(&self) {
        let (looking, speakers): (BTreeMap<String, bool>, Vec<_>) = {
            let world = self.world();
            let mut looking = BTreeMap::<String, bool>::new();
            for looks in &world.looking {
                *looking.entry(looks.0.clone()).or_default() |= !world.classic_only.contains(looks);
            }
            (looking, world.speakers.values().cloned().collect())
        };
        for (adapter, sees_all) in looking {
            let is_seen = |speaker: &Speaker| speaker.on && (speaker.pairing_mode || sees_all && speaker.advertises);
            for speaker in speakers.iter().filter(|speaker| is_seen(speaker)) {
                let at = format!("{adapter}/dev_{}", speaker.address.to_string().replace(':', "_"));
                self.show_device(&at).await;
                if let Some(device) = self.world().objects.get_mut(&at).and_then(|object| object.get_mut(DEVICE)) {
                    device.remove("RSSI");
                }
                self.put(&at, DEVICE, "RSSI", (-52_i16).into()).await;
            }
        }
    }
}
