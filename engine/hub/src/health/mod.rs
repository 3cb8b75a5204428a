//! What is not as it should be, where, and what to do: derived from what the hub knows anyway.
//!
//! A state machine without a clock: it is shown everything again and again, and remembers since when something has been
//! wrong. What passes by itself within seconds (a clock that is being learned, a room that gets into time) is said only
//! once it has lasted.

mod rooms;

use std::collections::BTreeMap;

use crate::api::types::{GroupView, HealthView, RoomView};

/// What the hub knows, at a moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Seconds on a clock that only goes forwards.
    pub(crate) at_s: f64,
    /// The same moment in Unix time.
    pub(crate) at_unix: u64,
    /// Every room.
    pub(crate) rooms: Vec<RoomView>,
    /// The ids of rooms that another hub leads.
    pub(crate) outranked: Vec<String>,
    /// Every group.
    pub(crate) groups: Vec<GroupView>,
    /// Whether volumes and what plays would be there after a restart.
    pub(crate) is_durable: bool,
    /// Whether others can reach the API, and there is no administrator yet.
    pub(crate) is_open_for_setup: bool,
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    /// Somebody hears it, or does not hear what he should.
    Problem,
    /// It may become one.
    Warning,
    /// Good to know.
    Note,
}

/// Something that is wrong, now.
#[derive(Clone, Debug)]
pub(super) struct Complaint {
    /// What tells it from others of the same place; it stays the same while the text may not.
    pub(super) kind: &'static str,
    pub(super) severity: Severity,
    /// The id, or the hub.
    pub(super) id: String,
    /// For a person.
    pub(super) place: String,
    pub(super) what: String,
    pub(super) remedy: String,
    /// It is said once it has lasted for so long, in seconds.
    pub(super) patience_s: f64,
}

/// What is remembered.
#[derive(Debug, Default)]
pub(crate) struct Health {
    since: BTreeMap<(&'static str, String), Since>,
    heard: BTreeMap<String, rooms::Heard>,
    views: Vec<HealthView>,
}

#[derive(Clone, Copy, Debug)]
struct Since {
    at_s: f64,
    at_unix: u64,
}

impl Health {
    /// Takes in how everything is.
    pub(crate) fn update(&mut self, seen: &Seen) {
        let mut complaints = hub(seen);
        for group in &seen.groups {
            complaints.extend(group_complaints(group, &seen.rooms));
        }
        self.heard.retain(|id, _| seen.rooms.iter().any(|room| room.id == *id));
        for room in &seen.rooms {
            let heard = self.heard.entry(room.id.clone()).or_default();
            heard.note(seen.at_s, room);
            complaints.extend(rooms::complaints(seen, room, heard));
        }
        let before = std::mem::take(&mut self.since);
        let mut said = Vec::new();
        for complaint in complaints {
            let key = (complaint.kind, complaint.id.clone());
            let since = before.get(&key).copied().unwrap_or(Since { at_s: seen.at_s, at_unix: seen.at_unix });
            self.since.insert(key, since);
            if seen.at_s - since.at_s >= complaint.patience_s {
                said.push((complaint, since));
            }
        }
        said.sort_by(|(one, _), (other, _)| (one.severity, &one.place).cmp(&(other.severity, &other.place)));
        self.views = said.into_iter().map(|(complaint, since)| view(complaint, since)).collect();
    }

    /// What is to be said, worst first.
    pub(crate) fn views(&self) -> &[HealthView] {
        &self.views
    }
}

fn view(complaint: Complaint, since: Since) -> HealthView {
    HealthView {
        severity: match complaint.severity {
            Severity::Problem => "problem",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
        .into(),
        what: complaint.what,
        place: complaint.place,
        remedy: complaint.remedy,
        since_unix: Some(since.at_unix),
    }
}

fn hub(seen: &Seen) -> Vec<Complaint> {
    let of_hub = |kind, severity, what: &str, remedy: &str| Complaint {
        kind,
        severity,
        id: "hub".into(),
        place: "hub".into(),
        what: what.into(),
        remedy: remedy.into(),
        patience_s: 0.0,
    };
    let mut complaints = Vec::new();
    if !seen.is_durable {
        let what = "volumes and what plays cannot be saved; a restart would lose them";
        let remedy = "see that the disk of the state folder is there, writable and not full; the hub's log says more";
        complaints.push(of_hub("durability", Severity::Problem, what, remedy));
    }
    if seen.is_open_for_setup {
        let remedy = "run `unisono setup` on the hub's machine, or open its page with the code that it has printed";
        complaints.push(of_hub("setup", Severity::Note, "the hub has no administrator yet", remedy));
    }
    complaints
}

fn group_complaints(group: &GroupView, rooms: &[RoomView]) -> Vec<Complaint> {
    let of_group = |kind, severity, what: String, remedy: &str, patience_s| Complaint {
        kind,
        severity,
        id: group.id.clone(),
        place: format!("group \"{}\"", group.name),
        what,
        remedy: remedy.into(),
        patience_s,
    };
    let mut complaints = Vec::new();
    let is_there = |id: &String| rooms.iter().any(|room| room.id == *id && room.online);
    if group.state == "playing" && !group.rooms.iter().any(is_there) {
        let what = "it plays, and no room of it is there to be heard";
        let remedy = "start `unisono-node` in one of its rooms, add a room that is online, or stop it";
        complaints.push(of_group("nobody", Severity::Problem, what.into(), remedy, 2.0));
    }
    if let Some(warning) = &group.warning {
        complaints.push(of_group(
            "source",
            Severity::Warning,
            warning.clone(),
            "play something else, or mend the file",
            0.0,
        ));
    }
    complaints
}

#[cfg(test)]
mod tests;
