//! Play, pause, seek, stop: each is an anchor or two for the whole group, announced ahead.

use std::collections::BTreeSet;

use bytes::Bytes;
use tracing::warn;
use unisono_codec::Step;
use unisono_core::{
    leadership::Term,
    playout::timing::{LEADS, MAX_OUTPUT_LATENCY},
    time::{HubClock, Nanos, Timestamp},
    timeline::{Anchor, Phase},
    units::{FramePosition, SampleRate},
    wire::{
        control::{Anchors, Message, StreamStart, StreamStop, Trailing},
        ids::StreamId,
    },
};

use super::{
    Action, At, ConnectionId, EntryId, Group, GroupId, House, Media, MediaKind, Playback, Refused, RenditionPlan,
    RoomId,
    departures::{self, Departure},
    ladder::Ladder,
    stream::{Rendition, Stream},
};

/// What a source needs to seek and to encode its first packets.
const CUE_TIME: Nanos = Nanos::from_millis(50);

/// Where there is no time for the whole margin, the first packets have so much of it: a decoder wants them
/// [70 ms](LEADS) before they are heard, and as much is left for the way and for one to be asked for again.
const SHORT_MARGIN: Nanos = Nanos::from_millis(120);

/// An anchor needs so long to reach every room of a group, beyond what the rooms have written to their devices.
const ANNOUNCE_TIME: Nanos = Nanos::from_millis(60);

/// A room that joins gets what is heard from so soon on.
const JOIN_TIME: Nanos = Nanos::from_millis(40);

/// Packets before those, for decoders that must warm up, and for the resampler.
const JOIN_WARM_UP: Nanos = Nanos::from_millis(120);

impl House {
    /// Plays something in a group, from a frame of it on, and puts it in the place of all that was in its queue. What
    /// played before ends with a fade.
    ///
    /// # Errors
    /// When there is no such group, it has no rooms, or the frame lies beyond the end.
    pub fn play(
        &mut self,
        now: Timestamp<HubClock>,
        id: GroupId,
        media: Media,
        source_frame: u64,
    ) -> Result<(), Refused> {
        let rate = self.settings.rate;
        let group = self.group_mut(id)?;
        if group.rooms.is_empty() {
            return Err(Refused::NoRooms(group.name.clone()));
        }
        check_within(&media, source_frame, rate)?;
        group.queue.clear();
        let added = group.queue.add([media], At::End);
        self.begin_entry(now, id, added[0], source_frame);
        Ok(())
    }

    /// Plays an entry of a group's queue, from a frame of it on. What played before ends with a fade.
    ///
    /// # Errors
    /// When there is no such group or entry, it has no rooms, or the frame lies beyond the end.
    pub fn play_entry(
        &mut self,
        now: Timestamp<HubClock>,
        id: GroupId,
        entry: EntryId,
        source_frame: u64,
    ) -> Result<(), Refused> {
        let rate = self.settings.rate;
        let group = self.group_mut(id)?;
        if group.rooms.is_empty() {
            return Err(Refused::NoRooms(group.name.clone()));
        }
        let unknown = || Refused::UnknownEntry(entry.to_string(), group.name.clone());
        check_within(&group.queue.entry(entry).ok_or_else(unknown)?.media, source_frame, rate)?;
        group.queue.set_broken(entry, false);
        self.begin_entry(now, id, entry, source_frame);
        Ok(())
    }

    /// Stops for a while; [`Self::resume`] goes on at the same frame.
    ///
    /// # Errors
    /// When there is no such group or nothing plays.
    pub fn pause(&mut self, now: Timestamp<HubClock>, id: GroupId) -> Result<(), Refused> {
        let group = self.group_mut(id)?;
        let name = group.name.clone();
        group.wishes.wish_for_silence();
        match group.playback {
            Playback::Paused(_) => return Ok(()),
            Playback::Stopped => return Err(Refused::NothingPlays(name)),
            Playback::Playing => {}
        }
        let at = now + self.announce_time(id);
        let Some(stream) = self.streams.get_mut(&id) else { return Err(Refused::NothingPlays(name)) };
        let (anchor, stands) = stream.cut(at);
        stream.reading_mut().stop();
        self.announce(id, &[anchor]);
        if let Some((entry, _)) = stands {
            self.turn_if_other(id, entry);
        }
        self.set_playback(id, Playback::Paused(stands.map_or(0, |(_, source_frame)| source_frame)));
        Ok(())
    }

