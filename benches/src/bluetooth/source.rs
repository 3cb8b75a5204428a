//! The crate of Bluetooth alone, without a node: pairs a speaker and plays to it, and records where it believes that its
//! sound is heard at which instant. What the speaker recorded is held against that.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow, bail};
use nix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use unisono_bluetooth::{
    Address, Failure,
    a2dp::FeedFault,
    service::{Bluetooth, Opened, PairEvent, Settings},
};
use unisono_core::units::SampleRate;

use crate::lab::{
    material::{Material, Sound},
    setup::nanos,
};

/// What is written at once; a real audio thread looks as often.
const LOOK: Duration = Duration::from_millis(5);

/// How often it looks whether there is an adapter, a tenth of a second apart, before it tries without.
const LOOKS: u32 = 200;

/// Then an adapter is made ready.
const PREPARED: Duration = Duration::from_secs(2);

/// Does what lines on standard input say until they end, each answered with a line of JSON: `pair ADDRESS`, `forget
/// ADDRESS`, `list`, `play ADDRESS SECONDS PREFIX`.
///
/// # Errors
/// When standard input or output fails.
pub async fn run(state: PathBuf) -> anyhow::Result<()> {
    let bluetooth = Bluetooth::start(Settings::new(state));
    for _ in 0..LOOKS {
        if bluetooth.adapters().await.iter().any(|adapter| adapter.failure.is_none()) {
            break;
        }
        tokio::time::sleep(LOOK * 20).await;
    }
    tokio::time::sleep(PREPARED).await;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let answer = obey(&bluetooth, &line).await.unwrap_or_else(|error| json!({ "error": format!("{error:#}") }));
        unisono_settings::print(answer)?;
    }
    Ok(())
}

async fn obey(bluetooth: &Bluetooth, line: &str) -> anyhow::Result<Value> {
    match *line.split_whitespace().collect::<Vec<_>>() {
        ["pair", address] => pair(bluetooth, address.parse()?).await,
        ["forget", address] => {
            bluetooth.forget(address.parse()?).await?;
            Ok(json!({}))
        }
        ["list"] => Ok(serde_json::to_value(bluetooth.list().await)?),
        ["play", address, seconds, prefix] => {
            let (bluetooth, address, prefix) = (bluetooth.clone(), address.parse()?, PathBuf::from(prefix));
            let seconds = seconds.parse()?;
            let playing = thread::spawn(move || play(&bluetooth, address, seconds, &prefix));
            while !playing.is_finished() {
                tokio::time::sleep(LOOK * 10).await;
            }
            playing.join().map_err(|_| anyhow!("playing has failed"))?
        }
        _ => bail!("{line:?} is none of pair ADDRESS, forget ADDRESS, list, play ADDRESS SECONDS PREFIX"),
    }
}

async fn pair(bluetooth: &Bluetooth, address: Address) -> anyhow::Result<Value> {
    let begun = Instant::now();
    let mut events = bluetooth.pair(address, None).await;
    let mut steps = Vec::new();
    while let Some(event) = events.recv().await {
        let at = begun.elapsed().as_secs_f64();
        match event {
            PairEvent::Step(step) => steps.push(json!({ "step": format!("{step:?}"), "at_s": at })),
            PairEvent::Paired => return Ok(json!({ "took_s": at, "steps": steps })),
            PairEvent::Failed(failure) => bail!("{} after {at:.1} s: {failure}; {}", failure.name(), json!(steps)),
        }
    }
    bail!("the pairing ended without a word")
}

fn play(bluetooth: &Bluetooth, address: Address, seconds: u32, prefix: &Path) -> anyhow::Result<Value> {
    let Opened { mut feed, latency, volume: _ } = bluetooth.open(address)?;
    if feed.rate() != SampleRate::HZ_48000 {
        bail!("the speaker was agreed on {} Hz with", feed.rate().hertz());
    }
    let mut believed = Believed::create(prefix)?;
    let mut sound = Material { sound: Sound::Pink(7), bits: 16, seconds }.samples();
    let (mut ahead, mut underruns): (Vec<f32>, u32) = (Vec::new(), 0);
    loop {
        match feed.room().and_then(|room| feed.taken().map(|taken| (room, taken))) {
            Ok((room, taken)) => {
                if let Some((frames, at)) = taken {
                    believed.place(frames, monotonic(at.as_nanos()) + latency.read().as_nanos())?;
                }
                let wanted = room.writable as usize * 2;
                while ahead.len() < wanted {
                    let Some(sample) = sound.next() else { break };
                    ahead.extend([sample; 2]);
                }
                if wanted > 0 && ahead.is_empty() {
                    break;
                }
                let written = feed.write(&ahead[..wanted.min(ahead.len())]).unwrap_or(0) as usize * 2;
                believed.write(&ahead[..written])?;
                ahead.drain(..written);
            }
            Err(FeedFault::Underrun) => {
                underruns += 1;
                believed.end()?;
            }
            Err(FeedFault::Gone(failure)) => return Err(lost(failure)),
        }
        thread::sleep(LOOK);
    }
    believed.end()?;
    Ok(json!({ "underruns": underruns, "latency_ms": latency.read().as_nanos() as f64 * 1e-6 }))
}

/// An instant of the node's clock, `CLOCK_MONOTONIC_RAW`, on that of recordings.
fn monotonic(raw: i64) -> i64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC_RAW);
    nanos() - now.map_or(0, |time| time.tv_sec() * 1_000_000_000 + time.tv_nsec()) + raw
}

fn lost(failure: Failure) -> anyhow::Error {
    anyhow!("{}: {failure}", failure.name())
}

/// A recording of what the source believes that the speaker emits.
struct Believed {
    raw: BufWriter<File>,
    log: File,
    frames: u64,
    /// Where in the file the run began that is under way, and when its first frame is heard.
    first: u64,
    start: Option<i64>,
}

/// A change of the latency that begins another run, in nanoseconds.
const STEP: i64 = 500_000;

impl Believed {
    fn create(prefix: &Path) -> anyhow::Result<Self> {
        let file = |suffix| File::create(prefix.with_extension(suffix)).context(prefix.display().to_string());
        Ok(Self { raw: BufWriter::new(file("raw")?), log: file("log")?, frames: 0, first: 0, start: None })
    }

    fn write(&mut self, sound: &[f32]) -> anyhow::Result<()> {
        self.frames += sound.len() as u64 / 2;
        Ok(sound.iter().try_for_each(|sample| self.raw.write_all(&sample.to_le_bytes()))?)
    }

    /// So many frames of the run are heard by then.
    fn place(&mut self, frames: u64, heard: i64) -> anyhow::Result<()> {
        let start = heard - i64::try_from(frames * 1_000_000_000 / 48_000)?;
        if self.start.is_none_or(|before| (start - before).abs() > STEP) {
            // The frames before keep the run that they were in.
            let (at, first) = match self.start {
                Some(_) => (heard, self.first + frames),
                None => (start, self.first),
            };
            writeln!(self.log, "seg {first} {at} 48000 0.000000 FLOAT_LE 2")?;
            self.start = Some(start);
        }
        Ok(())
    }

    fn end(&mut self) -> anyhow::Result<()> {
        self.raw.flush()?;
        (self.first, self.start) = (self.frames, None);
        Ok(())
    }
}
