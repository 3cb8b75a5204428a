//! From the bytes of a stream or a file to sound at the rate and in the channels of ours.
//!
//! What is in the middle of a stream may change: a station goes over to another rate, to mono, or begins another piece
//! of Ogg. What follows is decoded anew then, without a gap.

use std::panic::{AssertUnwindSafe, catch_unwind};

use symphonia::{
    core::{
        audio::Channels,
        codecs::{
            CodecParameters,
            audio::{
                AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions,
                well_known::{CODEC_ID_AAC, CODEC_ID_FLAC, CODEC_ID_MP3, CODEC_ID_OPUS, CODEC_ID_VORBIS},
            },
        },
        errors::Error as Failure,
        formats::{FormatOptions, FormatReader, SeekMode, SeekTo, Track, TrackType, probe::Hint},
        io::{MediaSource, MediaSourceStream},
        meta::StandardTag,
        packet::Packet,
        units::Timestamp,
    },
    default::{
        formats::{AdtsReader, MpaReader},
        get_codecs, get_probe,
    },
};
use unisono_core::{units::SampleRate, wire::control::sentence};

use crate::{
    convert::Converter,
    downmix::Downmix,
    file::opus::{self, OpusDecoder},
};

/// So many failures in a row are the end: a reader that is lost may fail for ever.
const MAX_FAILURES: u32 = 64;

/// Rates that are played.
const RATES: std::ops::RangeInclusive<u32> = 8_000..=192_000;

/// An MP3 frame may need bits from nine frames before it, and its filters know two more.
const MP3_LEAD: i64 = 12 * 1152;

/// A block of Vorbis, AAC or Opus overlaps the one before it; Opus wants 80 ms.
const LEAD: i64 = 2 * 8192;

/// The highest rate of a core that HE-AAC puts its upper half on.
const HIGHEST_CORE: u32 = 24_000;

/// Why nothing more comes.
#[derive(Debug)]
pub(super) enum Broken {
    /// The bytes have ended, or the connection broke; why, if that is known.
    Cut(String),
    /// It cannot be decoded.
    Undecodable(String),
}

/// What a stream is, for people.
#[derive(Clone, Debug)]
pub(super) struct Kind {
    pub(super) codec: String,
    pub(super) rate: u32,
    pub(super) channels: usize,
    pub(super) bits: Option<u32>,
    pub(super) title: Option<String>,
    /// Frames of ours in all, where the file says so.
    pub(super) frames: Option<u64>,
}

/// Decodes a stream.
pub(super) struct Decode {
    reader: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track: u32,
    origin: i64,
    lead: i64,
    is_exact: bool,
    output: (SampleRate, usize),
    rate: u32,
    channels: Channels,
    downmix: Downmix,
    /// `None` when the rates are equal.
    converter: Option<Converter>,
    /// The first frame that is wanted after a jump.
    wanted: Option<i64>,
    decoded: Vec<f32>,
    mixed: Vec<f32>,
    failures: u32,
    title: Option<String>,
}

/// A decoder for one track of a reader.
struct Chosen {
    track: Track,
    codec: AudioCodecParameters,
    decoder: Box<dyn AudioDecoder>,
    is_exact: bool,
}

impl Decode {
    /// Finds out what a stream is. `kind` is what the host says of it.
    pub(super) fn open(
        source: Box<dyn MediaSource>,
        kind: &str,
        (rate, channels): (SampleRate, u8),
    ) -> Result<Self, Broken> {
        let stream = MediaSourceStream::new(source, Default::default());
        let mut reader = guarded(|| reader_of(stream, kind)).map_err(|failure| match failure {
            Failure::Unsupported(_) => {
                Broken::Undecodable(format!("it is not recognised as sound (the host calls it {kind:?})"))
            }
            other => broken(other),
        })?;
        let Chosen { track, codec, decoder, is_exact } = choose(reader.as_ref())?;
        let source_rate = playable(codec.sample_rate.unwrap_or(rate.hertz()))?;
        if is_he_aac(kind, codec.codec, source_rate) {
            return Err(Broken::Undecodable(format!(
                "it is HE-AAC (its host calls it {kind}, over a core of {source_rate} Hz), which is not supported; take \
                 the station's MP3 or AAC-LC"
            )));
        }
        let source_channels = codec.channels.clone().unwrap_or(Channels::Discrete(2));
        let title = title_of(reader.as_mut());
        let mut decode = Self {
            reader,
            decoder,
            track: track.id,
            origin: track.start_ts.get().max(0),
            lead: if codec.codec == CODEC_ID_MP3 { MP3_LEAD } else { LEAD },
            is_exact,
            output: (rate, channels.into()),
            rate: 0,
            channels: source_channels.clone(),
            downmix: Downmix::new(&source_channels, channels.into()),
            converter: None,
            wanted: None,
            decoded: Vec::new(),
            mixed: Vec::new(),
            failures: 0,
            title,
        };
        decode.set_format(source_rate, source_channels);
        Ok(decode)
    }

