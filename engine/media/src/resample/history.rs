//! The sound that a resampler holds: each channel in one piece.

use unisono_core::units::FramePosition;

use super::TAPS;

#[derive(Debug)]
pub(super) struct History {
    /// Twice as long as what is held at most, so that it is moved to the front but seldom.
    channels: Vec<Vec<f32>>,
    capacity: usize,
    /// Where the first frame is in the buffers, and in the stream.
    first: usize,
    start: FramePosition,
    frames: usize,
}

impl History {
    pub(super) fn new(channels: usize, capacity: usize) -> Self {
        Self {
            channels: vec![vec![0.0; capacity.max(TAPS) * 2]; channels.max(1)],
            capacity: capacity.max(TAPS),
            first: 0,
            start: FramePosition(0),
            frames: 0,
        }
    }

    pub(super) fn memory(&self) -> impl Iterator<Item = &[f32]> {
        self.channels.iter().map(Vec::as_slice)
    }

    pub(super) fn clear(&mut self) {
        self.first = 0;
        self.frames = 0;
    }

    pub(super) fn push(&mut self, start: FramePosition, interleaved: &[f32]) -> usize {
        if start != self.end() {
            self.clear();
            self.start = start;
        }
        let channels = self.channels.len();
        let taken = (interleaved.len() / channels).min(self.capacity - self.frames);
        let room = self.capacity * 2 - self.first - self.frames;
        if taken > room {
            for channel in &mut self.channels {
                channel.copy_within(self.first..self.first + self.frames, 0);
            }
            self.first = 0;
        }
        let end = self.first + self.frames;
        for (i, channel) in self.channels.iter_mut().enumerate() {
            let samples = interleaved.iter().skip(i).step_by(channels);
            channel[end..end + taken].iter_mut().zip(samples).for_each(|(to, from)| *to = *from);
        }
        self.frames += taken;
        taken
    }

    pub(super) fn discard_before(&mut self, position: FramePosition) {
        let ahead = usize::try_from(position.0.saturating_sub(self.start.0)).unwrap_or(usize::MAX);
        let discarded = ahead.min(self.frames);
        self.first += discarded;
        self.frames -= discarded;
        self.start.0 = self.start.0.saturating_add(discarded as u64);
    }

    pub(super) fn channels(&self) -> usize {
        self.channels.len()
    }

    pub(super) fn start(&self) -> FramePosition {
        self.start
    }

    pub(super) fn end(&self) -> FramePosition {
        FramePosition(self.start.0.saturating_add(self.frames as u64))
    }

    /// The samples that the kernel wants around a frame, of which at least half a kernel must be held behind it. What is
    /// missing before it is silence, and the rest is put into `window` then.
    pub(super) fn around<'a>(&'a self, channel: usize, frame: u64, window: &'a mut [f32; TAPS]) -> &'a [f32; TAPS] {
        let held = &self.channels[channel][self.first..self.first + self.frames];
        // The frame behind the last that is wanted, counted from the first that is held.
        let end = usize::try_from(frame.saturating_add(TAPS as u64 / 2 + 1).saturating_sub(self.start.0)).unwrap_or(0);
        let samples = held.get(..end).unwrap_or_default();
        if let Some((_, samples)) = samples.split_last_chunk::<TAPS>() {
            return samples;
        }
        window.fill(0.0);
        window[TAPS - samples.len()..].copy_from_slice(samples);
        window
    }
}
