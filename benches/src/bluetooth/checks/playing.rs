//! A speaker's room beside a wired one: packets, time, and a report that changes or lies.

use std::time::Duration;

use super::{CONCEALED_PERCENT, TOGETHER_MS, count, record, speaker_only, until_heard};
use crate::{
    bluetooth::{
        hearing::{apart, in_guest},
        house::{BATH, House},
        verdicts::Verdicts,
    },
    lab::{
        analysis::track::Track,
        interrupt::pause,
        material::{Material, Sound},
        setup::now,
    },
};

/// The share of packets that may be lost or late, in percent.
const LOST_PERCENT: f64 = 0.1;

/// A room is together with the others so long after it began.
const SETTLED_S: f64 = 10.0;

/// A step of the report is followed within this.
const FOLLOWED_S: f64 = 5.0;

/// What people see: a report of 196 ms becomes 182.
const BEFORE_MS: f64 = 196.0;
const AFTER_MS: f64 = 182.0;

/// A report that is wrong by so much.
const LIE_MS: f64 = 30.0;

/// Plays for so long with an honest report; then delay and report jump; then the report lies, and the room has to be off
/// by just that: what is measured here is no belief of the node.
///
/// # Errors
/// When something does not play at all.
pub fn playing(house: &mut House, verdicts: &mut Verdicts, seconds: u32) -> anyhow::Result<()> {
    verdicts.about(format_args!("A speaker's room beside a wired one for {seconds} s"))?;
    house.speaker(&format!("delay {BEFORE_MS}"))?;
    house.speaker(&format!("report {BEFORE_MS}"))?;
    speaker_only(house)?;
    let recording = record(house, "playing")?;
    let before = house.speaker("status")?;
    house.play(Material { sound: Sound::Pink(11), bits: 16, seconds: seconds + 60 })?;
    until_heard(house)?;
    let begun = now();
    pause(Duration::from_secs(seconds.into()))?;
    let (after, concealed) = (house.speaker("status")?, concealed(house)?);
    let stepped = now();
    house.speaker(&format!("delay {AFTER_MS}"))?;
    house.speaker(&format!("report {AFTER_MS}"))?;
    pause(Duration::from_secs(12))?;
    let lied = now();
    house.speaker(&format!("report {}", AFTER_MS - LIE_MS))?;
    pause(Duration::from_secs(14))?;
    let ended = now();
    house.unisono(&["stop"])?;
    house.end_node()?;
    lost(verdicts, &before, &after)?;
    let share = concealed / f64::from(seconds) * 100.0;
    verdicts.at_most("concealed in the speaker's room", share, CONCEALED_PERCENT, "%")?;

    let clock = house.guest.clock()?;
    verdicts.note(format_args!(
        "the guest's clock is known to {:.3} ms, and runs {:+.3} ppm beside ours",
        clock.uncertainty() * 1e3,
        clock.ppm()
    ))?;
    let rooms = [Track::read(&house.wired_recording())?, in_guest(&recording, &clock)?];
    let honest = apart(&rooms, begun + SETTLED_S, stepped);
    verdicts.note(format_args!(
        "{} windows, {} of them not alike; half nearer than {:.2} ms, the speaker {:+.2} ms behind on average",
        honest.windows,
        honest.unmatched,
        honest.median * 1e3,
        honest.mean * 1e3
    ))?;
    verdicts.at_most("apart, from 10 s after the start on", honest.worst * 1e3, TOGETHER_MS, "ms")?;
    let share = honest.unmatched as f64 / honest.windows.max(1) as f64 * 100.0;
    verdicts.at_most("windows that are not alike", share, 5.0, "%")?;
    // What is under way when the delay changes is heard up to that delay later.
    let heard = stepped + BEFORE_MS * 1e-3;
    let jump = apart(&rooms, heard, heard + 0.5);
    verdicts.note(format_args!("apart right after the step: {:.2} ms", jump.worst * 1e3))?;
    let followed = apart(&rooms, stepped + FOLLOWED_S, lied);
    verdicts.at_most("apart, from 5 s after a step of 14 ms on", followed.worst * 1e3, TOGETHER_MS, "ms")?;
    let lying = apart(&rooms, lied + 9.0, ended - 0.5);
    let off = (lying.mean * 1e3 - LIE_MS).abs();
    verdicts.note(format_args!("behind with a report that is {LIE_MS} ms short: {:.2} ms", lying.mean * 1e3))?;
    verdicts.at_most("of which the lie does not explain", off, TOGETHER_MS, "ms")
}

/// Plays 80 to 120 Hz at full level for so long.
///
/// # Errors
/// When something does not play at all.
pub fn bass(house: &mut House, verdicts: &mut Verdicts, seconds: u32) -> anyhow::Result<()> {
    verdicts.about(format_args!("80 to 120 Hz at full level for {seconds} s"))?;
    speaker_only(house)?;
    house.play(Material { sound: Sound::Bass, bits: 16, seconds: seconds + 10 })?;
    until_heard(house)?;
    let before = house.speaker("status")?;
    pause(Duration::from_secs(seconds.into()))?;
    let after = house.speaker("status")?;
    house.unisono(&["stop"])?;
    house.end_node()?;
    lost(verdicts, &before, &after)
}

fn lost(verdicts: &mut Verdicts, before: &serde_json::Value, after: &serde_json::Value) -> anyhow::Result<()> {
    let grown = |name| anyhow::Ok(count(after, name)? - count(before, name)?);
    let (packets, lost, late, garbled) = (grown("packets")?, grown("lost")?, grown("late")?, grown("garbled")?);
    verdicts.at_least("packets that arrived", packets, 1.0, "")?;
    verdicts.note(format_args!("{lost} lost, {late} too late, {garbled} not to be read"))?;
    let share = (lost + late + garbled) / (packets + lost).max(1.0) * 100.0;
    verdicts.at_most("packets lost, late or garbled", share, LOST_PERCENT, "%")
}

/// Sound that was made up in the speaker's room, in seconds.
fn concealed(house: &House) -> anyhow::Result<f64> {
    Ok(house.room(BATH)?["sync"]["concealed_s"].as_f64().unwrap_or(f64::INFINITY))
}
