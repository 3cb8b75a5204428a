//! Whether a file goes as far as it says, before it is played: a download that broke off is to be said at once.

use symphonia::core::formats::{SeekMode, SeekTo};

use super::{
    decode::{Decoder, JITTER},
    open::{Overlap, guarded},
};
use crate::Error;

/// Behind the last packet that is found there may be so many more before the end.
const LAST_PACKETS: usize = 4;

impl Decoder {
    /// Looks where the file ends, where that takes a seek and no more, and notes when that is too soon.
    pub(super) fn look_for_the_end(&mut self) -> Result<(), Error> {
        let Some(frames) = self.layout.frames.filter(|frames| *frames > 2 * JITTER) else { return Ok(()) };
        let is_said = self.layout.is_gapless && matches!(self.layout.overlap, Overlap::None | Overlap::Aac);
        if !is_said || !self.layout.seeks {
            return Ok(());
        }
        if !self.reaches(frames - JITTER - 1) {
            let (mut there, mut missing) = (0, frames);
            while missing - there > JITTER {
                let middle = u64::midpoint(there, missing);
                if self.reaches(middle) { there = middle } else { missing = middle }
            }
            if let Some(end) = self.end_behind(there).filter(|end| end.saturating_add(JITTER) < frames) {
                self.note_damage(end, true);
            }
        }
        self.begin_again()
    }

    /// Whether there is a packet with this frame in it.
    fn reaches(&mut self, frame: u64) -> bool {
        let to = SeekTo::Timestamp { ts: self.mark_of(frame), track_id: self.layout.track };
        guarded(|| self.reader.seek(SeekMode::Accurate, to)).is_ok() && self.next_end().is_some()
    }

    /// The frame at which the file is over, close behind one that it has; `None` when it goes on: what looked like its
    /// end is other damage.
    fn end_behind(&mut self, frame: u64) -> Option<u64> {
        if !self.reaches(frame) {
            return Some(0);
        }
        let mut end = frame;
        for _ in 0..LAST_PACKETS {
            match self.next_end() {
                Some(next) => end = next,
                None => return Some(end),
            }
        }
        None
    }

    /// Where the next packet ends; `None` when there is none.
    fn next_end(&mut self) -> Option<u64> {
        let packet = guarded(|| self.reader.next_packet()).ok().flatten()?;
        u64::try_from(self.end_of(&packet)).ok()
    }
}
