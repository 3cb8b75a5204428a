//! The node's resampler: reads a stream a few millionths faster or slower, at any fraction of a frame.
//!
//! Where it reads is the caller's business ([`Phase`]): it is at once the drift correction and the fractional delay of
//! an output, and it has no position of its own that could run away. The kernel is a sinc over 64 frames whose cutoff is
//! the Nyquist frequency, so that at whole frames samples pass bit for bit. For the same reason what lies above 20.5 kHz
//! (at 48 kHz) is mirrored there, and ratios far from 1 alias; playout stays within some thousandths.

mod cell;
mod history;
mod kernel;

use std::sync::OnceLock;

use multiversion::{multiversion, target::target_cfg_f};
use unisono_core::{playout::RESAMPLER_REACH, timeline::Phase, units::FramePosition};

use self::{
    cell::{CELLS, Cell},
    history::History,
    kernel::{Kernel, dots},
};

/// Half of the taps lie before a phase, half of them behind it.
#[expect(clippy::cast_possible_truncation, reason = "some tens")]
const TAPS: usize = 2 * RESAMPLER_REACH as usize;

/// Between two of them a cubic is 180 dB from the true curve.
const PHASES: usize = 256;

/// The most that the rate may differ from nominal: what a stream may announce, many times over.
const MAX_EXCESS: f64 = 0.5;

/// Sound in, sound out, at a rate that may differ from moment to moment.
#[derive(Debug)]
pub struct Resampler {
    kernel: &'static Kernel,
    history: History,
}

impl Resampler {
    /// Holds up to `capacity_frames` frames of so many channels. Allocates, and the first of a process computes the
    /// kernel.
    pub fn new(channels: usize, capacity_frames: usize) -> Self {
        static KERNEL: OnceLock<Kernel> = OnceLock::new();
        let kernel = KERNEL.get_or_init(|| Kernel::new(PHASES));
        Self { kernel, history: History::new(channels, capacity_frames) }
    }

    /// Every piece of memory that the real-time methods read and write, for who wants to lock it.
    pub fn memory(&self) -> impl Iterator<Item = &[f32]> {
        self.history.memory().chain([self.kernel.memory()])
    }

    /// Forgets what is held. Real-time: no allocation, no lock, no system call.
    pub fn clear(&mut self) {
        self.history.clear();
    }

    /// Takes interleaved sound whose first frame is `start`, and says how many frames of it; those that do not fit are
    /// left. What does not continue [`Self::end`] replaces what is held. Real-time: no allocation, no lock, no system
    /// call.
    pub fn push(&mut self, start: FramePosition, interleaved: &[f32]) -> usize {
        self.history.push(start, interleaved)
    }

    /// Forgets what lies before a position. [`Self::read`] wants [`RESAMPLER_REACH`] frames before its phase. Real-time:
    /// no allocation, no lock, no system call.
    pub fn discard_before(&mut self, position: FramePosition) {
        self.history.discard_before(position);
    }

    /// The first frame that is held.
    pub fn start(&self) -> FramePosition {
        self.history.start()
    }

    /// The frame behind the last that is held.
    pub fn end(&self) -> FramePosition {
        self.history.end()
    }

    /// Writes interleaved frames to the whole of `out`: frame k is read at `start + k * (1 + excess)`. What lies before
    /// [`Self::start`] counts as silence. Gives the frames written; they are fewer when the next would lie within
    /// [`RESAMPLER_REACH`] of the end. Real-time: no allocation, no lock, no system call.
    pub fn read(&self, start: Phase, excess: f64, out: &mut [f32]) -> usize {
        read(self.kernel, &self.history, start.into(), Position::step(excess), out)
    }
}

/// [`Resampler::read`], compiled for what a processor may have: vectors of eight, and to multiply and add at once.
#[multiversion(targets("x86_64+avx2+fma"))]
fn read(kernel: &Kernel, history: &History, start: Position, step: Position, out: &mut [f32]) -> usize {
    if target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64")) {
        read_with::<true>(kernel, history, start, step, out)
    } else {
        read_with::<false>(kernel, history, start, step, out)
    }
}

#[inline(always)]
fn read_with<const FUSED: bool>(
    kernel: &Kernel,
    history: &History,
    start: Position,
    step: Position,
    out: &mut [f32],
) -> usize {
    let mut at = start;
    let mut windows = [[0.0; TAPS]; 2];
    let mut written = 0;
    let mut cell = step.is_slow().then(|| Cell::new(kernel, at.fraction(CELLS).0));
    for frame in out.chunks_exact_mut(history.channels()) {
        if at.frame().saturating_add(RESAMPLER_REACH) >= history.end().0 {
            break;
        }
        let taps = if let Some(cell) = &mut cell {
            let (index, between) = at.fraction(CELLS);
            cell.move_to(kernel, index);
            cell.taps::<FUSED>(between)
        } else {
            let (phase, between) = at.fraction(PHASES);
            kernel.at(phase, between)
        };
        let (pairs, rest) = frame.as_chunks_mut::<2>();
        for (number, pair) in pairs.iter_mut().enumerate() {
            let [left, right] = &mut windows;
            let around = |channel, window| history.around(channel, at.frame(), window);
            *pair = dots::<FUSED, 2>(&taps, [around(2 * number, left), around(2 * number + 1, right)]);
        }
        if let [last] = rest {
            let channel = history.channels() - 1;
            [*last] = dots::<FUSED, 1>(&taps, [history.around(channel, at.frame(), &mut windows[0])]);
        }
        at = at.after(step);
        written += 1;
    }
    written
}

/// A phase that can be counted on: 64 bits of frames and 64 below, added without rounding.
#[derive(Clone, Copy, Debug)]
struct Position(u128);

impl Position {
    /// How far `1 + excess` frames are.
    fn step(excess: f64) -> Self {
        let excess = if excess.is_finite() { excess.clamp(-MAX_EXCESS, MAX_EXCESS) } else { 0.0 };
        #[expect(clippy::cast_possible_truncation, reason = "below 2^64")]
        let bits = (excess * 2_f64.powi(64)) as i128;
        Self((1_u128 << 64).saturating_add_signed(bits))
    }

    fn after(self, step: Self) -> Self {
        Self(self.0.saturating_add(step.0))
    }

    fn frame(self) -> u64 {
        (self.0 >> 64) as u64
    }

    /// Whether steps of this size stay within a cell for some frames.
    fn is_slow(self) -> bool {
        self.0.abs_diff(1 << 64) < (1 << 64) / (2 * CELLS as u128)
    }

    /// In which of so many parts of a frame it lies, a power of two, and how far in that, 0 to 1.
    fn fraction(self, parts: usize) -> (usize, f32) {
        #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
        let fraction = self.0 as u64;
        let part = fraction >> (u64::BITS - parts.ilog2());
        // 24 bits are as many as a float has.
        let between = (fraction << parts.ilog2()) >> 40;
        #[expect(clippy::cast_possible_truncation, reason = "less than there are parts")]
        (part as usize, between as f32 / (1 << 24) as f32)
    }
}

impl From<Phase> for Position {
    fn from(phase: Phase) -> Self {
        Self(u128::from(phase.frame().0) << 64 | u128::from(phase.fraction_bits()))
    }
}
