//! What an MP4 says about the beginning and the end of its music: the edit list (ISO/IEC 14496-12, 8.6.6), which the
//! reader of packets leaves out.

use std::io::{self, Read, Seek, SeekFrom};

/// A file with more boxes than this around its first tracks was made to keep somebody busy.
const MAX_BOXES: u32 = 10_000;

/// A track's marks, and which of them are music.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    /// The mark of the first frame.
    pub(super) begin: u64,
    /// The mark behind the last one.
    pub(super) end: Option<u64>,
    /// By how many marks `end` may be off: it is kept in a coarser unit.
    pub(super) grain: u64,
}

/// The edit list of a track; `None` when there is none, or it says more than where to begin and to end.
pub(super) fn edit(file: &mut (impl Read + Seek), track: u32) -> Option<Edit> {
    let len = file.seek(SeekFrom::End(0)).ok()?;
    let mut boxes = Boxes { file, left: MAX_BOXES };
    let movie = boxes.find(Span { begin: 0, end: len }, *b"moov")?;
    let header = boxes.find(movie, *b"mvhd")?;
    let movie_scale = boxes.timescale(header)?;
    let mut rest = movie;
    loop {
        let found = boxes.find(rest, *b"trak")?;
        rest.begin = found.end;
        let header = boxes.find(found, *b"tkhd")?;
        if boxes.track_id(header)? == track {
            let media = boxes.find(found, *b"mdia")?;
            let header = boxes.find(media, *b"mdhd")?;
            let scale = boxes.timescale(header)?;
            let edits = boxes.find(found, *b"edts")?;
            let list = boxes.find(edits, *b"elst")?;
            return boxes.edits(list, scale, movie_scale);
        }
    }
}

/// How long a file was before it was cut off, by its last box, when that holds sound; `None` when all boxes are whole.
pub(super) fn len_before_it_was_cut_off(file: &mut (impl Read + Seek)) -> Option<u64> {
    let (place, len) = (file.stream_position().ok()?, file.seek(SeekFrom::End(0)).ok()?);
    let found = Boxes { file, left: MAX_BOXES }.end_beyond(len);
    file.seek(SeekFrom::Start(place)).ok()?;
    found
}

/// What a box holds: from one byte of the file to another.
#[derive(Clone, Copy)]
struct Span {
    begin: u64,
    end: u64,
}

struct Boxes<'a, F> {
    file: &'a mut F,
    left: u32,
}

