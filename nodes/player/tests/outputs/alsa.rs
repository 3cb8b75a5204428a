//! The ALSA and cpal outputs on modelled converters, which record what they were given and when they emitted it.
//!
//! Nothing here depends on how fast this machine is: what was emitted and when is compared with what was written and
//! said. Where another thread could get in between two readings, most of them are asked to be right, not all.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use crate::lab::{Heard, Lab, emitted, fault_of, in_own_process, noise, play, start};
use unisono_core::units::SampleRate;
use unisono_player::output::{Fault, Gone, OpenError, Output, OutputSpec, PositionSource, Room, list, open};

const RATE: SampleRate = SampleRate::HZ_48000;

fn opened(spec: &str) -> Box<dyn Output + Send> {
    open(&spec.parse().unwrap(), RATE).unwrap()
}

fn refused(spec: &str) -> OpenError {
    let error = open(&spec.parse().unwrap(), RATE).map(|_| ()).unwrap_err();
    let line = error.to_string();
    assert!(line.starts_with(spec) && line.contains("; ") && !line.contains('\n'), "{line}");
    error
}

#[test]
fn what_is_written_is_what_the_converter_emits_to_the_bit() {
    in_own_process(module_path!(), "what_is_written_is_what_the_converter_emits_to_the_bit", &[], |lab| {
        let (samples, values) = noise(24_000);
        let mut output = opened("alsa:room");
        assert_eq!((output.rate(), output.channels()), (RATE, 2));
        play(&mut *output, &samples);
        drop(output);
        let recording = lab.recording("room");
        assert_eq!(recording.runs[0].format, "S32_LE 2");
        let emitted: Vec<i32> = recording.bytes.as_chunks().0.iter().map(|bytes| i32::from_le_bytes(*bytes)).collect();
        assert!(emitted.iter().eq(values.iter().map(|value| value << 8).collect::<Vec<_>>().iter()));
    });
}

#[test]
fn positions_lie_on_the_converters_true_line() {
    in_own_process(module_path!(), "positions_lie_on_the_converters_true_line", &[], |lab| check_positions(lab, 0));
}

#[test]
fn positions_are_on_the_clock_of_a_node_with_a_crystal_of_its_own() {
    let environment =
        [("LD_PRELOAD", "LABCLOCK.so"), ("LABCLOCK", "offset_s=4321 raw_ppm=-80 wander_ppm=5 period_s=3")];
    in_own_process(
        module_path!(),
        "positions_are_on_the_clock_of_a_node_with_a_crystal_of_its_own",
        &environment,
        |lab| {
            check_positions(lab, 4_000_000_000_000);
        },
    );
}

fn check_positions(lab: &Lab, shifted_by: i64) {
    let ahead = crate::lab::raw_ahead_of_monotonic();
    assert!(ahead >= shifted_by || shifted_by == 0, "the clock is not shifted: {ahead}");
    let mut output = opened("alsa:room");
    let heard = play(&mut *output, &noise(36_000).0);
    assert_eq!(output.quality().source, PositionSource::Device);
    drop(output);
    let runs = lab.recording("room").runs;
    let (mut asked, mut late) = (0, 0);
    for Heard { first, said, .. } in heard.iter().filter(|heard| !heard.said.is_empty()) {
        let run = runs.iter().find(|run| run.first == *first).unwrap();
        for said in said {
            assert!(said.before <= said.reading.at && said.reading.at <= said.after, "{said:?}: another clock");
            let behind = emitted(run, said) - said.reading.played.0 as f64;
            assert!(behind > -1.0, "{} frames ahead of what was emitted", -behind);
            asked += 1;
            late += usize::from(behind > 240.0);
        }
        assert!(said.is_sorted_by_key(|said| (said.reading.played, said.reading.at.as_nanos())));
    }
    assert!(asked > 20 && late * 10 <= asked, "{late} of {asked} a period late");
}

