//! Decoded sound on its way to the audio thread.

use std::slice;

use ringbuf::{
    HeapCons, HeapProd, HeapRb,
    traits::{Consumer, Observer, Producer, Split},
};
use unisono_core::units::FramePosition;

use crate::realtime::memory;

/// Samples in a frame.
pub(super) const CHANNELS: usize = 2;

/// Frames in a block at most: 40 ms at 96 kHz.
pub(super) const MAX_FRAMES: usize = 3_840;

/// Blocks in all. The decoder runs 120 ms ahead, which is 12 packets of 10 ms.
const BLOCKS: usize = 24;

/// One packet's sound, real or made up.
#[derive(Debug)]
pub(super) struct Block {
    /// Which of the streams that this room has played; blocks of an earlier one are useless.
    pub(super) generation: u32,
    /// The run of anchors that it belongs to.
    pub(super) run: u32,
    /// The position of its first frame.
    pub(super) start: FramePosition,
    samples: [f32; MAX_FRAMES * CHANNELS],
    len: usize,
}

impl Block {
    /// Interleaved samples.
    pub(super) fn samples(&self) -> &[f32] {
        &self.samples[..self.len]
    }

    /// As [`Self::samples`], to be changed.
    pub(super) fn samples_mut(&mut self) -> &mut [f32] {
        &mut self.samples[..self.len]
    }

    /// Room for so many frames, to be filled.
    pub(super) fn resize(&mut self, frames: usize) -> &mut [f32] {
        self.len = (frames * CHANNELS).min(self.samples.len());
        &mut self.samples[..self.len]
    }

    /// Keeps so many frames at the start.
    pub(super) fn truncate(&mut self, frames: usize) {
        self.len = self.len.min(frames * CHANNELS);
    }

    /// Drops frames at the start: what a decoder puts out before its stream begins.
    pub(super) fn skip(&mut self, frames: usize) {
        let skipped = (frames * CHANNELS).min(self.len);
        self.samples.copy_within(skipped..self.len, 0);
        self.len -= skipped;
    }
}

/// The decoder's end.
pub(super) struct Sound {
    full: HeapProd<Box<Block>>,
    empty: HeapCons<Box<Block>>,
}

/// The audio thread's end. Real-time: nothing here allocates, frees or waits.
pub(super) struct Played {
    full: HeapCons<Box<Block>>,
    empty: HeapProd<Box<Block>>,
}

/// A queue with all of its blocks empty.
pub(super) fn queue() -> (Sound, Played) {
    let (full_in, full_out) = HeapRb::new(BLOCKS).split();
    let (mut empty_in, empty_out) = HeapRb::new(BLOCKS).split();
    for _ in 0..BLOCKS {
        let samples = [0.0; MAX_FRAMES * CHANNELS];
        let block = Block { generation: 0, run: 0, start: FramePosition(0), samples, len: 0 };
        let block = Box::new(block);
        // A packet fills a quarter of it as a rule.
        memory::lock_as_used(slice::from_ref(&*block));
        // As many as fit.
        let _ = empty_in.try_push(block);
    }
    (Sound { full: full_in, empty: empty_out }, Played { full: full_out, empty: empty_in })
}

impl Sound {
    /// An empty block, when one is there.
    pub(super) fn take_empty(&mut self) -> Option<Box<Block>> {
        self.empty.try_pop()
    }

    /// Whether a block can be had.
    pub(super) fn has_empty(&self) -> bool {
        !self.empty.is_empty()
    }

    /// Hands a filled block over.
    pub(super) fn send(&mut self, block: Box<Block>) {
        // There are as many places as blocks.
        let _ = self.full.try_push(block);
    }
}

impl Played {
    /// The oldest filled block.
    pub(super) fn take_full(&mut self) -> Option<Box<Block>> {
        self.full.try_pop()
    }

    /// Gives a block back.
    pub(super) fn give_back(&mut self, block: Box<Block>) {
        // There are as many places as blocks.
        let _ = self.empty.try_push(block);
    }
}
