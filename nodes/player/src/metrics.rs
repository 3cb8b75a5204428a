//! What the node tells Prometheus itself, under the names that its hub uses. A room is here what the node calls it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use unisono_api::metrics::{HttpMetrics, Page, RoomMetrics, Told, state_name};
use unisono_bluetooth::service::SpeakerFigures as Counted;
use unisono_core::{
    time::Nanos,
    units::SampleRate,
    wire::{
        VERSION,
        control::{Report, RoomFigures, RoomReport, SpeakerFigures},
        ids::RoomIndex,
    },
};

use crate::{
    desk::Desk,
    output::OutputSpec,
    room::Room,
    session::{HubLink, HubState, RoomSettings, report},
    standalone::Phase,
};

unisono_api::families! {
    /// What only the node knows, filled in when somebody asks.
    struct Families {
        node: GaugeVec "unisono_node_info" ["name", "id"]
            "The node; always 1.";
        hub_connected: GaugeVec "unisono_hub_connected" []
            "Whether a hub has let the node in.";
        hub_connections: CounterVec "unisono_hub_connections_total" []
            "Times that a hub has let the node in.";
        offset: GaugeVec "unisono_clock_offset_seconds" []
            "How far the hub's clock is ahead of the node's. Both begin anywhere: only its changes mean something.";
        standalone: GaugeVec "unisono_standalone" ["state"]
            "1 for how the node stands: with_hub, waiting for one, alone, or returning while a hub is back and shows that it stays.";
    }
}

/// What the session with a hub knows, for those who watch.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    last: Mutex<Option<(Report, Option<Nanos>)>>,
    connections: AtomicU64,
}

impl Watched {
    /// A hub has let the node in.
    pub(crate) fn connected(&self) {
        self.connections.fetch_add(1, Relaxed);
    }

    /// What the hub was just told, and how far its clock is ahead.
    pub(crate) fn told(&self, report: Report, offset: Option<Nanos>) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((report, offset));
    }

    /// There is no hub any more.
    pub(crate) fn away(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn last(&self) -> Option<(Report, Option<Nanos>)> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Every handle.
#[derive(Debug)]
pub(crate) struct Metrics {
    page: Page,
    http: Arc<HttpMetrics>,
    rooms: RoomMetrics,
    families: Families,
}

/// What there is when somebody asks.
pub(crate) struct Present<'a> {
    pub(crate) name: &'a str,
    pub(crate) id: String,
    pub(crate) desk: &'a Desk,
    pub(crate) hub: &'a HubState,
    pub(crate) watched: &'a Watched,
    pub(crate) phase: Phase,
    pub(crate) speakers: &'a [Counted],
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let page = Page::new("unisono-node", env!("CARGO_PKG_VERSION"), &VERSION.to_string());
        let registry = page.registry();
        let http = Arc::new(HttpMetrics::register(registry));
        let (rooms, families) = (RoomMetrics::register(registry), Families::register(registry));
        Self { http, rooms, families, page }
    }

    /// For the layer that counts requests.
    pub(crate) fn http(&self) -> Arc<HttpMetrics> {
        Arc::clone(&self.http)
    }

    /// The page.
    pub(crate) fn text(&self, present: &Present<'_>) -> Result<String, prometheus::Error> {
        self.page.text(|| {
            self.rooms.reset();
            self.families.reset();
            self.fill(present);
        })
    }

    fn fill(&self, present: &Present<'_>) {
        let families = &self.families;
        families.node.with_label_values(&[present.name, &present.id]).set(1.0);
        let connected = matches!(present.hub.link, HubLink::Connected { .. });
        families.hub_connected.with_label_values::<&str>(&[]).set(f64::from(u8::from(connected)));
        let connections = present.watched.connections.load(Relaxed);
        families.hub_connections.with_label_values::<&str>(&[]).inc_by(connections as f64);
        let phases = [Phase::WithHub, Phase::Waiting, Phase::Alone, Phase::Returning];
        for (phase, name) in phases.into_iter().zip(["with_hub", "waiting", "alone", "returning"]) {
            families.standalone.with_label_values(&[name]).set(f64::from(u8::from(phase == present.phase)));
        }
        let (last, offset) = present.watched.last().unzip();
        if let Some(offset) = offset.flatten() {
            families.offset.with_label_values::<&str>(&[]).set(offset.as_secs_f64());
        }
        let names = names(present.desk.rooms());
        for ((index, (settings, room)), name) in (0..).map(RoomIndex).zip(present.desk.rooms()).zip(names) {
            let told = last.as_ref().and_then(|last| last.rooms.iter().find(|told| told.room == index));
            let now = as_it_is(index, room, told, last.as_ref());
            let figures = figures(index, settings, room, present.speakers);
            self.rooms.set_state(&name, state_name(now.state));
            self.rooms.set(
                &name,
                &Told {
                    clock: &last.as_ref().map(|last| last.clock).unwrap_or_default(),
                    report: &now,
                    output: Some(&report::output(index, room)),
                    latency: &room.status().latency_parts(),
                    figures: Some(&figures),
                    rate: SampleRate::HZ_48000.hertz(),
                },
            );
        }
    }
}

