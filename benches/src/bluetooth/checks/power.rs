//! The speaker is switched off while its room plays, and on again.

use std::time::Duration;

use super::{TOGETHER_MS, record, speaker_only, until_heard};
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

/// A speaker that calls by itself is heard within this, in seconds.
const CALLED_S: f64 = 12.0;

/// A speaker that is called is heard within this, in seconds: calls come after 2, 4, 8 and 16 s.
const FETCHED_S: f64 = 25.0;

/// How long it is off: longer than the radio takes to notice.
const OFF: Duration = Duration::from_secs(8);

/// Switches it off and on: polite, when it calls by itself, as most do; and exclusive, when it does not.
///
/// # Errors
/// When it does not play at all.
pub fn power(house: &mut House, verdicts: &mut Verdicts) -> anyhow::Result<()> {
    verdicts.about("The speaker is switched off and on")?;
    house.speaker("delay 150")?;
    house.speaker("report 150")?;
    speaker_only(house)?;
    house.play(Material { sound: Sound::Pink(12), bits: 16, seconds: 240 })?;
    until_heard(house)?;
    off_and_on(house, verdicts, "polite", CALLED_S)?;
    off_and_on(house, verdicts, "exclusive", FETCHED_S)?;
    set_mode(house, "polite")?;
    house.unisono(&["stop"])?;
    house.end_node()
}

fn off_and_on(house: &mut House, verdicts: &mut Verdicts, mode: &str, limit_s: f64) -> anyhow::Result<()> {
    set_mode(house, mode)?;
    pause(Duration::from_secs(8))?;
    house.speaker("off")?;
    let off = now();
    house.wait("the room to say that it has no output", |house| Ok(house.room(BATH)?["state"] == "no output"))?;
    verdicts.at_most(format_args!("{mode}: the room says so after"), now() - off, 5.0, "s")?;
    pause(OFF)?;
    let recording = record(house, &format!("power-{mode}"))?;
    house.speaker("on")?;
    let on = now();
    if mode == "polite" {
        house.speaker("call")?;
    }
    until_heard(house)?;
    pause(Duration::from_secs(15))?;
    let ended = now();
    record(house, "between")?;
    let clock = house.guest.clock()?;
    let rooms = [Track::read(&house.wired_recording())?, in_guest(&recording, &clock)?];
    let first = rooms[1].first_sound().unwrap_or(f64::INFINITY);
    verdicts.at_most(format_args!("{mode}: it is heard again after"), first - on, limit_s, "s")?;
    let again = apart(&rooms, first + 5.0, ended - 0.5);
    verdicts.at_most(format_args!("{mode}: apart, from 5 s after that on"), again.worst * 1e3, TOGETHER_MS, "ms")
}

fn set_mode(house: &mut House, mode: &str) -> anyhow::Result<()> {
    let address = house.speaker.clone();
    house.node(&["bluetooth", "set", &address, "--mode", mode], Duration::from_secs(20)).map(drop)
}
