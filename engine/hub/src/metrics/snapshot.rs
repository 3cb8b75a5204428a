//! What the engine has at one instant, copied so that it need not wait for the page to be written.

use std::collections::BTreeMap;

use unisono_core::{
    time::Nanos,
    wire::control::{ClockReport, LatencyPart, OutputReport, RoomFigures, RoomReport},
};

use crate::{
    engine::Engine,
    house::{House, Playback, RoomId, SyncErrors},
};

/// The household.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(super) name: String,
    pub(super) household: String,
    pub(super) codec: String,
    pub(super) rate: u32,
    pub(super) nodes_connected: usize,
    pub(super) nodes_away: usize,
    pub(super) connections: usize,
    pub(super) refused_datagrams: u64,
    pub(super) rooms: Vec<RoomSnapshot>,
    pub(super) groups: Vec<GroupSnapshot>,
}

#[derive(Debug)]
pub(super) struct RoomSnapshot {
    /// Its name, as no other room has it.
    pub(super) name: String,
    pub(super) id: String,
    pub(super) node: String,
    pub(super) group: String,
    pub(super) output: String,
    pub(super) is_online: bool,
    pub(super) volume: f64,
    pub(super) stream: Option<(String, u32)>,
    pub(super) term: Option<u64>,
    pub(super) is_led: bool,
    pub(super) is_outranked: bool,
    pub(super) margin: Option<Nanos>,
    pub(super) clock: ClockReport,
    pub(super) report: Option<RoomReport>,
    pub(super) sync_errors: SyncErrors,
    pub(super) output_report: Option<OutputReport>,
    pub(super) latency_parts: Vec<LatencyPart>,
    pub(super) figures: Option<RoomFigures>,
}

#[derive(Debug)]
pub(super) struct GroupSnapshot {
    pub(super) name: String,
    pub(super) rooms_connected: usize,
    pub(super) rooms_away: usize,
    pub(super) is_playing: bool,
    pub(super) latency: Nanos,
    pub(super) source_underruns: u64,
    pub(super) source_silent_s: Option<f64>,
}

impl Snapshot {
    pub(super) fn take(engine: &mut Engine) -> Self {
        let household = engine.household_id().to_string();
        let (connections, sources) = (engine.connections(), engine.source_figures());
        let house: &House = engine.house();
        let members = house.rooms().keys().map(|room| room.node);
        let nodes: std::collections::BTreeSet<_> = members.collect();
        let nodes_connected = nodes.iter().filter(|node| house.is_online(**node)).count();
        let names = names(house);
        let rooms = house.rooms().keys().zip(names).map(|(id, name)| room(house, *id, name));
        let groups = house.groups().iter().map(|(id, group)| {
            let rooms_connected = group.rooms.iter().filter(|room| house.is_online(room.node)).count();
            let is_playing = group.playback == Playback::Playing;
            let source = sources.get(id);
            GroupSnapshot {
                name: group.name.clone(),
                rooms_connected,
                rooms_away: group.rooms.len() - rooms_connected,
                is_playing,
                latency: house.lead_of(*id),
                source_underruns: source.map_or(0, |source| source.underruns),
                source_silent_s: source.filter(|_| is_playing).and_then(|source| source.silent_s),
            }
        });
        Self {
            name: house.name().into(),
            household,
            codec: house.settings().codec.to_string(),
            rate: house.settings().rate.hertz(),
            nodes_connected,
            nodes_away: nodes.len() - nodes_connected,
            connections,
            refused_datagrams: house.bad_datagrams(),
            rooms: rooms.collect(),
            groups: groups.collect(),
        }
    }
}

fn room(house: &House, id: RoomId, name: String) -> RoomSnapshot {
    let known = &house.rooms()[&id];
    let is_online = house.is_online(id.node);
    let group = known.group.and_then(|group| house.groups().get(&group));
    let format = house.format_of(id);
    RoomSnapshot {
        name,
        id: id.to_string(),
        node: id.node.to_string(),
        group: group.map_or_else(String::new, |group| group.name.clone()),
        output: known.output.clone(),
        is_online,
        volume: if known.muted { 0.0 } else { f64::from(known.volume.percent()) / 100.0 },
        stream: format.map(|format| (format.codec.to_string(), format.bit_rate)),
        term: known.term.map(|term| term.counter),
        is_led: house.leads(id),
        is_outranked: known.outranked,
        margin: group.map(|group| group.margin),
        clock: known.clock,
        sync_errors: known.sync_errors.clone(),
        report: known.report.clone().filter(|_| is_online),
        output_report: known.output_report.clone(),
        latency_parts: known.latency_parts.clone(),
        figures: known.figures.clone(),
    }
}

/// What each room is called in labels, in the order of the rooms: its name, with its id where another has that too.
fn names(house: &House) -> Vec<String> {
    let mut times = BTreeMap::<&str, usize>::new();
    for room in house.rooms().values() {
        *times.entry(&room.name).or_default() += 1;
    }
    let names = house.rooms().iter().map(|(id, room)| match times[&room.name[..]] {
        1 => room.name.clone(),
        _ => format!("{} ({id})", room.name),
    });
    names.collect()
}
