//! One node, as its hub sees it: greeting, reports, requests for repair. The clock exchange runs beside it, see
//! [`crate::clock::ClockServer`].

use crate::{
    time::Nanos,
    wire::{
        self, VERSION, Version,
        control::{
            Answer, Figures, Hello, Message, Outranked, Refuse, RefuseReason, Report, Room, Turned, Welcome,
            presentable, sentence,
        },
        frame::Frame,
        ids::ClockTag,
        nack::Nack,
    },
};

/// Rooms that one node may drive.
pub const MAX_ROOMS: usize = 16;

/// What a node asked or told.
#[derive(Clone, Debug, PartialEq)]
pub enum HubEvent {
    /// It greets. Answer with [`HubSession::welcome`] or [`HubSession::refuse`].
    Hello(Hello),
    /// It drives other rooms, or the same with other outputs.
    Rooms(Vec<Room>),
    /// How it is doing.
    Report(Report),
    /// What it has counted and measured beyond that.
    Figures(Figures),
    /// It obeys another hub in a room.
    Outranked(Outranked),
    /// Somebody has turned a room's volume at its speaker.
    Turned(Turned),
    /// A part of what it answers to an ask.
    Answer(Answer),
}

/// The first version whose nodes can be asked something.
const ASKS_SINCE: Version = Version { major: 1, minor: 2 };

/// The first version whose nodes shape the sound of their rooms, and beep.
const SOUND_SINCE: Version = Version { major: 1, minor: 3 };

/// Parts of a latency that are kept; there are fewer kinds of them.
const MAX_LATENCY_PARTS: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Greeting,
    /// The node's version fits; whether it may come in is being decided.
    Judging,
    Admitted,
    Refused,
}

/// The hub's side of one connection.
#[derive(Debug)]
pub struct HubSession {
    state: State,
    /// What the node speaks.
    version: Version,
    tag: ClockTag,
}

impl HubSession {
    /// For a new connection that clock packets name by `tag`.
    pub const fn new(tag: ClockTag) -> Self {
        Self { state: State::Greeting, version: VERSION, tag }
    }

    /// Takes a control message from the node.
    ///
    /// # Errors
    /// What to refuse the node with; the connection then ends.
    pub fn handle_frame(&mut self, frame: &Frame) -> Result<Option<HubEvent>, Refuse> {
        if self.state == State::Refused {
            return Ok(None);
        }
        self.understand(frame).inspect_err(|_| self.state = State::Refused)
    }

    /// Takes a datagram from an admitted node: a request for repair.
    ///
    /// # Errors
    /// When it is no such thing. It is to be counted and otherwise ignored.
    pub fn handle_datagram(&self, datagram: &[u8]) -> Result<Option<Nack>, wire::Error> {
        let nack = Nack::parse(datagram)?;
        Ok(matches!(self.state, State::Admitted).then_some(nack))
    }

    /// Lets the node in, unless it was refused in the meantime. `members` is the signed list, or nothing when the node
    /// holds it already.
    pub fn welcome(&mut self, name: &str, members: Vec<u8>) -> Message {
        if self.state != State::Refused {
            self.state = State::Admitted;
        }
        let version = VERSION.min(self.version);
        Welcome { version, name: presentable(name), members, clock_tag: self.tag }.into()
    }

    /// Turns the node away.
    pub fn refuse(&mut self, reason: RefuseReason, text: impl Into<String>) -> Message {
        self.state = State::Refused;
        Refuse { reason, text: text.into() }.into()
    }

    /// What clock packets name this connection by.
    pub const fn tag(&self) -> ClockTag {
        self.tag
    }

    /// Whether the node was let in.
    pub const fn is_admitted(&self) -> bool {
        matches!(self.state, State::Admitted)
    }

    /// What the node speaks.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Whether the node knows what an ask is.
    pub fn takes_asks(&self) -> bool {
        self.is_admitted() && self.version >= ASKS_SINCE
    }

