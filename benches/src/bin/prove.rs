//! Proves with real processes and real files that rooms play as one: `make proof`.
//!
//! A hub and three nodes, each with a crystal of its own, play through ALSA and the model. What is claimed is checked
//! from the recordings of the converters, by correlation with the file, and from nothing that a program says of itself.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    thread,
    time::Duration,
};

use anyhow::{Context, bail};
use clap::Parser;
use hound::{SampleFormat, WavSpec, WavWriter};
use nix::time::{ClockId, clock_gettime};
use serde_json::Value;
use unisono_benches::lab::{
    crystal::{Crystal, Reach},
    house::{Converter, House, ROOMS_SAID, Room},
    listen::{Heard, listen},
    recording::Recording,
    setup::workplace,
    stillness::Watch,
};
use unisono_codec::Step;
use unisono_core::{units::SampleRate, wire::control::Codec};
use unisono_media::{FileSource, Source};
use unisono_settings::{complain, print};

const TRACK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../engine/cli/assets/track.flac");

/// Two rooms may be this far apart at any time; the median is far below, see the figures.
const IN_TIME_S: f64 = 2e-3;

/// A step between neighbouring pieces may differ from the usual one by so many frames: half of what a dropped frame
/// makes, and what 240 ppm of the 2048 frames between them do.
const IN_STEP: f64 = 0.5;

/// A piece that is less like what the codec makes of the file was not heard.
const LIKE: f64 = 0.95;

/// How often something is tried on a machine that stands still meanwhile.
const ATTEMPTS: u32 = 3;

const HUB: Crystal = crystal(90_000.0, 12.0);

/// Crystals ±50 ppm and converters ±100 ppm apart, with counters in steps of 1 ms, and of a frame.
const ROOMS: [Room; 3] = [
    Room { name: "kitchen", crystal: crystal(1_234.5, 50.0), converter: Converter::Alsa(100.0, 48), falls_back: false },
    Room { name: "office", crystal: crystal(77.7, -50.0), converter: Converter::Alsa(-100.0, 1), falls_back: false },
    Room { name: "bedroom", crystal: crystal(5e5, 31.0), converter: Converter::Model(-35.0), falls_back: false },
];

const KITCHEN: usize = 0;
const OFFICE: usize = 1;
const BEDROOM: usize = 2;

/// A steady one: seconds ahead, and parts per million fast.
const fn crystal(offset_s: f64, ppm: f64) -> Crystal {
    Crystal { offset_s, ppm, wander_ppm: 0.0, reach: Reach::Raw }
}

/// Proves with real processes and real files that rooms play as one.
#[derive(Debug, Parser)]
#[command(name = "prove")]
struct Arguments {
    /// Where recordings and logs go
    #[arg(default_value = "target/proof")]
    folder: PathBuf,
}