#[test]
fn running_empty_is_said_once_and_then_it_counts_from_zero() {
    in_own_process(module_path!(), "running_empty_is_said_once_and_then_it_counts_from_zero", &[], |lab| {
        let mut output = opened("alsa:room");
        assert!(output.position().unwrap().is_none(), "it has not started");
        start(&mut *output);
        assert_eq!(fault_of(&mut *output), Fault::Underrun);
        for _ in 0..10 {
            assert!(output.position().unwrap().is_none());
            assert_eq!(output.room(), Ok(Room { writable: 3_840, queued: 0 }));
        }
        for run in play(&mut *output, &noise(9_600).0) {
            assert!(run.said.iter().all(|said| said.reading.played.0 <= run.written));
        }
        drop(output);
        let runs = lab.recording("room").runs;
        assert!(runs.len() >= 2);
        assert_eq!(runs[0].end.map(|(emitted, written)| emitted == written), Some(true));
    });
}

#[test]
fn an_unplugged_device_is_lost_and_opens_again_when_it_is_back() {
    in_own_process(module_path!(), "an_unplugged_device_is_lost_and_opens_again_when_it_is_back", &[], |lab| {
        let (samples, _) = noise(2_880);
        let mut output = opened("alsa:room");
        play(&mut *output, &samples);
        lab.unplug("room");
        let unplugged = Fault::Gone(Gone::Unplugged);
        assert_eq!(fault_of(&mut *output), unplugged);
        assert_eq!(output.write(&samples), Err(unplugged));
        assert!(matches!(output.position(), Err(fault) if fault == unplugged));
        assert!(matches!(refused("alsa:room"), OpenError::NotFound { .. }));
        lab.plug_in("room");
        assert_eq!(output.room(), Err(unplugged), "a lost output stays lost");
        drop(output);
        let ends = |lab: &Lab| lab.recording("room").runs.iter().map(|run| run.end).collect::<Vec<_>>();
        assert!(ends(lab).iter().all(|end| end.is_some_and(|(emitted, written)| emitted <= written)));
        play(&mut *opened("alsa:room"), &samples);
        assert_eq!(lab.recording("room").bytes.len(), 2 * 2_880 * 8);
    });
}

#[test]
fn a_device_in_use_and_one_that_is_not_there_are_told_apart() {
    in_own_process(module_path!(), "a_device_in_use_and_one_that_is_not_there_are_told_apart", &[], |lab| {
        lab.occupy("room");
        assert!(matches!(refused("alsa:room"), OpenError::Busy { .. }));
        for nowhere in ["alsa:nowhere", "alsa:hw:CARD=Nowhere,DEV=0", "cpal:alsa:nowhere", "cpal:nowhere:nothing"] {
            let error = refused(nowhere);
            assert!(matches!(error, OpenError::NotFound { .. }), "{error:?}");
        }
        lab.plug_in("room");
        opened("alsa:room");
    });
}

#[test]
fn a_device_that_does_not_do_the_rate_is_told_how_to_convert_and_a_mono_one_gets_both_sides() {
    let name = "a_device_that_does_not_do_the_rate_is_told_how_to_convert_and_a_mono_one_gets_both_sides";
    in_own_process(module_path!(), name, &[], |lab| {
        assert_eq!(
            refused("alsa:narrow").to_string(),
            "alsa:narrow: does not do 48000 Hz, only 44100 Hz; try alsa:plug:narrow, which converts"
        );
        let mut output = open(&"alsa:narrow".parse().unwrap(), SampleRate::new(44_100).unwrap()).unwrap();
        let steps: Vec<f32> =
            (0..4_410_i16).flat_map(|n| [n, -n / 2 * 2 + n]).map(|n| f32::from(n) / 32_768.0).collect();
        play(&mut *output, &steps);
        drop(output);
        let recording = lab.recording("narrow");
        assert_eq!(recording.runs[0].format, "S16_LE 1");
        let emitted = recording.bytes.as_chunks().0.iter().map(|bytes| i16::from_le_bytes(*bytes));
        let expected = steps.as_chunks::<2>().0.iter().map(|[left, right]| (left + right) * 16_384.0);
        for (emitted, expected) in emitted.zip(expected) {
            let slack = if expected.fract() == 0.0 { 0.0 } else { 1.5 };
            assert!((f32::from(emitted) - expected).abs() <= slack, "{emitted} for {expected}");
        }
    });
}

