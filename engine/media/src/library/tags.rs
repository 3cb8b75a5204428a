//! What a file says about itself: tags by lofty, the sound by what will decode it.

use std::{
    fs::File,
    io::{BufReader, Read, Seek},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use lofty::{
    config::{ParseOptions, ParsingMode},
    file::{TaggedFile, TaggedFileExt},
    picture::{Picture, PictureType},
    probe::Probe,
    tag::{ItemKey, Tag},
};
use serde::{Deserialize, Serialize};

use super::{covers, ids::CoverId, text::presentable};
use crate::{Error, file};

/// What is known of a file that can be played.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sound {
    pub(super) title: String,
    pub(super) artist: Option<String>,
    pub(super) album: Option<String>,
    pub(super) album_artist: Option<String>,
    pub(super) genre: Option<String>,
    pub(super) number: Option<u32>,
    pub(super) disc: Option<u32>,
    pub(super) year: Option<u32>,
    pub(super) codec: String,
    pub(super) rate: u32,
    pub(super) channels: u32,
    pub(super) frames: Option<u64>,
    /// The picture in it.
    pub(super) cover: Option<CoverId>,
}

/// Reads all of that from a file, which messages call `name`.
pub(super) fn read(file: File, name: &Path) -> Result<Sound, Error> {
    let probed = file::probe(&file, name)?;
    let tagged = parse(file);
    let tags: Vec<&Tag> = tagged.iter().flat_map(in_order).collect();
    let text = |key: &ItemKey| tags.iter().find_map(|tag| presentable(&joined(tag, key)));
    let number = |key: &ItemKey, most: u32| {
        let of = |tag: &&Tag| first_number(tag.get_string(key)?).filter(|number| (1..=most).contains(number));
        tags.iter().find_map(of)
    };
    let title = text(&ItemKey::TrackTitle).or_else(|| presentable(&probed.title.unwrap_or_default()));
    let stem = || name.file_stem().and_then(|stem| presentable(&stem.to_string_lossy()));
    Ok(Sound {
        title: title.or_else(stem).unwrap_or_else(|| "untitled".into()),
        artist: text(&ItemKey::TrackArtist),
        album: text(&ItemKey::AlbumTitle),
        album_artist: text(&ItemKey::AlbumArtist),
        genre: text(&ItemKey::Genre),
        number: number(&ItemKey::TrackNumber, 9_999),
        disc: number(&ItemKey::DiscNumber, 999),
        year: [ItemKey::RecordingDate, ItemKey::Year, ItemKey::ReleaseDate, ItemKey::OriginalReleaseDate]
            .iter()
            .find_map(|key| number(key, 9_999))
            .filter(|year| *year >= 1_000),
        codec: probed.codec,
        rate: probed.rate,
        channels: probed.channels,
        frames: probed.frames,
        cover: tagged.as_ref().and_then(picture).map(covers::id_of),
    })
}

/// The picture in a file.
pub(super) fn picture_in(file: File) -> Option<Vec<u8>> {
    parse(file).as_ref().and_then(picture).map(Vec::from)
}

/// The front cover, or else the first picture that is one.
fn picture(tagged: &TaggedFile) -> Option<&[u8]> {
    let pictures = || in_order(tagged).flat_map(Tag::pictures).filter(|picture| covers::is_picture(picture.data()));
    let front = pictures().find(|picture| picture.pic_type() == PictureType::CoverFront);
    front.or_else(|| pictures().next()).map(Picture::data)
}

/// The tag that this kind of file has by right before others.
fn in_order(tagged: &TaggedFile) -> impl Iterator<Item = &Tag> {
    let first = tagged.primary_tag();
    let others = tagged.tags().iter().filter(move |tag| first.is_none_or(|first| first.tag_type() != tag.tag_type()));
    first.into_iter().chain(others)
}

/// Has lofty read the tags. Whatever is wrong with them, the music is still there: `None` is no error.
fn parse(file: File) -> Option<TaggedFile> {
    let read = || {
        let mut file = file;
        file.rewind().ok()?;
        let options = ParseOptions::new().read_properties(false).parsing_mode(ParsingMode::Relaxed);
        let mut reader = BufReader::new(file);
        let probe = Probe::new(&mut reader).options(options).guess_file_type().ok()?;
        probe.read().ok()
    };
    // A library for tags, too, may panic over a file that was made to make it.
    catch_unwind(AssertUnwindSafe(read)).ok().flatten()
}

/// All values of a key, as one text.
fn joined(tag: &Tag, key: &ItemKey) -> String {
    let mut joined = String::new();
    for value in tag.get_strings(key).flat_map(|value| value.split('\0')).take(16) {
        if !joined.is_empty() {
            joined.push_str(", ");
        }
        joined.extend(value.chars().take(1_000));
    }
    joined
}

/// The number with which a text begins, as in `3/12` or `2001-05-06`.
fn first_number(text: &str) -> Option<u32> {
    let digits = text.trim_start().split(|letter: char| !letter.is_ascii_digit()).next()?;
    digits.get(..digits.len().min(9))?.parse().ok()
}

/// Reads at most so many bytes of a file.
pub(super) fn read_bounded(file: File, most: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= most).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_in_what_people_write() {
        for (text, number) in
            [("3/12", Some(3)), (" 07", Some(7)), ("2001-05-06", Some(2001)), ("A1", None), ("", None)]
        {
            assert_eq!(first_number(text), number, "{text}");
        }
        assert_eq!(first_number(&"9".repeat(1_000)), Some(999_999_999));
        assert_eq!(first_number("-1"), None);
    }
}
