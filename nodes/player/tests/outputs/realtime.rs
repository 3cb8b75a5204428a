//! The audio thread allocates nothing, whatever the output and whatever happens to it.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use crate::lab::{fresh_folder, in_own_process, pause};
use unisono_core::units::SampleRate;
use unisono_player::output::{Fault, Output, open};

/// How often something allocates or frees. What alsa-lib does in C is not seen.
fn allocations_in(call: impl FnOnce()) -> u64 {
    let seen = allocation_counter::measure(call);
    seen.count_total + seen.count_total.saturating_sub_signed(seen.count_current)
}

/// Plays for a while, and then lets it run empty, twice.
fn play(output: &mut dyn Output, frames: &[f32]) {
    let mut underruns = 0;
    for turn in 0.. {
        pause();
        let step = output.position().and_then(|_| {
            let room = output.room()?;
            if turn % 60 < 30 { output.write(&frames[..room.writable as usize * 2]) } else { Ok(0) }
        });
        let _ = output.quality();
        match step {
            Err(Fault::Underrun) => underruns += 1,
            Err(fault) => panic!("{fault}"),
            Ok(_) => {}
        }
        if underruns == 2 {
            break;
        }
    }
}

fn allocations_of(spec: &str) -> u64 {
    let mut output = open(&spec.parse().unwrap(), SampleRate::HZ_48000).unwrap();
    let frames = vec![0.1; 2 * 9_600];
    allocations_in(|| play(&mut *output, &frames))
}

#[test]
fn the_count_sees_an_allocation() {
    assert_eq!(allocations_in(|| drop(std::hint::black_box(Box::new(7)))), 2);
}

#[test]
fn an_alsa_device_is_driven_without_allocating() {
    in_own_process(module_path!(), "an_alsa_device_is_driven_without_allocating", &[], |_| {
        assert_eq!(allocations_of("alsa:room"), 0);
        assert_eq!(allocations_of("cpal"), 0);
    });
}

#[test]
fn outputs_without_a_device_are_driven_without_allocating() {
    let folder = fresh_folder("realtime");
    assert_eq!(allocations_of("model:ppm=40,quantum=48"), 0);
    assert_eq!(allocations_of(&format!("model:record={}/room", folder.display())), 0);
    assert_eq!(allocations_of(&format!("file:{}/room.wav", folder.display())), 0);
    std::fs::remove_dir_all(folder).unwrap();
}
