//! The calls that the stand-in answers.

use std::{collections::HashMap, time::Duration};

use futures_util::StreamExt;
use zbus::{
    Message, MessageStream,
    message::Type,
    zvariant::{OwnedObjectPath, OwnedValue, Value},
};

use super::{
    ADAPTER, AGENT, DEVICE, Fault, PROPERTIES, StandIn, adapter_in, address_in,
    objects::{Properties, Tree},
};

/// Why a call is refused: name and message.
pub(crate) type Refusal = (&'static str, String);

/// How a call ends.
pub(crate) type Answer = Result<Reply, Refusal>;

/// What a call is answered with.
pub(crate) enum Reply {
    Nothing,
    Value(OwnedValue),
    Properties(Properties),
    Tree(Vec<(String, Vec<(String, Properties)>)>),
    Stream(zbus::zvariant::OwnedFd, u16),
    /// Not at all.
    Silence,
}

pub(crate) fn refuse<T>(name: &'static str, message: &str) -> Result<T, Refusal> {
    Err((name, message.into()))
}

impl StandIn {
    /// Answers what comes, each call for itself.
    pub(super) async fn answer(self, mut calls: MessageStream) {
        while let Some(Ok(call)) = calls.next().await {
            if call.message_type() == Type::MethodCall {
                let standin = self.clone();
                tokio::spawn(async move { standin.answer_one(call).await });
            }
        }
    }

    async fn answer_one(&self, call: Message) {
        let answer = self.carry_out(&call).await;
        let header = call.header();
        let bus = &self.0.bus;
        // Whoever asked may be gone.
        let _ = match answer {
            Ok(Reply::Nothing) => bus.reply(&header, &()).await,
            Ok(Reply::Value(value)) => bus.reply(&header, &Value::from(value)).await,
            Ok(Reply::Properties(properties)) => bus.reply(&header, &properties).await,
            Ok(Reply::Tree(tree)) => {
                let tree: HashMap<_, HashMap<_, _>> = tree
                    .into_iter()
                    .map(|(at, object)| (OwnedObjectPath::try_from(at).unwrap(), object.into_iter().collect()))
                    .collect();
                bus.reply(&header, &tree).await
            }
            Ok(Reply::Stream(fd, mtu)) => bus.reply(&header, &(fd, mtu, mtu)).await,
            Ok(Reply::Silence) => Ok(()),
            Err((name, message)) => bus.reply_error(&header, name, &message).await,
        };
    }

    async fn carry_out(&self, call: &Message) -> Answer {
        let header = call.header();
        let at = header.path().map(ToString::to_string).unwrap_or_default();
        let owner = header.sender().map(ToString::to_string).unwrap_or_default();
        let interface = header.interface().map(ToString::to_string).unwrap_or_default();
        let method = header.member().map(ToString::to_string).unwrap_or_default();
        let body = call.body();
        let named = match method.as_str() {
            "Set" => {
                let (_, name, _): (&str, &str, Value<'_>) = body.deserialize().unwrap();
                format!("Set.{name}")
            }
            method => method.to_owned(),
        };
        self.world().calls.push(format!("{named} {at}"));
        match self.faults().meet(&named) {
            Some(Fault::Error(name, message)) => {
                // What BlueZ refuses to stop does not go on: each of its reasons is that it does not.
                if named == "StopDiscovery" {
                    self.world().looking.remove(&(at, owner));
                }
                refuse(name, message)
            }
            // BlueZ does one thing after another; it is the answer that takes long.
            Some(Fault::Slow(span)) => {
                let answer = self.act(call, &at, &owner, &interface, &method).await;
                tokio::time::sleep(span).await;
                answer
            }
            Some(Fault::Never) => Ok(Reply::Silence),
            None => self.act(call, &at, &owner, &interface, &method).await,
        }
    }

    async fn act(&self, call: &Message, at: &str, owner: &str, interface: &str, method: &str) -> Answer {
        let body = call.body();
        match (interface, method) {
            ("org.freedesktop.DBus.ObjectManager", "GetManagedObjects") => Ok(self.tree()),
            (PROPERTIES, "Get") => {
                let (interface, name): (&str, &str) = body.deserialize().unwrap();
                if !self.world().objects.contains_key(at) {
                    return refuse("org.freedesktop.DBus.Error.UnknownObject", "no such object");
                }
                match self.property(at, interface, name) {
                    Some(value) => Ok(Reply::Value(value)),
                    None => refuse("org.freedesktop.DBus.Error.InvalidArgs", "No such property"),
                }
            }
            (PROPERTIES, "GetAll") => {
                let (interface,): (&str,) = body.deserialize().unwrap();
                let world = self.world();
                let all = world.objects.get(at).and_then(|object| object.get(interface));
                Ok(Reply::Properties(all.map(copy).unwrap_or_default()))
            }
            (PROPERTIES, "Set") => {
                let (interface, name, value): (&str, &str, Value<'_>) = body.deserialize().unwrap();
                if self.property(at, interface, name).is_none() {
                    return refuse("org.freedesktop.DBus.Error.UnknownObject", "no such object");
                }
                match (interface, name, value) {
                    (super::TRANSPORT, "Volume", Value::U16(volume)) => self.louden(at, volume),
                    (_, _, value) => self.put(at, interface, name, value).await,
                }
                Ok(Reply::Nothing)
            }
            ("org.bluez.AgentManager1", _) => self.agent_call(owner, method, &body),
            (ADAPTER, _) => self.adapter_call(owner, at, method, &body).await,
            (DEVICE, _) => self.device_call(owner, at, method, &body).await,
            (super::MEDIA, _) => self.media_call(owner, at, method, &body).await,
            (super::TRANSPORT, _) => self.transport_call(at, method).await,
            _ => refuse("org.freedesktop.DBus.Error.UnknownMethod", method),
        }
    }

    fn tree(&self) -> Reply {
        let world = self.world();
        let objects: &Tree = &world.objects;
        let copied = objects.iter().map(|(at, object)| {
            let interfaces = object.iter().map(|(interface, properties)| (interface.clone(), copy(properties)));
            (at.clone(), interfaces.collect())
        });
        Reply::Tree(copied.collect())
    }

    fn agent_call(&self, owner: &str, method: &str, body: &zbus::message::Body) -> Answer {
        let mut world = self.world();
        match method {
            "RegisterAgent" => {
                let (agent, abilities): (OwnedObjectPath, &str) = body.deserialize().unwrap();
                if world.agents.contains_key(owner) {
                    return refuse("org.bluez.Error.AlreadyExists", "Already Exists");
                }
                world.agents.insert(owner.into(), (agent.to_string(), abilities.into()));
            }
            "RequestDefaultAgent" => {
                world.default_agents.retain(|other| other != owner);
                world.default_agents.push(owner.into());
            }
            _ => {
                world.default_agents.retain(|other| other != owner);
                if world.agents.remove(owner).is_none() {
                    return refuse("org.bluez.Error.DoesNotExist", "Does Not Exist");
                }
            }
        }
        Ok(Reply::Nothing)
    }

    async fn adapter_call(&self, owner: &str, at: &str, method: &str, body: &zbus::message::Body) -> Answer {
        if !self.world().objects.contains_key(at) {
            return refuse("org.freedesktop.DBus.Error.UnknownObject", "no such object");
        }
        if !self.is(at, ADAPTER, "Powered") && method != "SetDiscoveryFilter" {
            return refuse("org.bluez.Error.NotReady", "Resource Not Ready");
        }
        match method {
            "SetDiscoveryFilter" => {
                let (filter,): (HashMap<String, OwnedValue>,) = body.deserialize().unwrap();
                let transport = filter.get("Transport").and_then(|transport| transport.downcast_ref::<&str>().ok());
                let looks = (at.to_owned(), owner.to_owned());
                let mut world = self.world();
                world.classic_only.remove(&looks);
                if transport == Some("bredr") {
                    world.classic_only.insert(looks);
                }
            }
            "StartDiscovery" => {
                if !self.world().looking.insert((at.into(), owner.into())) {
                    return refuse("org.bluez.Error.InProgress", "Operation already in progress");
                }
                self.put(at, ADAPTER, "Discovering", true.into()).await;
                let standin = self.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                    standin.look_around().await;
                });
            }
            "StopDiscovery" => {
                let (found, last) = {
                    let mut world = self.world();
                    let found = world.looking.remove(&(at.into(), owner.into()));
                    (found, !world.looking.iter().any(|(adapter, _)| adapter == at))
                };
                if !found {
                    return refuse("org.bluez.Error.Failed", "No discovery started");
                }
                if last {
                    let below: Vec<_> =
                        self.world().objects.keys().filter(|path| adapter_in(path) == at).cloned().collect();
                    for device in below {
                        self.take(&device, DEVICE, "RSSI").await;
                    }
                    self.put(at, ADAPTER, "Discovering", false.into()).await;
                }
            }
            "RemoveDevice" => {
                let (device,): (OwnedObjectPath,) = body.deserialize().unwrap();
                if !self.world().objects.contains_key(device.as_str()) {
                    return refuse("org.bluez.Error.DoesNotExist", "Does Not Exist");
                }
                self.end_transports(device.as_str(), None).await;
                self.hide(device.as_str()).await;
            }
            _ => {}
        }
        Ok(Reply::Nothing)
    }

    async fn device_call(&self, owner: &str, at: &str, method: &str, body: &zbus::message::Body) -> Answer {
        if !self.world().objects.contains_key(at) {
            return refuse("org.freedesktop.DBus.Error.UnknownObject", "no such object");
        }
        match method {
            "Pair" => self.pair(owner, at).await,
            "CancelPairing" => {
                if self.world().bonding.remove(at) {
                    Ok(Reply::Nothing)
                } else {
                    refuse("org.bluez.Error.DoesNotExist", "Does Not Exist")
                }
            }
            "ConnectProfile" => {
                let (profile,): (&str,) = body.deserialize().unwrap();
                self.hold(profile == super::service(0x110b), "only the sink is to be connected");
                self.connect(at).await
            }
            "Disconnect" => {
                if !self.is(at, DEVICE, "Connected") {
                    return refuse("org.bluez.Error.NotConnected", "Not Connected");
                }
                self.disconnect(at, "org.bluez.Reason.Local").await;
                Ok(Reply::Nothing)
            }
            other => {
                self.hold(other != "Connect", "everything that a device has is never to be connected");
                refuse("org.freedesktop.DBus.Error.UnknownMethod", other)
            }
        }
    }

    async fn pair(&self, owner: &str, at: &str) -> Answer {
        let looking = self.world().looking.iter().any(|(adapter, _)| *adapter == adapter_in(at));
        self.hold(!looking, "nothing is to be paired while the adapter looks for devices");
        let speaker = address_in(at).map(|address| self.speaker(address)).unwrap();
        if self.is(at, DEVICE, "Bonded") {
            return refuse("org.bluez.Error.AlreadyExists", "Already Exists");
        }
        if !speaker.on {
            return refuse("org.bluez.Error.ConnectionAttemptFailed", "Page Timeout");
        }
        if !speaker.pairing_mode {
            return refuse("org.bluez.Error.AuthenticationRejected", "Authentication Rejected");
        }
        self.world().bonding.insert(at.into());
        let agent = {
            let world = self.world();
            let owner = if world.agents.contains_key(owner) {
                Some(owner.to_owned())
            } else {
                world.default_agents.last().cloned()
            };
            owner.and_then(|owner| Some((owner.clone(), world.agents.get(&owner)?.0.clone())))
        };
        let device = zbus::zvariant::ObjectPath::try_from(at).unwrap();
        let agreed = match (&agent, speaker.pin) {
            (Some((owner, agent)), Some(pin)) => {
                let (owner, agent) = (owner.as_str(), agent.as_str());
                let answer =
                    self.0.bus.call_method(Some(owner), agent, Some(AGENT), "RequestPinCode", &(&device,)).await;
                answer.is_ok_and(|answer| answer.body().deserialize::<String>().is_ok_and(|given| given == pin))
            }
            (None, Some(_)) => false,
            (Some((owner, agent)), None) if speaker.compares => {
                self.tell(owner, agent, AGENT, "RequestConfirmation", &(&device, 123_456_u32)).await
            }
            // Just works, and we began: nobody is asked.
            (_, None) => !speaker.compares,
        };
        if !self.world().bonding.remove(at) {
            return refuse("org.bluez.Error.AuthenticationCanceled", "Authentication Canceled");
        }
        if !agreed {
            return refuse("org.bluez.Error.AuthenticationFailed", "Authentication Failed");
        }
        self.world().speakers.get_mut(&speaker.address).unwrap().knows_us = true;
        self.put(at, DEVICE, "Connected", true.into()).await;
        self.put(at, DEVICE, "Bonded", true.into()).await;
        // Then the services are asked for.
        while speaker.hides_services && self.is(at, DEVICE, "Connected") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.put(at, DEVICE, "Paired", true.into()).await;
        Ok(Reply::Nothing)
    }
}

pub(crate) fn copy(properties: &Properties) -> Properties {
    properties.iter().map(|(name, value)| (name.clone(), value.try_clone().unwrap())).collect()
}
