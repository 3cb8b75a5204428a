//! From the audio thread to the sender: a ring, and what both agree on about where a run begins and ends.
//!
//! A run ends when the sender finds too few frames. It goes on sending, silence from there; the writer hears of it once,
//! counts from zero, and says from which frame on the next run is. What was put into the ring in between is dropped. A run
//! starts once the ring is half full, at the beginning of a packet.
//!
//! A frame counts as taken with the packet that carries it, so the first frame of a packet seems to be gone one packet's
//! length before it is sent: that length is a part of the latency ([`crate::latency::Stage::Packet`]).

use std::sync::Arc;

use ringbuf::{
    HeapCons, HeapProd, HeapRb,
    traits::{Consumer, Observer, Producer, Split},
};
use unisono_core::{
    playout::timing::BUFFER,
    time::{NodeClock, Timestamp},
    units::SampleRate,
};

use super::shared::Shared;
use crate::Failure;

/// Left and right.
const CHANNELS: usize = 2;

/// What fits into a feed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedRoom {
    /// Frames that can be written now.
    pub writable: u32,
    /// Frames that were written and not yet taken.
    pub queued: u32,
}

/// Why a call to a feed did not do what it should. Nothing in it is allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedFault {
    /// There were too few frames for a packet, and what was in it is lost. It counts from zero, and starts once enough
    /// was written.
    #[error("it ran empty and starts over; if this goes on, the machine is too busy")]
    Underrun,
    /// The stream is over. Drop the feed; open it again when the speaker is back.
    #[error(transparent)]
    Gone(#[from] Failure),
}

/// The audio thread's end of a stream. All of it is real-time: it neither allocates nor locks nor waits. Dropping it
/// ends the stream.
pub struct Feed {
    rate: SampleRate,
    ring: HeapProd<f32>,
    shared: Arc<Shared>,
    run: u32,
    /// Frames that were written, and those of them that belong to earlier runs.
    written: u64,
    before: u64,
    /// What [`Self::taken`] gave last.
    told: u64,
}

/// The sender's end.
pub(super) struct Intake {
    ring: HeapCons<f32>,
    shared: Arc<Shared>,
    state: State,
    /// Frames that start a run.
    start: usize,
    run: u32,
    /// Frames taken from the ring, and the first of this run.
    taken: u64,
    first: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Until there is enough for a start.
    Waiting,
    Running,
    /// Until the writer begins the next run.
    Ended,
}

/// Makes both ends of a stream whose packets have so many frames: what an audio thread keeps in any device, and a packet
/// more, since that goes at once.
pub(super) fn pair(rate: SampleRate, packet: usize, shared: &Arc<Shared>) -> (Feed, Intake) {
    let frames = usize::try_from(rate.frames_in(BUFFER).0).unwrap_or(0) + packet;
    let (give, take) = HeapRb::new(frames * CHANNELS).split();
    let feed = Feed { rate, ring: give, shared: Arc::clone(shared), run: 0, written: 0, before: 0, told: 0 };
    let (state, shared) = (State::Waiting, Arc::clone(shared));
    let start = (frames / 2).max(packet);
    (feed, Intake { ring: take, shared, state, start, run: 0, taken: 0, first: 0 })
}

impl Feed {
    /// What fits in.
    ///
    /// # Errors
    /// [`FeedFault::Underrun`] once for each time it ran empty; [`FeedFault::Gone`] from then on when it is over.
    pub fn room(&mut self) -> Result<FeedRoom, FeedFault> {
        self.check()?;
        let frames = |samples: usize| u32::try_from(samples / CHANNELS).unwrap_or(u32::MAX);
        // What is left over from an earlier run is not queued: it will be dropped.
        let own = u32::try_from(self.written - self.before).unwrap_or(u32::MAX);
        let (writable, queued) = (frames(self.ring.vacant_len()), frames(self.ring.occupied_len()).min(own));
        Ok(FeedRoom { writable, queued })
    }

