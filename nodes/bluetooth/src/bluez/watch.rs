//! What `BlueZ` says by itself, as events in the order in which it was said.

use std::{future::Future, pin::Pin, time::Duration};

use futures_util::StreamExt;
use tokio::{
    select,
    sync::mpsc::UnboundedSender,
    time::{sleep, timeout},
};
use tracing::warn;
use zbus::{
    Connection, MatchRule, Message, MessageStream, fdo::DBusProxy, message::Type, names::OwnedUniqueName,
    zvariant::OwnedObjectPath,
};

use super::{
    errors,
    names::{BLUEZ, DEVICE},
    objects::{Interfaces, Properties},
};
use crate::Failure;

/// What `BlueZ` said.
#[derive(Debug)]
pub(crate) enum Event {
    /// It is there, and shows this.
    Arrived(Vec<(String, Interfaces)>),
    /// It is there and does not say what it shows; it is asked again.
    Silent(Failure),
    /// It is not there, or not any more.
    Left,
    /// The bus itself is gone: nothing more comes.
    BusLost,
    /// A program came or went that may use Bluetooth for sound.
    ProgramsChanged,
    /// An object has these interfaces now.
    Added(String, Interfaces),
    /// An object has these interfaces no more.
    Removed(String, Vec<String>),
    /// Properties of an interface at a path have changed; the last are gone.
    Changed(String, String, Properties, Vec<String>),
    /// A device's connection ended, with `BlueZ`'s word for why (5.83 and later).
    Disconnected(String, String),
    /// A stream to one of our endpoints was configured.
    Configured(String, Properties),
    /// It is no more.
    Cleared(String),
}

/// Passes on what is said on the bus, until it or the receiver is gone.
pub(super) async fn watch(bus: Connection, events: UnboundedSender<Event>) {
    if let Err(error) = follow(&bus, &events).await {
        warn!("the system bus: {error}");
    }
    let _ = events.send(Event::BusLost);
}

async fn follow(bus: &Connection, events: &UnboundedSender<Event>) -> zbus::Result<()> {
    let dbus = DBusProxy::new(bus).await?;
    let mut names = dbus.receive_name_owner_changed().await?;
    let rule = MatchRule::builder().msg_type(Type::Signal).sender(BLUEZ)?.build();
    let mut signals = MessageStream::for_match_rule(rule, bus, Some(QUEUE)).await?;
    let mut owner = dbus.get_name_owner(BLUEZ.try_into()?).await.ok();
    // While what BlueZ shows is being asked for, signals wait: those that it sent before it answered do no harm when
    // they are seen again, those after must not be overtaken.
    let mut asking = owner.as_ref().map(|_| ask(bus.clone(), Duration::ZERO));
    let mut waiting = Vec::new();
    if owner.is_none() {
        let _ = events.send(Event::Left);
    }
    loop {
        let sent = select! {
            biased;
            () = events.closed() => return Ok(()),
            change = names.next() => {
                let Some(change) = change else { return Ok(()) };
                let change = change.args()?;
                if change.name() == BLUEZ {
                    owner = change.new_owner().as_ref().map(|owner| OwnedUniqueName::from(owner.to_owned()));
                    waiting.clear();
                    asking = owner.as_ref().map(|_| ask(bus.clone(), Duration::ZERO));
                    events.send(Event::Left)
                } else if super::programs::is_of_interest(change.name()) {
                    events.send(Event::ProgramsChanged)
                } else {
                    Ok(())
                }
            }
            shown = async { Some(asking.as_mut()?.await) }, if asking.is_some() => match shown {
                Some(Ok(objects)) => {
                    asking = None;
                    let sent = events.send(Event::Arrived(objects));
                    waiting.drain(..).fold(sent, |sent, event| sent.and_then(|()| events.send(event)))
                }
                Some(Err(failure)) => {
                    waiting.clear();
                    asking = Some(ask(bus.clone(), ASK_AGAIN));
                    events.send(Event::Silent(failure))
                }
                None => Ok(()),
            },
            signal = signals.next() => {
                let Some(signal) = signal else { return Ok(()) };
                let signal = signal?;
                // Whoever else sends us a signal does not speak for BlueZ.
                let from = signal.header().sender().map(|sender| OwnedUniqueName::from(sender.to_owned()));
                match parse(&signal).filter(|_| from.is_some() && from == owner) {
                    Some(event) if asking.is_some() => {
                        waiting.push(event);
                        Ok(())
                    }
                    Some(event) => events.send(event),
                    None => Ok(()),
                }
            }
        };
        if sent.is_err() {
            return Ok(());
        }
    }
}

type Asking = Pin<Box<dyn Future<Output = Result<Vec<(String, Interfaces)>, Failure>> + Send>>;

/// Asks for everything that `BlueZ` shows, after a while.
fn ask(bus: Connection, after: Duration) -> Asking {
    Box::pin(async move {
        sleep(after).await;
        let objects = timeout(ASK_LIMIT, list(&bus)).await.map_err(|_| Failure::StepTimeout)?;
        objects.map_err(|error| errors::of_zbus(&error))
    })
}

async fn list(bus: &Connection) -> zbus::Result<Vec<(String, Interfaces)>> {
    const MANAGER: &str = "org.freedesktop.DBus.ObjectManager";
    let reply = bus.call_method(Some(BLUEZ), "/", Some(MANAGER), "GetManagedObjects", &()).await?;
    let objects: std::collections::HashMap<OwnedObjectPath, Interfaces> = reply.body().deserialize()?;
    Ok(objects.into_iter().map(|(path, interfaces)| (path.to_string(), interfaces)).collect())
}

fn parse(signal: &Message) -> Option<Event> {
    let header = signal.header();
    let body = signal.body();
    match (header.interface()?.as_str(), header.member()?.as_str()) {
        ("org.freedesktop.DBus.ObjectManager", "InterfacesAdded") => {
            let (path, interfaces): (OwnedObjectPath, Interfaces) = body.deserialize().ok()?;
            Some(Event::Added(path.to_string(), interfaces))
        }
        ("org.freedesktop.DBus.ObjectManager", "InterfacesRemoved") => {
            let (path, interfaces): (OwnedObjectPath, Vec<String>) = body.deserialize().ok()?;
            Some(Event::Removed(path.to_string(), interfaces))
        }
        ("org.freedesktop.DBus.Properties", "PropertiesChanged") => {
            let (interface, changed, gone): (String, Properties, Vec<String>) = body.deserialize().ok()?;
            Some(Event::Changed(header.path()?.to_string(), interface, changed, gone))
        }
        (DEVICE, "Disconnected") => {
            let (reason, _message): (String, String) = body.deserialize().ok()?;
            Some(Event::Disconnected(header.path()?.to_string(), reason))
        }
        _ => None,
    }
}

/// Signals that may wait: a scan in a block of flats brings hundreds.
const QUEUE: usize = 1024;

/// How long `BlueZ` may take to say what it shows.
const ASK_LIMIT: Duration = Duration::from_secs(10);

/// How long after that it is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(1);
