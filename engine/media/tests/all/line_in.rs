//! Recording through ALSA, from a device that alsa-lib makes of a file.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::{
    fs,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use unisono_core::units::SampleRate;
use unisono_media::{
    RawFormat, Source as _,
    live::{Input, Place, State},
};

/// A value that every sample of the recording has.
const VALUE: i16 = 8_192;

#[test]
fn what_a_device_records_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("recording");
    fs::write(&recording, VALUE.to_le_bytes().repeat(48_000 * 2 * 30)).unwrap();
    let config = format!(
        "pcm.deck {{ type file slave.pcm {{ type null }} file /dev/null infile \"{}\" format raw }}\n",
        recording.display()
    );
    let path = folder.path().join("asound.conf");
    fs::write(&path, config).unwrap();
    // alsa-lib reads its settings once.
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "a_device_of_these_settings_is_heard", "--nocapture"]);
    let ended = command.env("ALSA_CONFIG_PATH", &path).output().unwrap();
    let said = [ended.stdout, ended.stderr].concat();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
#[ignore = "what_a_device_records_is_heard calls it"]
fn a_device_of_these_settings_is_heard() {
    let input = Input::open("deck", &Place::LineIn("deck".into()), RawFormat::CD_48, SampleRate::HZ_48000, 2).unwrap();
    let mut source = input.listen();
    let mut out = [0.0; 960 * 2];
    let expected = f32::from(VALUE) / 32_768.0;
    let end = Instant::now() + Duration::from_secs(20);
    while (out[1_919] - expected).abs() > 1e-6 {
        assert!(Instant::now() < end, "nothing is heard: {:?}", input.status());
        assert_eq!(source.read(&mut out), Ok(960));
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(input.status().state, State::Playing);
}
