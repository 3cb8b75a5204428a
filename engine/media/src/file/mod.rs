//! Sound from a file.

mod check;
mod decode;
mod end;
mod ends;
mod mp4;
mod open;
pub(crate) mod opus;
mod stretched;

use std::{fs::File, path::Path};

use unisono_core::{units::SampleRate, wire::control::sentence};

use self::{decode::Decoder, open::Layout};
use crate::{Damage, Description, Error, Joint, Source, convert::Converter, downmix::Downmix};

/// A file in WAV, FLAC, AIFF, MP3, M4A (AAC or ALAC), AAC, Ogg Vorbis or Ogg Opus, played gapless at any rate and in one
/// channel or two.
///
/// It holds a packet in memory and what the change of rate wants, however long it is. Where the rates are equal and
/// nothing is to be mixed, samples pass exactly. Of a damaged file it plays what can be decoded.
pub struct FileSource {
    decoder: Decoder,
    downmix: Downmix,
    /// From and to; `None` when they are equal.
    rates: Option<(u32, u32)>,
    /// `None` when the rates are equal, and once it was handed over.
    converter: Option<Converter>,
    holds_end: bool,
    description: Description,
    channels: usize,
    /// Frames as they are in the file.
    decoded: Vec<f32>,
    /// Frames in the output's channels; those before `given` are gone.
    mixed: Vec<f32>,
    given: usize,
    has_ended: bool,
}

/// What a file holds, as far as that is known without decoding it.
pub(crate) struct Probed {
    pub(crate) title: Option<String>,
    pub(crate) codec: String,
    pub(crate) rate: u32,
    pub(crate) channels: u32,
    /// At that rate; a guess where the file does not say it.
    pub(crate) frames: Option<u64>,
}

/// Finds out whether a file can be played, and what it holds; messages call it `name`.
pub(crate) fn probe(file: &File, name: &Path) -> Result<Probed, Error> {
    check::opened(file, name)?;
    let mut handle = file.try_clone().map_err(|error| Error::from_io(name, &error))?;
    check::refuse_unsupported(name, &mut handle)?;
    let Layout { title, codec, rate, channels, frames, .. } = open::open(name, handle)?.layout;
    let channels = u32::try_from(channels.count()).unwrap_or(u32::MAX);
    Ok(Probed { title, codec: codec.into(), rate, channels, frames })
}

impl FileSource {
    /// Opens a file and decodes the first of it.
    ///
    /// # Errors
    /// When it is not there, may not be read, is no regular file, holds no sound that is supported, or none that can be
    /// decoded; and when `channels` is neither 1 nor 2.
    pub fn open(path: impl AsRef<Path>, rate: SampleRate, channels: u8) -> Result<Self, Error> {
        let path = path.as_ref();
        Self::from_file(check::open(path)?, path, rate, channels)
    }

    /// As [`Self::open`], with a file that was opened already; `name` is what messages call it, and where its title
    /// comes from when its tags have none. Nobody else may read from a handle of it meanwhile.
    ///
    /// # Errors
    /// As those of [`Self::open`].
    pub fn from_file(file: File, name: impl AsRef<Path>, rate: SampleRate, channels: u8) -> Result<Self, Error> {
        let path = name.as_ref();
        if !(1..=2).contains(&channels) {
            return Err(Error::Channels { channels });
        }
        check::opened(&file, path)?;
        let decoder = Decoder::open(file, path)?;
        let layout = decoder.layout();
        let channels = usize::from(channels);
        let rates = (layout.rate != rate.hertz()).then(|| (layout.rate, rate.hertz()));
        let converter = rates.map(|(from, to)| Converter::new(from, to, channels));
        let frames = layout.frames.map(|frames| match &converter {
            Some(converter) => converter.output_frames(frames),
            None => frames,
        });
        let stem = path.file_stem().map_or_else(String::new, |stem| sentence(&stem.to_string_lossy()));
        let description = Description {
            title: layout.title.clone().unwrap_or(stem),
            frames,
            codec: layout.codec.into(),
            original_rate: layout.rate,
            original_channels: u32::try_from(layout.channels.count()).unwrap_or(u32::MAX),
            bits: layout.bits,
        };
        let downmix = Downmix::new(&layout.channels, channels);
        let mut source = Self {
            decoder,
            downmix,
            rates,
            converter,
            holds_end: false,
            description,
            channels,
            decoded: Vec::new(),
            mixed: Vec::new(),
            given: 0,
            has_ended: false,
        };
        if !source.decode_more()? {
            return Err(if source.decoder.skipped() > 0 {
                Error::Damaged { path: path.into(), reason: "no part of it can be decoded".into() }
            } else {
                Error::Empty { path: path.into() }
            });
        }
        Ok(source)
    }

    /// Decodes the next piece of the file; `false` at its end.
    fn decode_more(&mut self) -> Result<bool, Error> {
        self.decoded.clear();
        if !self.decoder.next(&mut self.decoded)? {
            return Ok(false);
        }
        self.mixed.drain(..self.given);
        self.given = 0;
        self.downmix.apply(&self.decoded, &mut self.mixed);
        Ok(true)
    }

    /// Gives what is there already, and says how many frames.
    fn give(&mut self, out: &mut [f32]) -> usize {
        if let Some(converter) = &mut self.converter {
            converter.push(&self.mixed[self.given..]);
            self.given = self.mixed.len();
            return converter.read(out);
        }
        if self.rates.is_some() {
            return 0;
        }
        let waiting = &self.mixed[self.given..];
        let count = waiting.len().min(out.len() / self.channels * self.channels);
        out[..count].copy_from_slice(&waiting[..count]);
        self.given += count;
        count / self.channels
    }
}

impl Source for FileSource {
    fn read(&mut self, out: &mut [f32]) -> Result<usize, Error> {
        let mut written = 0;
        while (written + 1) * self.channels <= out.len() {
            let frames = self.give(&mut out[written * self.channels..]);
            written += frames;
            if frames > 0 {
                continue;
            }
            if self.has_ended {
                break;
            }
            match self.decode_more() {
                Ok(true) => {}
                Ok(false) => {
                    self.has_ended = true;
                    if let Some(converter) = self.converter.as_mut().filter(|_| !self.holds_end) {
                        converter.finish();
                    }
                }
                // What was read is good; the next call meets the error again.
                Err(_) if written > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(written)
    }

    fn seek(&mut self, frame: u64) -> Result<(), Error> {
        self.mixed.clear();
        self.given = 0;
        self.has_ended = false;
        if let (None, Some((from, to))) = (&self.converter, self.rates) {
            self.converter = Some(Converter::new(from, to, self.channels));
        }
        let from = self.converter.as_mut().map_or(frame, |converter| converter.restart(frame));
        self.decoder.seek(from)
    }

    fn description(&self) -> &Description {
        &self.description
    }

    fn skipped(&self) -> u64 {
        self.decoder.skipped()
    }

    fn damage(&self) -> Option<Damage> {
        self.decoder.damage()
    }

    fn hold_end(&mut self) {
        self.holds_end = true;
    }

    fn hand_over(&mut self) -> Option<Joint> {
        let converter = self.converter.take_if(|_| self.has_ended && self.holds_end)?;
        Some(Joint::new(converter, self.rates?, self.channels))
    }

    fn take_over(&mut self, joint: Joint) -> Result<(), Joint> {
        if self.rates != Some(joint.rates()) || self.channels != joint.channels() {
            return Err(joint);
        }
        self.converter = Some(joint.into_converter());
        Ok(())
    }
}
