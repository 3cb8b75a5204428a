//! An output that is open, and what is known of its converter.

use std::slice;

use unisono_core::{
    playout::{DacReading, Playout, Queued, Step},
    time::Nanos,
    units::{Gain, SampleRate},
};

use super::{
    block::CHANNELS,
    chunk::{Chunk, Sound, turn},
    renderer::Rendered,
};
use crate::{
    output::{Fault, Output},
    realtime::memory,
};

/// Made and dropped by the thread that has outputs opened; in between the audio thread's.
pub(super) struct Line {
    /// Which of the room's outputs it is.
    pub(super) index: usize,
    pub(super) output: Box<dyn Output + Send>,
    /// While another output plays, this one's; from then on, the renderer's before.
    pub(super) playout: Playout,
    pub(super) chunk: Chunk,
}

impl Line {
    /// Nothing has been written to the output yet. `latency` comes on top of what the output says lies behind it.
    pub(super) fn new(index: usize, output: Box<dyn Output + Send>, latency: Nanos) -> Box<Self> {
        let rate = output.rate();
        let playout = Playout::new(rate, latency + output.latency());
        let line = Box::new(Self { index, output, playout, chunk: Chunk::new(rate) });
        memory::lock(slice::from_ref(&*line));
        line
    }

    /// Frames per second.
    pub(super) fn rate(&self) -> SampleRate {
        self.output.rate()
    }

    /// Fills the output with silence, learns its converter's clock and says how loud the room is to be, which a device with
    /// a volume of its own may take a moment for; says whether the clock is known now. Real-time.
    pub(super) fn warm_up(&mut self, latency: Nanos, gain: Gain) -> Result<bool, Fault> {
        self.playout.set_output_latency(latency + self.output.latency());
        let turned = turn(&mut Silence(&mut self.playout, gain), self.output.as_mut(), &mut self.chunk);
        if turned == Err(Fault::Underrun) {
            self.playout.device_restarted();
            self.chunk.forget();
            return Ok(false);
        }
        turned.map(|()| self.playout.status().device_known)
    }
}

/// Nothing is to be played yet; once it is, so loud.
struct Silence<'a>(&'a mut Playout, Gain);

impl Sound for Silence<'_> {
    fn gain(&self) -> Gain {
        self.1
    }

    fn scale(&mut self, _: Gain) {}

    fn observe(&mut self, reading: DacReading) {
        self.0.observe(reading);
    }

    fn render(&mut self, out: &mut [f32], _: bool) -> Rendered {
        let nothing: Option<Queued> = None;
        match self.0.plan(u32::try_from(out.len() / CHANNELS).unwrap_or(u32::MAX), nothing, true) {
            Step::Silence { frames } => {
                let frames = usize::try_from(frames).unwrap_or(0);
                out[..frames * CHANNELS].fill(0.0);
                Rendered::Frames(frames)
            }
            _ => Rendered::Wait,
        }
    }
}
