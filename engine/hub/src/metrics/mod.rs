//! What the hub tells Prometheus. Rooms that it was told of are in it with everything that their nodes report, so that
//! one page has the whole household; when a room is forgotten its series go with it.

mod snapshot;
mod sync_errors;
mod targets;

use std::sync::Arc;

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};
use unisono_api::metrics::{HttpMetrics, Page, RoomMetrics, Told, state_name};
use unisono_core::wire::VERSION;

pub(crate) use self::targets::{TargetGroup, targets};
use self::{snapshot::Snapshot, sync_errors::SyncErrorHistogram};
use crate::engine::EngineHandle;

unisono_api::families! {
    /// What the hub knows itself, filled in when somebody asks.
    struct Families {
        hub: GaugeVec "unisono_hub_info" ["name", "household", "codec"]
            "The hub; always 1.";
        nodes: GaugeVec "unisono_nodes" ["state"]
            "Nodes that are or were there, by whether they are connected or away.";
        connections: GaugeVec "unisono_connections" []
            "Machines that are connected, those included that have not been let in.";
        refused: CounterVec "unisono_refused_datagrams_total" []
            "Datagrams that meant nothing.";
        rooms: GaugeVec "unisono_room_info" ["room", "id", "node", "group", "output"]
            "A room, the machine that drives it, its group and its output; always 1.";
        connected: GaugeVec "unisono_room_connected" ["room"]
            "Whether the room's node is connected.";
        volume: GaugeVec "unisono_room_volume_ratio" ["room"]
            "The room's own volume, 0 to 1; 0 while it is muted.";
        stream: GaugeVec "unisono_stream_bytes_per_second" ["room", "codec"]
            "What the room's stream takes on its link. It is less than that of others while the link carries no more.";
        term: GaugeVec "unisono_room_term" ["room"]
            "The term of leadership that the room obeys.";
        led: GaugeVec "unisono_room_led" ["room"]
            "1 while this hub leads the room in what it plays.";
        outranked: GaugeVec "unisono_room_outranked" ["room"]
            "1 once the room has said that it obeys another hub.";
        group_rooms: GaugeVec "unisono_group_rooms" ["group", "state"]
            "Rooms of a group, by whether they are connected or away.";
        group_playing: GaugeVec "unisono_group_playing" ["group"]
            "1 while a group plays.";
        group_latency: GaugeVec "unisono_group_latency_seconds" ["group"]
            "How long before it is heard a group's packets are sent: its slowest output, and the margin.";
        source_underruns: CounterVec "unisono_source_underruns_total" ["group"]
            "Packets that were left out because what a group plays was not read or encoded in time.";
        source_silent: GaugeVec "unisono_source_silent_seconds" ["group"]
            "For how long what a group plays has been digital silence. Only while it plays.";
    }
}

/// What is counted of one of the places where state is kept.
#[derive(Clone, Debug)]
pub(crate) struct StateWrites {
    writes: IntCounter,
    failures: IntCounter,
    durable: IntGauge,
}

impl StateWrites {
    /// Something was written.
    pub(crate) fn written(&self) {
        self.writes.inc();
        self.durable.set(1);
    }

    /// Something could not be written.
    pub(crate) fn failed(&self) {
        self.failures.inc();
        self.durable.set(0);
    }
}