    /// What it is.
    pub(super) fn kind(&self) -> Kind {
        let track = self.reader.tracks().iter().find(|track| track.id == self.track);
        let codec = track.and_then(|track| track.codec_params.as_ref()?.audio());
        // A guess from the rate of bits is no length.
        let frames = track.filter(|_| self.is_exact).and_then(|track| track.num_frames).map(|frames| {
            let frames = frames.saturating_sub(self.origin.unsigned_abs());
            self.converter.as_ref().map_or(frames, |converter| converter.output_frames(frames))
        });
        Kind {
            codec: codec.map_or_else(|| "sound".into(), |codec| name_of(codec.codec)),
            rate: self.rate,
            channels: self.channels.count(),
            bits: codec.and_then(|codec| codec.bits_per_sample),
            title: self.title.clone(),
            frames,
        }
    }

    /// A title that has come since this was asked last.
    pub(super) fn take_title(&mut self) -> Option<String> {
        self.title.take()
    }

    /// Appends the next interleaved frames; `false` at the end.
    pub(super) fn next(&mut self, out: &mut Vec<f32>) -> Result<bool, Broken> {
        loop {
            let packet = match guarded(|| self.reader.next_packet()) {
                Ok(Some(packet)) if packet.track_id == self.track => packet,
                Ok(Some(_)) => continue,
                Ok(None) => {
                    if let Some(converter) = &mut self.converter {
                        converter.finish();
                    }
                    self.give(out);
                    return Ok(false);
                }
                Err(Failure::ResetRequired) => {
                    self.begin_piece(out)?;
                    continue;
                }
                Err(Failure::IoError(error)) => return Err(Broken::Cut(said(&error))),
                Err(failure) => {
                    self.fail(&failure)?;
                    continue;
                }
            };
            match self.decode(&packet).or_else(|failure| self.decode_anew(&packet, failure)) {
                Ok(Some((rate, channels))) => {
                    self.give(out);
                    self.finish_format(out);
                    self.set_format(rate, channels);
                }
                Ok(None) => {}
                Err(Failure::ResetRequired) => {
                    self.begin_piece(out)?;
                    continue;
                }
                Err(failure) => {
                    self.fail(&failure)?;
                    continue;
                }
            }
            self.failures = 0;
            self.place(&packet);
            self.give(out);
            if !out.is_empty() {
                return Ok(true);
            }
        }
    }

    /// Goes on with another frame, counted at the output's rate.
    pub(super) fn seek(&mut self, frame: u64) -> Result<(), Broken> {
        let wanted = self.converter.as_mut().map_or(frame, |converter| converter.restart(frame));
        let wanted = i64::try_from(wanted).unwrap_or(i64::MAX);
        let from = wanted.saturating_sub(self.lead).max(0).saturating_add(self.origin);
        let to = SeekTo::Timestamp { ts: Timestamp::new(from), track_id: self.track };
        guarded(|| self.reader.seek(SeekMode::Accurate, to)).map_err(broken)?;
        self.decoder.reset();
        self.wanted = Some(wanted);
        self.failures = 0;
        Ok(())
    }

    /// As [`Self::seek`] from the beginning, where the reader cannot: what lies before is decoded and left out.
    pub(super) fn skip_to(&mut self, frame: u64) {
        let wanted = self.converter.as_mut().map_or(frame, |converter| converter.restart(frame));
        self.wanted = Some(i64::try_from(wanted).unwrap_or(i64::MAX));
    }