    /// Goes on after a pause.
    ///
    /// # Errors
    /// When there is no such group, nothing is paused, or the group has lost its rooms.
    pub fn resume(&mut self, now: Timestamp<HubClock>, id: GroupId) -> Result<(), Refused> {
        let group = self.group_mut(id)?;
        match group.playback {
            Playback::Playing => Ok(()),
            Playback::Paused(_) if group.rooms.is_empty() => Err(Refused::NoRooms(group.name.clone())),
            Playback::Paused(source_frame) => {
                let entry = group.queue.current().map(|entry| entry.id).unwrap_or_default();
                self.begin(now, id, entry, source_frame);
                Ok(())
            }
            Playback::Stopped => Err(Refused::NothingPlays(group.name.clone())),
        }
    }

    /// Goes to another frame of what plays or is paused.
    ///
    /// # Errors
    /// When there is no such group, nothing plays, or the frame lies beyond the end.
    pub fn seek(&mut self, now: Timestamp<HubClock>, id: GroupId, source_frame: u64) -> Result<(), Refused> {
        let rate = self.settings.rate;
        let group = self.group_mut(id)?;
        match (group.playback, group.media.clone()) {
            (Playback::Playing, Some(media)) => {
                check_within(&media, source_frame, rate)?;
                let entry = group.queue.current().map(|entry| entry.id).unwrap_or_default();
                self.begin(now, id, entry, source_frame);
                Ok(())
            }
            (Playback::Paused(_), Some(media)) => {
                check_within(&media, source_frame, rate)?;
                self.set_playback(id, Playback::Paused(source_frame));
                Ok(())
            }
            _ => Err(Refused::NothingPlays(group.name.clone())),
        }
    }

    /// Ends what plays.
    ///
    /// # Errors
    /// When there is no such group.
    pub fn stop(&mut self, now: Timestamp<HubClock>, id: GroupId) -> Result<(), Refused> {
        self.group_mut(id)?.wishes.wish_for_silence();
        self.end_after(now, id, now);
        self.set_playback(id, Playback::Stopped);
        Ok(())
    }

    /// The frame of a group's source that is heard now.
    pub fn position(&self, now: Timestamp<HubClock>, id: GroupId) -> Option<u64> {
        match self.groups.get(&id)?.playback {
            Playback::Stopped => None,
            Playback::Paused(source_frame) => Some(source_frame),
            Playback::Playing => self.streams.get(&id)?.source_frame_at(now).map(|(_, frame)| frame),
        }
    }

    /// Whether anybody would hear what a group plays. For when a person asks; after a restart a group plays on for those
    /// who are still to come back.
    ///
    /// # Errors
    /// When there is no such group, it has no rooms, or none of them is online.
    pub fn check_audience(&self, id: GroupId) -> Result<(), Refused> {
        let group = self.groups.get(&id).ok_or_else(|| Refused::UnknownGroup(id.to_string()))?;
        if group.rooms.is_empty() {
            return Err(Refused::NoRooms(group.name.clone()));
        }
        let is_heard = group.rooms.iter().any(|room| self.is_online(room.node));
        if is_heard { Ok(()) } else { Err(Refused::NobodyThere(group.name.clone())) }
    }

    /// How long before it is heard a packet of a group is sent: the slowest output's latency and the margin.
    pub fn lead_of(&self, id: GroupId) -> Nanos {
        let Some(group) = self.groups.get(&id) else { return Nanos::ZERO };
        self.output_latency(group) + group.margin
    }

