//! Neither the audio thread's end nor the sender allocates or frees, whatever happens.

use super::rig::{JOINT, Rig, at, noise, socket_pair};
use crate::a2dp::{FeedFault, Options, sender::Turn};

/// How often something allocates or frees.
fn allocations_in(call: impl FnOnce()) -> u64 {
    let seen = allocation_counter::measure(call);
    seen.count_total + seen.count_total.saturating_sub_signed(seen.count_current)
}

#[test]
fn the_count_sees_an_allocation_and_its_end() {
    assert_eq!(allocations_in(|| drop(std::hint::black_box(Box::new(7)))), 2);
}

#[test]
fn a_stream_is_fed_and_sent_without_allocating() {
    for config in [JOINT, [0x18, 0x15, 2, 29]] {
        let mut rig = Rig::new(config, &Options::default());
        let (mut feed, mut sender) = (rig.feed.take().unwrap(), rig.sender.take().unwrap());
        let frames: Vec<f32> = (0..4_800).flat_map(noise).collect();
        let (mut now, mut underruns, mut gone) = (0, 0, 0);
        // Playing, running empty, a socket that is full, a wake-up that is far too late.
        let seen = allocations_in(|| {
            for turn in 0..2_000 {
                now += if turn == 700 { 400_000_000 } else { 5_000_000 };
                while sender.turn(at(now)) == Turn::Again {}
                // Before it is given up as gone.
                if turn % 300 == 299 {
                    rig.discard();
                }
                let step = feed.taken().and_then(|_| feed.room());
                match step.and_then(|room| {
                    if turn % 500 < 300 { feed.write(&frames[..room.writable as usize * 2]) } else { Ok(0) }
                }) {
                    Ok(_) => {}
                    Err(FeedFault::Underrun) => underruns += 1,
                    Err(FeedFault::Gone(_)) => gone += 1,
                }
            }
        });
        let counters = rig.stream.counters();
        assert!(counters.dropped > 100 && counters.skipped > 10 && underruns >= 4 && gone == 0, "{counters:?}");
        assert_eq!(seen, 0);
        // A speaker that is gone.
        rig.far = None;
        let seen = allocations_in(|| {
            while sender.turn(at(now + 100_000_000)) == Turn::Again {}
            assert!(matches!(feed.room(), Err(FeedFault::Gone(_))));
            assert!(matches!(feed.write(&frames), Err(FeedFault::Gone(_))));
        });
        assert_eq!(seen, 0);
        drop(socket_pair());
    }
}
