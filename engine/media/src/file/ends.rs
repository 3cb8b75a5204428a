//! Where the music in a file begins and ends. Encoders add frames at both ends; what says how many is a LAME tag, which
//! the reader knows by itself, a tag of iTunes', an edit list, or Opus's pre-skip.

use std::io::{Read, Seek};

use symphonia::core::{
    codecs::audio::{
        AudioCodecId,
        well_known::{CODEC_ID_MP3, CODEC_ID_OPUS},
    },
    formats::{FormatReader, Track, well_known::FORMAT_ID_ISOMP4},
    meta::{RawTag, RawValue},
    units::Duration,
};

use super::mp4::{self, Edit};

/// What an MP3's decoder adds to what its encoder did.
const MP3_DECODER_DELAY: u64 = 529;

/// No encoder looks ahead so far: a tag that says so says something else.
const MAX_DELAY: u64 = 48_000;

/// Which frames of a file are music.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ends {
    /// The first of them, counted from the mark 0.
    pub(super) begin: i64,
    /// How many there are, when the file says so.
    pub(super) frames: Option<u64>,
    /// Whether more may come out of the decoder, which is to be cut off.
    pub(super) is_cut: bool,
}

/// What a tag of iTunes' says: frames before the music, and in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tagged {
    delay: u64,
    frames: u64,
}

/// Finds them, for a track whose marks are `scale` a second and whose frames are `rate`.
pub(super) fn ends(
    reader: &mut dyn FormatReader,
    track: &Track,
    codec: AudioCodecId,
    edit: Option<Edit>,
    (rate, scale): (u32, u32),
) -> Ends {
    let tagged = itunes(reader);
    if reader.format_info().format == FORMAT_ID_ISOMP4 {
        let frames_in = |marks: u64| {
            u64::try_from(u128::from(marks) * u128::from(rate) / u128::from(scale.max(1))).unwrap_or(u64::MAX)
        };
        let total = track.duration.map(Duration::get).filter(|marks| *marks > 0);
        return in_mp4(total, edit, tagged.filter(|_| scale == rate), frames_in);
    }
    if codec == CODEC_ID_OPUS {
        let begin = track.start_ts.get().saturating_add(track.delay.unwrap_or(0).into());
        let skipped = u64::try_from(begin).unwrap_or(0);
        let frames = track.num_frames.map(|frames| frames.saturating_sub(skipped));
        return Ends { begin, frames, is_cut: frames.is_some() };
    }
    if let Some(tagged) = tagged.filter(|_| codec == CODEC_ID_MP3 && track.delay.is_none()) {
        let begin = i64::try_from(tagged.delay + MP3_DECODER_DELAY).unwrap_or(0);
        return Ends { begin, frames: Some(tagged.frames), is_cut: true };
    }
    let begin = track.start_ts.get().max(0);
    let frames = track.num_frames.map(|frames| frames.saturating_sub(begin.unsigned_abs()));
    Ends { begin, frames, is_cut: false }
}

fn in_mp4(total: Option<u64>, edit: Option<Edit>, tagged: Option<Tagged>, frames_in: impl Fn(u64) -> u64) -> Ends {
    let fits = |begin: u64| total.is_none_or(|total| begin < total);
    if let Some(Tagged { delay, frames }) = tagged
        && total.is_none_or(|total| delay.saturating_add(frames) <= total)
    {
        return Ends { begin: i64::try_from(delay).unwrap_or(0), frames: Some(frames), is_cut: true };
    }
    let edit = edit.filter(|edit| fits(edit.begin));
    let begin = edit.map_or(0, |edit| edit.begin);
    let end = match (total, edit.and_then(|edit| Some((edit.end?, edit.grain)))) {
        // The packets' own end is to the frame; the list's may be to the millisecond.
        (Some(total), Some((end, grain))) if end.abs_diff(total) <= grain => Some(total),
        (Some(total), Some((end, _))) => Some(end.min(total)),
        (total, end) => total.or(end.map(|(end, _)| end)),
    };
    let frames = end.map(|end| frames_in(end).saturating_sub(frames_in(begin)));
    Ends { begin: i64::try_from(frames_in(begin)).unwrap_or(0), frames, is_cut: frames.is_some() }
}

/// The edit list of a track in an MP4.
pub(super) fn edit_of(reader: &dyn FormatReader, track: u32, file: &mut (impl Read + Seek)) -> Option<Edit> {
    (reader.format_info().format == FORMAT_ID_ISOMP4).then(|| mp4::edit(file, track)).flatten()
}

/// What iTunes has written: `iTunSMPB`, in an MP4's own tags or in a comment of ID3.
fn itunes(reader: &mut dyn FormatReader) -> Option<Tagged> {
    let mut metadata = reader.metadata();
    let newest = metadata.skip_to_latest()?;
    let tags = newest.media.tags.iter().chain(newest.per_track.iter().flat_map(|track| &track.metadata.tags));
    tags.map(|tag| &tag.raw).filter(|raw| is_itunes(raw)).find_map(|raw| match &raw.value {
        RawValue::String(text) => parse(text),
        _ => None,
    })
}

fn is_itunes(raw: &RawTag) -> bool {
    let is_it = |value: &RawValue| matches!(value, RawValue::String(text) if text.as_str() == "iTunSMPB");
    raw.key.ends_with(":iTunSMPB") || raw.sub_fields.iter().flatten().any(|field| is_it(&field.value))
}

/// Numbers in hexadecimal: nothing, frames before the music, frames behind it, frames of it.
fn parse(text: &str) -> Option<Tagged> {
    let mut numbers = text.split_ascii_whitespace().map(|number| u64::from_str_radix(number, 16).ok());
    let (_, delay, _, frames) = (numbers.next()??, numbers.next()??, numbers.next()??, numbers.next()??);
    (delay <= MAX_DELAY && frames > 0).then_some(Tagged { delay, frames })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_itunes_says_is_understood_or_left_alone() {
        let usual = " 00000000 00000840 000001C0 0000000000AD0000 00000000 00000000 00000000 00000000";
        assert_eq!(parse(usual), Some(Tagged { delay: 2_112, frames: 0xad_0000 }));
        for text in ["", "0 1 2", "0 840 1c0 zz", "0 840 1c0 0", "0 ffffffff 0 1", "0 840 1c0 11112222333344445"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_most_exact_of_what_an_mp4_says_counts() {
        let ends = |total, edit, tagged| in_mp4(total, edit, tagged, |marks| marks);
        let edit = |end| Some(Edit { begin: 1_024, end: Some(end), grain: 48 });
        let cut = |begin, frames| Ends { begin, frames: Some(frames), is_cut: true };
        assert_eq!(ends(Some(50_000), edit(49_990), None), cut(1_024, 48_976), "a list that rounds");
        assert_eq!(ends(Some(50_000), edit(40_000), None), cut(1_024, 38_976), "a list that cuts");
        assert_eq!(ends(Some(50_000), edit(90_000), None), cut(1_024, 48_976), "a list that says too much");
        assert_eq!(ends(Some(900), edit(900), None), cut(0, 900), "a list that begins behind the end");
        assert_eq!(ends(None, edit(2_024), None), cut(1_024, 1_000));
        assert_eq!(ends(None, None, None), Ends::default());
        let tagged = Some(Tagged { delay: 2_112, frames: 47_000 });
        assert_eq!(ends(Some(50_000), edit(50_000), tagged), cut(2_112, 47_000), "a tag comes first");
        assert_eq!(ends(Some(40_000), edit(40_000), tagged), cut(1_024, 38_976), "a tag of another file");
    }
}