    /// Takes a packet that was asked for, and sends it.
    pub fn handle_packet(&mut self, group: GroupId, stream: StreamId, position: FramePosition, payload: Bytes) {
        let Some(playing) = self.streams.get_mut(&group) else { return };
        let Some((packet, previous)) = playing.keep(stream, position, payload) else { return };
        let Some(rendition) = playing.rendition(stream) else { return };
        // A fixed order is a bias that no filter sees: the last in line would always wait for the others' airtime.
        let mut connections = playing.receivers(rendition, position);
        self.random.shuffle(&mut connections);
        let again: Vec<Bytes> = previous.iter().flat_map(|previous| previous.repairs(u32::MAX)).collect();
        let (spread, due) = (rendition.spread(), playing.due_at(position));
        if let Some(due) = due.filter(|_| spread > Nanos::ZERO) {
            let datagrams = packet.datagrams().iter().chain(&again).cloned().collect();
            self.departures.push(Departure::new(due, spread, datagrams, connections));
            return;
        }
        for connection in connections {
            for datagram in packet.datagrams().iter().chain(&again) {
                self.actions.push_back(Action::Datagram(connection, datagram.clone()));
            }
        }
    }

    /// The source of a run has come to its end: `position` is the first that it does not have.
    pub fn handle_end(&mut self, id: GroupId, run: u32, position: FramePosition) {
        let anchor = self.streams.get_mut(&id).and_then(|stream| stream.end(run, position));
        if let Some(anchor) = anchor {
            self.announce(id, &[anchor]);
        }
    }

    /// The source of a run says that something else is heard now; or will be, when it is read ahead.
    pub fn retitle(&mut self, id: GroupId, run: u32, entry: EntryId, title: String) {
        if self.run_of(id) == Some(run)
            && let Some(group) = self.groups.get_mut(&id)
        {
            match &mut group.media {
                Some(media) if group.queue.current().is_some_and(|current| current.id == entry) => media.title = title,
                _ => group.next_title = Some((entry, title)),
            }
        }
    }

    /// Which run of a group plays, or played last.
    pub fn run_of(&self, id: GroupId) -> Option<u32> {
        self.streams.get(&id).map(Stream::run)
    }

    pub(super) fn drive_streams(&mut self, now: Timestamp<HubClock>) {
        let (mut over, mut grown) = (Vec::new(), Vec::new());
        for (id, stream) in &mut self.streams {
            if stream.settle_lead(now) {
                grown.push(*id);
            }
            for (rendition, position) in stream.due(now) {
                self.actions.push_back(Action::Packet { group: *id, stream: rendition, position });
            }
            if stream.is_over(now) {
                over.push(*id);
            }
        }
        let groups: Vec<GroupId> = self.streams.keys().copied().collect();
        for id in groups {
            self.settle_switches(now, id);
        }
        for id in grown {
            self.announce(id, &[]);
        }
        for id in over {
            self.close_stream(id);
            let group = self.groups.get_mut(&id).filter(|group| group.playback == Playback::Playing);
            let Some(group) = group else { continue };
            // What was added when the end was settled already.
            let late = group.queue.ahead(1).filter(|_| group.queue.current().is_some());
            if let Some(late) = late {
                self.actions.push_back(Action::Start(id, late));
            }
            if let Some(group) = self.groups.get_mut(&id) {
                group.queue.rewind();
            }
            self.set_playback(id, Playback::Stopped);
            self.actions.push_back(Action::Ended(id));
        }
    }

