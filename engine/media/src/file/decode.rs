//! The sound of a file as it is in there: its own rate, its own channels.
//!
//! Encoders' delay and padding are taken off. A frame's number follows from the file's own marks after every jump, and
//! from counting otherwise: so it is the same whether it was reached by playing or by seeking. A damaged piece becomes
//! as much silence, and what follows stays where it was; only from an MP3 a frame can vanish without a trace. Where AAC has noise in the
//! place of what nobody would hear, that noise is another one after a jump.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use symphonia::core::{
    codecs::audio::AudioDecoder,
    errors::Error as Failure,
    formats::{FormatReader, SeekMode, SeekTo},
    packet::Packet,
    units::Timestamp,
};

use super::{
    check,
    open::{Layout, Opened, Overlap, guarded, open},
};
use crate::{Damage, Error};

/// So many failures in a row without getting on are the end: a reader that is lost may fail for ever.
const MAX_FAILURES: u32 = 64;

/// The longest silence that stands for what is damaged. A larger gap is a mark that is itself damaged.
const MAX_GAP_SECONDS: u64 = 10;

/// Silence is given in pieces of so many frames.
const SILENCE: u64 = 4_096;

/// Frames by which marks may be off in a file that is whole.
pub(super) const JITTER: u64 = 64;

/// An MP3 frame may need bits from nine frames before it, and its filters know two more.
const MP3_LEAD: u64 = 12 * 1152;

/// A Vorbis block overlaps the one before it.
const VORBIS_LEAD: u64 = 2 * 8192;

/// An AAC block overlaps the one before it.
const AAC_LEAD: u64 = 2 * 1024;

/// Opus predicts from what it has decoded. RFC 7845 wants 80 ms before what is heard; what a second leaves is below the
/// last bit.
const OPUS_LEAD: u64 = 48_000;

/// A seek into the last page of an Ogg file comes out wrong by the padding in it. A page has at most 255 packets, which
/// hold 2048 frames at most as encoders of Vorbis make them, and a second in all as those of Opus do.
const OGG_PAGE: u64 = 1 << 19;

pub(super) struct Decoder {
    /// What messages call it.
    path: PathBuf,
    file: File,
    pub(super) reader: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    pub(super) layout: Layout,
    /// The next frame to give.
    position: u64,
    /// Whether the next packet is known to begin there.
    is_settled: bool,
    has_ended: bool,
    failures: u32,
    /// Where the last packet ended that could not be decoded.
    failed_until: i64,
    skipped: u64,
    damage: Option<Damage>,
    /// Whether its missing end was counted.
    is_cut_off: bool,
    /// What the last packet held.
    samples: Vec<f32>,
    /// Silent frames that come before it.
    silence: u64,
}

impl Decoder {
    /// Takes a file that was opened, and what messages call it.
    pub(super) fn open(mut file: File, path: &Path) -> Result<Self, Error> {
        check::refuse_unsupported(path, &mut file)?;
        let Opened { reader, decoder, layout } = open(path, handle(&file, path)?)?;
        let mut decoder = Self {
            path: path.into(),
            file,
            reader,
            decoder,
            layout,
            position: 0,
            is_settled: false,
            has_ended: false,
            failures: 0,
            failed_until: i64::MIN,
            skipped: 0,
            damage: None,
            is_cut_off: false,
            samples: Vec::new(),
            silence: 0,
        };
        if !decoder.layout.is_gapless {
            decoder.layout.frames = decoder.count();
            decoder.begin_again()?;
            (decoder.skipped, decoder.damage) = (0, None);
            if let Some(frames) = decoder.layout.frames.filter(|_| decoder.layout.breaks_off) {
                decoder.note_damage(frames, true);
            }
        }
        decoder.look_for_the_end()?;
        Ok(decoder)
    }

    /// Appends the next interleaved frames; `false` at the end.
    pub(super) fn next(&mut self, out: &mut Vec<f32>) -> Result<bool, Error> {
        let before = out.len();
        while out.len() == before {
            if self.left() == 0 {
                return Ok(false);
            }
            if self.silence > 0 {
                self.be_silent(out);
                continue;
            }
            let Some(packet) = self.next_packet()? else {
                self.notice_a_missing_end();
                return Ok(false);
            };
            match self.decode(&packet) {
                Ok(frames) => self.place(&packet, frames, out),
                Err(Failure::ResetRequired) => self.has_ended = true,
                Err(_) => self.leave_out(&packet),
            }
        }
        Ok(true)
    }