/// A room as it is now; what only a session with a hub knows is as it was told last.
fn as_it_is(index: RoomIndex, room: &Room, told: Option<&RoomReport>, last: Option<&Report>) -> RoomReport {
    let clock = last.map_or(Nanos::ZERO, |last| last.clock.uncertainty);
    let state = told.map_or_else(|| report::own_state(room), |told| told.state);
    let now = report::room(index, room, state, told.and_then(|told| told.stream), clock);
    let Some(told) = told else { return now };
    RoomReport { received: told.received, lost: told.lost, repaired: told.repaired, ..now }
}

/// What is known of a room beyond its report.
pub(crate) fn figures(index: RoomIndex, settings: &RoomSettings, room: &Room, speakers: &[Counted]) -> RoomFigures {
    let mine = settings.outputs.iter().filter_map(|output| match output {
        OutputSpec::Bluetooth(address) => Some(*address),
        _ => None,
    });
    let mine: Vec<_> = mine.collect();
    let counted: Vec<&Counted> = speakers.iter().filter(|speaker| mine.contains(&speaker.address)).collect();
    let starved = room.status().starved();
    let speaker = (!mine.is_empty()).then(|| together(&counted));
    RoomFigures { room: index, starved, speaker }
}

/// What all speakers of a room have come to.
fn together(speakers: &[&Counted]) -> SpeakerFigures {
    let sum = |count: fn(&Counted) -> u64| speakers.iter().map(|speaker| count(speaker)).sum();
    let mut failures = BTreeMap::<&str, u64>::new();
    for (reason, count) in speakers.iter().flat_map(|speaker| &speaker.failures) {
        *failures.entry(reason).or_default() += count;
    }
    SpeakerFigures {
        connected: speakers.iter().any(|speaker| speaker.connected),
        packets: sum(|speaker| speaker.packets),
        dropped: sum(|speaker| speaker.dropped),
        late: sum(|speaker| speaker.late),
        delay_reports: sum(|speaker| speaker.delay_reports),
        connects: sum(|speaker| speaker.connects),
        failures: failures.into_iter().map(|(reason, count)| (reason.to_owned(), count)).collect(),
    }
}

/// What each room is called in labels: its name, with its number where another has that too.
fn names(rooms: &[(RoomSettings, Room)]) -> Vec<String> {
    let times = |name: &str| rooms.iter().filter(|(other, _)| other.name == name).count();
    let names = rooms.iter().enumerate().map(|(index, (settings, _))| match times(&settings.name) {
        1 => settings.name.clone(),
        _ => format!("{} ({index})", settings.name),
    });
    names.collect()
}
