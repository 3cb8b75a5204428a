//! What a machine can do, measured before anything is asked of it: the figures of a proof in an emulated machine say
//! something of that machine, too.

use std::time::{Duration, Instant};

use nix::{
    sys::time::TimeSpec,
    time::{ClockId, ClockNanosleepFlags, clock_nanosleep},
};
use serde::{Deserialize, Serialize};
use unisono_codec::{Step, sbc};
use unisono_core::{
    timeline::Phase,
    units::{FramePosition, SampleRate},
    wire::control::Codec,
};
use unisono_media::resample::Resampler;

use crate::lab::setup::nanos;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    /// How late a thread wakes from 5 ms of sleep: half of the times, and 99 of 100, in seconds.
    pub timer: [f64; 2],
    /// The share of one processor's time that each part of playing takes.
    pub opus: f64,
    /// As above.
    pub resampler: f64,
    /// As above.
    pub sbc_encoder: f64,
    /// As above.
    pub sbc_decoder: f64,
    /// A question to `BlueZ` and its answer: half of the times, and 99 of 100, in seconds.
    pub bus: [f64; 2],
}

/// Sleeps of the timer's measurement.
const SLEEPS: usize = 1_000;
const SLEEP: i64 = 5_000_000;

/// How much sound each part is given, in packets of 20 ms.
const PACKETS: usize = 250;
const PACKET: usize = 960;

/// Questions on the bus.
const QUESTIONS: usize = 300;

impl Speed {
    /// Measures; takes about ten seconds.
    ///
    /// # Errors
    /// When a codec refuses, or `BlueZ` does not answer.
    pub async fn measure() -> anyhow::Result<Self> {
        let timer = timer()?;
        let (opus, resampler, [sbc_encoder, sbc_decoder]) = (opus()?, resampler(), sbc()?);
        Ok(Self { timer, opus, resampler, sbc_encoder, sbc_decoder, bus: bus().await? })
    }
}

/// The middle one, and the one that 99 of 100 do not exceed.
fn quantiles(mut times: Vec<f64>) -> [f64; 2] {
    times.sort_by(f64::total_cmp);
    [times.len() / 2, times.len() * 99 / 100].map(|at| times.get(at).copied().unwrap_or(f64::NAN))
}

fn timer() -> anyhow::Result<[f64; 2]> {
    let mut late = Vec::with_capacity(SLEEPS);
    let mut due = nanos();
    for _ in 0..SLEEPS {
        due = due.max(nanos()) + SLEEP;
        let until = TimeSpec::from_duration(Duration::from_nanos(due.unsigned_abs()));
        clock_nanosleep(ClockId::CLOCK_MONOTONIC, ClockNanosleepFlags::TIMER_ABSTIME, &until)?;
        late.push((nanos() - due) as f64 * 1e-9);
    }
    Ok(quantiles(late))
}

/// Noise, so that no codec has it easy.
fn noise() -> Vec<f32> {
    let mut random = fastrand::Rng::with_seed(1);
    (0..PACKET * 2).map(|_| random.f32() - 0.5).collect()
}

/// The share of real time that something takes which makes `frames` frames at 48 kHz.
fn share(begun: Instant, frames: usize) -> f64 {
    begun.elapsed().as_secs_f64() / (frames as f64 / 48_000.0)
}

fn opus() -> anyhow::Result<f64> {
    let step = Step { codec: Codec::Opus, bit_rate: 192_000 };
    let mut encoder = unisono_codec::encoder(step, SampleRate::HZ_48000, 2, u32::try_from(PACKET)?)?;
    let mut decoder = unisono_codec::decoder(encoder.format())?;
    let packet = encoder.encode(&noise())?;
    let mut out = vec![0.0; PACKET * 2];
    let begun = Instant::now();
    for _ in 0..PACKETS {
        decoder.decode(&packet, &mut out)?;
    }
    Ok(share(begun, PACKETS * PACKET))
}

fn resampler() -> f64 {
    let mut resampler = Resampler::new(2, PACKET * 4);
    for _ in 0..4 {
        resampler.push(resampler.end(), &noise());
    }
    let (start, mut out) = (Phase::at(FramePosition(100)).advanced_by(0.3), vec![0.0; PACKET * 2]);
    let begun = Instant::now();
    for _ in 0..PACKETS {
        resampler.read(start, 1e-4, &mut out);
    }
    share(begun, PACKETS * PACKET)
}

fn sbc() -> anyhow::Result<[f64; 2]> {
    /// 48 kHz, joint stereo, 16 blocks, 8 subbands, loudness, bitpool 2 to 51.
    const BEST: [u8; 4] = [0x11, 0x15, 2, 51];
    let config = sbc::Config::from_bytes(BEST)?;
    let (mut encoder, mut decoder) = (sbc::Encoder::new(config)?, sbc::Decoder::new(config)?);
    let samples = config.frame_samples() * 2;
    let (noise, mut frame, mut out) = (noise(), vec![0; sbc::MAX_FRAME], vec![0.0; samples]);
    let frames = PACKETS * PACKET / config.frame_samples();
    let begun = Instant::now();
    let mut length = 0;
    for _ in 0..frames {
        length = encoder.encode(&noise[..samples], config.max_bitpool, &mut frame)?;
    }
    let encoding = share(begun, frames * config.frame_samples());
    let begun = Instant::now();
    for _ in 0..frames {
        decoder.decode(&frame[..length], &mut out)?;
    }
    Ok([encoding, share(begun, frames * config.frame_samples())])
}

async fn bus() -> anyhow::Result<[f64; 2]> {
    let bus = zbus::Connection::system().await?;
    let mut times = Vec::with_capacity(QUESTIONS);
    for _ in 0..QUESTIONS {
        let begun = Instant::now();
        bus.call_method(Some("org.bluez"), "/", Some("org.freedesktop.DBus.Introspectable"), "Introspect", &()).await?;
        times.push(begun.elapsed().as_secs_f64());
    }
    Ok(quantiles(times))
}
