//! One connection to a hub, driven.

use std::{fmt, io, pin::Pin, time::Duration};

use tokio::time::{Instant, timeout};
use tracing::{debug, info, warn};
use unisono_core::{
    clock::{CLOCK_STEP, Prober},
    playout::timing::LEADS,
    session::{NodeAction, NodeConfig, NodeSession},
    time::{HubClock, Mapping, Nanos, NodeClock, Timestamp},
    wire::{
        clock::Report as ClockPacket,
        control::{
            LatencyReport, OutputReport, Refuse, Room as RoomOffer, RoomReport, RoomState, VolumeReport, Welcome,
            presentable,
        },
        ids::{PeerId, RoomIndex, StreamId},
    },
};
use unisono_household::members::{Pinned, Role, SignedMembers};
use unisono_transport::{ClockChannel, Closed, Connection, ControlSender, Error, clock};

use super::{GREETING_LIMIT, Node, RoomSettings, pace::Pace, probes::Probes, report, wanted::Wanted};
use crate::{
    api::Relay,
    desk::Holder,
    room::{Room, RoomCommand},
};

/// The hub is told how the rooms are doing so often at least.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// It is told at once, within the second of these, when a room does something else than before. The session looks when
/// it is awake anyway after the first, and wakes up for it at the second, unless its next turn comes soon after that.
const LOOK_INTERVALS: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(130)];

/// How a connection came to its end.
#[derive(Debug)]
pub(super) enum Ended {
    /// The node is to stop.
    Stopped,
    /// It broke, or the hub went.
    Closed(Closed),
    /// The hub does not want the node.
    Refused(Refuse),
    /// The hub's member list is not one that the node accepts.
    Distrusted(String),
    /// Nothing can send probes.
    NoThread(io::Error),
}

impl fmt::Display for Ended {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => out.write_str("the node is stopping"),
            Self::Closed(closed) => write!(out, "connection to the hub lost: {closed}"),
            Self::Refused(refuse) => write!(out, "the hub refused this node: {}", refuse.text),
            Self::Distrusted(error) => write!(out, "that hub is not trusted: {error}"),
            Self::NoThread(error) => write!(out, "no thread to ask for the time: {error}; the system has too many"),
        }
    }
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        match error {
            Error::Closed(closed) => Self::Closed(closed),
            other => Self::Closed(Closed::Protocol(other.to_string())),
        }
    }
}

/// What belongs to one connection.
struct Link<'a> {
    connection: &'a Connection,
    hub: PeerId,
    control: ControlSender,
    clock: Option<ClockChannel<NodeClock>>,
    probes: Option<Probes>,
    /// What each room plays, by its index; while it goes over to another rendition, both, the newer one last.
    streams: Vec<Vec<StreamId>>,
    /// What the hub wants of each room.
    wanted: Vec<Wanted>,
    /// The rooms have not been told of it: the node stands alone, or did.
    is_held: bool,
    /// What the hub asked of the node's API.
    relay: Relay,
    /// What rooms were told of the hub's clock, once it was known well enough to play by.
    told: Option<Mapping<NodeClock, HubClock>>,
}

impl Node {
    /// Serves one connection until it ends, or until `stop` completes.
    pub(super) async fn serve(&mut self, connection: &Connection, stop: Pin<&mut impl Future<Output = ()>>) -> Ended {
        let hub = connection.peer();
        let learned = self.take_estimator(hub);
        let greeting = self.greeting();
        let give_up = greeting.rooms.iter().map(|room| room.latency).max().unwrap_or(LEADS.give_up);
        let mut session = NodeSession::new(greeting, learned, give_up);
        let ended = tokio::select! {
            () = stop => Ended::Stopped,
            ended = self.drive(connection, &mut session) => ended,
        };
        self.watched.away();
        self.keep_estimator(hub, session.into_estimator());
        ended
    }