#[test]
fn the_list_works_without_a_card_and_says_only_what_can_be_asked_for() {
    in_own_process(module_path!(), "the_list_works_without_a_card_and_says_only_what_can_be_asked_for", &[], |_| {
        let devices = list();
        assert!(devices.iter().all(|device| device.id.parse::<OutputSpec>().is_ok()));
        assert!(devices.iter().any(|device| device.id == "model" && device.available));
        assert!(devices.iter().any(|device| device.id == "cpal"));
        assert!(!devices.iter().any(|device| device.id.contains("CARD=0")), "card numbers change");
    });
}

#[test]
fn cpal_plays_every_frame_in_turn_and_says_when_it_will_be_heard() {
    in_own_process(module_path!(), "cpal_plays_every_frame_in_turn_and_says_when_it_will_be_heard", &[], |lab| {
        let (samples, _) = noise(28_800);
        let pushed_out = [samples.as_slice(), &[0.0; 2 * 9_600]].concat();
        // A thread without priority may come too late now and then; what is asked for is that it need not.
        let heard = (0..20).find_map(|_| {
            for suffix in ["default.raw", "default.log"] {
                let _ = std::fs::remove_file(lab.path(suffix));
            }
            let mut output = opened("cpal");
            let heard = play(&mut *output, &pushed_out);
            assert_eq!(output.quality().source, PositionSource::Library);
            (heard.len() == 1).then_some(heard)
        });
        let heard = heard.expect("one of twenty attempts is not disturbed").remove(0);
        let recording = lab.recording("default");
        let sound = recording.floats();
        let start = sound.iter().position(|sample| *sample != 0.0).unwrap();
        assert!(sound[start..].starts_with(&samples), "the frames in turn behind the silence");
        let start = (start / 2) as u64;
        let run = recording.runs.iter().rfind(|run| run.first <= start).unwrap();
        let mut late = 0;
        for said in &heard.said {
            assert!(said.reading.played.0 <= heard.written);
            assert!((said.reading.at - said.before).abs().as_millis() < 1_000, "{said:?}: another clock");
            let behind = emitted(run, said) - (start - run.first + said.reading.played.0) as f64;
            assert!(behind > -48.0, "{} frames ahead of what was emitted", -behind);
            late += usize::from(behind > 240.0);
        }
        assert!(heard.said.len() > 5 && late * 5 <= heard.said.len(), "{late} of {} late", heard.said.len());
    });
}

#[test]
fn cpal_says_when_it_ran_empty_and_when_the_device_is_gone() {
    in_own_process(module_path!(), "cpal_says_when_it_ran_empty_and_when_the_device_is_gone", &[], |lab| {
        let mut output = opened("cpal");
        start(&mut *output);
        assert_eq!(fault_of(&mut *output), Fault::Underrun);
        assert!(output.position().unwrap().is_none());
        assert_eq!(output.room().unwrap().queued, 0);
        start(&mut *output);
        lab.unplug("default");
        let gone = loop {
            match fault_of(&mut *output) {
                Fault::Underrun => {}
                fault => break fault,
            }
        };
        assert_eq!(gone, Fault::Gone(Gone::Unplugged));
        assert_eq!(output.write(&[0.0; 2]), Err(gone));
        drop(output);
        assert!(matches!(refused("cpal"), OpenError::NotFound { .. }));
        lab.plug_in("default");
        start(&mut *opened("cpal"));
    });
}