fn main() -> ExitCode {
    match prove(&unisono_settings::arguments::<Arguments>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("prove: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn prove(arguments: &Arguments) -> anyhow::Result<()> {
    let folder = workplace(&arguments.folder)?;
    let mp3 = folder.join("track.mp3");
    encode_mp3(&mp3)?;
    let attempt = |name, what, proof: &dyn Fn(&Path) -> anyhow::Result<()>| attempt(&folder.join(name), what, proof);
    attempt("flac", "track.flac as flac, in three rooms", &|home| whole_file(home, Path::new(TRACK), "flac"))?;
    attempt("opus", "track.mp3 as opus, in three rooms", &|home| whole_file(home, &mp3, "opus"))?;
    attempt("device", "A device is taken away and given back, and a room joins late", &|home| device_lost(home, &mp3))?;
    attempt("switched", "A device is unplugged three times, and the room has a second one", &output_switched)?;
    attempt("hub", "The hub is killed and comes back", &hub_lost)
}

/// Proves one thing; once more where it fails and the machine itself had stood still for longer than a room can bridge.
fn attempt(home: &Path, what: &str, proof: &dyn Fn(&Path) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut left = ATTEMPTS;
    loop {
        print(format_args!("{what}:"))?;
        let watch = Watch::begin();
        let result = proof(home);
        let stillness = watch.end();
        left -= 1;
        match result {
            Err(error) if left > 0 && stillness.is_an_excuse() => {
                print(format_args!("  {error:#}; {}{stillness}: once more", said(home)))?;
            }
            result => return result.with_context(|| format!("{what}; {}{stillness}", said(home))),
        }
    }
}

/// What the rooms of a house counted, as they said last.
fn said(home: &Path) -> String {
    let text = fs::read_to_string(home.join(ROOMS_SAID)).unwrap_or_default();
    let rooms: Vec<Value> = serde_json::from_str(&text).unwrap_or_default();
    let counts = |room: &Value| {
        let counts =
            ["underruns", "resyncs", "lost", "late", "concealed_s"].map(|key| format!("{key} {}", room["sync"][key]));
        format!("{} says {}; ", room["name"].as_str().unwrap_or("?"), counts.join(" "))
    };
    rooms.iter().map(counts).collect()
}

/// Three rooms play a file from its first frame to its last, together.
fn whole_file(home: &Path, file: &Path, codec: &'static str) -> anyhow::Result<()> {
    let original = mono(&coded(&decoded(file)?, codec)?);
    let house = House::found(home, codec, HUB, &ROOMS)?;
    play(&house, file, &["kitchen", "office", "bedroom"])?;
    until_stopped(&house)?;
    let heard = listened(house, &original)?;
    for (room, heard) in ROOMS.iter().zip(&heard) {
        expect_whole(room.name, &original, heard)?;
    }
    expect_together(&heard)
}

/// A device is unplugged, then taken by another program, then given back; and a room joins late.
fn device_lost(home: &Path, file: &Path) -> anyhow::Result<()> {
    let original = mono(&decoded(file)?);
    let house = House::found(home, "flac", HUB, &ROOMS)?;
    play(&house, file, &["kitchen", "office"])?;
    thread::sleep(Duration::from_secs(5));
    let joined = now();
    house.unisono(&["group", "add", "proof", "bedroom"])?;
    thread::sleep(Duration::from_secs(2));
    house.unplug("office")?;
    house.wait("the room to say that its output is gone", |house| says(house, "office", "no output", "unplugged"))?;
    thread::sleep(Duration::from_secs(2));
    house.occupy("office")?;
    house.wait("the room to say that its output is busy", |house| says(house, "office", "no output", "in use"))?;
    house.plug_in("office")?;
    let back = now();
    until_stopped(&house)?;
    let heard = listened(house, &original)?;
    expect_whole("kitchen", &original, &heard[KITCHEN])?;
    let joiner = heard[BEDROOM].found.first().context("the joiner was not heard")?;
    expect("the joiner is heard within 1 s", joiner.time - joined, 1.0, "s")?;
    let again = heard[OFFICE].found.iter().find(|found| found.time > back).context("the office did not come back")?;
    // It tries every second.
    expect("the room is heard within 2 s of its device's return", again.time - back, 2.0, "s")?;
    let last = Heard::pieces_of(&original).last().copied().unwrap_or(0);
    for (room, heard) in ROOMS.iter().zip(&heard) {
        if !heard.has(last) {
            bail!("{}: the last of the file was not heard", room.name);
        }
        expect(&format!("{}: no frame dropped or repeated", room.name), heard.largest_step(), IN_STEP, "frames")?;
    }
    expect_together(&heard)
}

/// A device is unplugged three times; the room's second one takes over, and gives back once the first has been there for
/// ten seconds.
fn output_switched(home: &Path) -> anyhow::Result<()> {
    let file = home.with_extension("wav");
    write_long(&file)?;
    let original = mono(&decoded(&file)?);
    let rooms = ROOMS.map(|room| Room { falls_back: room.name == "office", ..room });
    let house = House::found(home, "flac", HUB, &rooms)?;
    play(&house, &file, &["kitchen", "office", "bedroom"])?;
    thread::sleep(Duration::from_secs(5));
    let mut changes = Vec::new();
    for _ in 0..3 {
        let lost = now();
        house.unplug("office")?;
        house.wait("the second device to play", |house| chooses(house, "office", "fallback"))?;
        thread::sleep(Duration::from_secs(3));
        let back = now();
        house.plug_in("office")?;
        house.wait("the first device to play again", |house| chooses(house, "office", "first"))?;
        changes.push((lost, back));
        thread::sleep(Duration::from_secs(3));
    }
    until_stopped(&house)?;
    let mut heard = listened(house, &original)?;
    let second = listen(&original, &Recording::read(&home.join(rooms[OFFICE].fallback()))?, LIKE)?;
    expect_whole("kitchen", &original, &heard[KITCHEN])?;
    expect_whole("bedroom", &original, &heard[BEDROOM])?;
    for (lost, back) in changes {
        let taken = second.found.iter().find(|found| found.time > lost).context("the second did not take over")?;
        expect("the second is heard within 3 s", taken.time - lost, 3.0, "s")?;
        let again =
            heard[OFFICE].found.iter().find(|found| found.time > back).context("the first did not come back")?;
        if again.time - back < 10.0 {
            bail!("the first is heard again after {:.3} s", again.time - back);
        }
        let last = second.found.iter().rfind(|found| found.time < again.time).map_or(0.0, |found| found.time);
        expect("from the last of the second to the first again", again.time - last, 0.5, "s")?;
    }
    let (apart, count) = heard[KITCHEN].apart(&second);
    expect(&format!("the second together with the kitchen in {count} pieces"), apart * 1e6, IN_TIME_S * 1e6, "µs")?;
    heard[OFFICE].found.extend(second.found);
    expect_together(&heard)
}

/// The hub is killed while it plays, and started again.
fn hub_lost(home: &Path) -> anyhow::Result<()> {
    let file = Path::new(TRACK);
    let original = mono(&coded(&decoded(file)?, "opus")?);
    let mut house = House::found(home, "opus", HUB, &ROOMS)?;
    play(&house, file, &["kitchen", "office", "bedroom"])?;
    thread::sleep(Duration::from_secs(6));
    house.kill_hub()?;
    thread::sleep(Duration::from_secs(3));
    house.start_hub()?;
    let back = now();
    until_stopped(&house)?;
    let heard = listened(house, &original)?;
    let last = Heard::pieces_of(&original).last().copied().unwrap_or(0);
    for (room, heard) in ROOMS.iter().zip(&heard) {
        let again = heard.found.iter().find(|found| found.time > back).context("nothing was heard again")?;
        expect(&format!("{}: heard within 3 s of the hub's return", room.name), again.time - back, 3.0, "s")?;
        if !heard.has(last) {
            bail!("{}: the last of the file was not heard", room.name);
        }
    }
    expect_together(&heard)
}

fn play(house: &House, file: &Path, rooms: &[&str]) -> anyhow::Result<()> {
    for room in ROOMS {
        house.unisono(&["volume", room.name, "100"])?;
    }
    house.unisono(&[&["group", "create", "proof"], rooms].concat())?;
    house.unisono(&["play", &file.to_string_lossy()])?;
    Ok(())
}

fn until_stopped(house: &House) -> anyhow::Result<()> {
    while house.unisono(&["groups"])?[0]["state"] != "stopped" {
        thread::sleep(Duration::from_millis(200));
    }
    // The last of it is still under way.
    thread::sleep(Duration::from_secs(1));
    Ok(())
}

fn says(house: &House, name: &str, state: &str, output: &str) -> anyhow::Result<bool> {
    let rooms = house.unisono(&["rooms"])?;
    let room = rooms.as_array().into_iter().flatten().find(|room| room["name"] == name);
    let room = room.context("the room is gone")?;
    Ok(room["state"] == state && room["output"].as_str().is_some_and(|text| text.contains(output)))
}

/// Whether a room plays on the first of its outputs, or on another.
fn chooses(house: &House, name: &str, choice: &str) -> anyhow::Result<bool> {
    let rooms = house.unisono(&["rooms"])?;
    let room = rooms.as_array().into_iter().flatten().find(|room| room["name"] == name);
    let room = room.context("the room is gone")?;
    Ok(room["state"] == "playing" && room["output_state"]["choice"] == choice)
}

fn listened(house: House, original: &[f32]) -> anyhow::Result<Vec<Heard>> {
    let recordings: Vec<Recording> = house.recordings()?;
    recordings.iter().map(|recording| listen(original, recording, LIKE)).collect()
}

/// Every frame, the first to the last, in order.
fn expect_whole(room: &str, original: &[f32], heard: &Heard) -> anyhow::Result<()> {
    let pieces = Heard::pieces_of(original);
    let missing: Vec<usize> = pieces.iter().copied().filter(|piece| !heard.has(*piece)).collect();
    if let (Some(first), Some(last)) = (missing.first(), missing.last()) {
        let (count, of) = (missing.len(), pieces.len());
        let (first, last) = (*first as f64 / 48e3, *last as f64 / 48e3);
        bail!(
            "{room}: {count} of {of} pieces of the file were not heard, the first at {first:.3} s, the last at {last:.3}"
        );
    }
    if !heard.found.is_sorted_by_key(|found| found.source) {
        bail!("{room}: the pieces of the file were not heard in their order");
    }
    let least = heard.found.iter().map(|found| found.likeness).fold(1.0, f64::min);
    print(format_args!("  {room}: all {} pieces of the file in order, the least like it {least:.4}", pieces.len()))?;
    expect(&format!("{room}: no frame dropped or repeated"), heard.largest_step(), IN_STEP, "frames")
}

fn expect_together(heard: &[Heard]) -> anyhow::Result<()> {
    for (a, b) in [(KITCHEN, OFFICE), (KITCHEN, BEDROOM), (OFFICE, BEDROOM)] {
        let (apart, count) = heard[a].apart(&heard[b]);
        if count < 100 {
            bail!("{} and {} have only {count} pieces in common", ROOMS[a].name, ROOMS[b].name);
        }
        let what = format!("{} and {} together in {count} pieces", ROOMS[a].name, ROOMS[b].name);
        expect(&what, apart * 1e6, IN_TIME_S * 1e6, "µs")?;
    }
    Ok(())
}

fn expect(what: &str, found: f64, limit: f64, unit: &str) -> anyhow::Result<()> {
    print(format_args!("  {what}: {found:.3} {unit} (at most {limit})"))?;
    if found > limit {
        bail!("{what}: {found:.3} {unit} is more than {limit}");
    }
    Ok(())
}

/// What a codec makes of sound, as far as it reaches; two channels.
fn coded(sound: &[f32], codec: &str) -> anyhow::Result<Vec<f32>> {
    const PACKET: usize = 960;
    if codec == "flac" {
        return Ok(sound.to_vec());
    }
    let step = Step { codec: Codec::Opus, bit_rate: 192_000 };
    let mut encoder = unisono_codec::encoder(step, SampleRate::HZ_48000, 2, u32::try_from(PACKET)?)?;
    let mut decoder = unisono_codec::decoder(encoder.format())?;
    let lookahead = encoder.format().lookahead as usize * 2;
    let mut padded = sound.to_vec();
    padded.resize((sound.len() + lookahead).next_multiple_of(PACKET * 2), 0.0);
    let mut out = vec![0.0; padded.len()];
    for (packet, out) in padded.chunks_exact(PACKET * 2).zip(out.chunks_exact_mut(PACKET * 2)) {
        decoder.decode(&encoder.encode(packet)?, out)?;
    }
    Ok(out[lookahead..lookahead + sound.len()].to_vec())
}

/// The mean of two channels.
fn mono(stereo: &[f32]) -> Vec<f32> {
    stereo.as_chunks::<2>().0.iter().map(|[left, right]| (left + right) / 2.0).collect()
}

/// A file's two channels.
fn decoded(file: &Path) -> anyhow::Result<Vec<f32>> {
    let mut source = FileSource::open(file, SampleRate::HZ_48000, 2)?;
    let mut sound = Vec::new();
    let mut piece = vec![0.0; 8_192];
    loop {
        let frames = source.read(&mut piece)?;
        if frames == 0 {
            return Ok(sound);
        }
        sound.extend_from_slice(&piece[..frames * 2]);
    }
}

/// Three times the track, none of it twice: forwards, backwards, and forwards upside down.
fn write_long(path: &Path) -> anyhow::Result<()> {
    let track = decoded(Path::new(TRACK))?;
    let backwards = track.iter().rev().copied();
    write_wav(path, track.iter().copied().chain(backwards).chain(track.iter().map(|sample| -sample)))
}

fn write_wav(path: &Path, samples: impl IntoIterator<Item = f32>) -> anyhow::Result<()> {
    let spec = WavSpec { channels: 2, sample_rate: 48_000, bits_per_sample: 32, sample_format: SampleFormat::Float };
    let mut writer = WavWriter::create(path, spec)?;
    samples.into_iter().try_for_each(|sample| writer.write_sample(sample))?;
    Ok(writer.finalize()?)
}

/// The track as an MP3, by LAME.
fn encode_mp3(path: &Path) -> anyhow::Result<()> {
    let wav = path.with_extension("wav");
    write_wav(&wav, decoded(Path::new(TRACK))?)?;
    let status = Command::new("lame").args(["--quiet", "-b", "192"]).args([wav.as_path(), path]).status();
    let status = status.context("lame cannot be started; install it (apt-get install lame)")?;
    if !status.success() {
        bail!("lame ended with {status}");
    }
    Ok(())
}

/// The true clock, in seconds.
fn now() -> f64 {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0.0, |time| Duration::from(time).as_secs_f64())
}