    /// Decodes a packet; gives a format that is another than before.
    fn decode(&mut self, packet: &Packet) -> Result<Option<(u32, Channels)>, Failure> {
        guarded(|| {
            let sound = self.decoder.decode(packet)?;
            let spec = sound.spec();
            if !RATES.contains(&spec.rate()) || spec.channels().count() == 0 {
                return Err(Failure::DecodeError("its rate is no rate of sound"));
            }
            let is_other = spec.rate() != self.rate || spec.channels().count() != self.channels.count();
            sound.copy_to_vec_interleaved(&mut self.decoded);
            Ok(is_other.then(|| (spec.rate(), spec.channels().clone())))
        })
    }

    /// Decodes a packet with a decoder that knows nothing of those before it: where a station goes over to another rate
    /// the old one takes no more of them.
    fn decode_anew(&mut self, packet: &Packet, failure: Failure) -> Result<Option<(u32, Channels)>, Failure> {
        let Failure::DecodeError(_) = failure else { return Err(failure) };
        let Ok(chosen) = choose(self.reader.as_ref()) else { return Err(failure) };
        self.decoder = chosen.decoder;
        self.decode(packet)
    }

    /// Takes from what was decoded what is wanted of it.
    fn place(&mut self, packet: &Packet) {
        let channels = self.channels.count();
        let mut from = 0;
        if let Some(wanted) = self.wanted {
            let trimmed = i64::try_from(packet.trim_start.get()).unwrap_or(i64::MAX);
            let begin = packet.pts.get().saturating_add(trimmed).saturating_sub(self.origin);
            let frames = self.decoded.len() / channels;
            let old = usize::try_from(wanted.saturating_sub(begin)).unwrap_or(0);
            if old >= frames {
                return;
            }
            from = old;
            self.wanted = None;
        }
        let samples = &mut self.decoded[from * channels..];
        for sample in samples.iter_mut().filter(|sample| !sample.is_finite()) {
            *sample = 0.0;
        }
        self.downmix.apply(samples, &mut self.mixed);
    }

    /// Appends what is ready.
    fn give(&mut self, out: &mut Vec<f32>) {
        let Some(converter) = &mut self.converter else {
            out.append(&mut self.mixed);
            return;
        };
        converter.push(&self.mixed);
        self.mixed.clear();
        let channels = self.output.1;
        let mut piece = [0.0; 2_048];
        loop {
            let frames = converter.read(&mut piece);
            if frames == 0 {
                return;
            }
            out.extend_from_slice(&piece[..frames * channels]);
        }
    }

    /// What is left of one format comes out before another begins.
    fn finish_format(&mut self, out: &mut Vec<f32>) {
        if let Some(converter) = &mut self.converter {
            converter.finish();
        }
        self.give(out);
    }

    fn set_format(&mut self, rate: u32, channels: Channels) {
        let (to, outputs) = self.output;
        self.downmix = Downmix::new(&channels, outputs);
        self.converter = (rate != to.hertz()).then(|| Converter::new(rate, to.hertz(), outputs));
        (self.rate, self.channels) = (rate, channels);
    }

    /// Another piece begins in the same stream.
    fn begin_piece(&mut self, out: &mut Vec<f32>) -> Result<(), Broken> {
        self.finish_format(out);
        let Chosen { track, codec, decoder, .. } = choose(self.reader.as_ref())?;
        (self.track, self.decoder) = (track.id, decoder);
        self.origin = track.start_ts.get().max(0);
        let channels = codec.channels.clone().unwrap_or_else(|| self.channels.clone());
        self.set_format(playable(codec.sample_rate.unwrap_or(self.rate))?, channels);
        self.title = title_of(self.reader.as_mut());
        Ok(())
    }

    fn fail(&mut self, failure: &Failure) -> Result<(), Broken> {
        self.failures += 1;
        if self.failures > MAX_FAILURES {
            return Err(Broken::Cut(format!("what comes is no sound any more ({failure})")));
        }
        Ok(())
    }
}

/// The reader for what a host calls by a name. AAC is often taken for MP3, and a stream that begins in the middle has
/// nothing to be known by.
fn reader_of(stream: MediaSourceStream<'static>, kind: &str) -> Result<Box<dyn FormatReader>, Failure> {
    let options = FormatOptions::default();
    match kind {
        "audio/aac" | "audio/aacp" | "audio/x-aac" | "audio/x-hx-aac-adts" => {
            Ok(Box::new(AdtsReader::try_new(stream, options)?))
        }
        "audio/mpeg" | "audio/mp3" | "audio/x-mpeg" | "audio/mpg" => Ok(Box::new(MpaReader::try_new(stream, options)?)),
        other => get_probe().probe(Hint::new().mime_type(other), stream, options, Default::default()),
    }
}

