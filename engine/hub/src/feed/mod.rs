//! What changes, for everybody who watches: one snapshot, then numbered changes. Computed once, without a socket or a
//! clock; how it gets to those who watch is in `api/events.rs`.
//!
//! A view is sent again, whole, when anything in it is another than was sent last; what only moves along (figures of
//! sync, counters) brings that about once a second at most, and a position that goes on as it should never does.

mod item;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use self::item::Item;

/// How often what only moves along is sent.
const FIGURES_INTERVAL_S: f64 = 1.0;

/// A part of what there is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Section {
    /// What it is called.
    pub(crate) name: &'static str,
    /// The field by which its views are told apart; `None` where it is sent whole.
    pub(crate) key: Option<&'static str>,
    /// What only moves along, as names of fields, or of fields in fields: `output_state.held_s`.
    pub(crate) figures: &'static [&'static str],
}

/// The sections that there are.
pub(crate) mod sections {
    use super::Section;

    pub(crate) const HUB: Section = Section { name: "hub", key: None, figures: &["refused_datagrams"] };
    pub(crate) const ROOMS: Section =
        Section { name: "rooms", key: Some("id"), figures: &["sync", "output_state.held_s"] };
    pub(crate) const GROUPS: Section = Section { name: "groups", key: Some("id"), figures: &[] };
    pub(crate) const NODES: Section = Section { name: "nodes", key: Some("id"), figures: &[] };
    pub(crate) const SOURCES: Section =
        Section { name: "sources", key: Some("name"), figures: &["drift_ppm", "underruns"] };
    pub(crate) const STATIONS: Section = Section { name: "stations", key: Some("id"), figures: &[] };
    pub(crate) const SCENES: Section = Section { name: "scenes", key: Some("id"), figures: &[] };
    pub(crate) const LIBRARY: Section = Section { name: "library", key: None, figures: &[] };
    pub(crate) const HEALTH: Section = Section { name: "health", key: None, figures: &[] };
}

/// What was sent last, and the number of that.
#[derive(Debug)]
pub(crate) struct Feed {
    seq: u64,
    sent: BTreeMap<&'static str, Sent>,
    figures_at_s: f64,
}

#[derive(Debug)]
enum Sent {
    Whole(Item),
    Each(BTreeMap<String, Item>),
}

impl Feed {
    /// Nothing has been sent. Numbers go on from `seq`: whoever has watched a hub before its restart is not to take the
    /// next change for one that follows.
    pub(crate) const fn new(seq: u64) -> Self {
        Self { seq, sent: BTreeMap::new(), figures_at_s: f64::NEG_INFINITY }
    }

    /// Takes in how everything is, at a moment of the hub's clock in seconds. Gives what is to be sent, if anything is.
    pub(crate) fn update(&mut self, at_s: f64, views: Vec<(Section, Value)>) -> Option<Value> {
        let with_figures = at_s - self.figures_at_s >= FIGURES_INTERVAL_S;
        if with_figures {
            self.figures_at_s = at_s;
        }
        let (mut changed, mut removed) = (Map::new(), Map::new());
        for (section, value) in views {
            match (section.key, value) {
                (Some(key), Value::Array(views)) => {
                    let sent = self.sent.entry(section.name).or_insert_with(|| Sent::Each(BTreeMap::new()));
                    let Sent::Each(sent) = sent else { continue };
                    let (news, gone) = each(sent, section, key, at_s, with_figures, views);
                    if !news.is_empty() {
                        changed.insert(section.name.into(), Value::Array(news));
                    }
                    if !gone.is_empty() {
                        removed.insert(section.name.into(), json!(gone));
                    }
                }
                (_, value) => {
                    let item = Item { value, at_s };
                    let is_news = match self.sent.get(section.name) {
                        Some(Sent::Whole(sent)) => sent.differs(&item, section.figures, with_figures),
                        _ => true,
                    };
                    if is_news {
                        changed.insert(section.name.into(), item.value.clone());
                        self.sent.insert(section.name, Sent::Whole(item));
                    }
                }
            }
        }
        if changed.is_empty() && removed.is_empty() {
            return None;
        }
        self.seq += 1;
        Some(json!({ "seq": self.seq, "at": at_s, "changed": changed, "removed": removed }))
    }

    /// Everything as whoever has followed every change has it, at a moment; `resync` for one who has missed some.
    pub(crate) fn snapshot(&self, at_s: f64, resync: bool) -> Value {
        let section = |(name, sent): (&&str, &Sent)| {
            let value = match sent {
                Sent::Whole(item) => item.at(at_s),
                Sent::Each(items) => items.values().map(|item| item.at(at_s)).collect(),
            };
            ((*name).to_owned(), value)
        };
        let snapshot: Map<String, Value> = self.sent.iter().map(section).collect();
        let mut message = json!({ "seq": self.seq, "at": at_s, "snapshot": snapshot });
        if resync {
            message["resync"] = true.into();
        }
        message
    }
}

/// The views that are news, and the keys of those that are there no more.
fn each(
    sent: &mut BTreeMap<String, Item>,
    section: Section,
    key: &str,
    at_s: f64,
    with_figures: bool,
    views: Vec<Value>,
) -> (Vec<Value>, Vec<String>) {
    let mut news = Vec::new();
    let mut there = BTreeMap::new();
    for value in views {
        let Some(id) = value[key].as_str().map(str::to_owned) else { continue };
        let item = Item { value, at_s };
        match sent.remove(&id) {
            Some(old) if !old.differs(&item, section.figures, with_figures) => there.insert(id, old),
            _ => {
                news.push(item.value.clone());
                there.insert(id, item)
            }
        };
    }
    let gone = std::mem::replace(sent, there).into_keys().collect();
    (news, gone)
}

#[cfg(test)]
mod tests;
