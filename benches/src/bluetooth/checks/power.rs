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

/// A speaker that calls by itself, as most do that were switched on, is heard within this, in seconds.
const CALLED_S: f64 = 12.0;

/// How long it is off: longer than the radio takes to notice.
const OFF: Duration = Duration::from_secs(8);

/// Switches it off and on. It is not called while it is off, which an exclusive node would do: a page to an emulated
/// controller that is off corrupts a list in Linux 6.1, and takes the guest's kernel with it.
///
/// # Errors
/// When it does not play at all.
pub fn power(house: &mut House, verdicts: &mut Verdicts) -> anyhow::Result<()> {
    verdicts.about("The speaker is switched off and on")?;
    house.speaker("delay 150")?;
    house.speaker("report 150")?;
    speaker_only(house)?;
    house.play(Material { sound: Sound::Pink(12), bits: 16, seconds: 120 })?;
    until_heard(house)?;
    pause(Duration::from_secs(8))?;
    house.speaker("off")?;
    let off = now();
    house.wait("the room to say that it has no output", |house| Ok(house.room(BATH)?["state"] == "no output"))?;
    verdicts.at_most("the room says so after", now() - off, 5.0, "s")?;
    pause(OFF)?;
    let recording = record(house, "power")?;
    house.speaker("on")?;
    let on = now();
    house.speaker("call")?;
    until_heard(house)?;
    pause(Duration::from_secs(15))?;
    let ended = now();
    record(house, "between")?;
    house.unisono(&["stop"])?;
    house.end_node()?;
    let clock = house.guest.clock()?;
    let rooms = [Track::read(&house.wired_recording())?, in_guest(&recording, &clock)?];
    let first = rooms[1].first_sound().unwrap_or(f64::INFINITY);
    verdicts.at_most("it is heard again after", first - on, CALLED_S, "s")?;
    let again = apart(&rooms, first + 5.0, ended - 0.5);
    verdicts.at_most("apart, from 5 s after that on", again.worst * 1e3, TOGETHER_MS, "ms")
}
