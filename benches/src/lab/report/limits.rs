//! What Unisono has to reach, and whether it did.

use serde::Serialize;

use crate::lab::figures::{Figures, RoomFigures, SPANS, Tone};

/// What [`SPANS`] are called.
const SPAN_NAMES: [&str; 3] = ["10 to 60 s", "60 to 180 s", "after 180 s"];

/// A run must reach so far into a span to be judged by it, in seconds.
const ENOUGH_S: f64 = 5.0;

/// Windows that may be unlike the original where nothing is made up, in percent.
const UNLIKE: f64 = 0.5;

/// One figure against its limit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// What was measured, with its unit.
    pub what: String,
    /// What was found; infinite where there is nothing.
    pub found: f64,
    /// What it may be.
    pub limit: Limit,
    /// Whether it is.
    pub holds: bool,
}

/// A limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub enum Limit {
    /// At most so much.
    AtMost(f64),
    /// At least so much.
    AtLeast(f64),
}

/// What is asked on one link.
#[derive(Clone, Copy, Debug)]
pub struct Reach {
    /// The 99th percentile of the error in each span of time, in microseconds.
    errors_us: [f64; 3],
    /// From the command to play to the first sound, in seconds.
    first_sound_s: f64,
    /// Share of windows that do not match after the first second of sound.
    unmatched: f64,
    /// Share of time concealed.
    concealed: f64,
}

impl Reach {
    /// What is asked on a link that has a name, with positions in steps of so many frames and such a margin.
    pub fn on(profile: &str, quantum: u32, margin_ms: u32) -> Option<Self> {
        let mut reach = match profile {
            "clean" => Self { errors_us: [30.0, 20.0, 10.0], first_sound_s: 0.6, unmatched: 0.0, concealed: 0.0 },
            "good" => Self { errors_us: [100.0, 45.0, 21.0], first_sound_s: 0.7, unmatched: 0.0, concealed: 0.0 },
            "bad" => Self { errors_us: [300.0, 130.0, 60.0], first_sound_s: 1.5, unmatched: 1e-3, concealed: 1e-3 },
            _ => return None,
        };
        // A counter that moves in steps of 10 ms says little more than once in 10 ms where it is.
        if profile == "good" && quantum >= 480 {
            reach.errors_us = reach.errors_us.map(|error| error.max(60.0));
        }
        // A stall outlasts a small margin; a cable has none.
        let concealed = match margin_ms {
            _ if profile == "clean" => 0.0,
            0..150 => 1e-3,
            150..300 => 1e-4,
            _ => 0.0,
        };
        reach.concealed = reach.concealed.max(concealed);
        // What is concealed is not alike.
        reach.unmatched = reach.unmatched.max(reach.concealed);
        Some(reach)
    }

    /// How Unisono did.
    pub fn judge(&self, ours: &Figures, peer: Option<&Figures>) -> Vec<Verdict> {
        let mut verdicts = self.errors(ours);
        let first = ours.first_sound_s.unwrap_or(f64::INFINITY);
        verdicts.push(Verdict::at_most("first sound after play (s)", first, self.first_sound_s));
        verdicts.push(unmatched(ours, self.unmatched * 100.0));
        verdicts.extend(ours.rooms.iter().flat_map(|room| self.room(room)));
        verdicts.extend(costs(ours, peer));
        verdicts.extend(ours.tones.iter().flat_map(tone));
        verdicts
    }

    fn errors(&self, ours: &Figures) -> Vec<Verdict> {
        let spans = SPAN_NAMES.iter().zip(ours.errors_us).zip(self.errors_us).zip(reached(ours));
        let judged = spans.filter(|(_, reached)| *reached).map(|(((name, spread), limit), _)| {
            let found = spread.map_or(f64::INFINITY, |spread| spread.p99);
            Verdict::at_most(format!("inter-room error, {name}, p99 (µs)"), found, limit)
        });
        judged.collect()
    }

    fn room(&self, room: &RoomFigures) -> Vec<Verdict> {
        let (name, limit) = (&room.name, self.concealed * 100.0);
        let concealed = room.concealed.unwrap_or(f64::INFINITY) * 100.0;
        let mut verdicts = vec![
            Verdict::at_most(format!("{name}: frames dropped or repeated"), room.slips.frames as f64, 0.0),
            // What is made up makes the windows around it unlike the original, too.
            unlike(room, UNLIKE + 1_000.0 * self.concealed),
            silent(room, limit),
            Verdict::at_most(format!("{name}: concealed (% of time)"), concealed, limit),
        ];
        if let Some(packets) = &room.packets {
            let found = packets.underruns.saturating_add(packets.resyncs);
            verdicts.push(Verdict::at_most(format!("{name}: underruns and jumps"), found as f64, 0.0));
        }
        verdicts
    }
}

