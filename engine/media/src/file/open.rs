//! From a file that may hold sound to a decoder for it.

use std::{
    fs::File,
    io::{ErrorKind, Seek, SeekFrom},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use symphonia::{
    core::{
        audio::Channels,
        codecs::{
            CodecParameters,
            audio::{
                AudioCodecParameters, AudioDecoder, AudioDecoderOptions,
                well_known::{
                    CODEC_ID_AAC, CODEC_ID_AC3, CODEC_ID_ADPCM_IMA_WAV, CODEC_ID_ADPCM_MS, CODEC_ID_DCA, CODEC_ID_EAC3,
                    CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3, CODEC_ID_OPUS, CODEC_ID_SPEEX, CODEC_ID_VORBIS,
                    profiles::{CODEC_PROFILE_AAC_HE, CODEC_PROFILE_AAC_HE_V2, CODEC_PROFILE_AAC_LC},
                },
            },
        },
        errors::Error as Failure,
        formats::{
            FormatReader, TrackType,
            probe::Hint,
            well_known::{FORMAT_ID_ADTS, FORMAT_ID_ISOMP4},
        },
        io::{MediaSource, MediaSourceStream, ReadOnlySource},
        meta::StandardTag,
    },
    default::{get_codecs, get_probe},
};

use unisono_core::wire::control::sentence;

use super::{
    ends::{Ends, edit_of, ends},
    opus::{self, OpusDecoder},
    stretched,
};
use crate::Error;

/// Rates that are played.
const RATES: std::ops::RangeInclusive<u32> = 8_000..=192_000;

/// A file that is ready to be decoded from its beginning.
pub(super) struct Opened {
    pub(super) reader: Box<dyn FormatReader>,
    pub(super) decoder: Box<dyn AudioDecoder>,
    pub(super) layout: Layout,
}

/// What holds for a whole file.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) rate: u32,
    pub(super) channels: Channels,
    pub(super) bits: Option<u32>,
    pub(super) codec: &'static str,
    pub(super) title: Option<String>,
    /// Frames in all, when the file says so; a guess unless it is gapless.
    pub(super) frames: Option<u64>,
    /// Whether the file says what its encoder added at both ends, so that it is taken off.
    pub(super) is_gapless: bool,
    /// Which of the reader's tracks is played.
    pub(super) track: u32,
    /// The frame at which the music begins, counted from the mark 0.
    pub(super) origin: i64,
    /// Whether what comes behind `frames` is no music.
    pub(super) is_cut: bool,
    /// The reader's marks in a second.
    pub(super) scale: u32,
    pub(super) overlap: Overlap,
    /// Whether the file is known to have been cut off, wherever that is.
    pub(super) breaks_off: bool,
    /// Whether the reader can be trusted to seek: with several tracks in it, an Ogg reader may search for ever.
    pub(super) seeks: bool,
}

/// How a packet depends on those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overlap {
    None,
    Mp3,
    Vorbis,
    Aac,
    Opus,
}

/// Finds the reader and the decoder for a file, which messages call `path`.
pub(super) fn open(path: &Path, mut file: File) -> Result<Opened, Error> {
    let damaged = |reason: String| Error::Damaged { path: path.into(), reason };
    let unsupported = |what: String| Error::Unsupported { path: path.into(), what };
    file.rewind().map_err(|error| Error::from_io(path, &error))?;
    let second = file.try_clone().map_err(|error| Error::from_io(path, &error))?;
    let again = file.try_clone().map_err(|error| Error::from_io(path, &error))?;
    let (source, breaks_off) = stretched::source(file);
    let mut is_cut_off = false;
    let probed = probed(source).or_else(|failure| {
        // Of a file that is cut off, some readers want to see the end first; unless they are told that they cannot.
        is_cut_off = matches!(&failure, Failure::IoError(error) if error.kind() == ErrorKind::UnexpectedEof);
        if !is_cut_off || (&again).rewind().is_err() {
            return Err(failure);
        }
        probed(Box::new(ReadOnlySource::new(again))).map_err(|_| failure)
    });
    let mut reader = probed.map_err(|failure| match failure {
        Failure::Unsupported(reason) if reason.contains("missing moov") => {
            damaged("what says where its sound is, its moov, is missing".into())
        }
        // This is how the probe says that it found nothing.
        Failure::Unsupported(reason) if reason.starts_with("core") => Error::NotRecognised { path: path.into() },
        Failure::Unsupported(reason) => unsupported(format!("an unusual format ({reason})")),
        Failure::IoError(error) if error.raw_os_error().is_some() => Error::from_io(path, &error),
        other => damaged(other.to_string()),
    })?;
    let title = title_of(reader.as_mut());
    let is_mp4 = reader.format_info().format == FORMAT_ID_ISOMP4;
    let is_only = reader.tracks().len() == 1;
    let track = reader.default_track(TrackType::Audio).or_else(|| reader.first_track(TrackType::Audio)).cloned();
    let Some((track, CodecParameters::Audio(codec))) =
        track.as_ref().and_then(|track| Some((track, track.codec_params.as_ref()?)))
    else {
        return Err(Error::NoSound { path: path.into() });
    };
    let edit = reader_keeps_its_place(second, |file| edit_of(reader.as_ref(), track.id, file)).flatten();
    let options = AudioDecoderOptions::default();
    // Without the encoder's tag, the length of an MP3 is guessed, and to cut it there could cut music off. That of AAC
    // by itself always is.
    let is_bare = reader.format_info().format == FORMAT_ID_ADTS;
    let has_marks = !is_bare && (codec.codec != CODEC_ID_MP3 || track.delay.is_some());
    let made = if opus::decodes(codec) {
        guarded(|| OpusDecoder::boxed(codec, &options))
    } else if let Some(registered) = get_codecs().get_audio_decoder(codec.codec) {
        guarded(|| (registered.factory)(codec, &options.gapless(has_marks)))
    } else {
        return Err(unsupported(missing(codec)));
    };
    let decoder = made.map_err(|failure| match failure {
        Failure::Unsupported(_) => unsupported(missing(codec)),
        other => damaged(other.to_string()),
    })?;
    let overlap = match codec.codec {
        CODEC_ID_MP3 => Overlap::Mp3,
        CODEC_ID_VORBIS => Overlap::Vorbis,
        CODEC_ID_AAC => Overlap::Aac,
        CODEC_ID_OPUS => Overlap::Opus,
        _ => Overlap::None,
    };
    let said = codec.sample_rate.ok_or_else(|| damaged("it has no rate".into()))?;
    // What is coded knows better than what is around it.
    let rate = if is_mp4 { decoder.codec_params().sample_rate.unwrap_or(said) } else { said };
    if codec.codec == CODEC_ID_AAC && said >= rate.saturating_mul(2) {
        // The upper half is told in a way that a decoder of the lower one passes over.
        return Err(unsupported("HE-AAC".into()));
    }
    if !RATES.contains(&rate) {
        return Err(unsupported(format!("sound of {rate} Hz")));
    }
    let known = if is_mp4 { decoder.codec_params().channels.clone() } else { None };
    let channels = known.or_else(|| codec.channels.clone()).filter(|channels| channels.count() > 0);
    let channels = channels.ok_or_else(|| damaged("it has no channels".into()))?;
    let scale = track.time_base.filter(|_| is_mp4).map_or(rate, |base| base.denom.get());
    let Ends { begin, frames, is_cut } = ends(reader.as_mut(), track, codec.codec, edit, (rate, scale));
    let layout = Layout {
        rate,
        channels,
        bits: codec.bits_per_sample,
        codec: name_of(decoder.codec_info().short_name),
        title,
        frames,
        is_gapless: if is_mp4 { frames.is_some() } else { has_marks || is_cut },
        track: track.id,
        origin: begin,
        is_cut,
        scale,
        overlap,
        breaks_off,
        seeks: (is_only || is_mp4) && !is_cut_off,
    };
    Ok(Opened { reader, decoder, layout })
}

