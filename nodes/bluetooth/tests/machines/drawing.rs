//! Reads the diagrams of a page and holds them to what machines were seen to do.
//!
//! A diagram is the first `mermaid` block under a heading `## …`; an arrow is a line `from --> to`, or `from --> to : why`.

use std::{collections::BTreeSet, fs, path::Path};

/// Pairs of states between which a machine was seen to go.
pub(crate) type Transitions = BTreeSet<(String, String)>;

/// Holds the diagram under a heading of a page to what was seen: each arrow was taken, and none is missing.
///
/// # Panics
/// With the arrows that are missing or that nobody takes.
pub(crate) fn compare(page: &Path, heading: &str, seen: &Transitions) {
    let drawn = drawn(page, heading);
    let list = |arrows: &mut dyn Iterator<Item = &(String, String)>| {
        arrows.map(|(from, to)| format!("    {from} --> {to}")).collect::<Vec<_>>().join("\n")
    };
    let missing = list(&mut seen.difference(&drawn));
    let idle = list(&mut drawn.difference(seen));
    assert!(missing.is_empty(), "{heading}: seen, but not in {}:\n{missing}", page.display());
    assert!(idle.is_empty(), "{heading}: in {}, but never seen:\n{idle}", page.display());
}

/// The arrows of a diagram, those from and to `[*]` aside.
fn drawn(page: &Path, heading: &str) -> Transitions {
    let text = fs::read_to_string(page).expect("the page can be read");
    let section = text.split("\n## ").find(|section| section.starts_with(heading)).expect("there is that heading");
    let diagram = section.split("```mermaid\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a diagram");
    let mut drawn = Transitions::new();
    for (from, to) in diagram.lines().filter_map(|line| line.split_once("-->")) {
        let (from, to) = (from.trim(), to.split(':').next().unwrap_or(to).trim());
        if from != "[*]" && to != "[*]" {
            assert!(drawn.insert((from.into(), to.into())), "{heading}: {from} --> {to} is drawn twice");
        }
    }
    drawn
}