/// A rate that a container names: its host may name any, and a converter takes memory for it.
fn playable(rate: u32) -> Result<u32, Broken> {
    if RATES.contains(&rate) {
        return Ok(rate);
    }
    Err(Broken::Undecodable(format!("it is said to have {rate} frames a second, which is no rate of sound")))
}

/// The track that is played, and a decoder for it.
fn choose(reader: &dyn FormatReader) -> Result<Chosen, Broken> {
    let track = reader.default_track(TrackType::Audio).or_else(|| reader.first_track(TrackType::Audio));
    let Some((track, CodecParameters::Audio(codec))) =
        track.and_then(|track| Some((track, track.codec_params.as_ref()?)))
    else {
        return Err(Broken::Undecodable("there is no sound in it that is known".into()));
    };
    // Without the encoder's tag, the length of an MP3 is guessed, and to cut it there could cut music off.
    let is_exact = track.delay.is_some() || ![CODEC_ID_MP3, CODEC_ID_AAC].contains(&codec.codec);
    let options = AudioDecoderOptions::default().gapless(is_exact);
    let unsupported = || Broken::Undecodable(format!("it is {}, which is not supported", name_of(codec.codec)));
    let decoder = guarded(|| decoder_of(codec, &options)).map_err(|failure| match failure {
        Failure::Unsupported(_) => unsupported(),
        other => broken(other),
    })?;
    Ok(Chosen { track: track.clone(), codec: codec.clone(), decoder, is_exact })
}

fn decoder_of(codec: &AudioCodecParameters, options: &AudioDecoderOptions) -> Result<Box<dyn AudioDecoder>, Failure> {
    if opus::decodes(codec) {
        return OpusDecoder::boxed(codec, options);
    }
    match get_codecs().get_audio_decoder(codec.codec) {
        Some(registered) => (registered.factory)(codec, options),
        None => Err(Failure::Unsupported("no decoder")),
    }
}

/// Whether AAC is only the lower half of what was meant: a host that says so has it over a core of half the rate.
fn is_he_aac(kind: &str, codec: AudioCodecId, rate: u32) -> bool {
    codec == CODEC_ID_AAC && kind == "audio/aacp" && rate <= HIGHEST_CORE
}

fn name_of(codec: AudioCodecId) -> String {
    match codec {
        CODEC_ID_AAC => "AAC".into(),
        CODEC_ID_FLAC => "FLAC".into(),
        CODEC_ID_MP3 => "MP3".into(),
        CODEC_ID_OPUS => "Opus".into(),
        CODEC_ID_VORBIS => "Vorbis".into(),
        other => get_codecs()
            .get_audio_decoder(other)
            .map_or_else(|| "in an unusual codec".into(), |found| found.codec.info.short_name.to_ascii_uppercase()),
    }
}

fn title_of(reader: &mut dyn FormatReader) -> Option<String> {
    let mut metadata = reader.metadata();
    let newest = metadata.skip_to_latest()?;
    let tags = newest.media.tags.iter().chain(newest.per_track.iter().flat_map(|track| &track.metadata.tags));
    let (mut artist, mut title) = (None, None);
    for tag in tags.filter_map(|tag| tag.std.as_ref()) {
        match tag {
            StandardTag::TrackTitle(text) => title = title.or_else(|| Some(sentence(text))),
            StandardTag::Artist(text) => artist = artist.or_else(|| Some(sentence(text))),
            _ => {}
        }
    }
    let title = title.filter(|title| !title.is_empty())?;
    Some(match artist.filter(|artist| !artist.is_empty()) {
        Some(artist) => format!("{artist} - {title}"),
        None => title,
    })
}

fn broken(failure: Failure) -> Broken {
    match failure {
        Failure::IoError(error) => Broken::Cut(said(&error)),
        other => Broken::Undecodable(format!("it cannot be decoded ({other})")),
    }
}

/// What an error of the connection means for a person.
fn said(error: &std::io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>()) {
        Some(inner) => super::client::explain(inner),
        None if error.kind() == std::io::ErrorKind::UnexpectedEof => "the host has ended it".into(),
        None => format!("the connection broke ({error})"),
    }
}

/// Calls the library, which may panic over a stream that was made to make it.
fn guarded<T>(call: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or(Err(Failure::DecodeError("the decoder gave up")))
}
