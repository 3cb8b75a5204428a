//! From the renderer into a device, which may take what it is given in parts. Real-time throughout.

use std::ops::Range;

use unisono_core::{
    playout::{DacReading, timing::URGENT},
    units::{Gain, SampleRate},
};

use super::{block::CHANNELS, renderer::Rendered};
use crate::output::{Fault, Output, Room};

/// Frames rendered at once, a turn of them at 48 kHz.
const CHUNK: usize = 800;

/// What is written to a device. Real-time.
pub(super) trait Sound {
    /// How loud it is to be.
    fn gain(&self) -> Gain;

    /// Scales samples by so much of that; the device does the rest.
    fn scale(&mut self, samples: Gain);

    /// Takes what the device says of itself.
    fn observe(&mut self, reading: DacReading);

    /// Fills the start of `out`, interleaved. `urgent` says that the device cannot wait.
    fn render(&mut self, out: &mut [f32], urgent: bool) -> Rendered;
}

/// Asks a device where it is and fills it up. Real-time.
pub(super) fn turn(sound: &mut impl Sound, output: &mut dyn Output, chunk: &mut Chunk) -> Result<(), Fault> {
    sound.scale(output.take_gain(sound.gain()));
    if let Some(reading) = output.position()? {
        sound.observe(reading);
    }
    // What is played while this writes can wait for the next turn: to ask is a system call.
    let mut room = output.room()?;
    while room.writable > 0 {
        if !chunk.fill(sound, room) {
            break;
        }
        let frames = chunk.left(room.writable);
        let taken = output.write(frames)?;
        let all = taken as usize * CHANNELS >= frames.len();
        chunk.take(taken);
        room.writable = room.writable.saturating_sub(taken);
        room.queued = room.queued.saturating_add(taken);
        if !all {
            break;
        }
    }
    Ok(())
}

/// Rendered sound on its way into a device, which may take it in parts: what was rendered counts as written.
pub(super) struct Chunk {
    samples: [f32; CHUNK * CHANNELS],
    /// The frames that have not been taken.
    left: Range<usize>,
    /// With fewer frames queued the device cannot wait.
    urgent: u32,
}

impl Chunk {
    pub(super) fn new(rate: SampleRate) -> Self {
        let urgent = u32::try_from(rate.frames_in(URGENT).0).unwrap_or(u32::MAX);
        Self { samples: [0.0; CHUNK * CHANNELS], left: 0..0, urgent }
    }

    /// Renders anew when nothing is left; whether there is anything now.
    fn fill(&mut self, sound: &mut impl Sound, room: Room) -> bool {
        if self.left.is_empty() {
            let wanted = usize::try_from(room.writable).unwrap_or(CHUNK).min(CHUNK);
            match sound.render(&mut self.samples[..wanted * CHANNELS], room.queued < self.urgent) {
                Rendered::Wait => return false,
                Rendered::Frames(frames) => self.left = 0..frames,
            }
        }
        true
    }

    /// At most so many of the frames that are left, interleaved.
    fn left(&self, most: u32) -> &[f32] {
        let frames = self.left.len().min(usize::try_from(most).unwrap_or(usize::MAX));
        &self.samples[self.left.start * CHANNELS..][..frames * CHANNELS]
    }

    fn take(&mut self, frames: u32) {
        self.left.start = self.left.end.min(self.left.start + frames as usize);
    }

    /// Whether the device has taken all that was rendered.
    pub(super) fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// The device starts over: so does what it is to be written.
    pub(super) fn forget(&mut self) {
        self.left = 0..0;
    }
}

#[cfg(test)]
mod tests {
    use unisono_core::{
        playout::DacReading,
        time::{Mapping, Nanos, Timestamp},
        timeline::{Anchor, Play, Timeline},
        units::{Drift, FramePosition, Gain, OutputPosition},
    };

    use super::*;
    use crate::{
        output::{PositionSource, Quality},
        room::{audio::AudioOrder, block, renderer::Renderer},
    };

    const TURN_MS: i64 = 10;

    const STEP: f32 = 1.0 / 131_072.0;

    /// A device in virtual time that takes what is written in parts of `most` frames.
    struct Device {
        millis: i64,
        most: usize,
        heard: Vec<f32>,
    }

    impl Device {
        fn emitted(&self) -> u64 {
            // It starts with what the first turn writes.
            (self.millis - TURN_MS).cast_unsigned() * 48
        }
    }

    impl Output for Device {
        fn rate(&self) -> SampleRate {
            SampleRate::HZ_48000
        }

        fn room(&mut self) -> Result<Room, Fault> {
            let queued = u32::try_from((self.heard.len() as u64).saturating_sub(self.emitted())).unwrap();
            Ok(Room { writable: 3_840_u32.saturating_sub(queued), queued })
        }

        fn write(&mut self, interleaved: &[f32]) -> Result<u32, Fault> {
            let taken = (interleaved.len() / CHANNELS).min(self.most);
            self.heard.extend(interleaved.iter().step_by(CHANNELS).take(taken));
            Ok(u32::try_from(taken).unwrap())
        }

        fn position(&mut self) -> Result<Option<DacReading>, Fault> {
            let at = Timestamp::from_nanos(self.millis * 1_000_000);
            Ok(Some(DacReading { played: OutputPosition(self.emitted().min(self.heard.len() as u64)), at }))
        }

        fn quality(&self) -> Quality {
            Quality { source: PositionSource::Model, uncertainty: Nanos::ZERO }
        }
    }

    /// What is heard in two seconds of a sound that grows by the same step from frame to frame, from one second on.
    #[expect(clippy::cast_precision_loss, reason = "a float has 24 bits")]
    fn heard(most: usize) -> Vec<f32> {
        let (mut sound, played) = block::queue();
        let mut renderer = Renderer::new(played, SampleRate::HZ_48000, Nanos::ZERO);
        let mut timeline = Timeline::new(SampleRate::HZ_48000);
        let play = Some(Play { run: 1, position: FramePosition(0), drift_ppb: 0 });
        timeline.insert(Anchor { sequence: 1, at: Timestamp::from_nanos(1_000_000_000), play });
        renderer.obey(AudioOrder::Clock(Mapping::new(Timestamp::from_nanos(0), Timestamp::from_nanos(0), Drift::ZERO)));
        renderer.obey(AudioOrder::Start { generation: 1, timeline });
        renderer.obey(AudioOrder::Gain(Gain::UNITY, Nanos::ZERO));
        let mut device = Device { millis: 0, most, heard: Vec::new() };
        let mut chunk = Chunk::new(SampleRate::HZ_48000);
        let mut next = 0_u32;
        while device.millis < 2_000 {
            device.millis += TURN_MS;
            while let Some(mut block) = sound.take_empty() {
                let frames = block.resize(960).chunks_exact_mut(CHANNELS);
                frames.zip(next..).for_each(|(frame, number)| frame.fill(number as f32 * STEP));
                (block.generation, block.run, block.start) = (1, 1, FramePosition(next.into()));
                next += 960;
                sound.send(block);
            }
            turn(&mut renderer, &mut device, &mut chunk).unwrap();
        }
        device.heard
    }

    #[test]
    fn a_device_that_takes_less_than_it_said_loses_nothing_and_puts_nothing_off() {
        let (whole, parts) = (heard(usize::MAX), heard(700));
        assert!(whole[90_000] > 0.3, "nothing was played");
        // A frame too few or too many is a step.
        let apart = whole[..90_000].iter().zip(&parts).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart < STEP / 4.0, "{} frames apart", apart / STEP);
    }
}
