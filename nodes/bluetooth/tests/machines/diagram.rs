//! `STATES.md` against the machines: each diagram draws what its machine does, and nothing else.
//!
//! The runs are always the same ones, since an arrow that is rarely taken has to be taken in them.

use std::{collections::BTreeSet, fs, path::Path};

use unisono_bluetooth::reconnect::Mode;

use crate::{Transitions, pairings, reconnects};

/// The transitions that the diagram under a heading of `STATES.md` shows, those from and to `[*]` aside.
fn drawn(heading: &str) -> Transitions {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("STATES.md");
    let text = fs::read_to_string(path).expect("STATES.md can be read");
    let section = text.split("\n## ").find(|section| section.starts_with(heading)).expect("there is that heading");
    let diagram = section.split("```mermaid\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a diagram");
    let mut drawn = Transitions::new();
    for line in diagram.lines() {
        let Some((from, to)) = line.split_once("-->") else {
            continue;
        };
        let to = to.split(':').next().unwrap_or(to);
        let (from, to) = (from.trim(), to.trim());
        if from != "[*]" && to != "[*]" {
            assert!(drawn.insert((from.into(), to.into())), "{heading}: {from} --> {to} is drawn twice");
        }
    }
    drawn
}

/// Holds a diagram to what was seen.
fn compare(heading: &str, seen: &Transitions) {
    let drawn = drawn(heading);
    let list = |transitions: BTreeSet<_>| {
        transitions.into_iter().map(|(from, to)| format!("    {from} --> {to}")).collect::<Vec<_>>().join("\n")
    };
    let missing: Transitions = seen.difference(&drawn).cloned().collect();
    let idle: Transitions = drawn.difference(seen).cloned().collect();
    assert!(missing.is_empty(), "{heading}: seen, but not in STATES.md:\n{}", list(missing));
    assert!(idle.is_empty(), "{heading}: in STATES.md, but never seen:\n{}", list(idle));
}

#[test]
fn the_diagram_of_pairing_shows_what_pairing_does() {
    let mut seen = Transitions::new();
    for run in 0..4_000 {
        pairings::faulty(run, &mut seen);
    }
    compare("Pairing", &seen);
}

#[test]
fn the_diagram_of_connections_shows_what_they_do() {
    let mut seen = Transitions::new();
    for run in 0..60 {
        for mode in [Mode::Polite, Mode::Exclusive] {
            reconnects::busy(run, mode, &mut seen);
        }
    }
    compare("Connection", &seen);
}
