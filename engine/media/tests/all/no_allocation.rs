//! The audio thread's part of the resampler allocates nothing.

use unisono_core::{timeline::Phase, units::FramePosition};
use unisono_media::resample::Resampler;

/// How often something allocates or frees.
fn allocations_in(call: impl FnOnce()) -> u64 {
    let seen = allocation_counter::measure(call);
    seen.count_total + seen.count_total.saturating_sub_signed(seen.count_current)
}

#[test]
fn pushing_reading_and_forgetting_allocate_nothing() {
    let mut resampler = Resampler::new(2, 2_000);
    let packet = [0.25; 960 * 2];
    let mut out = [0.0; 480 * 2];
    let mut at = Phase::at(FramePosition(0));
    let allocations = allocations_in(|| {
        for _ in 0..200 {
            resampler.push(resampler.end(), &packet);
            while resampler.read(at, 50e-6, &mut out) == 480 {
                at = at.advanced_by(480.0 * (1.0 + 50e-6));
            }
            resampler.discard_before(FramePosition(at.frame().0.saturating_sub(32)));
        }
        resampler.push(FramePosition(7), &packet);
        resampler.clear();
    });
    assert_eq!(allocations, 0);
    assert!(at.frame() > FramePosition(180_000), "it did run");
    assert_eq!(allocations_in(|| drop(std::hint::black_box(Box::new(1_u64)))), 2, "the count sees an allocation");
}
