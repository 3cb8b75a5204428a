//! The callback's side: takes frames from the ring, and agrees with the other side on where a run begins and ends.
//!
//! A run ends when the ring has too few frames, or when the device lost what it had. The callback says so and plays
//! silence; the writer hears of it, counts from zero, and says from which frame on the next run is; what was put into
//! the ring in between is dropped. Real-time, all of it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering},
};

use ringbuf::{
    HeapCons,
    traits::{Consumer, Observer},
};

use crate::output::{CHANNELS, Gone, samples::Encoder};

/// What both sides know.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// The callback has ended the run.
    ended: AtomicBool,
    /// The device lost what it had.
    ran_empty: AtomicBool,
    lost: AtomicU8,
    /// Frames of the largest buffer that was asked for.
    largest_buffer: AtomicU32,
    /// The writer's run, and the frame since opening with which it begins.
    run: AtomicU32,
    first: AtomicU64,
}

impl Shared {
    pub(super) fn device_ran_empty(&self) {
        self.ran_empty.store(true, Ordering::Release);
    }

    /// For good: what is said first stays.
    pub(super) fn lose(&self, gone: Gone) {
        let code = match gone {
            Gone::Unplugged => 1,
            Gone::Stalled => 2,
            _ => 3,
        };
        let _ = self.lost.compare_exchange(0, code, Ordering::AcqRel, Ordering::Acquire);
    }

    pub(super) fn lost(&self) -> Option<Gone> {
        match self.lost.load(Ordering::Acquire) {
            0 => None,
            1 => Some(Gone::Unplugged),
            2 => Some(Gone::Stalled),
            _ => Some(Gone::Ended),
        }
    }

    /// Frames of the largest buffer that was asked for; zero before the first.
    pub(super) fn largest_buffer(&self) -> u64 {
        u64::from(self.largest_buffer.load(Ordering::Relaxed))
    }

    /// Whether the run has ended; says so once.
    pub(super) fn take_end(&self) -> bool {
        self.ended.load(Ordering::Relaxed) && self.ended.swap(false, Ordering::AcqRel)
    }

    /// The writer's next run begins with frame `first`.
    pub(super) fn begin(&self, run: u32, first: u64) {
        self.first.store(first, Ordering::Relaxed);
        self.run.store(run, Ordering::Release);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Until there is enough for a start.
    Waiting,
    Playing,
    /// Until the writer begins the next run.
    Ended,
}

/// Fills cpal's buffers.
pub(super) struct Feed {
    ring: HeapCons<f32>,
    encoder: Encoder,
    shared: Arc<Shared>,
    state: State,
    /// Frames that start a run, or one buffer if that is more.
    start: u64,
    run: u32,
    /// Frames taken since opening, and the first of this run.
    taken: u64,
    first: u64,
}

impl Feed {
    pub(super) fn new(ring: HeapCons<f32>, encoder: Encoder, shared: Arc<Shared>, start: u64) -> Self {
        Self { ring, encoder, shared, state: State::Waiting, start, run: 0, taken: 0, first: 0 }
    }

    /// Whether the device lost what it had since this was last asked: that ends the run.
    pub(super) fn device_ran_empty(&mut self) -> bool {
        let ran_empty = self.shared.ran_empty.swap(false, Ordering::AcqRel);
        if ran_empty && self.state == State::Playing {
            self.end();
        }
        ran_empty
    }

    /// Fills a buffer with frames, or with silence. Gives the run and the number in it of the buffer's first frame.
    pub(super) fn fill(&mut self, bytes: &mut [u8]) -> Option<(u32, u64)> {
        bytes.fill(0);
        let frames = bytes.len() / self.encoder.frame_bytes();
        self.shared.largest_buffer.fetch_max(u32::try_from(frames).unwrap_or(u32::MAX), Ordering::Relaxed);
        if self.state == State::Ended {
            self.begin_next();
        }
        if self.state == State::Waiting && self.waiting() >= self.start.max(frames as u64) {
            self.state = State::Playing;
        }
        if self.state != State::Playing {
            return None;
        }
        let first = (self.run, self.taken - self.first);
        if self.take(bytes) { Some(first) } else { None }
    }

    /// Whether there was enough.
    fn take(&mut self, mut bytes: &mut [u8]) -> bool {
        let mut samples = [0.0; 512];
        let frame_bytes = self.encoder.frame_bytes();
        while bytes.len() >= frame_bytes {
            let wanted = (bytes.len() / frame_bytes * usize::from(CHANNELS)).min(samples.len());
            let count = self.ring.pop_slice(&mut samples[..wanted]);
            self.taken += (count / usize::from(CHANNELS)) as u64;
            let made = self.encoder.encode(&samples[..count], bytes);
            if count < wanted {
                self.end();
                return false;
            }
            bytes = &mut bytes[made..];
        }
        true
    }

    fn end(&mut self) {
        self.state = State::Ended;
        self.shared.ended.store(true, Ordering::Release);
    }

