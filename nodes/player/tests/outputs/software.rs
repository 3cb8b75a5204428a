//! The outputs that need no device: the model and its recording, and the WAV file.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::fs;

use crate::lab::{Heard, Recording, fault_of, fresh_folder, noise, pause, play, start};
use hound::WavReader;
use nix::time::ClockId;
use unisono_core::units::SampleRate;
use unisono_player::output::{Fault, OpenError, Output, PositionSource, Room, open};

const RATE: SampleRate = SampleRate::HZ_48000;

fn opened(spec: &str) -> Box<dyn Output + Send> {
    open(&spec.parse().unwrap(), RATE).unwrap()
}

#[test]
fn a_model_40_ppm_fast_is_40_ppm_fast_on_the_clock_that_it_runs_on() {
    let mut output = opened("model:ppm=40,quantum=1");
    let seconds = vec![0.0; 2 * 96_000];
    let ahead_before = crate::lab::raw_ahead_of_monotonic();
    let asked = crate::lab::now(ClockId::CLOCK_MONOTONIC_RAW);
    let heard = play(&mut *output, &seconds);
    let ahead_after = crate::lab::raw_ahead_of_monotonic();
    let took = crate::lab::now(ClockId::CLOCK_MONOTONIC_RAW) - asked;
    assert_eq!(output.quality().source, PositionSource::Model);
    // How much faster the node's clock runs than the model's.
    let node = 1.0 + (ahead_after - ahead_before) as f64 / took as f64;
    for Heard { said, .. } in heard {
        assert!(said.is_sorted_by_key(|said| (said.reading.played, said.reading.at.as_nanos())));
        assert!(said.iter().all(|said| said.before <= said.reading.at && said.reading.at <= said.after));
        // Readings that nothing interrupted, and a run that is long enough to tell.
        let mut tight = said.iter().filter(|said| (said.after - said.before).as_nanos() < 20_000);
        let (Some(first), Some(last)) = (tight.next(), tight.next_back()) else { continue };
        let (first, last) = (first.reading, last.reading);
        let seconds = (last.at - first.at).as_secs_f64();
        if seconds < 0.5 {
            continue;
        }
        let rate = (last.played.0 - first.played.0) as f64 / seconds * node;
        let ppm = (rate / 48_000.0 - 1.0) * 1e6;
        // A frame of 20.8 µs, and 10 µs at either end: within 20 ppm over the 2 s that this takes when undisturbed.
        assert!((ppm - 40.0).abs() * seconds < 41.0, "{ppm} ppm over {seconds} s");
    }
}

#[test]
fn a_recording_of_a_model_holds_what_was_written_and_continues_where_it_ended() {
    let folder = fresh_folder("model");
    let prefix = folder.join("room");
    let spec = format!("model:ppm=-20,quantum=48,record={}", prefix.display());
    let (samples, _) = noise(9_600);
    let (first, second) = samples.split_at(9_600);
    play(&mut *opened(&spec), first);
    let mut output = opened(&spec);
    start(&mut *output);
    assert_eq!(fault_of(&mut *output), Fault::Underrun);
    play(&mut *output, second);
    drop(output);
    let recording = Recording::read(&prefix).unwrap();
    let recorded = recording.floats();
    assert!(recorded.starts_with(first) && recorded.ends_with(second) && recorded.len() > samples.len());
    assert_eq!(recording.runs[0].format, "FLOAT_LE 2");
    assert!((recording.runs[0].frames_per_nano - 48e-6 * (1.0 - 20e-6)).abs() < 1e-15);
    assert!(recording.runs.len() >= 3, "one, one that ran empty, and one more");
    let mut next = 0;
    for run in &recording.runs {
        let (emitted, written) = run.end.unwrap();
        // What is too little to start with belongs to no run.
        assert!((next..next + 1_920).contains(&run.first) && emitted <= written, "{run:?}");
        next = run.first + written;
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_model_runs_empty_once_and_starts_only_when_it_is_half_full() {
    let mut output = opened("model");
    assert_eq!(output.write(&[]), Ok(0));
    assert_eq!(output.write(&vec![0.0; 2 * 1_919]), Ok(1_919));
    pause();
    assert!(output.position().unwrap().is_none());
    assert_eq!(output.room(), Ok(Room { writable: 1_921, queued: 1_919 }));
    assert_eq!(output.write(&vec![0.0; 2 * 2_000]), Ok(1_921), "no more than fits in");
    let fault = loop {
        pause();
        if let Err(fault) = output.write(&[]) {
            break fault;
        }
    };
    assert_eq!(fault, Fault::Underrun);
    assert!(output.position().unwrap().is_none());
    assert_eq!(output.room(), Ok(Room { writable: 3_840, queued: 0 }));
}

#[test]
fn a_wav_file_can_be_read_while_it_grows_and_holds_what_was_written() {
    let folder = fresh_folder("wav");
    let path = folder.join("room.wav");
    let mut output = opened(&format!("file:{}", path.display()));
    let length = || WavReader::open(&path).unwrap().duration();
    assert_eq!(length(), 0, "valid from the start");
    let (samples, _) = noise(4_800);
    let mut written = samples.clone();
    play(&mut *output, &samples);
    while length() == 0 {
        // As one finds it if the process is killed now.
        play(&mut *output, &samples[..480]);
        written.extend(&samples[..480]);
    }
    drop(output);
    let mut reader = WavReader::open(&path).unwrap();
    assert_eq!((reader.spec().sample_rate, reader.spec().channels), (48_000, 2));
    let read: Vec<f32> = reader.samples().map(Result::unwrap).collect();
    assert!(read == written);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_file_that_cannot_be_written_is_refused_in_one_line() {
    let folder = fresh_folder("refused");
    let file = folder.join("file");
    fs::write(&file, "").unwrap();
    for path in [folder.join("no/such/room.wav"), file.join("room.wav")] {
        let spec = format!("file:{}", path.display());
        let error = open(&spec.parse().unwrap(), RATE).map(|_| ()).unwrap_err();
        assert!(matches!(error, OpenError::Other { .. }), "{error:?}");
        let line = error.to_string();
        assert!(line.starts_with(&spec) && line.contains("; ") && !line.contains('\n'), "{line}");
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_file_that_exists_is_never_overwritten() {
    let folder = fresh_folder("exists");
    let name = |name: &str| folder.join(name);
    let spec = format!("file:{}", name("room.wav").display());
    fs::write(name("room.wav"), "somebody's").unwrap();
    std::os::unix::fs::symlink(name("elsewhere"), name("room-3.wav")).unwrap();
    let (samples, _) = noise(4_800);
    for created in ["room-2.wav", "room-4.wav"] {
        let mut output = opened(&spec);
        play(&mut *output, &samples);
        drop(output);
        let mut reader = WavReader::open(name(created)).unwrap();
        assert!(reader.samples::<f32>().map(Result::unwrap).eq(samples.iter().copied()), "{created}");
    }
    assert_eq!(WavReader::open(name("room-2.wav")).unwrap().len() as usize, samples.len(), "still there");
    assert_eq!(fs::read(name("room.wav")).unwrap(), b"somebody's");
    assert!(!name("elsewhere").exists());
    fs::remove_dir_all(folder).unwrap();
}