    async fn drive(&mut self, connection: &Connection, session: &mut NodeSession) -> Ended {
        let (control, mut messages) = match timeout(GREETING_LIMIT, connection.control()).await {
            Ok(Ok(control)) => control,
            Ok(Err(error)) => return error.into(),
            Err(_) => return Ended::Closed(Closed::Silent),
        };
        let rooms = self.desk.rooms().len();
        let mut link = Link {
            connection,
            hub: connection.peer(),
            control,
            clock: None,
            probes: None,
            streams: vec![Vec::new(); rooms],
            wanted: vec![Wanted::default(); rooms],
            is_held: self.desk.holder() != Holder::Hub,
            relay: Relay::new(self.relayed.clone()),
            told: None,
        };
        let greeted = Instant::now();
        let (mut looked, mut reported, mut told) = (greeted, greeted, Vec::new());
        let (mut pace, mut offers) = (Pace::new(), self.offers());
        loop {
            if let Err(ended) = self.act(session, &mut link) {
                return ended;
            }
            pace.rest(&self.endpoint, session, looked + LOOK_INTERVALS[1]);
            tokio::select! {
                biased;
                message = messages.recv() => match message {
                    Ok(Some(frame)) => session.handle_frame(clock::now(), &frame, &mut self.judges),
                    Ok(None) => return Ended::Closed(connection.closed().await),
                    Err(error) => return error.into(),
                },
                datagram = connection.read_datagram() => match datagram {
                    Ok(datagram) => session.handle_datagram(clock::now(), &datagram),
                    Err(error) => return error.into(),
                },
                packet = receive(&mut link.clock) => match packet {
                    Ok(packet) => match ClockPacket::parse(&packet.fields) {
                        Ok(report) => {
                            for (token, at) in link.probes.iter().flat_map(Probes::sent) {
                                session.handle_clock_sent(token, at);
                            }
                            session.handle_clock(&report, packet.at);
                        }
                        Err(error) => debug!("a clock packet cannot be read: {error}"),
                    },
                    Err(error) => return error.into(),
                },
                answer = link.relay.next() => session.answer(answer),
                () = pace.due() => {}
            }
            // What came along with the packet in hand is taken before anything is missed.
            if pace.is_receiving() {
                continue;
            }
            if looked.elapsed() >= LOOK_INTERVALS[0] {
                looked = Instant::now();
                if link.clock.is_none() && greeted.elapsed() > GREETING_LIMIT {
                    return Ended::Closed(Closed::Silent);
                }
                self.hand_over(&mut link);
                self.told.heard(clock::now(), session.heard_at());
                let reports = self.reports(session, &link);
                let states: Vec<RoomState> = reports.iter().map(|report| report.state).collect();
                let due = states != told || reported.elapsed() >= REPORT_INTERVAL;
                if due {
                    self.desk.rooms().iter().for_each(|(settings, room)| room.status().log_faults(&settings.name));
                }
                if due && link.clock.is_some() {
                    (reported, told) = (Instant::now(), states);
                    let now = clock::now();
                    let (outputs, latencies) = (self.output_reports(), self.latency_reports());
                    let told = session.report(now, reports, outputs, latencies, self.volume_reports());
                    if let Some(report) = told {
                        let mapping = session.estimate(now).map(|estimate| estimate.mapping);
                        let ahead = |at: Timestamp<HubClock>| Nanos::new(at.as_nanos()) - Nanos::new(now.as_nanos());
                        self.watched.told(report, mapping.map(|mapping| ahead(mapping.forward(now))));
                        session.figures(self.handle.figures());
                    }
                }
                if let Some((probes, pace)) = link.probes.as_mut().zip(session.pace(clock::now())) {
                    probes.set_pace(pace);
                    self.renew(&mut offers);
                    session.rooms(clock::now(), &offers);
                    self.tell_turns(session);
                }
            }
            session.handle_timeout(clock::now());
        }
    }