impl<F: Read + Seek> Boxes<'_, F> {
    /// The first box of a kind among those in `within`.
    fn find(&mut self, within: Span, kind: [u8; 4]) -> Option<Span> {
        let mut at = within.begin;
        while within.end.saturating_sub(at) >= 8 && self.left > 0 {
            self.left -= 1;
            let (name, found) = self.head(at, within.end)?;
            if found.end > within.end {
                return None;
            }
            if name == kind {
                return Some(found);
            }
            at = found.end;
        }
        None
    }

    /// What kind of box begins at a byte, and what it holds; one of no size goes to `end`.
    fn head(&mut self, at: u64, end: u64) -> Option<([u8; 4], Span)> {
        let [a, b, c, d, name @ ..]: [u8; 8] = self.read(at).ok()?;
        let (header, size) = match u64::from(u32::from_be_bytes([a, b, c, d])) {
            0 => (8, end - at),
            1 => (16, u64::from_be_bytes(self.read(at + 8).ok()?)),
            size => (8, size),
        };
        let end = at.checked_add(size).filter(|_| size >= header)?;
        Some((name, Span { begin: at + header, end }))
    }

    /// Where the file's last box ends, when it is one of sound and that is beyond the end of the file.
    fn end_beyond(&mut self, len: u64) -> Option<u64> {
        let mut at = 0;
        while len.saturating_sub(at) >= 8 && self.left > 0 {
            self.left -= 1;
            let (name, found) = self.head(at, len)?;
            if at == 0 && name != *b"ftyp" {
                return None;
            }
            if found.end > len {
                return (name == *b"mdat").then_some(found.end);
            }
            at = found.end;
        }
        None
    }

    /// Units in a second, of a movie or of a track's media.
    fn timescale(&mut self, header: Span) -> Option<u64> {
        let [version] = self.read(header.begin).ok()?;
        let at = header.begin + if version == 0 { 12 } else { 20 };
        Some(u32::from_be_bytes(self.read(at).ok()?).into()).filter(|scale| *scale > 0)
    }

    fn track_id(&mut self, header: Span) -> Option<u32> {
        let [version] = self.read(header.begin).ok()?;
        let at = header.begin + if version == 0 { 12 } else { 20 };
        Some(u32::from_be_bytes(self.read(at).ok()?))
    }

    /// A list with one stretch of the media in it, silence before that aside.
    fn edits(&mut self, list: Span, scale: u64, movie_scale: u64) -> Option<Edit> {
        let [version] = self.read(list.begin).ok()?;
        let count = u32::from_be_bytes(self.read(list.begin + 4).ok()?);
        let len = if version == 0 { 12 } else { 20 };
        let mut found = None;
        for i in 0..u64::from(count.min(16)) {
            let at = list.begin + 8 + i * len;
            if at + len > list.end {
                break;
            }
            let (duration, begin) = if version == 0 {
                let [duration, begin] = [at, at + 4].map(|at| self.read(at).ok().map(u32::from_be_bytes));
                (u64::from(duration?), i64::from(begin?.cast_signed()))
            } else {
                let [duration, begin] = [at, at + 8].map(|at| self.read(at).ok().map(u64::from_be_bytes));
                (duration?, begin?.cast_signed())
            };
            // A stretch that is -1 stands for silence.
            let Ok(begin) = u64::try_from(begin) else { continue };
            if found.is_some() {
                return None;
            }
            let marks = u64::try_from(u128::from(duration) * u128::from(scale) / u128::from(movie_scale)).ok()?;
            // To the end, whatever that is.
            let end = (duration > 0).then(|| begin.checked_add(marks)).flatten();
            found = Some(Edit { begin, end, grain: scale.div_ceil(movie_scale) });
        }
        found
    }

    fn read<const N: usize>(&mut self, at: u64) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.file.seek(SeekFrom::Start(at))?;
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        [&u32::try_from(body.len() + 8).unwrap().to_be_bytes()[..], kind, body].concat()
    }

    /// A movie of 600 units a second with tracks 1 and 2, the second of 48 000.
    fn movie(edits: &[(u32, i32)]) -> Vec<u8> {
        let header = |scale: u32| [&[0; 12][..], &scale.to_be_bytes(), &[0; 8]].concat();
        let track = |id: u32, edits: &[(u32, i32)]| {
            let entry = |(duration, begin): &(u32, i32)| {
                [&duration.to_be_bytes()[..], &begin.to_be_bytes(), &[0, 1, 0, 0]].concat()
            };
            let entries: Vec<u8> = edits.iter().flat_map(entry).collect();
            let list = [&[0; 4][..], &u32::try_from(edits.len()).unwrap().to_be_bytes(), &entries].concat();
            let parts = [
                boxed(b"tkhd", &header(id)),
                boxed(b"edts", &boxed(b"elst", &list)),
                boxed(b"mdia", &boxed(b"mdhd", &header(48_000))),
            ];
            boxed(b"trak", &parts.concat())
        };
        let parts = [boxed(b"mvhd", &header(600)), track(1, &[(7, 7)]), track(2, edits)];
        [boxed(b"ftyp", b"M4A "), boxed(b"moov", &parts.concat())].concat()
    }

    #[test]
    fn a_stretch_is_found_in_the_track_it_belongs_to() {
        let found = |edits| edit(&mut Cursor::new(movie(edits)), 2);
        assert_eq!(found(&[(600, 1_024)]), Some(Edit { begin: 1_024, end: Some(49_024), grain: 80 }));
        assert_eq!(found(&[(600, -1), (1, 2_112)]), Some(Edit { begin: 2_112, end: Some(2_192), grain: 80 }));
        assert_eq!(found(&[(0, 5)]), Some(Edit { begin: 5, end: None, grain: 80 }));
        assert_eq!(found(&[(1, 5), (1, 500)]), None);
        assert_eq!(found(&[]), None);
        assert_eq!(edit(&mut Cursor::new(movie(&[])), 3), None);
    }

    #[test]
    fn no_damage_makes_it_panic_or_hang() {
        let mut random = fastrand::Rng::with_seed(7);
        let whole = movie(&[(600, 1_024)]);
        for _ in 0..20_000 {
            let mut bytes = whole.clone();
            for _ in 0..random.usize(1..6) {
                let at = random.usize(0..bytes.len());
                bytes[at] = [random.u8(..), 0, 0xff][random.usize(0..3)];
            }
            bytes.truncate(random.usize(0..=bytes.len()));
            let _ = edit(&mut Cursor::new(bytes), 2);
        }
    }
}