    /// A packet cannot be decoded. A reader that gets on is not lost, however long the damage is.
    fn leave_out(&mut self, packet: &Packet) {
        let end = self.end_of(packet);
        if end > self.signed_position() {
            self.skip(false);
        }
        self.is_settled = false;
        if end <= self.failed_until {
            self.fail_silently();
        }
        self.failed_until = end;
    }

    /// A file that holds less than it says was cut off.
    fn notice_a_missing_end(&mut self) {
        let said = self.layout.frames.filter(|_| self.layout.is_gapless);
        if !self.is_cut_off && said.is_some_and(|frames| self.position.saturating_add(JITTER) < frames) {
            self.is_cut_off = true;
            self.skip(true);
        }
    }

    /// Goes on with another frame.
    pub(super) fn seek(&mut self, frame: u64) -> Result<(), Error> {
        let from = match self.layout.overlap {
            Overlap::None => frame,
            Overlap::Mp3 => frame.saturating_sub(MP3_LEAD),
            Overlap::Vorbis => {
                let last_page = self.layout.frames.unwrap_or(0).saturating_sub(OGG_PAGE);
                frame.saturating_sub(VORBIS_LEAD).min(last_page)
            }
            Overlap::Opus => {
                let last_page = self.layout.frames.unwrap_or(0).saturating_sub(OGG_PAGE);
                frame.saturating_sub(OPUS_LEAD).min(last_page)
            }
            Overlap::Aac => frame.saturating_sub(AAC_LEAD),
        };
        let is_behind = self.layout.is_cut && self.layout.frames.is_some_and(|frames| frame >= frames);
        let to = SeekTo::Timestamp { ts: self.mark_of(from), track_id: self.layout.track };
        let found =
            is_behind || from > 0 && self.layout.seeks && guarded(|| self.reader.seek(SeekMode::Accurate, to)).is_ok();
        if found {
            self.decoder.reset();
            (self.failures, self.failed_until) = (0, i64::MIN);
            self.has_ended = false;
        } else {
            self.begin_again()?;
        }
        self.position = frame;
        self.is_settled = false;
        self.silence = 0;
        Ok(())
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(super) fn skipped(&self) -> u64 {
        self.skipped
    }

    pub(super) fn damage(&self) -> Option<Damage> {
        self.damage
    }

    /// Reads the file anew, from its beginning.
    pub(super) fn begin_again(&mut self) -> Result<(), Error> {
        let Opened { reader, decoder, .. } = open(&self.path, handle(&self.file, &self.path)?)?;
        (self.reader, self.decoder) = (reader, decoder);
        self.position = 0;
        self.is_settled = false;
        self.has_ended = false;
        (self.failures, self.failed_until) = (0, i64::MIN);
        Ok(())
    }

    /// Frames to the end of the file, by the marks of its packets.
    fn count(&mut self) -> Option<u64> {
        let mut end = 0;
        while let Ok(Some(packet)) = self.next_packet() {
            end = self.end_of(&packet);
        }
        u64::try_from(end).ok()
    }

    /// The next packet of our track; `None` at the end.
    fn next_packet(&mut self) -> Result<Option<Packet>, Error> {
        while !self.has_ended {
            match guarded(|| self.reader.next_packet()) {
                Ok(Some(packet)) if packet.track_id == self.layout.track => return Ok(Some(packet)),
                Ok(Some(_)) => {}
                // Another stream may follow in the same file; it is another piece of music.
                Ok(None) | Err(Failure::ResetRequired) => self.has_ended = true,
                Err(Failure::IoError(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                    self.has_ended = true;
                }
                Err(Failure::IoError(error)) if error.raw_os_error().is_some() => {
                    return Err(Error::from_io(&self.path, &error));
                }
                Err(_) => {
                    self.skip(false);
                    self.fail();
                }
            }
        }
        Ok(None)
    }

    /// Decodes a packet into `samples`, and gives its frames.
    fn decode(&mut self, packet: &Packet) -> Result<usize, Failure> {
        let channels = self.layout.channels.count();
        guarded(|| {
            let sound = self.decoder.decode(packet)?;
            if sound.spec().channels().count() != channels || sound.spec().rate() != self.layout.rate {
                return Err(Failure::DecodeError("its rate or its channels change"));
            }
            sound.copy_to_vec_interleaved(&mut self.samples);
            Ok(sound.frames())
        })
    }

    /// Appends what came of a packet, or remembers the silence that has to come before it.
    fn place(&mut self, packet: &Packet, frames: usize, out: &mut Vec<f32>) {
        if frames == 0 {
            // Usual for the first packets of some codecs, and without end for a reader that is lost.
            self.fail_silently();
            return;
        }
        self.failures = 0;
        let ahead = self.begin_of(packet).saturating_sub(self.signed_position());
        let old =
            if self.is_settled || ahead > 0 { 0 } else { usize::try_from(ahead.unsigned_abs()).unwrap_or(frames) };
        if old >= frames {
            return;
        }
        let gap = u64::try_from(ahead).unwrap_or(0);
        let limit = MAX_GAP_SECONDS * u64::from(self.layout.rate);
        if gap > if self.is_settled { JITTER } else { 0 } && gap < limit {
            // Some readers leave out what is damaged and say nothing.
            if self.is_settled {
                self.skip(false);
            }
            self.silence = gap;
        }
        self.is_settled = true;
        if self.silence == 0 {
            self.append(old, out);
        }
    }

    /// Appends some of the silence before `samples`, and then those.
    fn be_silent(&mut self, out: &mut Vec<f32>) {
        let frames = self.silence.min(SILENCE).min(self.left());
        out.resize(out.len() + frames as usize * self.layout.channels.count(), 0.0);
        self.position += frames;
        self.silence -= frames;
        if self.silence == 0 {
            self.append(0, out);
        }
    }

    /// Appends `samples` but for the first frames.
    fn append(&mut self, old: usize, out: &mut Vec<f32>) {
        let channels = self.layout.channels.count();
        let left = usize::try_from(self.left()).unwrap_or(usize::MAX).saturating_mul(channels);
        let samples = self.samples.get(old * channels..).unwrap_or_default();
        let samples = &samples[..samples.len().min(left)];
        // A file of floats can hold anything.
        out.extend(samples.iter().map(|sample| if sample.is_finite() { *sample } else { 0.0 }));
        self.position += (samples.len() / channels) as u64;
    }

    /// Something of the music is not there.
    fn skip(&mut self, is_end: bool) {
        self.skipped += 1;
        self.note_damage(self.position, is_end);
    }

    /// Remembers where damage is, unless some is known before.
    pub(super) fn note_damage(&mut self, frame: u64, is_end: bool) {
        let seconds = frame as f64 / f64::from(self.layout.rate);
        if self.damage.is_none_or(|known| known.seconds > seconds) {
            self.damage = Some(Damage { seconds, is_end });
        }
    }

    /// Something is missing, so that counting does not tell any more where the next packet belongs.
    fn fail(&mut self) {
        self.is_settled = false;
        self.fail_silently();
    }

    fn fail_silently(&mut self) {
        self.failures += 1;
        self.has_ended |= self.failures > MAX_FAILURES;
    }

    /// The first frame that comes out of a packet.
    fn begin_of(&self, packet: &Packet) -> i64 {
        self.frame_of(packet.pts.get().saturating_add(signed(packet.trim_start.get())))
    }

    /// The frame behind the last that comes out of a packet.
    pub(super) fn end_of(&self, packet: &Packet) -> i64 {
        self.frame_of(packet.pts.get().saturating_add(signed(packet.dur.get())))
    }

    /// The frame at one of the reader's marks.
    fn frame_of(&self, mark: i64) -> i64 {
        scaled(mark, self.layout.scale, self.layout.rate).saturating_sub(self.layout.origin)
    }

    /// The reader's mark at a frame.
    pub(super) fn mark_of(&self, frame: u64) -> Timestamp {
        let frame = signed(frame).saturating_add(self.layout.origin);
        Timestamp::new(scaled(frame, self.layout.rate, self.layout.scale))
    }

    /// Frames of music that are still to come at most.
    fn left(&self) -> u64 {
        let end = self.layout.frames.filter(|_| self.layout.is_cut);
        end.map_or(u64::MAX, |end| end.saturating_sub(self.position))
    }

    fn signed_position(&self) -> i64 {
        signed(self.position)
    }
}

/// Another handle to a file; they share their place in it, so that one at a time is of use.
fn handle(file: &File, path: &Path) -> Result<File, Error> {
    file.try_clone().map_err(|error| Error::from_io(path, &error))
}

/// So many of `from` a second in what there are `to` of.
fn scaled(count: i64, from: u32, to: u32) -> i64 {
    if from == to {
        return count;
    }
    i64::try_from(i128::from(count) * i128::from(to) / i128::from(from.max(1))).unwrap_or(i64::MAX)
}

fn signed(frames: u64) -> i64 {
    i64::try_from(frames).unwrap_or(i64::MAX)
}
