//! How a house is made.

use unisono_hub::house::StreamSettings;

use super::{LinkProfile, NodeSetup, Outage};

/// How a house is made.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Everything random comes from here.
    pub seed: u64,
    /// The nodes, each with one room.
    pub nodes: Vec<NodeSetup>,
    /// Every room's link.
    pub link: LinkProfile,
    /// Rooms whose link is another than that.
    pub links: Vec<(usize, LinkProfile)>,
    /// Times in which a room hears nothing: room, from, to.
    pub outages: Vec<(usize, Outage)>,
    /// How the hub makes streams.
    pub settings: StreamSettings,
    /// What the hub's clock reads at the start, in seconds.
    pub hub_offset_s: f64,
    /// How long the source is, in frames.
    pub source_frames: u64,
    /// How far every crystal swings up and down within an hour, in ppm.
    pub swing_ppm: f64,
    /// Datagrams a second from a hostile machine, to every node and the hub.
    pub hostile: u32,
}

impl Setup {
    /// Rooms with clocks within ±50 ppm and converters within ±100 ppm, all started at other times, on one profile.
    pub fn rooms(count: u8, link: LinkProfile, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed ^ 0x5eed);
        let spread =
            |i: u8, span: f64| if count < 2 { 0.0 } else { span * (2.0 * f64::from(i) / f64::from(count - 1) - 1.0) };
        let nodes = (0..count)
            .map(|i| NodeSetup {
                clock_ppm: spread(i, 50.0),
                clock_offset_s: random.f64() * 1e5 - 5e4,
                wander: 3e-3,
                dac_ppm: spread((i * 7 + 3) % count, 100.0),
                quantum: 1,
                ..NodeSetup::default()
            })
            .collect();
        Self {
            seed,
            nodes,
            link,
            links: Vec::new(),
            outages: Vec::new(),
            settings: StreamSettings::default(),
            hub_offset_s: 12_345.678,
            source_frames: 48_000 * 86_400,
            swing_ppm: 0.0,
            hostile: 0,
        }
    }
}
