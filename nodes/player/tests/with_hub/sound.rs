//! How a room sounds, from the hub's API to what is emitted.

use std::{fs, path::Path, thread::sleep, time::Duration};

use serde_json::json;
use unisono_benches::lab::recording::{Recording, Run};

use crate::house::{House, now};

/// Left and right of the one frame that is heard over and over.
const FRAME: [f32; 2] = [0.5, -0.25];

fn write_level(path: &Path, seconds: usize) {
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for _ in 0..seconds * 48_000 {
        #[expect(clippy::cast_possible_truncation, reason = "it fits")]
        FRAME.iter().for_each(|sample| writer.write_sample((sample * 32_768.0) as i16).unwrap());
    }
    writer.finalize().unwrap();
}

/// Every frame, with the instant at which it was emitted.
fn frames(recording: &Recording) -> Vec<(f64, [f32; 2])> {
    let floats = recording.floats();
    let (mut frames, all) = (Vec::new(), floats.as_chunks::<2>().0);
    for (run, next) in recording.runs.iter().zip(recording.runs.iter().skip(1).map(Some).chain([None])) {
        let place = |run: &Run| usize::try_from(run.first).unwrap();
        let (first, end) = (place(run), next.map_or(all.len(), place));
        let emitted = all[first..end.min(all.len())].iter().enumerate();
        frames.extend(emitted.map(|(number, frame)| (run.seconds_of(number as f64), *frame)));
    }
    frames
}

fn near(frame: [f32; 2], to: [f32; 2]) -> bool {
    frame.iter().zip(to).all(|(sample, to)| (sample - to).abs() < 1e-3)
}

#[test]
fn what_is_set_through_the_hub_is_emitted_soon_and_kept_by_the_node() {
    let house = House::new(&[]);
    write_level(&house.folder.path().join("level.wav"), 60);
    house.tell("POST", "/groups/all/play", &json!({"file": house.folder.path().join("level.wav")}));
    house.wait("the group to be heard", |house| house.room()["state"] == "playing");
    sleep(Duration::from_millis(1_500));
    let quieter = now();
    house.tell("PATCH", "/rooms/kitchen", &json!({"volume": 25}));
    sleep(Duration::from_millis(1_000));
    let shaped = now();
    let equaliser = json!({"enabled": true, "preamp_db": -6.02, "bands": []});
    let room = house.tell("PATCH", "/rooms/kitchen", &json!({"equaliser": equaliser, "channels": "swapped"}));
    assert_eq!((&room["equaliser"], &room["sound_problem"]), (&equaliser, &json!(null)));
    sleep(Duration::from_millis(1_000));
    let beeped = now();
    assert_eq!(house.hub("POST", "/rooms/kitchen/beep", None), (202, json!("")));
    sleep(Duration::from_millis(1_800));

    // Both sides say how it is, and where its latency comes from.
    let node = house.node("GET", "/rooms", None).1[0].clone();
    assert_eq!((&node["equaliser"], &node["channels"]), (&equaliser, &json!("swapped")));
    house.wait("the parts of its latency", |house| house.room()["latency"] != json!([]));
    let room = house.room();
    assert_eq!(room["latency"], node["latency"]);
    let parts = room["latency"].as_array().unwrap().iter().map(|part| part["seconds"].as_f64().unwrap());
    let (sum, all) = (parts.sum::<f64>(), room["latency_s"].as_f64().unwrap());
    assert!((sum - all).abs() < 1e-6, "{sum} of {all}: {room}");
    let kept = house.folder.path().join("kitchen-state/sound.json");
    house.wait("the node to keep it", |_| fs::read_to_string(&kept).is_ok_and(|kept| kept.contains("-602")));

    house.tell("PATCH", "/rooms/kitchen", &json!({"muted": true}));
    sleep(Duration::from_millis(200));
    let (status, said) = house.hub("POST", "/rooms/kitchen/beep", None);
    assert!(status == 409 && said["error"].as_str().unwrap().contains("muted"), "{status} {said}");

    let recording = house.recording();
    let frames = frames(&recording);
    let last = |until: f64| frames.iter().rfind(|(time, _)| *time < until).unwrap().1;
    assert!(near(last(quieter), FRAME), "{:?}", last(quieter));
    let low = [FRAME[0] * 0.125, FRAME[1] * 0.125];
    let exchanged = [low[1] * 0.5, low[0] * 0.5];
    assert!(near(last(shaped), low) && near(last(beeped), exchanged), "{:?} {:?}", last(shaped), last(beeped));
    let settled = |from: f64, until: f64, to: [f32; 2]| {
        let other = frames.iter().rfind(|(time, frame)| *time > from && *time < until && !near(*frame, to));
        other.map_or(0.0, |(time, _)| time - from)
    };
    let (volume, sound) = (settled(quieter, shaped, low), settled(shaped, beeped, exchanged));
    println!("a volume is heard wholly after {:.0} ms, a sound after {:.0}", volume * 1e3, sound * 1e3);
    // The machine may be busy; what it takes otherwise is in the renderer's tests.
    assert!(volume < 0.8 && sound < 0.8, "{volume} s, {sound} s");
    let beep = frames.iter().filter(|(time, _)| *time > beeped && *time < beeped + 1.0);
    let loudest = beep.fold(0.0_f32, |peak, (_, frame)| peak.max(frame[0].abs()));
    assert!((0.015..0.05).contains(&loudest), "the beep is at {loudest}");
}
