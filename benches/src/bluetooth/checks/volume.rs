//! The room's volume and the speaker's own, by AVRCP.

use std::time::{Duration, Instant};

use anyhow::Context;

use super::speaker_only;
use crate::{
    bluetooth::{
        house::{BATH, House},
        verdicts::Verdicts,
    },
    lab::{
        interrupt::pause,
        material::{Material, Sound},
    },
};

/// Either end follows the other within this, in seconds.
const FOLLOWED_S: f64 = 2.0;

/// From a stream's start until the speaker's own volume stands for the room's: AVRCP connects meanwhile.
const TAKEN_UP_S: f64 = 10.0;

/// What has not come by then will not.
const PATIENCE: Duration = Duration::from_secs(20);

/// A room of 35 and 70 percent, and a speaker that somebody turns to 50 of 127: what each is at the other end.
const ROOMS: [(u8, u64); 2] = [(35, 44), (70, 89)];
const TURNED: (u8, u64) = (50, 39);

/// Moves the room's volume, turns the speaker's, and mutes.
///
/// # Errors
/// When it does not play at all.
pub fn volume(house: &mut House, verdicts: &mut Verdicts) -> anyhow::Result<()> {
    verdicts.about("The room's volume and the speaker's own")?;
    speaker_only(house)?;
    house.play(Material { sound: Sound::Pink(14), bits: 16, seconds: 120 })?;
    house.unisono(&["volume", BATH, &ROOMS[0].0.to_string()])?;
    let taken_up = until(house, |house| Ok(house.room(BATH)?["volume_state"]["by"] == "speaker"))?;
    verdicts.at_most("the speaker's own stands for the room's after", taken_up, TAKEN_UP_S, "s")?;
    for (percent, of_127) in ROOMS {
        house.unisono(&["volume", BATH, &percent.to_string()])?;
        let followed = until(house, |house| Ok(own(house)? == of_127))?;
        verdicts.at_most(
            format_args!("the speaker is at {of_127} for {percent} % after"),
            followed,
            FOLLOWED_S,
            "s",
        )?;
    }
    // What answers a room's change is nobody's hand.
    pause(Duration::from_secs(2))?;
    house.speaker(&format!("volume {}", TURNED.0))?;
    let followed = until(house, |house| Ok(house.room(BATH)?["volume"] == TURNED.1))?;
    verdicts.at_most(
        format_args!("turned to {}, the room is at {} % after", TURNED.0, TURNED.1),
        followed,
        FOLLOWED_S,
        "s",
    )?;
    house.unisono(&["mute", BATH])?;
    pause(Duration::from_secs(2))?;
    let (room, speaker) = (house.room(BATH)?["volume"].clone(), own(house)?);
    verdicts.note(format_args!("muted, the room is at {room} % and the speaker at {speaker}"))?;
    verdicts.at_most("of which the mute has moved", speaker.abs_diff(TURNED.0.into()) as f64, 0.0, "of 127")?;
    house.unisono(&["unmute", BATH])?;
    house.unisono(&["stop"])?;
    house.end_node()
}

/// The speaker's own volume, by its own account.
fn own(house: &mut House) -> anyhow::Result<u64> {
    house.speaker("status")?["radio"]["volume"].as_u64().context("the speaker shows no volume")
}

/// Waits until something holds; gives how long that took, in seconds, or that it never did.
fn until(house: &mut House, holds: impl Fn(&mut House) -> anyhow::Result<bool>) -> anyhow::Result<f64> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if holds(house)? {
            return Ok(begun.elapsed().as_secs_f64());
        }
        pause(Duration::from_millis(50))?;
    }
    Ok(f64::INFINITY)
}