    /// Writes interleaved stereo frames, full scale ±1, and gives how many were taken.
    ///
    /// # Errors
    /// As [`Self::room`]; none of the frames were taken then.
    pub fn write(&mut self, interleaved: &[f32]) -> Result<u32, FeedFault> {
        self.check()?;
        let frames = (self.ring.vacant_len() / CHANNELS).min(interleaved.len() / CHANNELS);
        self.ring.push_slice(&interleaved[..frames * CHANNELS]);
        self.written += frames as u64;
        Ok(u32::try_from(frames).unwrap_or(u32::MAX))
    }

    /// Frames that were taken since the start or the last underrun, and when: the deadline of the packet that they went
    /// with, whether it was sent a little later or not at all. From there to the ear it takes what
    /// [`crate::latency`] says. `None` while nothing was taken, and when there is nothing new.
    ///
    /// # Errors
    /// As [`Self::room`].
    pub fn taken(&mut self) -> Result<Option<(u64, Timestamp<NodeClock>)>, FeedFault> {
        self.check()?;
        let fresh = self.shared.position.read().filter(|(run, frames, _)| *run == self.run && *frames > self.told);
        Ok(fresh.map(|(_, frames, at)| {
            self.told = frames;
            (frames, at)
        }))
    }

    /// Frames per second that it takes.
    pub const fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Whether all is well.
    fn check(&mut self) -> Result<(), FeedFault> {
        if let Some(failure) = self.shared.failure() {
            return Err(failure.into());
        }
        if self.shared.has_ended() {
            return Err(Failure::Other.into());
        }
        if !self.shared.take_end_of_run() {
            return Ok(());
        }
        (self.before, self.told) = (self.written, 0);
        self.run = self.run.wrapping_add(1);
        self.shared.begin_run(self.run, self.written);
        Err(FeedFault::Underrun)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.shared.drop_feed();
    }
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Feed").field("rate", &self.rate).field("written", &self.written).finish_non_exhaustive()
    }
}

impl Intake {
    /// Fills a packet, due at that time, with frames or with silence. Real-time.
    pub(super) fn take(&mut self, packet: &mut [f32], deadline: Timestamp<NodeClock>) {
        if self.state == State::Ended {
            self.begin_next();
        }
        if self.state == State::Waiting && self.ring.occupied_len() >= self.start * CHANNELS {
            self.state = State::Running;
        }
        if self.state != State::Running {
            return packet.fill(0.0);
        }
        let count = self.ring.pop_slice(packet);
        self.taken += (count / CHANNELS) as u64;
        self.shared.position.publish(self.run, self.taken - self.first, deadline);
        if let Some(missing) = packet.get_mut(count..).filter(|missing| !missing.is_empty()) {
            missing.fill(0.0);
            self.state = State::Ended;
            self.shared.end_run();
        }
    }

