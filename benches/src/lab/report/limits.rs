//! What Unisono has to reach, and whether it did.

use serde::Serialize;

use crate::lab::figures::Figures;

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
        if quantum > 48 {
            reach.errors_us = reach.errors_us.map(|error| error.max(60.0));
        }
        let concealed = match margin_ms {
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
        let mut verdicts = Vec::new();
        let mut at_most = |what: String, found: f64, limit: f64| {
            verdicts.push(Verdict { what, found, limit: Limit::AtMost(limit), holds: found <= limit });
        };
        let names = ["10 to 60 s", "60 to 180 s", "after 180 s"];
        for ((spread, limit), name) in ours.errors_us.iter().zip(self.errors_us).zip(names) {
            if let Some(spread) = spread {
                at_most(format!("inter-room error, {name}, p99 (µs)"), spread.p99, limit);
            }
        }
        at_most("first sound after play (s)".into(), ours.first_sound_s.unwrap_or(f64::INFINITY), self.first_sound_s);
        let windows = ours.windows.max(1) as f64;
        at_most("windows unmatched after the first second (%)".into(), share(ours, windows), self.unmatched * 100.0);
        for room in &ours.rooms {
            at_most(format!("{}: frames dropped or repeated", room.name), room.slips.frames as f64, 0.0);
            let concealed = room.concealed.unwrap_or(f64::INFINITY) * 100.0;
            at_most(format!("{}: concealed (% of time)", room.name), concealed, self.concealed * 100.0);
        }
        for (number, cost) in ours.costs.iter().enumerate() {
            if number > 0 {
                at_most(format!("{}: peak memory (MB)", cost.name), cost.peak_kib as f64 / 1_024.0, 24.0);
            }
            if let Some(theirs) = peer.and_then(|peer| peer.costs.get(number)) {
                at_most(format!("{}: processor (s), {} in this run", cost.name, theirs.name), cost.cpu_s, theirs.cpu_s);
            }
        }
        for tone in &ours.tones {
            let found = tone.purity;
            let what = |figure: &str| format!("{}: {} Hz, {figure}", tone.room, tone.played);
            let low = tone.played < 5_000.0;
            let mut at_least = |figure: &str, found: Option<f64>, limit: f64| {
                let found = found.unwrap_or(0.0);
                let holds = found >= limit;
                verdicts.push(Verdict { what: what(figure), found, limit: Limit::AtLeast(limit), holds });
            };
            at_least("SINAD median (dB)", found.map(|found| found.sinad_median_db), if low { 110.0 } else { 100.0 });
            at_least("SINAD worst second (dB)", found.map(|found| found.sinad_worst_db), 100.0);
            let wow = found.map_or(f64::INFINITY, |found| found.wow_rms_ppm);
            verdicts.push(Verdict {
                what: what("wow (ppm rms)"),
                found: wow,
                limit: Limit::AtMost(1.0),
                holds: wow <= 1.0,
            });
        }
        verdicts
    }
}

fn share(figures: &Figures, windows: f64) -> f64 {
    if figures.windows == 0 { f64::INFINITY } else { figures.unmatched_later as f64 / windows * 100.0 }
}

/// What must hold on any machine, or something is broken: in time to 1 ms from 10 s on, every frame once, and nothing
/// but the music after its first second.
pub fn broken(ours: &Figures) -> Vec<Verdict> {
    let worst = ours.errors_us.iter().flatten().map(|spread| spread.max).fold(0.0, f64::max);
    let worst = if ours.errors_us.iter().all(Option::is_none) { f64::INFINITY } else { worst };
    let slips: u64 = ours.rooms.iter().map(|room| room.slips.frames).sum();
    let at_most = |what: &str, found: f64, limit: f64| Verdict {
        what: what.into(),
        found,
        limit: Limit::AtMost(limit),
        holds: found <= limit,
    };
    vec![
        at_most("inter-room error from 10 s on, largest (µs)", worst, 1_000.0),
        at_most("frames dropped or repeated", slips as f64, 0.0),
        at_most("windows unmatched after the first second (%)", share(ours, ours.windows.max(1) as f64), 0.0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::{
        analysis::{slips::Slips, statistics::Spread},
        figures::RoomFigures,
        network::{Lateness, Wire},
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
        assert!(broken(&silent).iter().any(|verdict| !verdict.holds));
        assert!(broken(&figures(900.0, 0, 1.0, 0)).iter().all(|verdict| verdict.holds));
        assert!(broken(&figures(1_001.0, 0, 0.0, 0)).iter().any(|verdict| !verdict.holds));
    }
}
