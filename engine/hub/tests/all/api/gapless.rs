//! A recording that was cut into tracks arrives in a room whole, sample by sample.

use std::{
    cell::RefCell,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use unisono_core::wire::control::Codec;
use unisono_hub::house::StreamSettings;
use unisono_media::{FileSource, Source};

use crate::api::{
    ear::{Ear, RATE},
    hub::Hub,
    shelf::Shelf,
};

/// Loud and different everywhere, so that whatever is missing at a cut is missed.
fn recording(seed: u64, frames: u32) -> Vec<i16> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut low = [0.0_f64; 2];
    (0..frames * 2)
        .map(|i| {
            let low = &mut low[i as usize % 2];
            *low += 0.3 * (random.f64() * 2.0 - 1.0 - *low);
            #[expect(clippy::cast_possible_truncation, reason = "it is below full scale")]
            let sample = (*low * 20_000.0) as i16;
            sample
        })
        .collect()
}

fn write(path: &Path, rate: u32, samples: &[i16]) -> PathBuf {
    let spec =
        hound::WavSpec { channels: 2, sample_rate: rate, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    samples.iter().for_each(|sample| writer.write_sample(*sample).unwrap());
    writer.finalize().unwrap();
    path.into()
}

/// What a file is at the stream's rate, in 24 bits as they are sent.
fn whole(path: &Path) -> Vec<i32> {
    let mut source = FileSource::open(path, RATE, 2).unwrap();
    let mut sound = vec![0.0; 48_000 * 2 * 10];
    let frames = source.read(&mut sound).unwrap();
    sound[..frames * 2].iter().map(|sample| integer(*sample)).collect()
}

fn integer(sample: f32) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "24 bits")]
    let integer = (f64::from(sample) * f64::from(1 << 23)).round() as i32;
    integer
}

/// Plays tracks cut from a recording at some rate through a hub that streams with some codec, and finds it whole.
fn is_whole(codec: Codec, rate: u32) {
    let shelf = Shelf::new();
    let streams = StreamSettings { codec, ..StreamSettings::default() };
    let hub = Hub::start_with(streams, shelf.catalogue());
    let ear = Ear::join(&hub, "kitchen", codec);
    hub.post("/groups", &json!({"name": "all", "rooms": ["kitchen"]}));
    let samples = recording(7, rate * 3);
    let all = whole(&write(&hub.folder.path().join("whole.wav"), rate, &samples));
    // One track is shorter than what is read ahead.
    let cuts = [0.0, 1.000_1, 1.113, 2.2, 3.0].map(|seconds| (seconds * f64::from(rate)).round());
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "frames")]
    let cuts = cuts.map(|frame| frame as usize * 2);
    for (i, cut) in cuts.windows(2).enumerate() {
        shelf.put(&format!("{i}.wav"), &write(&hub.folder.path().join("cut.wav"), rate, &samples[cut[0]..cut[1]]));
    }
    let items: Vec<Value> = (0..4).map(|i| json!({"track": format!("{i}.wav")})).collect();
    let (status, queue) = hub.post("/groups/all/queue", &json!({"items": items, "at": "replace", "play": true}));
    assert_eq!((status, &queue["index"]), (200, &json!(0)), "{queue}");
    let titles = RefCell::new(Vec::new());
    hub.wait(|hub| {
        let group = hub.get("/groups/all").1;
        let mut titles = titles.borrow_mut();
        if group["state"] == "playing" && titles.last() != Some(&group["title"]) {
            titles.push(group["title"].clone());
        }
        group["state"] == "stopped"
    });
    assert_eq!(titles.into_inner(), ["0.wav", "1.wav", "2.wav", "3.wav"]);
    let (_, sound) = ear.sound();
    let sound: Vec<i32> = sound.iter().map(|sample| integer(*sample)).collect();
    assert!(sound.len() >= all.len(), "{} of {} samples have arrived", sound.len(), all.len());
    let wrong = sound.iter().zip(&all).position(|(heard, meant)| heard != meant);
    assert_eq!(wrong.map(|at| (at / 2, sound[at], all[at])), None, "{codec} at {rate} Hz, cut at {cuts:?}");
    assert!(sound[all.len()..].iter().all(|sample| *sample == 0), "something comes behind the end");
    assert_eq!(ear.gaps(), 1, "nothing but the end");
}

#[test]
fn a_recording_cut_into_tracks_arrives_whole_as_it_is() {
    is_whole(Codec::Pcm24, 48_000);
}

#[test]
fn a_recording_cut_into_tracks_arrives_whole_with_its_rate_changed() {
    is_whole(Codec::Pcm24, 44_100);
}

#[test]
fn a_recording_cut_into_tracks_arrives_whole_through_flac() {
    is_whole(Codec::Flac, 48_000);
}

/// Plays three tracks, and takes the second out a quarter of a second before it would begin. Gives what was heard and
/// the tracks; `None` when the machine was too slow to do that in time.
fn with_the_second_taken_out() -> Option<(Vec<i32>, [Vec<i32>; 3])> {
    let shelf = Shelf::new();
    let hub = Hub::start_with(StreamSettings { codec: Codec::Pcm24, ..StreamSettings::default() }, shelf.catalogue());
    let ear = Ear::join(&hub, "kitchen", Codec::Pcm24);
    hub.post("/groups", &json!({"name": "all", "rooms": ["kitchen"]}));
    let tracks = [1, 2, 3].map(|seed| {
        let path = write(&hub.folder.path().join("track.wav"), 48_000, &recording(seed, 3 * 48_000 + 123));
        shelf.put(&seed.to_string(), &path);
        whole(&path)
    });
    let items = ["1", "2", "3"].map(|track| json!({"track": track}));
    let queue = hub.post("/groups/all/queue", &json!({"items": items, "play": true})).1;
    let second = format!("/groups/all/queue/{}", queue["entries"][1]["entry"].as_str().unwrap());
    hub.wait(|hub| hub.get("/groups/all").1["position_s"].as_f64().is_some_and(|position| position > 2.75));
    assert_eq!(hub.delete(&second).0, 200);
    let group = hub.get("/groups/all").1;
    if group["title"] != "1" || group["position_s"].as_f64().unwrap() > 2.99 {
        return None;
    }
    hub.wait(|hub| {
        let group = hub.get("/groups/all").1;
        assert_ne!(group["title"], "2");
        group["title"] == "3" && group["position_s"].as_f64().unwrap() > 0.2
    });
    assert_eq!(ear.gaps(), 0, "nothing is silent");
    // Its positions may not be in a row: where the third could not be there in time, it begins on the grid of all codecs.
    Some((ear.heard().into_iter().map(integer).collect(), tracks))
}

#[test]
fn what_is_taken_out_at_the_last_moment_leaves_no_gap() {
    let (heard, [first, second, third]) = (0..20).find_map(|_| with_the_second_taken_out()).unwrap();
    assert!(heard[..first.len()] == first, "the first is whole");
    let rest = &heard[first.len()..];
    // When the third could not be there in time, what had been sent of the second.
    let moment = rest.iter().zip(&second).take_while(|(heard, second)| heard == second).count();
    println!("{:.1} ms of the second", moment as f64 / 96.0);
    let rest = &rest[moment..];
    assert!(rest.len() > 2_000 && *rest == third[..rest.len()], "the third from its first frame on");
}
