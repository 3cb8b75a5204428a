//! The figures of one player, taken from its recordings.

use serde::Serialize;

use super::{
    analysis::{
        slips::{Slips, slips},
        statistics::Spread,
        sync::{Window, compare},
        tone::{Purity, purity},
        track::Track,
    },
    material::RATE,
    network::{Lateness, Wire},
    process::Cost,
    setup::{Outcome, Packets, Setup},
};

/// What happens while it is told to end is no fault of it, in seconds.
const LAST: f64 = 0.5;

/// Spans of time from the start of the nodes, in seconds: a clock is known better the longer it is watched.
pub const SPANS: [(f64, f64); 3] = [(10.0, 60.0), (60.0, 180.0), (180.0, f64::INFINITY)];

/// All of them.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Which player, and its version.
    pub player: String,
    /// The error between rooms in each of [`SPANS`], in microseconds.
    pub errors_us: [Option<Spread>; 3],
    /// From the command to play until every room sounds, in seconds.
    pub first_sound_s: Option<f64>,
    /// The error in the first window of sound, in microseconds.
    pub first_error_us: Option<f64>,
    /// Windows compared.
    pub windows: usize,
    /// Of those, windows in which rooms do not match.
    pub unmatched: usize,
    /// And without those of the first second of sound.
    pub unmatched_later: usize,
    /// Each room.
    pub rooms: Vec<RoomFigures>,
    /// Each process, the hub first.
    pub costs: Vec<Cost>,
    /// On the hub's interface.
    pub wire: Wire,
    /// By how much the links were later than they were to be: what the machine has added.
    pub lateness: Lateness,
    /// For how long the nodes ran, in seconds.
    pub seconds: f64,
    /// Tones, if they were played.
    pub tones: Vec<Tone>,
    /// Seconds from the start of the nodes, and the error in microseconds, of every window.
    #[serde(skip)]
    pub series: Vec<(f64, Option<f64>)>,
}

/// One room.
#[derive(Clone, Debug, Serialize)]
pub struct RoomFigures {
    /// Its name.
    pub name: String,
    /// Frames dropped or repeated, and windows that are not like the original.
    pub slips: Slips,
    /// Share of the time from its first sound on in which it is silent; 1 without a sound.
    pub silent: f64,
    /// Share of that time in which sound was made up, as far as the room says so; `None` without a sound.
    pub concealed: Option<f64>,
    /// What it says of its packets, if it does.
    pub packets: Option<Packets>,
}

/// A tone in a room.
#[derive(Clone, Debug, Serialize)]
pub struct Tone {
    /// Its name.
    pub room: String,
    /// What was played, in hertz.
    pub played: f64,
    /// What came of it; `None` when there was too little of it.
    pub purity: Option<Purity>,
}

impl Figures {
    /// Takes them from the recordings of a run with noise.
    ///
    /// # Errors
    /// When a recording cannot be read.
    pub fn take(setup: &Setup, outcome: &Outcome) -> anyhow::Result<Self> {
        let end = outcome.ended - LAST;
        let tracks: Vec<Track> =
            outcome.recordings.iter().map(|prefix| Track::read(prefix)).collect::<Result<_, _>>()?;
        let windows = compare(&tracks, end);
        let original: Vec<f32> = setup.material.samples().collect();
        let rooms = setup.rooms.iter().zip(&tracks).enumerate().map(|(number, (room, track))| {
            let first = track.first_sound().filter(|first| *first < end);
            let packets = outcome.packets.get(number).cloned();
            let share = |packets: &Packets, first: f64| packets.concealed_s / (end - first).max(LAST);
            RoomFigures {
                name: room.name.clone(),
                slips: slips(track, &original, end),
                silent: first.map_or(1.0, |first| track.silent_share(first, end)),
                concealed: packets.as_ref().zip(first).map(|(packets, first)| share(packets, first)),
                packets,
            }
        });
        let rooms = rooms.collect();
        let first = windows.first().map(|window| window.instant);
        let unmatched = |from: f64| {
            let later = windows.iter().filter(|window| window.instant >= from);
            later.filter(|window| window.error.is_none()).count()
        };
        let sounds: Option<Vec<f64>> = tracks.iter().map(Track::first_sound).collect();
        Ok(Self {
            player: outcome.player.clone(),
            errors_us: SPANS.map(|span| errors(&windows, outcome.started, span)),
            first_sound_s: sounds.and_then(|all| all.into_iter().reduce(f64::max)).map(|at| at - outcome.told),
            first_error_us: windows.first().and_then(|window| window.error).map(|error| error * 1e6),
            windows: windows.len(),
            unmatched: unmatched(f64::NEG_INFINITY),
            unmatched_later: first.map_or(0, |first| unmatched(first + 1.0)),
            rooms,
            costs: outcome.costs.clone(),
            wire: outcome.wire,
            lateness: outcome.lateness,
            seconds: outcome.ended - outcome.started,
            tones: Vec::new(),
            series: windows.iter().map(|w| (w.instant - outcome.started, w.error.map(|error| error * 1e6))).collect(),
        })
    }

    /// What came of a tone, room by room.
    ///
    /// # Errors
    /// When a recording cannot be read.
    pub fn tones(played: f64, setup: &Setup, outcome: &Outcome) -> anyhow::Result<Vec<Tone>> {
        let rooms = setup.rooms.iter().zip(&outcome.recordings).map(|(room, prefix)| {
            let purity = purity(&Track::read(prefix)?, RATE, outcome.ended - LAST);
            Ok(Tone { room: room.name.clone(), played, purity })
        });
        rooms.collect()
    }
}

fn errors(windows: &[Window], started: f64, (from, to): (f64, f64)) -> Option<Spread> {
    let within = windows.iter().filter(|window| (from..to).contains(&(window.instant - started)));
    Spread::of(within.filter_map(|window| window.error).map(|error| error * 1e6))
}