    fn begin_next(&mut self) {
        let (run, first) = self.shared.run();
        if run == self.run {
            return;
        }
        (self.run, self.first) = (run, first);
        let stale = usize::try_from(first.saturating_sub(self.taken)).unwrap_or(usize::MAX);
        self.ring.skip(stale.saturating_mul(CHANNELS));
        self.taken = first;
        self.state = State::Waiting;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: usize = 640;

    fn both() -> (Feed, Intake, Arc<Shared>) {
        let shared = Arc::new(Shared::default());
        let (feed, intake) = pair(SampleRate::HZ_48000, PACKET, &shared);
        (feed, intake, shared)
    }

    /// Frames that tell their number.
    fn frames(from: u64, count: u64) -> Vec<f32> {
        (from..from + count).flat_map(|number| [number as f32, -(number as f32)]).collect()
    }

    fn at(millis: i64) -> Timestamp<NodeClock> {
        Timestamp::from_nanos(millis * 1_000_000)
    }

    fn packet(intake: &mut Intake, millis: i64) -> Vec<f32> {
        let mut packet = vec![9.0; PACKET * 2];
        intake.take(&mut packet, at(millis));
        packet
    }

    #[test]
    fn silence_is_taken_until_it_is_half_full_then_every_frame_in_turn() {
        let (mut feed, mut intake, _) = both();
        let room = feed.room().unwrap();
        assert_eq!(room, FeedRoom { writable: 3_840 + 640, queued: 0 });
        assert_eq!(feed.write(&frames(1, 2_239)), Ok(2_239));
        assert_eq!(packet(&mut intake, 0), vec![0.0; PACKET * 2]);
        assert_eq!(feed.taken(), Ok(None));
        assert_eq!(feed.write(&frames(2_240, 1)), Ok(1));
        assert_eq!(packet(&mut intake, 13), frames(1, 640));
        assert_eq!(feed.taken(), Ok(Some((640, at(13)))));
        assert_eq!(feed.taken(), Ok(None), "nothing new");
        assert_eq!(packet(&mut intake, 26), frames(641, 640));
        assert_eq!(feed.room(), Ok(FeedRoom { writable: 4_480 - 960, queued: 960 }));
        assert_eq!(feed.taken(), Ok(Some((1_280, at(26)))));
    }

    #[test]
    fn no_more_is_taken_than_fits_and_nothing_of_it_is_lost() {
        let (mut feed, mut intake, _) = both();
        assert_eq!(feed.write(&frames(0, 5_000)), Ok(4_480));
        for packets in 0..20 {
            assert_eq!(packet(&mut intake, packets), frames(packets.cast_unsigned() * 640, 640));
            assert_eq!(feed.write(&frames(4_480 + packets.cast_unsigned() * 640, 640)), Ok(640));
        }
    }

    #[test]
    fn running_empty_is_said_once_and_the_next_run_counts_from_zero() {
        let (mut feed, mut intake, shared) = both();
        feed.write(&frames(1, 2_540)).unwrap();
        [0, 13, 26].into_iter().for_each(|at| drop(packet(&mut intake, at)));
        let last = packet(&mut intake, 39);
        assert_eq!(last[..620 * 2], frames(1_921, 620), "what there was is taken");
        assert_eq!(last[620 * 2..], [0.0; 40]);
        assert_eq!(packet(&mut intake, 53), vec![0.0; PACKET * 2]);
        assert_eq!(shared.counting.read().underruns, 1);
        assert_eq!(feed.write(&frames(5_000, 10)), Err(FeedFault::Underrun));
        assert_eq!(feed.taken(), Ok(None));
        assert_eq!(feed.room(), Ok(FeedRoom { writable: 4_480, queued: 0 }));
        feed.write(&frames(6_000, 2_240)).unwrap();
        assert_eq!(packet(&mut intake, 66), frames(6_000, 640));
        assert_eq!(feed.taken(), Ok(Some((640, at(66)))));
    }

    #[test]
    fn what_was_written_by_one_who_had_not_heard_of_the_end_is_dropped() {
        let (mut feed, mut intake, shared) = both();
        feed.write(&frames(0, 2_240)).unwrap();
        (0..4).for_each(|turn| drop(packet(&mut intake, turn)));
        feed.ring.push_slice(&frames(7_000, 3_000));
        feed.written += 3_000;
        assert_eq!(feed.room(), Err(FeedFault::Underrun));
        assert_eq!(feed.room(), Ok(FeedRoom { writable: 1_480, queued: 0 }), "it is not ours any more");
        assert_eq!(feed.write(&frames(0, 1_480)), Ok(1_480));
        packet(&mut intake, 5);
        assert_eq!(feed.room(), Ok(FeedRoom { writable: 3_000, queued: 1_480 }));
        assert_eq!(feed.write(&frames(1_480, 3_000)), Ok(3_000));
        assert_eq!(packet(&mut intake, 6), frames(0, 640));
        assert_eq!(shared.counting.read().underruns, 1);
    }

    #[test]
    fn when_it_is_over_that_is_what_every_call_says() {
        let (mut feed, _, shared) = both();
        shared.fail(Failure::LinkLost);
        let gone = FeedFault::Gone(Failure::LinkLost);
        assert_eq!((feed.room(), feed.write(&[0.0; 8]), feed.taken()), (Err(gone), Err(gone), Err(gone)));
        assert!(gone.to_string().contains("nearer"), "{gone}");
        drop(feed);
        assert!(shared.is_finished());
    }
}
