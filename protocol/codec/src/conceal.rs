//! What is played in the place of a lost packet.
//!
//! The lossless codecs play the last packet backwards, then forwards, and so on: the join has no jump, whatever was
//! playing. Opus makes up its own. Both fade to silence, and the first packet after the loss is faded in.

/// After so many milliseconds of loss there is silence. What was made up for longer is heard as a drone.
const FADE_OUT_MS: u32 = 100;

/// The sound comes back over so many milliseconds: short enough not to blunt an attack, long enough not to click.
const FADE_IN_MS: u32 = 5;

/// How loud made-up sound is.
#[derive(Debug)]
pub(crate) struct Fade {
    /// Frames made up since the last packet that was there.
    made_up: usize,
    fade_out: usize,
    fade_in: usize,
}

impl Fade {
    /// For packets of `frames` frames.
    pub(crate) fn new(rate: u32, frames: u32) -> Self {
        Self {
            made_up: 0,
            fade_out: (rate * FADE_OUT_MS / 1000) as usize,
            fade_in: (rate * FADE_IN_MS / 1000).min(frames) as usize,
        }
    }

    /// The gain of the next made-up frame.
    pub(crate) fn next_gain(&mut self) -> f32 {
        self.made_up = self.made_up.saturating_add(1);
        self.gain()
    }

    /// The gain of the last made-up frame.
    pub(crate) fn gain(&self) -> f32 {
        self.fade_out.saturating_sub(self.made_up) as f32 / self.fade_out.max(1) as f32
    }

    /// Whether the last packet was made up.
    pub(crate) fn is_loss(&self) -> bool {
        self.made_up > 0
    }

    /// For each frame over which the first packet after a loss is faded in, its share.
    pub(crate) fn shares(&self) -> impl Iterator<Item = f32> + use<> {
        let frames = self.fade_in;
        (0..frames).map(move |i| (i as f32 + 0.5) / frames as f32)
    }

    /// The last packet was there, or what comes next does not continue it.
    pub(crate) fn end(&mut self) {
        self.made_up = 0;
    }
}

/// Remembers the last packet, and makes up what follows it. Allocates only when it is made.
#[derive(Debug)]
pub(crate) struct Concealer {
    channels: usize,
    /// The last packet that was there, interleaved.
    last: Vec<f32>,
    fade: Fade,
}

impl Concealer {
    /// For packets of `frames` frames. Before the first of them there was silence.
    pub(crate) fn new(rate: u32, channels: u8, frames: u32) -> Self {
        let channels = usize::from(channels);
        Self { channels, last: vec![0.0; frames as usize * channels], fade: Fade::new(rate, frames) }
    }

    /// Takes a packet that is there, and joins it to what was made up before it.
    pub(crate) fn learn(&mut self, packet: &mut [f32]) {
        if self.fade.is_loss() {
            for (frame, share) in packet.chunks_exact_mut(self.channels).zip(self.fade.shares()) {
                let (from, gain) = self.next_frame();
                for (sample, old) in frame.iter_mut().zip(&self.last[from..]) {
                    *sample = *sample * share + old * gain * (1.0 - share);
                }
            }
        }
        self.fade.end();
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
        self.fade.end();
    }

    /// Where in the last packet the next made-up frame lies, and its gain.
    fn next_frame(&mut self) -> (usize, f32) {
        let gain = self.fade.next_gain();
        let turn = (self.last.len() / self.channels).saturating_sub(1).max(1);
        let step = self.fade.made_up % (2 * turn);
        let back = if step < turn { step } else { 2 * turn - step };
        (turn.saturating_sub(back) * self.channels, gain)
    }
}
