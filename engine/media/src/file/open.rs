//! From a file that may hold sound to a decoder for it.

use std::{
    fs::File,
    io::Seek,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use symphonia::{
    core::{
        audio::Channels,
        codecs::{
            CodecParameters,
            audio::{
                AudioCodecId, AudioDecoder, AudioDecoderOptions,
                well_known::{
                    CODEC_ID_ADPCM_IMA_WAV, CODEC_ID_ADPCM_MS, CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3, CODEC_ID_OPUS,
                    CODEC_ID_VORBIS,
                },
            },
        },
        errors::Error as Failure,
        formats::{FormatReader, Track, TrackType, probe::Hint},
        io::MediaSourceStream,
        meta::StandardTag,
    },
    default::{get_codecs, get_probe},
};

use unisono_core::wire::control::sentence;

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
    /// The mark of frame 0.
    pub(super) origin: i64,
    pub(super) overlap: Overlap,
    /// Whether the reader can be trusted to seek: with several tracks in it, an Ogg reader may search for ever.
    pub(super) seeks: bool,
}

/// How a packet depends on those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overlap {
    None,
    Mp3,
    Vorbis,
}

/// Finds the reader and the decoder for a file.
pub(super) fn open(path: &Path, mut file: File) -> Result<Opened, Error> {
    let damaged = |reason: String| Error::Damaged { path: path.into(), reason };
    let unsupported = |what: String| Error::Unsupported { path: path.into(), what };
    file.rewind().map_err(|error| Error::from_io(path, &error))?;
    let stream = MediaSourceStream::new(Box::new(file), Default::default());
    let probed = guarded(|| get_probe().probe(&Hint::new(), stream, Default::default(), Default::default()));
    let mut reader = probed.map_err(|failure| match failure {
        // This is how the probe says that it found nothing.
        Failure::Unsupported(reason) if reason.starts_with("core") => Error::NotRecognised { path: path.into() },
        Failure::Unsupported(reason) => unsupported(format!("an unusual format ({reason})")),
        Failure::IoError(error) if error.raw_os_error().is_some() => Error::from_io(path, &error),
        other => damaged(other.to_string()),
    })?;
    let title = title_of(reader.as_mut());
    let is_only = reader.tracks().len() == 1;
    let Some((track, CodecParameters::Audio(codec))) = reader
        .default_track(TrackType::Audio)
        .or_else(|| reader.first_track(TrackType::Audio))
        .and_then(|track| Some((track, track.codec_params.as_ref()?)))
    else {
        return Err(unsupported("no sound that is known".into()));
    };
    let Some(registered) = get_codecs().get_audio_decoder(codec.codec) else {
        return Err(unsupported(missing(codec.codec)));
    };
    let overlap = match codec.codec {
        CODEC_ID_MP3 => Overlap::Mp3,
        CODEC_ID_VORBIS => Overlap::Vorbis,
        _ => Overlap::None,
    };
    let rate = codec.sample_rate.ok_or_else(|| damaged("it has no rate".into()))?;
    if !RATES.contains(&rate) {
        return Err(unsupported(format!("sound of {rate} Hz")));
    }
    let channels = codec.channels.clone().filter(|channels| channels.count() > 0);
    let channels = channels.ok_or_else(|| damaged("it has no channels".into()))?;
    // Without the encoder's tag, the length of an MP3 is guessed, and to cut it there could cut music off.
    let is_gapless = overlap != Overlap::Mp3 || track.delay.is_some();
    let options = AudioDecoderOptions::default().gapless(is_gapless);
    let decoder = guarded(|| (registered.factory)(codec, &options)).map_err(|failure| damaged(failure.to_string()))?;
    let layout = Layout {
        rate,
        channels,
        bits: codec.bits_per_sample,
        codec: name_of(registered.codec.info.short_name),
        title,
        frames: frames_of(track),
        is_gapless,
        track: track.id,
        origin: track.start_ts.get().max(0),
        overlap,
        seeks: is_only,
    };
    Ok(Opened { reader, decoder, layout })
}

fn frames_of(track: &Track) -> Option<u64> {
    let skipped = u64::try_from(track.start_ts.get()).unwrap_or(0);
    Some(track.num_frames?.saturating_sub(skipped))
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
        name if name.starts_with("pcm") => "PCM",
        name => name,
    }
}

/// Names a codec that readers know and decoders do not.
fn missing(codec: AudioCodecId) -> String {
    match codec {
        CODEC_ID_OPUS => "Opus".into(),
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