    fn begin_next(&mut self) {
        let run = self.shared.run.load(Ordering::Acquire);
        if run == self.run {
            return;
        }
        self.run = run;
        self.first = self.shared.first.load(Ordering::Relaxed);
        let stale = usize::try_from(self.first.saturating_sub(self.taken)).unwrap_or(usize::MAX);
        self.ring.skip(stale.saturating_mul(usize::from(CHANNELS)));
        self.taken = self.first;
        self.state = State::Waiting;
    }

    fn waiting(&self) -> u64 {
        (self.ring.occupied_len() / usize::from(CHANNELS)) as u64
    }
}

#[cfg(test)]
mod tests {
    use ringbuf::{
        HeapProd, HeapRb,
        traits::{Producer, Split},
    };

    use super::*;
    use crate::output::samples::Format;

    /// A ring of 8 frames, which starts with 4, and buffers of 2 frames of 16 bit.
    fn pair() -> (HeapProd<f32>, Feed, Arc<Shared>) {
        let (writer, reader) = HeapRb::new(16).split();
        let shared = Arc::new(Shared::default());
        (writer, Feed::new(reader, Encoder::new(Format::S16, 2), Arc::clone(&shared), 4), shared)
    }

    fn frame(n: i16) -> [f32; 2] {
        [f32::from(n) / 32_768.0; 2]
    }

    fn heard(feed: &mut Feed) -> (Option<(u32, u64)>, Vec<i16>) {
        let mut bytes = [0xEE; 8];
        let first = feed.fill(&mut bytes);
        (first, bytes.chunks_exact(4).map(|b| i16::from_le_bytes([b[0], b[1]])).collect())
    }

    #[test]
    fn silence_is_played_until_there_is_enough_then_every_frame_in_turn() {
        let (mut writer, mut feed, shared) = pair();
        writer.push_slice(&[frame(1), frame(2), frame(3)].concat());
        assert_eq!(heard(&mut feed), (None, vec![0, 0]));
        writer.push_slice(&frame(4));
        assert_eq!(heard(&mut feed), (Some((0, 0)), vec![1, 2]));
        assert_eq!(heard(&mut feed), (Some((0, 2)), vec![3, 4]));
        assert!(!shared.take_end());
    }

    #[test]
    fn a_device_that_asks_for_much_at_once_starts_only_with_as_much() {
        let (mut writer, mut feed, shared) = pair();
        writer.push_slice(&[0.5; 10]);
        let mut bytes = [0; 24];
        assert_eq!(feed.fill(&mut bytes), None);
        assert_eq!(shared.largest_buffer(), 6);
        writer.push_slice(&[0.5; 2]);
        assert_eq!(feed.fill(&mut bytes), Some((0, 0)));
    }

    #[test]
    fn running_empty_is_said_once_and_the_next_run_begins_with_what_is_written_after_that() {
        let (mut writer, mut feed, shared) = pair();
        writer.push_slice(&(1..=5).map(frame).collect::<Vec<_>>().concat());
        heard(&mut feed);
        heard(&mut feed);
        assert_eq!(heard(&mut feed), (None, vec![5, 0]), "what there was is played");
        writer.push_slice(&frame(6)); // by a writer that has not heard of it
        assert_eq!(heard(&mut feed), (None, vec![0, 0]));
        assert!(shared.take_end() && !shared.take_end());
        shared.begin(1, 6);
        writer.push_slice(&(7..=10).map(frame).collect::<Vec<_>>().concat());
        assert_eq!(heard(&mut feed), (Some((1, 0)), vec![7, 8]));
        assert_eq!(heard(&mut feed), (Some((1, 2)), vec![9, 10]));
    }

    #[test]
    fn a_device_that_lost_what_it_had_ends_the_run() {
        let (mut writer, mut feed, shared) = pair();
        shared.device_ran_empty();
        assert!(feed.device_ran_empty(), "before the first run there is nothing to lose");
        assert!(!shared.take_end());
        writer.push_slice(&(1..=6).map(frame).collect::<Vec<_>>().concat());
        heard(&mut feed);
        shared.device_ran_empty();
        assert!(feed.device_ran_empty() && !feed.device_ran_empty());
        assert!(shared.take_end());
        assert_eq!(heard(&mut feed), (None, vec![0, 0]));
        shared.begin(1, 6);
        writer.push_slice(&(7..=10).map(frame).collect::<Vec<_>>().concat());
        assert_eq!(heard(&mut feed), (Some((1, 0)), vec![7, 8]), "the four that were left over are dropped");
    }

    #[test]
    fn what_is_lost_first_stays_lost() {
        let shared = Shared::default();
        assert_eq!(shared.lost(), None);
        shared.lose(Gone::Unplugged);
        shared.lose(Gone::Ended);
        assert_eq!(shared.lost(), Some(Gone::Unplugged));
    }
}