    /// Has a room play what its group plays, if anything.
    pub(super) fn subscribe(&mut self, now: Timestamp<HubClock>, id: GroupId, room: RoomId) {
        let Some(connection) = self.room_connection(room) else { return };
        if !self.streams.contains_key(&id) {
            return;
        }
        let Some(known) = self.rooms.get_mut(&room) else { return };
        let term = Term::above(known.term, self.peer);
        known.term = Some(term);
        known.outranked = false;
        let Some(rendition) = self.rendition_for(now, id, connection) else { return };
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.subscribe(rendition, connection, room);
        let Some(found) = stream.rendition(rendition) else { return };
        let start = StreamStart {
            stream: rendition,
            room: room.index,
            term,
            format: found.plan.format.clone(),
            anchors: stream.timeline().iter().copied().collect(),
            lead: stream.settled_lead(),
            continues: Trailing::default(),
        };
        self.actions.push_back(Action::Control(connection, Message::from(start).encode()));
        // What was sent to the others already and is still to be heard.
        let rate = stream.timeline().rate();
        let soon = stream.timeline().phase_at(now + JOIN_TIME).map_or(stream.begins_at(), Phase::frame);
        let from = FramePosition(soon.0.saturating_sub(rate.frames_in(JOIN_WARM_UP).0));
        for packet in found.ring().from(from) {
            for datagram in packet.datagrams() {
                self.actions.push_back(Action::Datagram(connection, datagram.clone()));
            }
        }
        self.stretch(now, id);
        self.budget(connection);
    }

    /// Has a group's packets leave earlier when its slowest output needs that. They leave later again when something is
    /// next begun.
    pub(super) fn stretch(&mut self, now: Timestamp<HubClock>, id: GroupId) {
        let lead = self.lead_of(id);
        let Some(stream) = self.streams.get_mut(&id).filter(|stream| stream.lead() < lead) else { return };
        stream.lead_at_least(now, lead);
        self.budgets(id);
    }