impl Verdict {
    fn at_most(what: impl Into<String>, found: f64, limit: f64) -> Self {
        Self { what: what.into(), found, limit: Limit::AtMost(limit), holds: found <= limit }
    }

    fn at_least(what: impl Into<String>, found: f64, limit: f64) -> Self {
        Self { what: what.into(), found, limit: Limit::AtLeast(limit), holds: found >= limit }
    }
}

/// Which of [`SPANS`] a run was long enough for.
fn reached(ours: &Figures) -> [bool; 3] {
    SPANS.map(|(from, _)| from + ENOUGH_S < ours.seconds)
}

/// The spans that a run was too short for, a line each.
pub fn too_short(ours: &Figures) -> Vec<String> {
    let spans = SPAN_NAMES.iter().zip(reached(ours)).filter(|(_, reached)| !reached);
    spans.map(|(name, _)| format!("not judged: {name}, the run is too short")).collect()
}

fn unmatched(ours: &Figures, limit: f64) -> Verdict {
    Verdict::at_most("windows unmatched after the first second (%)", percent(ours.unmatched_later, ours.windows), limit)
}

fn unlike(room: &RoomFigures, limit: f64) -> Verdict {
    let found = percent(room.slips.unmatched, room.slips.windows);
    Verdict::at_most(format!("{}: unlike the original (% of windows)", room.name), found, limit)
}

fn silent(room: &RoomFigures, limit: f64) -> Verdict {
    Verdict::at_most(format!("{}: silent (% of time)", room.name), room.silent * 100.0, limit)
}

/// Infinite where there is nothing to be a share of.
fn percent(part: usize, of: usize) -> f64 {
    if of == 0 { f64::INFINITY } else { part as f64 / of as f64 * 100.0 }
}

fn costs(ours: &Figures, peer: Option<&Figures>) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for (number, cost) in ours.costs.iter().enumerate() {
        let name = &cost.name;
        if number > 0 {
            verdicts.push(Verdict::at_most(format!("{name}: peak memory (MB)"), cost.peak_kib as f64 / 1_024.0, 24.0));
        }
        if let Some(theirs) = peer.and_then(|peer| peer.costs.get(number)) {
            let what = format!("{name}: processor (s), {} in this run", theirs.name);
            verdicts.push(Verdict::at_most(what, cost.cpu_s, theirs.cpu_s));
        }
    }
    verdicts
}

fn tone(tone: &Tone) -> [Verdict; 3] {
    let what = |figure: &str| format!("{}: {} Hz, {figure}", tone.room, tone.played);
    let median = tone.purity.map_or(0.0, |found| found.sinad_median_db);
    let worst = tone.purity.map_or(0.0, |found| found.sinad_worst_db);
    let wow = tone.purity.map_or(f64::INFINITY, |found| found.wow_rms_ppm);
    [
        Verdict::at_least(what("SINAD median (dB)"), median, if tone.played < 5_000.0 { 110.0 } else { 100.0 }),
        Verdict::at_least(what("SINAD worst second (dB)"), worst, 100.0),
        Verdict::at_most(what("wow (ppm rms)"), wow, 1.0),
    ]
}

