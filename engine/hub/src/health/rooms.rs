//! What can be wrong with a room.

use std::collections::VecDeque;

use unisono_core::words::count;

use super::{Complaint, Seen, Severity};
use crate::api::types::RoomView;

/// What people hear as together; below it an error is nothing to complain of, however small the uncertainty.
const IN_TIME_S: f64 = 2e-3;

/// As loud as an echo.
const FAR_OUT_S: f64 = 20e-3;

/// Counters are compared over so long.
const WINDOW_S: f64 = 60.0;

/// Of the window; more than this is heard as a stutter.
const CONCEALED_PROBLEM: f64 = 0.05;

/// More than the odd packet.
const CONCEALED_WARNING: f64 = 0.005;

/// What a room's counters were within the window.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// When, sound that was made up in seconds, and times that the converter ran dry.
    counts: VecDeque<(f64, f64, u64)>,
}

impl Heard {
    pub(super) fn note(&mut self, at_s: f64, room: &RoomView) {
        let Some(sync) = &room.sync else { return self.counts.clear() };
        if self
            .counts
            .back()
            .is_some_and(|(_, concealed, runs)| sync.concealed_s < *concealed || sync.underruns < *runs)
        {
            // The node was started anew.
            self.counts.clear();
        }
        // Once a second is enough.
        if self.counts.back().is_none_or(|(last, ..)| at_s - last >= 1.0) {
            self.counts.push_back((at_s, sync.concealed_s, sync.underruns));
        }
        while self.counts.len() > 2 && self.counts.get(1).is_some_and(|(at, ..)| at_s - at >= WINDOW_S) {
            self.counts.pop_front();
        }
    }

    /// Sound that was made up, in seconds, and times that the converter ran dry, within the window.
    fn lately(&self) -> (f64, u64) {
        match (self.counts.front(), self.counts.back()) {
            (Some((_, concealed, runs)), Some((_, concealed_now, runs_now))) => {
                (concealed_now - concealed, runs_now - runs)
            }
            _ => (0.0, 0),
        }
    }
}

pub(super) fn complaints(seen: &Seen, room: &RoomView, heard: &Heard) -> Vec<Complaint> {
    let of_room = |kind, severity, what: String, remedy: String, patience_s| Complaint {
        kind,
        severity,
        id: room.id.clone(),
        place: format!("room \"{}\"", room.name),
        what,
        remedy,
        patience_s,
    };
    let doctor = format!("`unisono doctor --room \"{}\"` says more", room.name);
    let plays = seen.groups.iter().any(|group| group.state == "playing" && group.rooms.contains(&room.id));
    let audible = if plays { Severity::Problem } else { Severity::Warning };
    let mut complaints = Vec::new();
    if !room.online {
        let remedy = "see that its node has power and network and that `unisono-node` runs; or forget the room";
        complaints.push(of_room("offline", audible, "its node is not connected".into(), remedy.into(), 2.0));
        return complaints;
    }
    let state = room.output_state.as_ref();
    let why = state.and_then(|state| state.why.clone());
    let back = state.and_then(|state| state.back.clone());
    match &room.state[..] {
        "no output" => {
            let what = why.clone().unwrap_or_else(|| room.output.clone());
            complaints.push(of_room(
                "output",
                audible,
                format!("no output: {what}"),
                back.clone().unwrap_or(doctor.clone()),
                1.0,
            ));
        }
        "no clock" => {
            let what = "its node does not know the hub's clock yet: too few packets get through";
            let remedy = "see that UDP gets through between the two, and how good the Wi-Fi is there";
            complaints.push(of_room("clock", audible, what.into(), remedy.into(), 5.0));
        }
        _ => {}
    }
    if state.is_some_and(|state| state.choice == "fallback") {
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        let what = format!("it plays through another output than it is to{why}");
        complaints.push(of_room("fallback", Severity::Warning, what, back.unwrap_or(doctor.clone()), 1.0));
    }
    if seen.outranked.contains(&room.id) {
        let remedy = "nothing, if the other hub is meant to play; else stop it there";
        let what = "another hub plays in it";
        complaints.push(of_room("outranked", Severity::Note, what.into(), remedy.into(), 0.0));
    }
    let Some(sync) = room.sync.as_ref().filter(|_| room.state == "playing") else { return complaints };
    let error = sync.error_s.abs();
    if error > IN_TIME_S.max(sync.uncertainty_s) && matches!(&sync.evidence[..], "estimate" | "device" | "acoustic") {
        let (ahead, severity) = (
            if sync.error_s > 0.0 { "ahead of" } else { "behind" },
            if error > FAR_OUT_S { Severity::Problem } else { Severity::Warning },
        );
        let what = format!("it is {:.1} ms {ahead} its group, ±{:.1} ms", error * 1e3, sync.uncertainty_s * 1e3);
        complaints.push(of_room(
            "time",
            severity,
            what,
            format!("it corrects itself; when it does not, {doctor}"),
            3.0,
        ));
    }
    let (concealed, runs) = heard.lately();
    if concealed > CONCEALED_WARNING * WINDOW_S {
        let severity = if concealed > CONCEALED_PROBLEM * WINDOW_S { Severity::Problem } else { Severity::Warning };
        let what = format!("{concealed:.1} s of the last minute were made up: packets do not arrive in time");
        let remedy = "move it or the access point, use a cable, or give packets more time with `margin_ms`";
        complaints.push(of_room("concealment", severity, what, remedy.into(), 0.0));
    }
    if runs > 0 {
        let what = format!("its converter ran dry {} within the last minute", count(runs, "time"));
        let remedy = format!("its machine is too busy; {doctor}");
        complaints.push(of_room("underruns", Severity::Warning, what, remedy, 0.0));
    }
    complaints
}