/// Every handle.
#[derive(Debug)]
pub(crate) struct Metrics {
    page: Page,
    http: Arc<HttpMetrics>,
    rooms: RoomMetrics,
    sync_errors: SyncErrorHistogram,
    families: Families,
    /// Volumes and what plays.
    pub(crate) session: StateWrites,
    /// Members, rooms, groups.
    pub(crate) configuration: StateWrites,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let page = Page::new("unisono-hub", env!("CARGO_PKG_VERSION"), &VERSION.to_string());
        let registry = page.registry();
        let [session, configuration] = state_writes(registry, ["session", "configuration"]);
        let http = Arc::new(HttpMetrics::register(registry));
        let (rooms, families) = (RoomMetrics::register(registry), Families::register(registry));
        let sync_errors = SyncErrorHistogram::new();
        registry.register(Box::new(sync_errors.clone())).expect("no two have one name");
        Self { http, rooms, sync_errors, families, session, configuration, page }
    }

    /// For the layer that counts requests.
    pub(crate) fn http(&self) -> Arc<HttpMetrics> {
        Arc::clone(&self.http)
    }

    fn text(&self, snapshot: &Snapshot) -> Result<String, prometheus::Error> {
        self.page.text(|| {
            self.rooms.reset();
            self.families.reset();
            let errors = snapshot.rooms.iter().map(|room| (room.name.clone(), room.sync_errors.clone()));
            self.sync_errors.set(errors.collect());
            self.fill(snapshot);
        })
    }

    fn fill(&self, snapshot: &Snapshot) {
        let families = &self.families;
        let (name, household, codec) = (&snapshot.name, &snapshot.household, &snapshot.codec);
        families.hub.with_label_values(&[name, household, codec]).set(1.0);
        families.nodes.with_label_values(&["connected"]).set(snapshot.nodes_connected as f64);
        families.nodes.with_label_values(&["away"]).set(snapshot.nodes_away as f64);
        families.connections.with_label_values::<&str>(&[]).set(snapshot.connections as f64);
        families.refused.with_label_values::<&str>(&[]).inc_by(snapshot.refused_datagrams as f64);
        for room in &snapshot.rooms {
            self.fill_room(snapshot, room);
        }
        for group in &snapshot.groups {
            let name = [&group.name[..]];
            families.group_rooms.with_label_values(&[name[0], "connected"]).set(group.rooms_connected as f64);
            families.group_rooms.with_label_values(&[name[0], "away"]).set(group.rooms_away as f64);
            families.group_playing.with_label_values(&name).set(flag(group.is_playing));
            families.group_latency.with_label_values(&name).set(group.latency.as_secs_f64());
            families.source_underruns.with_label_values(&name).inc_by(group.source_underruns as f64);
            if let Some(silent) = group.source_silent_s {
                families.source_silent.with_label_values(&name).set(silent);
            }
        }
    }

    fn fill_room(&self, snapshot: &Snapshot, room: &snapshot::RoomSnapshot) {
        let (families, name) = (&self.families, [&room.name[..]]);
        let info = [&room.name, &room.id, &room.node, &room.group, &room.output];
        families.rooms.with_label_values(&info).set(1.0);
        families.connected.with_label_values(&name).set(flag(room.is_online));
        families.volume.with_label_values(&name).set(room.volume);
        families.led.with_label_values(&name).set(flag(room.is_led));
        families.outranked.with_label_values(&name).set(flag(room.is_outranked));
        if let Some(term) = room.term {
            families.term.with_label_values(&name).set(term as f64);
        }
        if let Some((codec, bit_rate)) = &room.stream {
            families.stream.with_label_values(&[&room.name, codec]).set(f64::from(*bit_rate) / 8.0);
        }
        let Some(report) = &room.report else {
            self.rooms.set_state(&room.name, if room.is_online { "starting" } else { "offline" });
            return;
        };
        self.rooms.set_state(&room.name, state_name(report.state));
        let (output, figures) = (room.output_report.as_ref(), room.figures.as_ref());
        let told =
            Told { clock: &room.clock, report, output, latency: &room.latency_parts, figures, rate: snapshot.rate };
        self.rooms.set(&room.name, &told);
        if let Some(margin) = room.margin {
            let labels = [&room.name[..], "network", "computed"];
            self.rooms.latency.with_label_values(&labels).set(margin.as_secs_f64());
        }
    }
}

/// The page. The engine is asked for no longer than it takes to copy what there is.
///
/// # Errors
/// What is wrong, when the page cannot be written; `None` when the hub is stopping.
pub(crate) async fn page(engine: &EngineHandle) -> Result<String, Option<String>> {
    let snapshot = engine.call(|engine, _| Snapshot::take(engine)).await.ok_or(None)?;
    let metrics = Arc::clone(engine.metrics());
    let text = tokio::task::spawn_blocking(move || metrics.text(&snapshot)).await.map_err(|_| None)?;
    text.map_err(|error| Some(error.to_string()))
}

fn state_writes<const N: usize>(registry: &Registry, stores: [&str; N]) -> [StateWrites; N] {
    let counters = |name: &str, help: &str| {
        let family = IntCounterVec::new(Opts::new(name, help), &["store"]).expect("the name is valid");
        registry.register(Box::new(family.clone())).expect("no two have one name");
        family
    };
    let writes = counters(
        "unisono_state_writes_total",
        "Times that the hub has written what it keeps: session, volumes and what plays; configuration, members, rooms and groups.",
    );
    let failures = counters("unisono_state_write_failures_total", "Times that this could not be written.");
    let durable =
        Opts::new("unisono_state_durable", "Whether what is kept would outlast a restart: the last write went well.");
    let durable = IntGaugeVec::new(durable, &["store"]).expect("the name is valid");
    registry.register(Box::new(durable.clone())).expect("no two have one name");
    stores.map(|store| {
        let of = StateWrites {
            writes: writes.with_label_values(&[store]),
            failures: failures.with_label_values(&[store]),
            durable: durable.with_label_values(&[store]),
        };
        // It was read at the start, from where it is written.
        of.durable.set(1);
        of
    })
}

const fn flag(is_so: bool) -> f64 {
    if is_so { 1.0 } else { 0.0 }
}
