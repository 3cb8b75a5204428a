//! What the lossless codecs play in the place of a lost packet.
//!
//! The last packet is played backwards, then forwards, and so on: the join has no jump, whatever was playing. It fades
//! to silence, and the first packet after the loss is faded in over what would have come next.

/// After so many milliseconds of loss there is silence. A longer repetition is heard as a drone.
const FADE_OUT_MS: u32 = 100;

/// The sound comes back over so many milliseconds: short enough not to blunt an attack, long enough not to click.
const FADE_IN_MS: u32 = 5;

/// Remembers the last packet, and makes up what follows it. Allocates only when it is made.
#[derive(Debug)]
pub(crate) struct Concealer {
    channels: usize,
    /// The last packet that was there, interleaved.
    last: Vec<f32>,
    /// Frames made up since then.
    made_up: usize,
    fade_out: usize,
    fade_in: usize,
}

impl Concealer {
    /// For packets of `frames` frames of silence, until [`Self::learn`] is called.
    pub(crate) fn new(rate: u32, channels: u8, frames: u32) -> Self {
        let channels = usize::from(channels);
        Self {
            channels,
            last: vec![0.0; frames as usize * channels],
            made_up: 0,
            fade_out: (rate * FADE_OUT_MS / 1000) as usize,
            fade_in: (rate * FADE_IN_MS / 1000).min(frames) as usize,
        }
    }

    /// Takes a packet that is there, and joins it to what was made up before it.
    pub(crate) fn learn(&mut self, packet: &mut [f32]) {
        if self.made_up > 0 {
            for (i, frame) in packet.chunks_exact_mut(self.channels).take(self.fade_in).enumerate() {
                let share = (i as f32 + 0.5) / self.fade_in as f32;
                let (from, gain) = self.next_frame();
                for (sample, old) in frame.iter_mut().zip(&self.last[from..]) {
                    *sample = *sample * share + old * gain * (1.0 - share);
                }
            }
        }
        self.made_up = 0;
        self.last.copy_from_slice(packet);
    }

    /// Makes up the next packet. An `out` of another size is filled with silence.
    pub(crate) fn conceal(&mut self, out: &mut [f32]) {
        if out.len() != self.last.len() {
            out.fill(0.0);
            return;
        }
        for frame in out.chunks_exact_mut(self.channels) {
            let (from, gain) = self.next_frame();
            for (sample, old) in frame.iter_mut().zip(&self.last[from..]) {
                *sample = old * gain;
            }
        }
    }

    /// Forgets what was played.
    pub(crate) fn reset(&mut self) {
        self.last.fill(0.0);
        self.made_up = 0;
    }

    /// Where in the last packet the next frame to make up lies, and how loud it is.
    fn next_frame(&mut self) -> (usize, f32) {
        self.made_up = self.made_up.saturating_add(1);
        let turn = (self.last.len() / self.channels).saturating_sub(1).max(1);
        let step = self.made_up % (2 * turn);
        let back = if step < turn { step } else { 2 * turn - step };
        let gain = self.fade_out.saturating_sub(self.made_up) as f32 / self.fade_out.max(1) as f32;
        (turn.saturating_sub(back) * self.channels, gain)
    }
}