    /// Does what the session wants done.
    fn act(&mut self, session: &mut NodeSession, link: &mut Link<'_>) -> Result<(), Ended> {
        while let Some(action) = session.poll_action() {
            match action {
                NodeAction::Control(bytes) => link.control.try_send(bytes)?,
                NodeAction::Datagram(bytes) => {
                    link.connection.send_datagram(bytes)?;
                }
                NodeAction::Welcomed(welcome) => self.welcomed(&welcome, session, link)?,
                NodeAction::Members(members) => self.check(&members, link.hub)?,
                NodeAction::Start { room, stream, format, timeline, continues } => {
                    debug!("room {} plays stream {} as {} {}", room.0, stream.0, format.codec, format.bit_rate);
                    if let Some(plays) = link.streams.get_mut(usize::from(room.0)) {
                        plays.retain(|_| continues.is_some());
                        plays.push(stream);
                    }
                    let clock = link.told;
                    self.tell(link, room, RoomCommand::Start { stream, format, timeline, continues, clock });
                }
                NodeAction::Left { room, stream } => {
                    if let Some(plays) = link.streams.get_mut(usize::from(room.0)) {
                        plays.retain(|known| *known != stream);
                    }
                    self.tell(link, room, RoomCommand::Left(stream));
                }
                NodeAction::Timeline { stream, timeline } => {
                    for room in link.rooms_of(stream) {
                        self.tell(link, room, RoomCommand::Timeline(stream, timeline));
                    }
                }
                NodeAction::Packet { stream, position, payload } => {
                    for room in link.rooms_of(stream) {
                        self.tell(link, room, RoomCommand::Packet(stream, position, payload.clone()));
                    }
                }
                NodeAction::Stop { room } => {
                    if let Some(plays) = link.streams.get_mut(usize::from(room.0)) {
                        plays.clear();
                    }
                    self.tell(link, room, RoomCommand::Stop);
                }
                NodeAction::Gain { room, gain, ramp } => self.tell(link, room, RoomCommand::Gain(gain, ramp)),
                NodeAction::Sound { room, sound } => self.desk.shape(room, sound),
                NodeAction::Estimate(estimate) => {
                    let now = clock::now();
                    link.told = link.told.filter(|told| estimate.mapping.ahead_of(told, now).abs() <= CLOCK_STEP);
                    if link.told.is_some() || session.is_locked(now) {
                        link.told = Some(estimate.mapping);
                        self.desk.tell_all(Holder::Hub, &RoomCommand::Clock(estimate.mapping));
                        self.told.in_time();
                    }
                }
                NodeAction::Ask(ask) => link.relay.ask(ask),
                NodeAction::Forget(id) => link.relay.forget(id),
                NodeAction::Close(refuse) => return Err(Ended::Refused(refuse)),
            }
        }
        Ok(())
    }

    fn welcomed(&mut self, welcome: &Welcome, session: &NodeSession, link: &mut Link<'_>) -> Result<(), Ended> {
        self.check(&welcome.members, link.hub)?;
        let (now, channel) = (clock::now(), link.connection.clock(welcome.clock_tag)?);
        if let Some(pace) = session.pace(now) {
            let prober = Prober::new(welcome.clock_tag, now.as_nanos().cast_unsigned());
            let probes = Probes::start(prober, pace, &channel.sender());
            link.probes = Some(probes.map_err(Ended::NoThread)?);
        }
        link.clock = Some(channel);
        let address = link.connection.remote_address();
        self.hubs.welcomed(address);
        let household = self.store.pinned().map(Pinned::household);
        self.watched.connected();
        self.told.connected(household, presentable(&welcome.name), link.hub, address);
        self.answer(Ok(()));
        if let Err(error) = self.store.remember_addresses(link.hub, &[address]) {
            warn!("{error}");
        }
        info!("connected to hub \"{}\" ({}) at {address}", welcome.name, link.hub);
        Ok(())
    }

    /// Checks a member list, or that the one held has this hub in it.
    fn check(&mut self, members: &[u8], hub: PeerId) -> Result<(), Ended> {
        if !members.is_empty() {
            let signed = SignedMembers::from_bytes(members);
            let taken = signed.and_then(|signed| self.store.join(&signed, hub));
            taken.map_err(|error| Ended::Distrusted(error.to_string()))?;
            (self.join, self.join_is_local) = (None, false);
        }
        match self.store.members().and_then(|list| list.role_of(hub)) {
            Some(Role::Hub) => Ok(()),
            _ => Err(Ended::Distrusted(format!("{hub} is no hub of this household"))),
        }
    }

    fn greeting(&self) -> NodeConfig {
        NodeConfig {
            name: self.name.clone(),
            household: self.store.pinned().map(Pinned::household),
            members_version: self.store.pinned().map_or(0, Pinned::version),
            join: self.join.as_ref().map(|token| *token.secret()),
            codecs: unisono_codec::SUPPORTED.to_vec(),
            rooms: self.offers(),
        }
    }

    fn offers(&self) -> Vec<RoomOffer> {
        let rooms = self.desk.rooms().iter().zip(&self.judges).zip(0..);
        rooms
            .map(|(((settings, room), judge), index)| RoomOffer {
                index: RoomIndex(index),
                name: settings.name.clone(),
                output: room.status().output().text,
                latency: LEADS.give_up + room.status().latency(),
                term: judge.highest(),
            })
            .collect()
    }