/// Has the library find out what it is.
fn probed(source: Box<dyn MediaSource>) -> Result<Box<dyn FormatReader>, Failure> {
    let stream = MediaSourceStream::new(source, Default::default());
    guarded(|| get_probe().probe(&Hint::new(), stream, Default::default(), Default::default()))
}

/// Reads elsewhere in a file whose place another handle shares.
fn reader_keeps_its_place<T>(mut file: File, read: impl FnOnce(&mut File) -> T) -> Option<T> {
    let place = file.stream_position().ok()?;
    let read = read(&mut file);
    file.seek(SeekFrom::Start(place)).ok()?;
    Some(read)
}

fn title_of(reader: &mut dyn FormatReader) -> Option<String> {
    let mut metadata = reader.metadata();
    let newest = metadata.skip_to_latest()?;
    let tags = newest.media.tags.iter().chain(newest.per_track.iter().flat_map(|track| &track.metadata.tags));
    let title = tags.filter_map(|tag| tag.std.as_ref()).find_map(|tag| match tag {
        StandardTag::TrackTitle(title) => Some(sentence(title)),
        _ => None,
    });
    title.filter(|title| !title.is_empty())
}

fn name_of(codec: &'static str) -> &'static str {
    match codec {
        "flac" => "FLAC",
        "mp3" => "MP3",
        "vorbis" => "Vorbis",
        "aac" => "AAC",
        "alac" => "ALAC",
        "opus" => "Opus",
        name if name.starts_with("pcm") => "PCM",
        name => name,
    }
}

/// Names a codec that readers know and decoders do not.
fn missing(codec: &AudioCodecParameters) -> String {
    match codec.codec {
        CODEC_ID_AAC => match (codec.profile, codec.channels.as_ref().map(Channels::count)) {
            (Some(CODEC_PROFILE_AAC_HE), _) => "HE-AAC".into(),
            (Some(CODEC_PROFILE_AAC_HE_V2), _) => "HE-AAC version 2".into(),
            (Some(CODEC_PROFILE_AAC_LC) | None, Some(channels @ 3..)) => format!("AAC of {channels} channels"),
            _ => "AAC of an unusual kind".into(),
        },
        CODEC_ID_OPUS => "Opus".into(),
        CODEC_ID_SPEEX => "Speex".into(),
        CODEC_ID_AC3 => "Dolby Digital (AC-3)".into(),
        CODEC_ID_EAC3 => "Dolby Digital Plus (E-AC-3)".into(),
        CODEC_ID_DCA => "DTS".into(),
        CODEC_ID_MP1 => "MPEG layer 1".into(),
        CODEC_ID_MP2 => "MPEG layer 2".into(),
        CODEC_ID_ADPCM_MS | CODEC_ID_ADPCM_IMA_WAV => "ADPCM".into(),
        other => format!("an unusual codec ({other})"),
    }
}

/// Calls the library, which may panic over a file that was made to make it.
pub(super) fn guarded<T>(call: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or(Err(Failure::DecodeError("the decoder gave up")))
}
