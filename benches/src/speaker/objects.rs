//! What a speaker has on the bus: an A2DP sink, and an agent that accepts whoever wants to pair with it.

use std::collections::HashMap;

use tokio::sync::mpsc::UnboundedSender;
use zbus::{
    fdo, interface,
    zvariant::{ObjectPath, OwnedObjectPath, OwnedValue},
};

/// What has happened on the bus.
#[derive(Debug)]
pub(super) enum Event {
    /// A stream was configured, with these four bytes.
    Configured(OwnedObjectPath, Vec<u8>),
    /// It is gone.
    Cleared(OwnedObjectPath),
    /// A stream is `idle`, `pending` or `active`.
    State(OwnedObjectPath, String),
    /// A device came, or connected.
    Came(OwnedObjectPath),
    /// `BlueZ` has appeared.
    Appeared,
}

/// Where they are.
pub(super) const ENDPOINT: ObjectPath<'static> = ObjectPath::from_static_str_unchecked("/speaker/endpoint");
pub(super) const AGENT: ObjectPath<'static> = ObjectPath::from_static_str_unchecked("/speaker/agent");

/// The sink.
pub(super) struct Endpoint {
    pub(super) events: UnboundedSender<Event>,
    pub(super) capabilities: [u8; 4],
}

#[expect(clippy::needless_pass_by_value, reason = "zbus hands them over")]
#[interface(name = "org.bluez.MediaEndpoint1")]
impl Endpoint {
    /// Asked when the speaker called: the best that both can, of each kind.
    fn select_configuration(&self, offered: Vec<u8>) -> fdo::Result<Vec<u8>> {
        let [ours, offered] = [self.capabilities, offered.try_into().map_err(|_| refused("they are not four bytes"))?];
        let both: [u8; 2] = [ours[0] & offered[0], ours[1] & offered[1]];
        // Each kind has its best as its lowest bit: 48 kHz, joint stereo, 16 blocks, 8 subbands, loudness.
        let mut chosen = [0_u8; 2];
        for (byte, mask) in [(0, 0xf0), (0, 0x0f), (1, 0xf0), (1, 0x0c), (1, 0x03)] {
            let possible = both[byte] & mask;
            if possible == 0 {
                return Err(refused("there is nothing that both can"));
            }
            chosen[byte] |= possible & possible.wrapping_neg();
        }
        Ok(vec![chosen[0], chosen[1], ours[2].max(offered[2]), ours[3].min(offered[3])])
    }

    fn set_configuration(
        &self,
        transport: OwnedObjectPath,
        properties: HashMap<String, OwnedValue>,
    ) -> fdo::Result<()> {
        let configuration = properties.get("Configuration").and_then(|value| value.try_clone().ok());
        let configuration = configuration.and_then(|value| Vec::<u8>::try_from(value).ok());
        let configuration = configuration.ok_or_else(|| refused("there is no configuration"))?;
        self.tell(Event::Configured(transport, configuration));
        Ok(())
    }

    fn clear_configuration(&self, transport: OwnedObjectPath) {
        self.tell(Event::Cleared(transport));
    }

    fn release(&self) {}
}

impl Endpoint {
    fn tell(&self, event: Event) {
        // When nobody listens any more, the program is ending.
        let _ = self.events.send(event);
    }
}

/// Accepts, but for its own adapter only: `BlueZ` asks one agent for all of them.
pub(super) struct Agent {
    /// Paths of the devices on its adapter begin with this.
    pub(super) devices: String,
}

#[expect(clippy::needless_pass_by_value, reason = "zbus hands them over")]
#[interface(name = "org.bluez.Agent1")]
impl Agent {
    fn release(&self) {}

    fn cancel(&self) {}

    fn request_confirmation(&self, device: OwnedObjectPath, _passkey: u32) -> Result<(), Refusal> {
        self.ours(&device)
    }

    fn request_authorization(&self, device: OwnedObjectPath) -> Result<(), Refusal> {
        self.ours(&device)
    }

    fn authorize_service(&self, device: OwnedObjectPath, _uuid: String) -> Result<(), Refusal> {
        self.ours(&device)
    }
}

impl Agent {
    fn ours(&self, device: &OwnedObjectPath) -> Result<(), Refusal> {
        if device.as_str().starts_with(&self.devices) { Ok(()) } else { Err(Refusal::Rejected("not mine".into())) }
    }
}

/// The errors that an agent may answer with.
#[derive(Debug, zbus::DBusError)]
#[zbus(prefix = "org.bluez.Error")]
enum Refusal {
    #[zbus(error)]
    ZBus(zbus::Error),
    Rejected(String),
}

fn refused(why: &str) -> fdo::Error {
    fdo::Error::InvalidArgs(why.into())
}
