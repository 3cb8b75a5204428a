//! The crate of Bluetooth alone: it is right about when its sound is heard.

use std::path::Path;

use serde_json::Value;

use super::{TOGETHER_MS, count};
use crate::{
    bluetooth::{hearing::apart, machine::Machine, verdicts::Verdicts},
    lab::analysis::track::Track,
};

/// Pairs, plays for so long, and compares where the source believed that its sound was heard with what was heard.
///
/// # Errors
/// When it cannot be paired with, or does not play.
pub fn source(guest: &mut Machine, verdicts: &mut Verdicts, seconds: u32) -> anyhow::Result<()> {
    verdicts.about(format_args!("Without a node, for {seconds} s"))?;
    let words = ["env", "RUST_LOG=debug", "chrt", "--rr", "1", "/programs/guest", "source"];
    guest.spawn("source", &words)?;
    let address = guest.tell("speaker", "status")?["radio"]["address"].as_str().unwrap_or_default().to_owned();
    guest.tell("speaker", "forget")?;
    guest.tell("speaker", "pairing on")?;
    guest.tell("speaker", "delay 170")?;
    guest.tell("speaker", "report 170")?;
    let paired = guest.tell("source", &format!("pair {address}"))?;
    verdicts.at_most("pairing took", paired["took_s"].as_f64().unwrap_or(f64::INFINITY), 15.0, "s")?;
    guest.tell("speaker", "pairing off")?;
    guest.tell("speaker", "record /work/heard")?;
    let before = guest.tell("speaker", "status")?;
    let played = guest.tell("source", &format!("play {address} {seconds} /work/believed"))?;
    let after = guest.tell("speaker", "status")?;
    verdicts.note(format_args!("{played}, {}", after["stream"]))?;
    let grown = |name| anyhow::Ok(count(&after, name)? - count(&before, name)?);
    verdicts.at_most("packets lost", grown("lost")?, grown("packets")? * 1e-3, "")?;
    verdicts.at_most("packets too late", grown("late")?, grown("packets")? * 1e-3, "")?;
    verdicts.note(listed(&guest.tell("source", "list")?))?;
    guest.end("source")?;
    guest.tell("speaker", "record /work/between")?;
    let track = |name| Track::read(&guest.work().join(name) as &Path);
    let rooms = [track("believed")?, track("heard")?];
    let first = rooms[1].first_sound().unwrap_or(0.0);
    let found = apart(&rooms, first + 3.0, first + f64::from(seconds) - 1.0);
    verdicts.note(format_args!(
        "{} windows, {} not alike, {:+.2} ms on average",
        found.windows,
        found.unmatched,
        found.mean * 1e3
    ))?;
    verdicts.at_least("windows", found.windows as f64, f64::from(seconds) * 5.0, "")?;
    verdicts.at_most("between belief and truth", found.worst * 1e3, TOGETHER_MS, "ms")
}

/// The latency of a speaker, in parts.
fn listed(list: &Value) -> String {
    format!("the source says: {}", list[0])
}
