//! The audio thread's part of the resampler allocates nothing.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use unisono_core::{timeline::Phase, units::FramePosition};
use unisono_media::resample::Resampler;

/// Counts what one thread asks for.
struct Counting;

thread_local! {
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.set(ASKED.get() + 1);
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ASKED.set(ASKED.get() + 1);
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn pushing_reading_and_forgetting_allocate_nothing() {
    let mut resampler = Resampler::new(2, 2_000);
    let packet = [0.25; 960 * 2];
    let mut out = [0.0; 480 * 2];
    let mut at = Phase::at(FramePosition(0));
    let before = ASKED.get();
    for _ in 0..200 {
        resampler.push(resampler.end(), &packet);
        while resampler.read(at, 50e-6, &mut out) == 480 {
            at = at.advanced_by(480.0 * (1.0 + 50e-6));
        }
        resampler.discard_before(FramePosition(at.frame().0.saturating_sub(32)));
    }
    resampler.push(FramePosition(7), &packet);
    resampler.clear();
    assert_eq!(ASKED.get(), before);
    assert!(at.frame() > FramePosition(180_000), "it did run");
    // The allocator does count.
    drop(Box::new(std::hint::black_box(1_u64)));
    assert_eq!(ASKED.get(), before + 2);
}
