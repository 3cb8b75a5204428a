//! The kernel over a small part of a frame.
//!
//! A room reads its stream some millionths off its rate: from frame to frame the phase hardly moves, and the cubic gives
//! almost the same taps again. So it is computed at the borders of a cell only; within, taps lie on a straight line.
//! What that misses is `(ω / CELLS)² / 8` of a tone of `ω` per frame (the error of linear interpolation): 134 dB down at
//! 20 kHz, 160 dB at 1 kHz.

use super::{
    PHASES, TAPS,
    kernel::{Kernel, multiply_add},
};

/// Parts of a frame.
pub(super) const CELLS: usize = 2048;

/// The taps at a cell's borders.
pub(super) struct Cell {
    index: usize,
    from: [f32; TAPS],
    to: [f32; TAPS],
    slope: [f32; TAPS],
}

impl Cell {
    #[inline(always)]
    pub(super) fn new(kernel: &Kernel, index: usize) -> Self {
        let (from, to) = (border(kernel, index), border(kernel, index + 1));
        let mut cell = Self { index, from, to, slope: [0.0; TAPS] };
        cell.incline();
        cell
    }

    /// Goes on to a cell, most likely the next or the one before.
    #[inline(always)]
    pub(super) fn move_to(&mut self, kernel: &Kernel, index: usize) {
        if index == self.index {
            return;
        }
        if index == self.index + 1 {
            self.from = self.to;
            self.to = border(kernel, index + 1);
        } else if index + 1 == self.index {
            self.to = self.from;
            self.from = border(kernel, index);
        } else {
            (self.from, self.to) = (border(kernel, index), border(kernel, index + 1));
        }
        self.index = index;
        self.incline();
    }

    /// The taps at `between`, 0 to 1 of the cell.
    #[inline(always)]
    pub(super) fn taps<const FUSED: bool>(&self, between: f32) -> [f32; TAPS] {
        core::array::from_fn(|tap| multiply_add::<FUSED>(between, self.slope[tap], self.from[tap]))
    }

    #[inline(always)]
    fn incline(&mut self) {
        for ((slope, from), to) in self.slope.iter_mut().zip(&self.from).zip(&self.to) {
            *slope = to - from;
        }
    }
}

/// The taps where a cell begins; at [`CELLS`], where the last one ends.
#[inline(always)]
fn border(kernel: &Kernel, index: usize) -> [f32; TAPS] {
    const PER_PHASE: usize = CELLS / PHASES;
    #[expect(clippy::cast_precision_loss, reason = "a few")]
    let between = (index % PER_PHASE) as f32 / PER_PHASE as f32;
    kernel.at(index / PER_PHASE, between)
}
