//! The speaker's adapter, whether it can be found, and what streams there are.

use std::{collections::HashMap, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::{sync::mpsc::UnboundedSender, time::sleep};
use unisono_codec::sbc;
use zbus::{
    Connection, MatchRule, MessageStream, fdo,
    message::Type,
    names::InterfaceName,
    zvariant::{ObjectPath, OwnedObjectPath, OwnedValue},
};

use super::{
    Options,
    bluez::{AdapterProxy, AgentManagerProxy, DeviceProxy, MediaProxy, ObjectsProxy, TransportProxy},
    objects::{AGENT, Agent, ENDPOINT, Endpoint, Event},
    stream::Stream,
};

const SINK: &str = "0000110b-0000-1000-8000-00805f9b34fb";
const SOURCE: &str = "0000110a-0000-1000-8000-00805f9b34fb";
const TRANSPORT: &str = "org.bluez.MediaTransport1";
const DEVICE: &str = "org.bluez.Device1";

/// `BlueZ` takes some seconds to start on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// From the other end's first step to the question there is a search, which takes longer.
const ASKED_AGAIN: Duration = Duration::from_millis(50);

/// A stream takes a report once its configuration has been answered.
const CONFIGURED: Duration = Duration::from_millis(100);

/// An adapter of `BlueZ` as a speaker.
#[derive(Debug)]
pub(super) struct Radio {
    bus: Connection,
    path: ObjectPath<'static>,
    options: Options,
    report_ms: Option<f64>,
    stream: Arc<Stream>,
    transport: Option<(OwnedObjectPath, Vec<u8>)>,
    /// In pairing mode: keeps its agent the one that is asked.
    pairs: Option<AbortOnDrop>,
}

/// A task that ends with this.
#[derive(Debug)]
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Radio {
    /// Makes it known to `BlueZ`, switched on and not to be found.
    pub(super) async fn start(
        options: &Options,
        stream: Arc<Stream>,
        events: UnboundedSender<Event>,
    ) -> anyhow::Result<Self> {
        let bus = Connection::system().await.context("no system bus")?;
        let path = ObjectPath::try_from(format!("/org/bluez/{}", options.adapter))?;
        let endpoint = Endpoint { events: events.clone(), capabilities: options.capabilities };
        bus.object_server().at(ENDPOINT, endpoint).await?;
        bus.object_server().at(AGENT, Agent { devices: format!("{path}/") }).await?;
        watch(&bus, events).await?;
        let report_ms = options.report_ms;
        let radio = Self { bus, path, options: options.clone(), report_ms, stream, transport: None, pairs: None };
        radio.appear().await?;
        Ok(radio)
    }

    /// Takes note of what has happened on the bus.
    pub(super) async fn handle(&mut self, event: Event) {
        let done = match event {
            Event::Configured(transport, configuration) => {
                self.transport = Some((transport, configuration));
                sleep(CONFIGURED).await;
                self.send_report().await
            }
            Event::Cleared(transport) => {
                self.transport.take_if(|(known, _)| *known == transport);
                Ok(())
            }
            Event::State(transport, state) if state == "pending" => self.acquire(&transport).await,
            Event::State(..) => Ok(()),
            Event::Came(device) => self.trust(device).await,
            Event::Appeared => {
                self.transport = None;
                self.appear().await
            }
        };
        if let Err(error) = done {
            unisono_settings::complain(format_args!("speaker: {error:#}"));
        }
    }

    pub(super) async fn report(&mut self, ms: Option<f64>) -> anyhow::Result<()> {
        self.report_ms = ms;
        self.send_report().await
    }

    /// Somebody turns its volume; the source is told, where it listens.
    pub(super) async fn turn(&self, volume: u16) -> anyhow::Result<()> {
        Ok(self.transport().await?.context("it is not connected")?.set_volume(volume).await?)
    }

    pub(super) async fn power(&self, on: bool) -> anyhow::Result<()> {
        Ok(self.adapter().await?.set_powered(on).await?)
    }

    /// Lets itself be found and paired with, or not.
    pub(super) async fn pairing(&mut self, on: bool) -> anyhow::Result<()> {
        self.pairs = if on { Some(self.stay_asked().await?) } else { None };
        let adapter = self.adapter().await?;
        adapter.set_pairable(on).await?;
        adapter.set_discoverable_timeout(0).await?;
        Ok(adapter.set_discoverable(on).await?)
    }

    pub(super) async fn forget(&self) -> anyhow::Result<()> {
        let adapter = self.adapter().await?;
        for device in self.devices().await? {
            adapter.remove_device(&device).await?;
        }
        Ok(())
    }

    /// Calls the sources that it knows.
    pub(super) async fn call(&self) -> anyhow::Result<()> {
        for path in self.devices().await? {
            DeviceProxy::builder(&self.bus).path(path)?.build().await?.connect_profile(SOURCE).await?;
        }
        Ok(())
    }

    pub(super) async fn disconnect(&self) -> anyhow::Result<()> {
        for path in self.devices().await? {
            DeviceProxy::builder(&self.bus).path(path)?.build().await?.disconnect().await?;
        }
        Ok(())
    }

    pub(super) async fn status(&self) -> Value {
        let adapter = self.adapter().await;
        let (mut address, mut powered, mut discoverable, mut devices) = (None, None, None, Vec::new());
        if let Ok(adapter) = adapter {
            (address, powered, discoverable) =
                (adapter.address().await.ok(), adapter.powered().await.ok(), adapter.discoverable().await.ok());
            devices = self.devices().await.unwrap_or_default();
        }
        let configuration = self.transport.as_ref().map(|(_, configuration)| configuration);
        let volume = match self.transport().await {
            Ok(Some(transport)) => transport.volume().await.ok(),
            _ => None,
        };
        json!({
            "volume": volume,
            "address": address,
            "powered": powered,
            "discoverable": discoverable,
            "devices": devices.iter().map(|path| path.as_str()).collect::<Vec<_>>(),
            "configuration": configuration,
            "report_ms": self.report_ms,
        })
    }

    /// Makes endpoint and agent known, as soon as the adapter is there.
    async fn appear(&self) -> anyhow::Result<()> {
        let begun = tokio::time::Instant::now();
        let adapter = self.adapter().await?;
        while adapter.address().await.is_err() {
            if begun.elapsed() > PATIENCE {
                bail!("BlueZ has no adapter {}", self.path);
            }
            sleep(Duration::from_millis(100)).await;
        }
        adapter.set_powered(true).await?;
        self.pairing_off(&adapter).await?;
        AgentManagerProxy::new(&self.bus).await?.register_agent(&AGENT, "NoInputNoOutput").await?;
        let media = MediaProxy::builder(&self.bus).path(self.path.clone())?.build().await?;
        let properties = HashMap::from([
            ("UUID", SINK.into()),
            ("Codec", 0_u8.into()),
            ("Capabilities", self.options.capabilities.to_vec().into()),
            ("DelayReporting", self.options.reports.into()),
        ]);
        Ok(media.register_endpoint(&ENDPOINT, properties).await?)
    }

    async fn pairing_off(&self, adapter: &AdapterProxy<'_>) -> anyhow::Result<()> {
        adapter.set_pairable(false).await?;
        Ok(adapter.set_discoverable(false).await?)
    }

    /// In pairing mode it trusts whoever comes: `BlueZ` would ask about every service, and ask an agent that may be that
    /// of the other end.
    async fn trust(&self, path: OwnedObjectPath) -> anyhow::Result<()> {
        if self.pairs.is_none() || !path.as_str().starts_with(&format!("{}/", self.path)) {
            return Ok(());
        }
        let device = DeviceProxy::builder(&self.bus).path(path)?.build().await?;
        if !device.trusted().await? {
            device.set_trusted(true).await?;
        }
        Ok(())
    }

    /// `BlueZ` asks one agent for all adapters, and the program at the other end makes its own that one when it begins to
    /// pair; for what it does itself its own is asked all the same.
    async fn stay_asked(&self) -> anyhow::Result<AbortOnDrop> {
        let manager = AgentManagerProxy::new(&self.bus).await?;
        manager.request_default_agent(&AGENT).await?;
        Ok(AbortOnDrop(tokio::spawn(async move {
            // When it is refused, pairing fails, and who waits for that is told.
            while manager.request_default_agent(&AGENT).await.is_ok() {
                sleep(ASKED_AGAIN).await;
            }
        })))
    }

    async fn send_report(&self) -> anyhow::Result<()> {
        let (Some(transport), Some(ms)) = (self.transport().await?, self.report_ms) else { return Ok(()) };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked when it was read")]
        let tenths = (ms * 10.0).round() as u16;
        match transport.set_delay(tenths).await {
            // It has just gone; the next one is told at its start.
            Err(zbus::Error::FDO(error)) if matches!(*error, fdo::Error::UnknownObject(_)) => Ok(()),
            told => told.context("the delay was not reported"),
        }
    }

    /// Takes a stream that the source has started.
    async fn acquire(&self, path: &OwnedObjectPath) -> anyhow::Result<()> {
        let Some((_, configuration)) = self.transport.as_ref().filter(|(known, _)| known == path) else {
            return Ok(());
        };
        let config = sbc::Config::from_bytes(configuration.as_slice().try_into()?)?;
        let transport = TransportProxy::builder(&self.bus).path(path)?.build().await?;
        let (socket, ..) = transport.try_acquire().await.context("the stream was not handed over")?;
        Ok(self.stream.receive(socket.into(), config)?)
    }

    /// The way by which music comes, if there is one.
    async fn transport(&self) -> anyhow::Result<Option<TransportProxy<'_>>> {
        let Some((path, _)) = &self.transport else { return Ok(None) };
        Ok(Some(TransportProxy::builder(&self.bus).path(path)?.build().await?))
    }

    async fn adapter(&self) -> zbus::Result<AdapterProxy<'_>> {
        AdapterProxy::builder(&self.bus).path(self.path.clone())?.build().await
    }

    /// The devices that its adapter knows.
    async fn devices(&self) -> anyhow::Result<Vec<OwnedObjectPath>> {
        let objects = ObjectsProxy::new(&self.bus).await?.get_managed_objects().await?;
        let below = format!("{}/", self.path);
        let devices = objects.into_iter().filter(|(_, interfaces)| interfaces.contains_key(DEVICE));
        Ok(devices.map(|(path, _)| path).filter(|path| path.as_str().starts_with(&below)).collect())
    }
}

