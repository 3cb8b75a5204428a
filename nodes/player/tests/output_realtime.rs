//! The audio thread allocates nothing, whatever the output and whatever happens to it.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod lab;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use lab::{fresh_folder, in_own_process, pause};
use unisono_core::units::SampleRate;
use unisono_player::output::{Fault, Output, open};

/// Counts what the audio thread allocates and frees, while it is told to. What alsa-lib does in C is not seen.
struct Counting;

thread_local! {
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    static COUNT: Cell<u32> = const { Cell::new(0) };
}

fn count() {
    if WATCHED.get() {
        COUNT.set(COUNT.get() + 1);
    }
}

// SAFETY: every call is passed on unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count();
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Plays for a while, and then lets it run empty, twice; gives how often that allocated.
fn allocations(output: &mut dyn Output) -> u32 {
    let frames = vec![0.1; 2 * 9_600];
    WATCHED.set(true);
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
    WATCHED.set(false);
    COUNT.take()
}

fn allocations_of(spec: &str) -> u32 {
    allocations(&mut *open(&spec.parse().unwrap(), SampleRate::HZ_48000).unwrap())
}

#[test]
fn the_count_sees_an_allocation() {
    WATCHED.set(true);
    drop(Box::new(std::hint::black_box(7)));
    WATCHED.set(false);
    assert_eq!(COUNT.take(), 2);
}

#[test]
fn an_alsa_device_is_driven_without_allocating() {
    in_own_process("an_alsa_device_is_driven_without_allocating", &[], |_| {
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
