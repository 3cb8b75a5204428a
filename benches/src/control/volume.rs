//! When a change of volume is heard: from the request to what the converters have emitted.

use std::{fs, path::Path, thread::sleep, time::Duration};

use anyhow::{Context, ensure};
use hound::{SampleFormat, WavSpec, WavWriter};
use serde_json::json;

use crate::lab::{
    crystal::{Crystal, Reach},
    house::{Converter, House, Room},
    recording::Recording,
    setup::now,
};

/// Rooms on their own clocks, one on ALSA with positions in steps of 1 ms.
const ROOMS: [Room; 2] = [
    Room { name: "kitchen", crystal: crystal(1_234.5, 50.0), converter: Converter::Alsa(100.0, 48), falls_back: false },
    Room { name: "bedroom", crystal: crystal(5e5, 31.0), converter: Converter::Model(-35.0), falls_back: false },
];

/// Between two changes, at least; a change is over long before.
const APART: Duration = Duration::from_millis(400);

/// And up to so much more, so that changes fall anywhere in a packet, in milliseconds.
const SPREAD_MS: u64 = 400;

/// A change has begun to be heard when the level has gone so far of its way, and is whole when no more is left.
const BEGUN: f32 = 0.02;

const fn crystal(offset_s: f64, ppm: f64) -> Crystal {
    Crystal { offset_s, ppm, wander_ppm: 0.0, reach: Reach::Raw }
}

/// What was heard in a room.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Which one, and what it plays into.
    pub room: String,
    /// From each request to the first change of what is emitted, in milliseconds.
    pub begun_ms: Vec<f64>,
    /// To the last.
    pub whole_ms: Vec<f64>,
}

/// Changes the volume of both rooms so many times while they play one level.
///
/// # Errors
/// When a program fails, or a change is not to be found.
pub fn changes(folder: &Path, count: usize, seed: u64) -> anyhow::Result<Vec<Heard>> {
    let file = folder.join("level.wav");
    fs::create_dir_all(folder)?;
    write_level(&file, 30 + count)?;
    let house = House::found(&folder.join("house"), "flac", crystal(90_000.0, 12.0), &ROOMS)?;
    let agent = ureq::Agent::new_with_defaults();
    let root = format!("http://{}/api/v1", house.api());
    let rooms = ROOMS.map(|room| room.name);
    agent.post(format!("{root}/groups")).send_json(json!({ "name": "all", "rooms": rooms }))?;
    let mut volumes = [40_u8, 70].into_iter().cycle();
    let mut change = || -> anyhow::Result<[f64; 2]> {
        let volume = volumes.next().context("it goes round")?;
        let mut asked = [0.0; 2];
        for (room, asked) in rooms.iter().zip(&mut asked) {
            *asked = now();
            agent.patch(format!("{root}/rooms/{room}")).send_json(json!({ "volume": volume }))?;
        }
        Ok(asked)
    };
    change()?;
    agent.post(format!("{root}/groups/all/play")).send_json(json!({ "file": file }))?;
    house.wait("both rooms to play", |house| {
        let rooms = house.unisono(&["rooms"])?;
        Ok(rooms.as_array().is_some_and(|rooms| rooms.iter().all(|room| room["state"] == "playing")))
    })?;
    sleep(Duration::from_secs(2));
    let mut random = fastrand::Rng::with_seed(seed);
    let mut asked = Vec::new();
    for _ in 0..count {
        asked.push(change()?);
        sleep(APART + Duration::from_micros(random.u64(0..SPREAD_MS * 1_000)));
    }
    asked.push([now(); 2]);
    let recordings = house.recordings()?;
    let heard = ROOMS.iter().zip(recordings).enumerate().map(|(number, (room, recording))| {
        let asked: Vec<f64> = asked.iter().map(|asked| asked[number]).collect();
        let converter = match room.converter {
            Converter::Alsa(..) => "ALSA",
            Converter::Model(_) => "model",
        };
        heard(&format!("{} ({converter})", room.name), &Emitted::of(&recording)?, &asked)
    });
    heard.collect()
}

/// What a converter emitted: the instant of each frame, and its level.
struct Emitted(Vec<(f64, f32)>);

impl Emitted {
    fn of(recording: &Recording) -> anyhow::Result<Self> {
        let mut frames = Vec::new();
        for (index, run) in recording.runs.iter().enumerate() {
            let level = recording.mono(index)?;
            frames.extend(level.iter().enumerate().map(|(number, level)| (run.seconds_of(number as f64), *level)));
        }
        Ok(Self(frames))
    }

    /// All between two instants.
    fn between(&self, from: f64, until: f64) -> &[(f64, f32)] {
        let place = |at: f64| self.0.partition_point(|(time, _)| *time < at);
        &self.0[place(from)..place(until)]
    }
}

/// Of `asked`, the last only says when to stop looking.
fn heard(room: &str, emitted: &Emitted, asked: &[f64]) -> anyhow::Result<Heard> {
    let mut heard = Heard { room: room.into(), begun_ms: Vec::new(), whole_ms: Vec::new() };
    for pair in asked.windows(2) {
        let frames = emitted.between(pair[0], pair[1]);
        let (Some((_, before)), Some((_, after))) = (frames.first(), frames.last()) else {
            anyhow::bail!("{room}: nothing was heard");
        };
        let way = after - before;
        ensure!(way.abs() > 0.01, "{room}: the level stays at {after} after a change");
        let gone = |level: f32| (level - before) / way;
        let begun = frames.iter().find(|(_, level)| gone(*level) > BEGUN);
        let whole = frames.iter().rfind(|(_, level)| gone(*level) < 1.0 - BEGUN);
        let (Some((begun, _)), Some((whole, _))) = (begun, whole) else { continue };
        heard.begun_ms.push((begun - pair[0]) * 1e3);
        heard.whole_ms.push((whole - pair[0]) * 1e3);
    }
    Ok(heard)
}

/// One frame over and over.
fn write_level(path: &Path, seconds: usize) -> anyhow::Result<()> {
    let spec = WavSpec { channels: 2, sample_rate: 48_000, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let mut writer = WavWriter::create(path, spec)?;
    for _ in 0..seconds * 48_000 * 2 {
        writer.write_sample(16_000_i16)?;
    }
    Ok(writer.finalize()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_timed_from_its_request_to_its_first_and_last_frame() {
        // Steps of 1 ms: from 1.050 s on the level falls from 0.5 to 0.25 within 20 ms, at 2.1 s it rises at once.
        let level = |ms: u16| match ms {
            0..1_050 => 0.5,
            1_050..1_070 => 0.5 - 0.0125 * f32::from(ms - 1_050),
            1_070..2_100 => 0.25,
            _ => 0.5,
        };
        let emitted = Emitted((0..3_000).map(|ms| (f64::from(ms) * 1e-3, level(ms))).collect());
        let heard = heard("kitchen", &emitted, &[1.0, 2.0, 3.0]).unwrap();
        let rounded = |times: &[f64]| times.iter().map(|time| time.round()).collect::<Vec<_>>();
        assert_eq!(rounded(&heard.begun_ms), [51.0, 100.0]);
        assert_eq!(rounded(&heard.whole_ms), [69.0, 99.0]);
        assert!(super::heard("kitchen", &emitted, &[1.2, 1.8]).is_err(), "nothing has changed there");
    }
}