    /// Takes a room off what its group plays.
    pub(super) fn unsubscribe(&mut self, id: GroupId, room: RoomId) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let playing = stream.renditions().iter().flat_map(|rendition| {
            let subscribers = rendition.subscribers().iter().filter(|(_, other)| *other == room);
            subscribers.map(|(connection, _)| (*connection, rendition.plan.stream))
        });
        let playing: Vec<(ConnectionId, StreamId)> = playing.collect();
        stream.unsubscribe(|_, other| other == room);
        for (connection, stream) in playing {
            let message = Message::from(StreamStop { stream, room: room.index });
            self.actions.push_back(Action::Control(connection, message.encode()));
        }
    }

    /// Takes everything of a connection off all streams.
    pub(super) fn unsubscribe_connection(&mut self, connection: ConnectionId) {
        for stream in self.streams.values_mut() {
            stream.unsubscribe(|other, _| other == connection);
        }
    }

    pub(super) fn close_stream(&mut self, id: GroupId) {
        let Some(stream) = self.streams.remove(&id) else { return };
        for rendition in stream.renditions() {
            for (connection, room) in rendition.subscribers() {
                let message = Message::from(StreamStop { stream: rendition.plan.stream, room: room.index });
                self.actions.push_back(Action::Control(*connection, message.encode()));
            }
        }
        self.actions.push_back(Action::CloseStream(id));
    }

    /// Begins an entry, and says that it is what plays.
    fn begin_entry(&mut self, now: Timestamp<HubClock>, id: GroupId, entry: EntryId, source_frame: u64) {
        let stopped = self.groups.get(&id).filter(|group| group.playback == Playback::Stopped);
        let rooms = stopped.map(|group| group.rooms.clone()).unwrap_or_default();
        rooms.into_iter().for_each(|room| self.start_softly(room));
        if let Some(group) = self.groups.get_mut(&id) {
            group.warnings.clear();
            group.next_title = None;
        }
        self.turn_to(id, entry);
        self.begin(now, id, entry, source_frame);
    }

    /// Starts a run for a group, with a stream when it has none yet.
    fn begin(&mut self, now: Timestamp<HubClock>, id: GroupId, entry: EntryId, source_frame: u64) {
        let lead = self.lead_of(id);
        let cut_at = now + self.announce_time(id);
        let fresh = !self.streams.contains_key(&id);
        let rate = self.settings.rate;
        let stream = self.streams.entry(id).or_insert_with(|| Stream::new(rate));
        // A packet to many rooms begins to leave before it is due.
        let rooms = self.groups.get(&id).map_or(0, |group| group.rooms.len());
        let mut at = now + CUE_TIME + departures::spread(rooms, Nanos::from_millis(20)) + lead;
        let mut anchors = Vec::new();
        // What was to begin only after that is void too.
        if stream.source_frame_at(cut_at).is_some() {
            anchors.push(stream.cut(cut_at).0);
            at = at.max(cut_at + Nanos::from_millis(20));
        }
        let (run, position, anchor) = stream.begin(at, lead, entry, source_frame);
        anchors.push(anchor);
        self.actions.push_back(Action::Cue { group: id, run, position, entry, source_frame });
        if fresh {
            // Even with nobody there the music goes on, so that whoever comes back is in time.
            self.rendition_in(now, id, self.settings.ladder(&[self.settings.codec])[0]);
            let rooms = self.groups.get(&id).map(|group| group.rooms.clone()).unwrap_or_default();
            for room in rooms {
                self.subscribe(now, id, room);
            }
            self.prune(id);
        } else {
            self.announce(id, &anchors);
            self.budgets(id);
        }
        self.set_playback(id, Playback::Playing);
        self.plan_to_ask(now, id);
    }

    /// Starts a run with an entry in the place of what was read behind that which is to be heard until `border`; or as
    /// soon after that as rooms can have it. Until then what they were sent is heard.
    pub(super) fn begin_behind(
        &mut self,
        now: Timestamp<HubClock>,
        id: GroupId,
        entry: EntryId,
        border: Timestamp<HubClock>,
    ) {
        let (lead, Some(group)) = (self.lead_of(id), self.groups.get(&id)) else { return };
        let spread = departures::spread(group.rooms.len(), Nanos::from_millis(20));
        let leaves = now + CUE_TIME;
        // What comes only as it is made cannot be read faster until the lead is what it is to be.
        let is_live = group.queue.entry(entry).is_some_and(|entry| entry.media.kind == MediaKind::Source);
        let margin = if is_live { group.margin } else { group.margin.min(SHORT_MARGIN) };
        let at = border.max(leaves + spread + self.output_latency(group) + margin);
        let Some(stream) = self.streams.get_mut(&id) else { return };
        // Whoever encodes has it still; behind the cue it is gone.
        for (rendition, position) in stream.due_for(at) {
            self.actions.push_back(Action::Packet { group: id, stream: rendition, position });
        }
        let (run, position, anchor) = stream.begin_behind(at, leaves, lead, entry);
        self.actions.push_back(Action::Cue { group: id, run, position, entry, source_frame: 0 });
        self.announce(id, &[anchor]);
        self.budgets(id);
        self.plan_to_ask(now, id);
    }

    /// What plays ends at an instant, or as soon after it as rooms can be told, and all is over.
    pub(super) fn end_after(&mut self, now: Timestamp<HubClock>, id: GroupId, at: Timestamp<HubClock>) {
        let at = at.max(now + self.announce_time(id));
        if let Some(stream) = self.streams.get_mut(&id) {
            let (anchor, _) = stream.cut(at);
            stream.reading_mut().stop();
            stream.close_at(at);
            self.announce(id, &[anchor]);
        }
    }

    /// Another entry has its turn, when it is another.
    fn turn_if_other(&mut self, id: GroupId, entry: EntryId) {
        let current = self.groups.get(&id).and_then(|group| group.queue.current());
        if current.is_some_and(|current| current.id != entry) {
            self.turn_to(id, entry);
        }
    }

    /// Tells every room of a group what its stream's positions mean, and how early its packets are sent.
    pub(super) fn announce(&mut self, id: GroupId, anchors: &[Anchor]) {
        let Some(stream) = self.streams.get(&id) else { return };
        for rendition in stream.renditions() {
            let (anchors, lead) = (anchors.to_vec(), Some(stream.settled_lead()).into());
            let message = Message::from(Anchors { stream: rendition.plan.stream, anchors, lead }).encode();
            for connection in rendition.connections() {
                self.actions.push_back(Action::Control(connection, message.clone()));
            }
        }
    }

    /// The rendition for a node: the step that its link carries, from an instant on.
    pub(super) fn rendition_for(
        &mut self,
        from: Timestamp<HubClock>,
        id: GroupId,
        connection: ConnectionId,
    ) -> Option<StreamId> {
        let known = self.connections.get(&connection)?;
        let ladder = self.settings.ladder(&known.codecs);
        let step = self.ladders.get(&known.peer).map_or(0, Ladder::step).min(ladder.len() - 1);
        self.rendition_in(from, id, ladder[step])
    }

    fn rendition_in(&mut self, from: Timestamp<HubClock>, id: GroupId, step: Step) -> Option<StreamId> {
        let format = match self.settings.format(step, self.lead_of(id)) {
            Ok(format) => format,
            Err(error) => {
                warn!("{} cannot be sent: {error}", step.codec);
                return None;
            }
        };
        if let Some(stream) = self.streams.get(&id).and_then(|stream| stream.rendition_in(&format)) {
            return Some(stream);
        }
        // The numbers start over one day, and a rendition may be as old as that.
        let is_used = |stream| self.streams.values().flat_map(Stream::renditions).any(|it| it.plan.stream == stream);
        let mut stream = StreamId(self.next_stream);
        while is_used(stream) {
            stream = StreamId(stream.0.checked_add(1).unwrap_or(1));
        }
        self.next_stream = stream.0.checked_add(1).unwrap_or(1);
        let plan = RenditionPlan { stream, format };
        if let Some(playing) = self.streams.get_mut(&id) {
            playing.add_rendition(plan.clone(), from);
        }
        self.actions.push_back(Action::AddRendition(id, plan));
        Some(stream)
    }

    /// Tells the network how much each connection of a group is to carry.
    fn budgets(&mut self, id: GroupId) {
        let renditions = self.streams.get(&id).into_iter().flat_map(Stream::renditions);
        let connections: BTreeSet<ConnectionId> = renditions.flat_map(Rendition::connections).collect();
        connections.into_iter().for_each(|connection| self.budget(connection));
    }

    /// Tells the network how much a connection is to carry.
    pub(super) fn budget(&mut self, id: ConnectionId) {
        let mut bits = 0_u32;
        let mut latency = Nanos::ZERO;
        for stream in self.streams.values() {
            for rendition in stream.renditions().iter().filter(|rendition| rendition.is_sent_to(id)) {
                let copies = if stream.is_redundant() { 2 } else { 1 };
                bits = bits.saturating_add(rendition.plan.format.bit_rate.saturating_mul(copies));
                latency = latency.max(stream.lead());
            }
        }
        if let Some(connection) = self.connections.get_mut(&id)
            && connection.budget != (bits, latency)
        {
            connection.budget = (bits, latency);
            self.actions.push_back(Action::Budget(id, bits, latency));
        }
    }

    /// What has been handed to devices cannot be called back, so an anchor takes effect after it.
    fn announce_time(&self, id: GroupId) -> Nanos {
        self.groups.get(&id).map_or(Nanos::ZERO, |group| self.output_latency(group)) + ANNOUNCE_TIME
    }

    fn output_latency(&self, group: &Group) -> Nanos {
        let rooms = group.rooms.iter().filter_map(|room| self.rooms.get(room));
        let slowest = rooms.map(|room| room.latency).max().unwrap_or(Nanos::ZERO);
        // A room that is slower plays late; it does not hold up everybody.
        slowest.min(LEADS.give_up + MAX_OUTPUT_LATENCY)
    }

    pub(super) fn set_playback(&mut self, id: GroupId, playback: Playback) {
        if let Some(group) = self.groups.get_mut(&id) {
            group.playback = playback;
            self.actions.push_back(Action::Changed);
        }
    }

    pub(super) fn group_mut(&mut self, id: GroupId) -> Result<&mut Group, Refused> {
        self.groups.get_mut(&id).ok_or_else(|| Refused::UnknownGroup(id.to_string()))
    }
}

fn check_within(media: &Media, source_frame: u64, rate: SampleRate) -> Result<(), Refused> {
    let seconds = |frames: u64| frames as f64 / f64::from(rate.hertz());
    match media.frames {
        Some(frames) if source_frame > frames => Err(Refused::BeyondEnd(seconds(source_frame), seconds(frames))),
        _ => Ok(()),
    }
}
