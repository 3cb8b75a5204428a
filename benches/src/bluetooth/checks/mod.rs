//! What is proved in a [`House`](super::house::House): a function for each, which prints its figures and their limits.

mod alone;
mod fallback;
mod pairing;
mod playing;
mod power;
mod source;
mod volume;

pub use self::{
    alone::alone,
    fallback::fallback,
    pairing::pairing,
    playing::{bass, playing},
    power::power,
    source::source,
    volume::volume,
};

use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

use super::house::{BATH, House};
use crate::lab::interrupt::pause;

/// Rooms are together when they are no further apart than this, in milliseconds. A speaker has steps and noise of its
/// own; that it is less than a tenth of what a person hears as an echo is what matters.
const TOGETHER_MS: f64 = 5.0;

/// The share of sound that may be missing where nothing was taken away, in percent.
const CONCEALED_PERCENT: f64 = 0.01;

/// The settings of a node with these outputs, the better first.
fn settings(outputs: &[&str]) -> String {
    format!(
        "[standalone]\nsource = \"/work/own.wav\"\nafter_s = 10\nvolume = 100\n\n[[room]]\nname = \"{BATH}\"\noutputs = {outputs:?}\n"
    )
}

/// The node of the guest, playing through the speaker only; the speaker is connected.
fn speaker_only(house: &mut House) -> anyhow::Result<()> {
    let output = format!("bluetooth:{}", house.speaker);
    house.start_node(&settings(&[&output]))?;
    house.wait("the speaker's room", |house| house.is_idle(BATH))
}

/// A counter of the speaker's stream.
fn count(status: &Value, name: &str) -> anyhow::Result<f64> {
    status["stream"][name].as_f64().with_context(|| format!("the speaker does not count {name}"))
}

/// Waits until the speaker has been given sound that it had not yet.
fn until_heard(house: &mut House) -> anyhow::Result<()> {
    let before = count(&house.speaker("status")?, "frames")?;
    for _ in 0..600 {
        if count(&house.speaker("status")?, "frames")? > before {
            return Ok(());
        }
        pause(Duration::from_millis(50))?;
    }
    anyhow::bail!("the speaker hears nothing")
}

/// Makes the speaker begin another recording, and gives its PREFIX.
fn record(house: &mut House, name: &str) -> anyhow::Result<std::path::PathBuf> {
    house.speaker(&format!("record /work/{name}"))?;
    Ok(house.guest_recording(name))
}
