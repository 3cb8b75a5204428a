//! Endpoints, transports, and what arrives at the speaker.

use std::{
    collections::HashMap,
    os::fd::{AsRawFd, OwnedFd},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    sys::{
        socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, setsockopt, socketpair, sockopt::ReceiveTimeout},
        time::TimeVal,
    },
};
use unisono_bluetooth::Address;
use zbus::zvariant::{ObjectPath, OwnedObjectPath, OwnedValue};

use super::{
    DEVICE, ENDPOINT, StandIn, TRANSPORT, adapter_in, address_in,
    calls::{Answer, Reply, copy, refuse},
    device_path,
    objects::{path, properties, service},
};

/// An endpoint that the node has registered.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) adapter: String,
    pub(crate) owner: String,
    pub(crate) path: String,
    /// The transport that uses it; `BlueZ` before 5.83 bears one.
    pub(super) used_by: Option<String>,
}

/// Packets, and when they came.
type Packets = Vec<(Instant, Vec<u8>)>;

/// What arrives at a speaker. Clones hear the same.
#[derive(Clone)]
pub(crate) struct Heard {
    packets: Arc<Mutex<Packets>>,
    deaf: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
}

impl Heard {
    /// The packets so far, with their instants.
    pub(crate) fn packets(&self) -> Vec<(Instant, Vec<u8>)> {
        self.packets.lock().unwrap().clone()
    }

    /// From now on nothing is read, so that the socket fills; or again.
    pub(crate) fn set_deaf(&self, deaf: bool) {
        self.deaf.store(deaf, Ordering::Relaxed);
    }

    /// The speaker's end is closed, whatever is on its way.
    pub(crate) fn hang_up(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// Whether the stream has ended, from either side.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    fn listen(socket: OwnedFd) -> Self {
        let heard = Self { packets: Arc::default(), deaf: Arc::default(), over: Arc::default() };
        let listener = heard.clone();
        // So often it looks whether it is to hang up.
        setsockopt(&socket, ReceiveTimeout, &TimeVal::new(0, 20_000)).unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            while !listener.over.load(Ordering::Relaxed) {
                if listener.deaf.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(5));
                    continue;
                }
                match recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
                    Ok(0) => break,
                    Ok(length) => listener.packets.lock().unwrap().push((Instant::now(), buffer[..length].to_vec())),
                    Err(Errno::EAGAIN) => {}
                    Err(_) => break,
                }
            }
            listener.over.store(true, Ordering::Relaxed);
        });
        heard
    }
}

impl StandIn {
    /// The stream that a speaker hears at the moment, if there is one.
    pub(crate) fn heard(&self, address: Address) -> Option<Heard> {
        let world = self.world();
        let (_, heard) =
            world.streams.iter().find(|(at, heard)| address_in(at) == Some(address) && !heard.is_over())?;
        Some(heard.clone())
    }

    /// The transport of a speaker, if there is one.
    pub(crate) fn transport(&self, address: Address) -> Option<String> {
        let world = self.world();
        world
            .objects
            .iter()
            .find(|(at, object)| object.contains_key(TRANSPORT) && address_in(at) == Some(address))
            .map(|(at, _)| at.clone())
    }

    /// The speaker reports another delay, in 1/10 ms; `None`: `BlueZ` shows none any more.
    pub(crate) async fn report(&self, address: Address, delay: Option<u16>) {
        self.world().speakers.get_mut(&address).unwrap().delay = delay;
        let Some(transport) = self.transport(address) else { return };
        match delay {
            Some(delay) => self.put(&transport, TRANSPORT, "Delay", delay.into()).await,
            None => self.take(&transport, TRANSPORT, "Delay").await,
        }
    }

