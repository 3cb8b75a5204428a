//! `STATES.md` against the machines: each diagram draws what its machine does, and nothing else.
//!
//! The runs are always the same ones, since an arrow that is rarely taken has to be taken in them.

use std::path::Path;

use unisono_bluetooth::reconnect::Mode;

use crate::{
    drawing::{Transitions, compare},
    pairings, reconnects,
};

fn page() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("STATES.md")
}

#[test]
fn the_diagram_of_pairing_shows_what_pairing_does() {
    let mut seen = Transitions::new();
    for run in 0..4_000 {
        pairings::faulty(run, &mut seen);
    }
    compare(&page(), "Pairing", &seen);
}

#[test]
fn the_diagram_of_connections_shows_what_they_do() {
    let mut seen = Transitions::new();
    for run in 0..60 {
        for mode in [Mode::Polite, Mode::Exclusive, Mode::OnDemand] {
            reconnects::busy(run, mode, &mut seen);
        }
    }
    compare(&page(), "Connection", &seen);
}