    /// Whether the node can shape the sound of its rooms, and beep.
    pub fn takes_sound(&self) -> bool {
        self.is_admitted() && self.version >= SOUND_SINCE
    }

    fn understand(&mut self, frame: &Frame) -> Result<Option<HubEvent>, Refuse> {
        if self.state == State::Greeting && frame.kind == Hello::KIND {
            self.check_version(frame)?;
        }
        let message = match Message::from_frame(frame) {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(None),
            Err(error) => return self.unreadable(error),
        };
        match (self.state, message) {
            (State::Greeting, Message::Hello(hello)) => {
                self.state = State::Judging;
                Ok(Some(HubEvent::Hello(Hello {
                    name: presentable(&hello.name),
                    rooms: checked(hello.rooms)?,
                    ..hello
                })))
            }
            (State::Admitted, Message::Rooms(rooms)) => Ok(Some(HubEvent::Rooms(checked(rooms.rooms)?))),
            (State::Admitted, Message::Report(mut report)) => {
                report.rooms.iter_mut().for_each(|room| room.output = sentence(&room.output));
                for output in &mut report.outputs.0 {
                    (output.why, output.back) = (sentence(&output.why), sentence(&output.back));
                }
                for latency in &mut report.latencies.0 {
                    latency.parts.truncate(MAX_LATENCY_PARTS);
                }
                report.volumes.0.iter_mut().for_each(|volume| volume.why = sentence(&volume.why));
                Ok(Some(HubEvent::Report(report)))
            }
            (State::Admitted, Message::Figures(figures)) => {
                let presentable = figures.is_presentable();
                Ok(presentable.then_some(HubEvent::Figures(figures)))
            }
            (State::Admitted, Message::Outranked(outranked)) => Ok(Some(HubEvent::Outranked(outranked))),
            (State::Admitted, Message::Turned(turned)) => Ok(Some(HubEvent::Turned(turned))),
            (State::Admitted, Message::Answer(answer)) => {
                answer.validate().map_err(|error| protocol_error(&error.to_string()))?;
                Ok(Some(HubEvent::Answer(answer)))
            }
            _ => Err(protocol_error("a message came out of turn")),
        }
    }

    /// The version comes first in a greeting, whatever the rest looks like in another major version.
    fn check_version(&mut self, frame: &Frame) -> Result<(), Refuse> {
        let theirs = Hello::version_of(&frame.body).map_err(|error| protocol_error(&error.to_string()))?;
        self.version = theirs;
        if VERSION.common(theirs).is_some() {
            return Ok(());
        }
        let older = if theirs < VERSION { "the node" } else { "the hub" };
        let text = format!("the node speaks protocol {theirs}, the hub {VERSION}: update {older}");
        Err(Refuse { reason: RefuseReason::Version, text })
    }

    /// A newer node may say what we cannot read, and that is skipped; one of our own version may not.
    fn unreadable(&self, error: wire::Error) -> Result<Option<HubEvent>, Refuse> {
        if self.state == State::Admitted && self.version > VERSION {
            return Ok(None);
        }
        Err(protocol_error(&error.to_string()))
    }
}

fn protocol_error(text: &str) -> Refuse {
    Refuse { reason: RefuseReason::Protocol, text: format!("{text}; is the other side a Unisono of this version?") }
}

/// Rooms as they may be shown and kept.
fn checked(mut rooms: Vec<Room>) -> Result<Vec<Room>, Refuse> {
    if rooms.len() > MAX_ROOMS {
        let text = format!("a node drives at most {MAX_ROOMS} rooms, and this one has {}", rooms.len());
        return Err(Refuse { reason: RefuseReason::Protocol, text });
    }
    for room in &mut rooms {
        room.name = presentable(&room.name);
        room.output = sentence(&room.output);
        room.latency = room.latency.clamp(Nanos::ZERO, Nanos::from_secs(5));
    }
    rooms.sort_by_key(|room| room.index);
    rooms.dedup_by_key(|room| room.index);
    Ok(rooms)
}