    /// The speaker is asked for a volume. It answers a moment later with what it has made of that, or not at all.
    pub(super) fn louden(&self, transport: &str, volume: u16) {
        self.hold(volume <= 127, "a volume is 0 to 127");
        let (standin, transport) = (self.clone(), transport.to_owned());
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let address = address_in(&transport).unwrap();
            let speaker = standin.speaker(address);
            if speaker.follows_volume && standin.transport(address).as_deref() == Some(&transport) {
                let step = volume * speaker.volume_steps / 127;
                let below = step * 127 / speaker.volume_steps;
                standin.turn(address, below).await;
            }
        });
    }

    /// A speaker is at another volume: somebody has turned it, or it does what it was asked for.
    pub(crate) async fn turn(&self, address: Address, volume: u16) {
        self.world().speakers.get_mut(&address).unwrap().volume = Some(volume);
        if let Some(transport) = self.transport(address) {
            self.put(&transport, TRANSPORT, "Volume", volume.into()).await;
        }
    }

    /// A speaker that has been paired connects by itself, with a configuration of its own choice, and perhaps starts the
    /// stream. Whether it was let.
    pub(crate) async fn connect_from_outside(&self, address: Address, configuration: [u8; 4], start: bool) -> bool {
        let at = device_path("hci0", address);
        self.show_device(&at).await;
        self.put(&at, DEVICE, "Connected", true.into()).await;
        let Some(transport) = self.configure(&at, configuration).await else { return false };
        if start {
            self.put(&transport, TRANSPORT, "State", "pending".into()).await;
        }
        true
    }

    /// A speaker goes: `reason` is `BlueZ`'s word for why, `org.bluez.Reason.Timeout` when it was switched off.
    pub(crate) async fn leave(&self, address: Address, reason: &str) {
        for adapter in ["hci0", "hci1"] {
            let at = device_path(adapter, address);
            if self.is(&at, DEVICE, "Connected") {
                self.disconnect(&at, reason).await;
            }
        }
    }

    pub(super) async fn disconnect(&self, at: &str, reason: &str) {
        self.end_transports(at, Some(reason)).await;
        self.signal(at, DEVICE, "Disconnected", &(reason, "")).await;
        self.put(at, DEVICE, "Connected", false.into()).await;
    }

    /// Ends the transports of a device.
    pub(super) async fn end_transports(&self, device: &str, _reason: Option<&str>) {
        let below = format!("{device}/");
        let ended: Vec<_> = {
            let mut world = self.world();
            world.streams.retain(|at, heard| {
                if at.starts_with(&below) {
                    heard.hang_up();
                }
                !at.starts_with(&below)
            });
            let used = world.endpoints.iter_mut().filter_map(|endpoint| {
                let transport = endpoint.used_by.take_if(|transport| transport.starts_with(&below))?;
                Some((endpoint.clone(), transport))
            });
            used.collect()
        };
        for (endpoint, transport) in ended {
            let at = ObjectPath::try_from(transport.as_str()).unwrap();
            self.tell(&endpoint.owner, &endpoint.path, ENDPOINT, "ClearConfiguration", &(&at,)).await;
            self.hide(&transport).await;
        }
    }

    pub(super) async fn connect(&self, at: &str) -> Answer {
        let looking = self.world().looking.iter().any(|(adapter, _)| *adapter == adapter_in(at));
        self.hold(!looking, "nothing is to be connected while the adapter looks for devices");
        let speaker = address_in(at).map(|address| self.speaker(address)).unwrap();
        if self.transport(speaker.address).is_some() {
            return refuse("org.bluez.Error.AlreadyConnected", "Already Connected");
        }
        if !speaker.on {
            return refuse("org.bluez.Error.Failed", "br-connection-page-timeout");
        }
        if !speaker.knows_us || !self.is(at, DEVICE, "Bonded") {
            return refuse("org.bluez.Error.Failed", "br-connection-key-missing");
        }
        if !speaker.services.contains(&0x110b) || !self.has_endpoint(&adapter_in(at)) {
            return refuse("org.bluez.Error.NotAvailable", "br-connection-profile-unavailable");
        }
        self.put(at, DEVICE, "Connected", true.into()).await;
        let Some(endpoint) = self.free_endpoint(&adapter_in(at)) else {
            return refuse("org.bluez.Error.Failed", "br-connection-busy");
        };
        let selected = self
            .0
            .bus
            .call_method(
                Some(endpoint.owner.as_str()),
                endpoint.path.as_str(),
                Some(ENDPOINT),
                "SelectConfiguration",
                &(speaker.capabilities.to_vec(),),
            )
            .await;
        let selected = selected.ok().and_then(|reply| reply.body().deserialize::<Vec<u8>>().ok());
        let Some(selected) = selected.and_then(|bytes| <[u8; 4]>::try_from(bytes).ok()) else {
            return refuse("org.bluez.Error.Failed", "br-connection-refused");
        };
        match self.configure(at, selected).await {
            Some(_) => Ok(Reply::Nothing),
            None => refuse("org.bluez.Error.Failed", "br-connection-refused"),
        }
    }

    fn has_endpoint(&self, adapter: &str) -> bool {
        self.world().endpoints.iter().any(|endpoint| endpoint.adapter == adapter)
    }

    fn free_endpoint(&self, adapter: &str) -> Option<Endpoint> {
        let world = self.world();
        world.endpoints.iter().find(|endpoint| endpoint.adapter == adapter && endpoint.used_by.is_none()).cloned()
    }

    /// Makes a transport, if the node takes the configuration.
    async fn configure(&self, at: &str, configuration: [u8; 4]) -> Option<String> {
        let endpoint = self.free_endpoint(&adapter_in(at))?;
        let speaker = self.speaker(address_in(at)?);
        let number = {
            let mut world = self.world();
            world.transports += 1;
            world.transports
        };
        let transport = format!("{at}/fd{number}");
        let with = || {
            let mut with = properties([
                ("Device", path(at)),
                ("UUID", service(0x110a).into()),
                ("Codec", 0_u8.into()),
                ("Configuration", configuration.to_vec().into()),
                ("State", "idle".into()),
            ]);
            if let Some(delay) = speaker.delay {
                with.extend(properties([("Delay", delay.into())]));
            }
            if let Some(volume) = speaker.volume {
                with.extend(properties([("Volume", volume.into())]));
            }
            with
        };
        // It is there before the node hears of it; the signal follows.
        self.world().objects.entry(transport.clone()).or_default().insert(TRANSPORT.into(), with());
        let use_for = |transport: Option<String>| {
            let mut world = self.world();
            let mut endpoints = world.endpoints.iter_mut();
            let used = endpoints.find(|other| other.owner == endpoint.owner && other.path == endpoint.path);
            used.map(|used| used.used_by = transport)
        };
        use_for(Some(transport.clone()))?;
        let body: (ObjectPath<'_>, HashMap<String, OwnedValue>) =
            (ObjectPath::try_from(transport.as_str()).unwrap(), with());
        if !self.tell(&endpoint.owner, &endpoint.path, ENDPOINT, "SetConfiguration", &body).await {
            self.world().objects.remove(&transport);
            use_for(None);
            return None;
        }
        // What has changed meanwhile is in it.
        let now = self.world().objects.get(&transport)?.get(TRANSPORT).map(copy)?;
        self.show(&transport, TRANSPORT, now).await;
        Some(transport)
    }

    pub(super) async fn media_call(&self, owner: &str, at: &str, method: &str, body: &zbus::message::Body) -> Answer {
        if method != "RegisterEndpoint" {
            return refuse("org.freedesktop.DBus.Error.UnknownMethod", method);
        }
        let (endpoint, with): (OwnedObjectPath, HashMap<String, OwnedValue>) = body.deserialize().unwrap();
        let value = |name: &str| with.get(name).unwrap();
        let source = value("UUID").downcast_ref::<&str>().is_ok_and(|uuid| uuid == service(0x110a));
        let codec = value("Codec").downcast_ref::<u8>();
        self.hold(source && codec == Ok(0), "we are a source of SBC and nothing else");
        self.hold(value("DelayReporting").downcast_ref() == Ok(true), "delays are to be reported");
        {
            let mut world = self.world();
            let new = Endpoint { adapter: at.into(), owner: owner.into(), path: endpoint.to_string(), used_by: None };
            if world
                .endpoints
                .iter()
                .any(|other| other.adapter == new.adapter && other.owner == new.owner && other.path == new.path)
            {
                return refuse("org.bluez.Error.AlreadyExists", "Already Exists");
            }
            world.endpoints.push(new);
        }
        let mut all: Vec<String> =
            self.property(at, super::ADAPTER, "UUIDs").and_then(|all| all.try_into().ok()).unwrap_or_default();
        if !all.contains(&service(0x110a)) {
            all.push(service(0x110a));
            self.put(at, super::ADAPTER, "UUIDs", all.into()).await;
        }
        Ok(Reply::Nothing)
    }

    pub(super) async fn transport_call(&self, at: &str, method: &str) -> Answer {
        let state: String = match self.property(at, TRANSPORT, "State") {
            Some(state) => state.try_into().unwrap(),
            None => return refuse("org.freedesktop.DBus.Error.UnknownObject", "no such object"),
        };
        match (method, state.as_str()) {
            ("TryAcquire", "pending") | ("Acquire", "idle" | "pending") => {
                let mtu = address_in(at).map(|address| self.speaker(address).mtu).unwrap();
                let (ours, theirs) =
                    socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).unwrap();
                self.world().streams.insert(at.into(), Heard::listen(theirs));
                self.put(at, TRANSPORT, "State", "active".into()).await;
                Ok(Reply::Stream(ours.into(), mtu))
            }
            ("TryAcquire", "idle") => refuse("org.bluez.Error.NotAvailable", "Operation currently not available"),
            ("Release", "active") => {
                if let Some(heard) = self.world().streams.remove(at) {
                    heard.hang_up();
                }
                self.put(at, TRANSPORT, "State", "idle".into()).await;
                Ok(Reply::Nothing)
            }
            _ => refuse("org.bluez.Error.NotAuthorized", "Operation Not Authorized"),
        }
    }
}