    /// Brings offers up to date. An output that is gone is still the one that the room had.
    fn renew(&self, offers: &mut [RoomOffer]) {
        for ((offer, new), (_, room)) in offers.iter_mut().zip(self.offers()).zip(self.desk.rooms()) {
            let output = if room.status().output().works { new.output } else { core::mem::take(&mut offer.output) };
            *offer = RoomOffer { output, ..new };
        }
    }

    fn output_reports(&self) -> Vec<OutputReport> {
        let rooms = (0..).map(RoomIndex).zip(self.desk.rooms());
        rooms.map(|(index, (_, room))| report::output(index, room)).collect()
    }

    fn latency_reports(&self) -> Vec<LatencyReport> {
        let rooms = self.desk.rooms().iter().zip(0..);
        let report = |((_, room), index): (&(RoomSettings, Room), u8)| LatencyReport {
            room: RoomIndex(index),
            parts: room.status().latency_parts(),
        };
        rooms.map(report).collect()
    }

    fn volume_reports(&self) -> Vec<VolumeReport> {
        let rooms = (0..).map(RoomIndex).zip(self.desk.rooms());
        rooms.map(|(index, (_, room))| report::volume(index, room)).collect()
    }

    /// Tells the hub what somebody has turned at a room's speaker, while the rooms are the hub's.
    fn tell_turns(&self, session: &mut NodeSession) {
        if self.desk.holder() != Holder::Hub {
            return;
        }
        for (index, (_, room)) in (0..).map(RoomIndex).zip(self.desk.rooms()) {
            if let Some(gain) = room.status().take_turn() {
                session.turned(index, gain);
            }
        }
    }

    fn reports(&self, session: &NodeSession, link: &Link<'_>) -> Vec<RoomReport> {
        let estimate = session.estimate(clock::now());
        let rooms = self.desk.rooms().iter().zip(&link.streams).zip(0..);
        let is_alone = self.desk.holder() != Holder::Hub;
        rooms
            .map(|(((_, room), streams), index)| {
                let stream = streams.last().copied();
                let status = room.status();
                let output = status.output();
                let playing = output.works && status.is_playing();
                let state = match (output.works, playing, stream) {
                    (false, ..) => RoomState::NoOutput,
                    (true, ..) if is_alone => RoomState::Alone,
                    (true, true, _) => RoomState::Playing,
                    (true, false, None) => RoomState::Idle,
                    (true, false, Some(stream)) if session.is_paused(clock::now(), stream) => RoomState::Idle,
                    (true, false, Some(_)) if link.told.is_none() => RoomState::NoClock,
                    (true, false, Some(_)) => RoomState::Starting,
                };
                let clock = estimate.map_or(Nanos::ZERO, |estimate| estimate.uncertainty);
                report::room(RoomIndex(index), room, state, stream, clock)
            })
            .collect()
    }

    fn tell(&self, link: &mut Link<'_>, room: RoomIndex, command: RoomCommand) {
        if let Some(wanted) = link.wanted.get_mut(usize::from(room.0)) {
            wanted.note(&command);
        }
        self.desk.tell(Holder::Hub, room, command);
    }

    /// Rooms that are the hub's again play what it wants. To be called more often than they can change hands twice.
    fn hand_over(&self, link: &mut Link<'_>) {
        let was_held = std::mem::replace(&mut link.is_held, self.desk.holder() != Holder::Hub);
        if link.is_held || !was_held {
            return;
        }
        for (room, wanted) in (0..).map(RoomIndex).zip(&link.wanted) {
            for command in wanted.commands(link.told) {
                self.desk.tell(Holder::Hub, room, command);
            }
        }
    }
}

impl Link<'_> {
    fn rooms_of(&self, stream: StreamId) -> Vec<RoomIndex> {
        let rooms = self.streams.iter().zip(0..).filter(|(plays, _)| plays.contains(&stream));
        rooms.map(|(_, index)| RoomIndex(index)).collect()
    }
}

/// The next clock packet; waits for ever until there is a channel.
async fn receive(clock: &mut Option<ClockChannel<NodeClock>>) -> Result<unisono_transport::Received<NodeClock>, Error> {
    match clock {
        Some(clock) => clock.recv().await,
        None => std::future::pending().await,
    }
}