/// What must hold on any machine, or something is broken: in time to 1 ms from 10 s on, every frame once, and nothing
/// but the music after its first second.
pub fn broken(ours: &Figures) -> Vec<Verdict> {
    let worst = ours.errors_us.iter().flatten().map(|spread| spread.max).reduce(f64::max).unwrap_or(f64::INFINITY);
    let slips: u64 = ours.rooms.iter().map(|room| room.slips.frames).sum();
    let mut verdicts = vec![
        Verdict::at_most("inter-room error from 10 s on, largest (µs)", worst, 1_000.0),
        Verdict::at_most("frames dropped or repeated", slips as f64, 0.0),
        unmatched(ours, 0.0),
    ];
    verdicts.extend(ours.rooms.iter().flat_map(|room| [unlike(room, UNLIKE), silent(room, 0.5)]));
    verdicts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::{
        analysis::{slips::Slips, statistics::Spread},
        figures::RoomFigures,
        network::{Lateness, Wire},
        setup::Packets,
    };

    fn figures(error_us: f64, slipped: u64, concealed: f64, unmatched: usize) -> Figures {
        let slips = Slips { windows: 1_000, unmatched: 0, frames: slipped };
        let room = RoomFigures { name: "room1".into(), slips, silent: 0.0, concealed: Some(concealed), packets: None };
        Figures {
            player: "Unisono".into(),
            errors_us: [Spread::of([error_us]); 3],
            first_sound_s: Some(0.5),
            first_error_us: Some(10.0),
            windows: 1_000,
            unmatched,
            unmatched_later: unmatched,
            rooms: vec![room],
            costs: Vec::new(),
            wire: Wire::default(),
            lateness: Lateness::default(),
            seconds: 600.0,
            tones: Vec::new(),
            series: Vec::new(),
        }
    }

    fn fails(figures: &Figures) -> bool {
        let reach = Reach::on("good", 48, 400).unwrap();
        reach.judge(figures, None).iter().any(|verdict| !verdict.holds)
    }

    fn breaks(figures: &Figures) -> bool {
        broken(figures).iter().any(|verdict| !verdict.holds)
    }

    #[test]
    fn everything_that_is_asked_for_can_fail() {
        assert!(!fails(&figures(20.0, 0, 0.0, 0)));
        for bad in
            [figures(21.5, 0, 0.0, 0), figures(20.0, 1, 0.0, 0), figures(20.0, 0, 1e-6, 0), figures(20.0, 0, 0.0, 1)]
        {
            assert!(fails(&bad), "{bad:?}");
        }
        let silent = Figures { errors_us: [None; 3], windows: 0, first_sound_s: None, ..figures(20.0, 0, 0.0, 0) };
        assert!(fails(&silent));
        assert!(breaks(&silent));
        assert!(broken(&figures(900.0, 0, 1.0, 0)).iter().all(|verdict| verdict.holds));
        assert!(breaks(&figures(1_001.0, 0, 0.0, 0)));
    }

    /// All is well but what is done to the room.
    fn but(change: impl FnOnce(&mut RoomFigures)) -> Figures {
        let mut figures = figures(20.0, 0, 0.0, 0);
        change(&mut figures.rooms[0]);
        figures
    }

    #[test]
    fn a_room_that_plays_something_else_or_nothing_fails() {
        let unlike = |unmatched| but(|room| room.slips.unmatched = unmatched);
        assert!(!fails(&unlike(5)) && !breaks(&unlike(5)));
        for bad in [unlike(6), but(|room| room.slips.windows = 0), but(|room| room.silent = 0.006)] {
            assert!(fails(&bad) && breaks(&bad), "{bad:?}");
        }
        let packets = |underruns, resyncs| Some(Packets { underruns, resyncs, ..Packets::default() });
        assert!(!fails(&but(|room| room.packets = packets(0, 0))));
        for bad in [packets(1, 0), packets(0, 1)] {
            assert!(fails(&but(|room| room.packets = bad.clone())), "{bad:?}");
        }
        // Where a thousandth may be made up, three times as much may be unlike the original.
        let bad = Reach::on("bad", 48, 1_000).unwrap();
        let holds = |figures: &Figures| bad.judge(figures, None).iter().all(|verdict| verdict.holds);
        assert!(holds(&unlike(15)) && !holds(&unlike(16)));
    }

    #[test]
    fn a_span_counts_when_the_run_was_long_enough_for_it() {
        let lasted = |seconds, span: usize| {
            let mut figures = Figures { seconds, ..figures(20.0, 0, 0.0, 0) };
            figures.errors_us[span] = None;
            figures
        };
        for (span, from) in [10.0, 60.0, 180.0].into_iter().enumerate() {
            let (short, long) = (lasted(from + 5.0, span), lasted(from + 5.1, span));
            assert!(!fails(&short) && fails(&long), "{span}");
            assert_eq!((too_short(&short).len(), too_short(&long).len()), (3 - span, 2 - span));
        }
        assert_eq!(too_short(&lasted(185.0, 2)), ["not judged: after 180 s, the run is too short"]);
    }

    #[test]
    fn a_small_margin_allows_for_stalls_where_there_are_any() {
        let concealed = |profile, margin_ms| {
            let reach = Reach::on(profile, 48, margin_ms).unwrap();
            assert_eq!(reach.unmatched, reach.concealed, "{profile}, {margin_ms} ms");
            reach.concealed
        };
        assert_eq!([100, 200, 400].map(|margin_ms| concealed("good", margin_ms)), [1e-3, 1e-4, 0.0]);
        assert_eq!([100, 200, 400].map(|margin_ms| concealed("clean", margin_ms)), [0.0; 3]);
        assert_eq!([100, 200, 1_000].map(|margin_ms| concealed("bad", margin_ms)), [1e-3; 3]);
    }

    #[test]
    fn only_steps_of_10_ms_on_a_good_link_allow_for_more() {
        let last = |profile, quantum| Reach::on(profile, quantum, 400).unwrap().errors_us[2];
        assert_eq!([last("good", 48), last("good", 479), last("good", 480)], [21.0, 21.0, 60.0]);
        assert_eq!([last("clean", 480), last("bad", 480)], [10.0, 60.0]);
        assert_eq!(Reach::on("bad", 480, 400).unwrap().errors_us, [300.0, 130.0, 60.0]);
    }
}