/// Tells of changes of transports, and of `BlueZ` itself.
async fn watch(bus: &Connection, events: UnboundedSender<Event>) -> anyhow::Result<()> {
    let rule = MatchRule::builder()
        .msg_type(Type::Signal)
        .interface("org.freedesktop.DBus.Properties")?
        .member("PropertiesChanged")?
        .path_namespace("/org/bluez")?
        .build();
    let mut changes = MessageStream::for_match_rule(rule, bus, None).await?;
    let mut added = ObjectsProxy::new(bus).await?.receive_interfaces_added().await?;
    let mut owners = fdo::DBusProxy::new(bus).await?.receive_name_owner_changed_with_args(&[(0, "org.bluez")]).await?;
    tokio::spawn(async move {
        loop {
            let event = tokio::select! {
                Some(Ok(message)) = changes.next() => change_in(&message),
                Some(message) = added.next() => {
                    message.args().ok().filter(|args| args.interfaces.contains_key(DEVICE)).map(|args| Event::Came(args.object))
                }
                Some(change) = owners.next() => {
                    let appeared = change.args().is_ok_and(|args| args.new_owner().is_some());
                    appeared.then_some(Event::Appeared)
                }
                else => return,
            };
            if event.is_some_and(|event| events.send(event).is_err()) {
                return;
            }
        }
    });
    Ok(())
}

/// What a change of properties tells of.
fn change_in(message: &zbus::Message) -> Option<Event> {
    let path = message.header().path()?.to_owned().into();
    let body = message.body();
    let (interface, mut changed, _): (InterfaceName<'_>, HashMap<String, OwnedValue>, Vec<String>) =
        body.deserialize().ok()?;
    match interface.as_str() {
        TRANSPORT => Some(Event::State(path, String::try_from(changed.remove("State")?).ok()?)),
        DEVICE => bool::try_from(changed.remove("Connected")?).ok()?.then_some(Event::Came(path)),
        _ => None,
    }
}
