//! Files one after another, without a gap: one file, or all of a folder in natural order or shuffled, again and again.

use std::{
    cmp::Ordering,
    collections::VecDeque,
    fs, io,
    path::{Path, PathBuf},
};

use tracing::warn;
use unisono_core::units::SampleRate;
use unisono_media::{FileSource, Source};

use super::source::Read;

/// Nobody's music is sorted deeper; links that lead back to where they are end here.
const MAX_DEPTH: usize = 24;

/// More files are no collection but the wrong folder.
const MAX_FILES: usize = 200_000;

/// How files are called that hold sound. Others are not even tried.
const EXTENSIONS: [&str; 12] =
    ["aac", "aif", "aifc", "aiff", "flac", "m4a", "mp3", "oga", "ogg", "opus", "wav", "wave"];

/// Files to play.
pub(super) struct Playlist {
    rate: SampleRate,
    /// All of it, to begin anew with.
    files: Vec<PathBuf>,
    shuffle: Option<fastrand::Rng>,
    waiting: VecDeque<PathBuf>,
    current: Option<FileSource>,
    /// What was opened and has yet to be named.
    piece: Option<String>,
    /// A piece was opened since the list began anew.
    plays: bool,
}

impl Playlist {
    /// One file, once.
    ///
    /// # Errors
    /// When it cannot be played.
    pub(super) fn file(path: &Path, rate: SampleRate) -> Result<Self, String> {
        let mut playlist = Self::new(Vec::new(), rate, None);
        playlist.open(path).map_err(|error| error.to_string())?;
        Ok(playlist)
    }

    /// All of a folder, for ever.
    ///
    /// # Errors
    /// When it cannot be read, or holds nothing that can be played.
    pub(super) fn folder(path: &Path, rate: SampleRate, shuffle: bool) -> Result<Self, String> {
        let mut files = Vec::new();
        collect(path, 0, &mut files).map_err(|error| format!("{path:?} cannot be read ({error})"))?;
        let mut playlist = Self::new(files, rate, shuffle.then(fastrand::Rng::new));
        match playlist.open_next() {
            Some(()) => Ok(playlist),
            None => Err(format!(
                "{path:?} holds no WAV, FLAC, AIFF, MP3, M4A, AAC, Ogg Vorbis or Ogg Opus file that can be played"
            )),
        }
    }

    fn new(files: Vec<PathBuf>, rate: SampleRate, shuffle: Option<fastrand::Rng>) -> Self {
        Self { rate, files, shuffle, waiting: VecDeque::new(), current: None, piece: None, plays: true }
    }

    /// What comes next: sound of the piece in hand, or the name of the next one.
    pub(super) fn read(&mut self, out: &mut [f32]) -> Read {
        loop {
            if let Some(title) = self.piece.take() {
                return Read::Piece(title);
            }
            match self.current.as_mut().map(|current| current.read(out)) {
                Some(Ok(frames)) if frames > 0 => return Read::Frames(frames),
                Some(Err(error)) => warn!("{error}"),
                Some(Ok(_)) | None => {}
            }
            self.current = None;
            if self.open_next().is_none() {
                return Read::Over;
            }
        }
    }

    /// Leaves the rest of the piece in hand.
    pub(super) fn skip(&mut self) {
        (self.current, self.piece) = (None, None);
    }

    /// Opens the next file that can be played; `None` when there is none.
    fn open_next(&mut self) -> Option<()> {
        loop {
            let Some(path) = self.waiting.pop_front() else {
                self.begin_anew()?;
                continue;
            };
            match self.open(&path) {
                Ok(()) => return Some(()),
                Err(error) => warn!("left out: {error}"),
            }
        }
    }

    fn open(&mut self, path: &Path) -> Result<(), unisono_media::Error> {
        let source = FileSource::open(path, self.rate, 2)?;
        self.piece = Some(source.description().title.clone());
        (self.current, self.plays) = (Some(source), true);
        Ok(())
    }

    /// Fills the list again, unless there was nothing in it that could be played.
    fn begin_anew(&mut self) -> Option<()> {
        if !std::mem::take(&mut self.plays) || self.files.is_empty() {
            return None;
        }
        self.waiting = self.files.clone().into();
        if let Some(random) = &mut self.shuffle {
            random.shuffle(self.waiting.make_contiguous());
        }
        Some(())
    }
}

/// Every file with sound below a folder, in natural order.
fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.filter_map(Result::ok).map(|entry| entry.path()).collect::<Vec<_>>();
    entries.sort_by(|a, b| natural(&name(a), &name(b)));
    for path in entries {
        if files.len() >= MAX_FILES {
            break;
        }
        // What a link leads to, too.
        let Ok(found) = fs::metadata(&path) else { continue };
        if found.is_dir() && depth < MAX_DEPTH {
            // One that may not be read is left out, as a file would be.
            if let Err(error) = collect(&path, depth + 1, files) {
                warn!("left out: {}: {error}", path.display());
            }
        } else if found.is_file() && has_sound(&path) {
            files.push(path);
        }
    }
    Ok(())
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().to_lowercase()
}

fn has_sound(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    EXTENSIONS.contains(&&extension[..])
}

/// As people sort: 2 before 10.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let (Some(first), Some(second)) = (a.chars().next(), b.chars().next()) else { return a.len().cmp(&b.len()) };
        let ordering = if first.is_ascii_digit() && second.is_ascii_digit() {
            let ((left, rest_a), (right, rest_b)) = (number(a), number(b));
            (a, b) = (rest_a, rest_b);
            // Without zeros before them the longer is the larger.
            left.len().cmp(&right.len()).then_with(|| left.cmp(right))
        } else {
            (a, b) = (&a[first.len_utf8()..], &b[second.len_utf8()..]);
            first.cmp(&second)
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
}

/// The digits at the front without zeros before them, and what follows.
fn number(text: &str) -> (&str, &str) {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    (text[..end].trim_start_matches('0'), &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, frames: u32) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: 48_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(path, spec).unwrap();
        (0..frames * 2).for_each(|_| writer.write_sample(100_i16).unwrap());
        writer.finalize().unwrap();
    }

    /// The titles of the pieces that come, and how many frames they had in all.
    fn pieces(playlist: &mut Playlist, most: usize) -> (Vec<String>, usize) {
        let (mut titles, mut frames, mut out) = (Vec::new(), 0, [0.0; 960]);
        loop {
            match playlist.read(&mut out) {
                Read::Piece(_) if titles.len() == most => return (titles, frames),
                Read::Piece(title) => titles.push(title),
                Read::Frames(read) => frames += read,
                Read::Nothing => panic!("a file is there"),
                Read::Over => return (titles, frames),
            }
        }
    }

    #[test]
    fn a_folder_plays_in_the_order_in_which_people_sort_and_over_again() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["b/Track 10", "b/track 9", "b/Track 2", "a/1", "c", "B1/01", "b/2/x"];
        for name in names {
            write(&folder.path().join(format!("{name}.wav")), 1_000);
        }
        fs::write(folder.path().join("a/cover.jpg"), "no sound").unwrap();
        fs::write(folder.path().join("a/2.flac"), "no sound either").unwrap();
        let mut playlist = Playlist::folder(folder.path(), SampleRate::HZ_48000, false).unwrap();
        let (titles, frames) = pieces(&mut playlist, 9);
        assert_eq!(titles, ["1", "x", "Track 2", "track 9", "Track 10", "01", "c", "1", "x"]);
        assert_eq!(frames, 9_000);
        let mut shuffled = Playlist::folder(folder.path(), SampleRate::HZ_48000, true).unwrap();
        let (mut titles, _) = pieces(&mut shuffled, 7);
        titles.sort();
        assert_eq!(titles, ["01", "1", "Track 10", "Track 2", "c", "track 9", "x"]);
    }

    #[test]
    fn a_file_plays_once_and_one_that_cannot_be_played_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one.wav");
        write(&path, 5_000);
        let mut playlist = Playlist::file(&path, SampleRate::HZ_48000).unwrap();
        assert_eq!(pieces(&mut playlist, 9), (vec!["one".into()], 5_000));
        assert_eq!(playlist.read(&mut [0.0; 2]), Read::Over);
        let said = Playlist::file(&folder.path().join("two.wav"), SampleRate::HZ_48000).map(drop).unwrap_err();
        assert!(said.contains("two.wav") && said.contains("does not exist"), "{said}");
    }

    #[test]
    fn a_folder_without_anything_that_can_be_played_is_refused_and_one_that_loses_it_all_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let refused = || Playlist::folder(folder.path(), SampleRate::HZ_48000, false).map(drop).unwrap_err();
        assert!(refused().contains("no WAV"));
        fs::write(folder.path().join("a.wav"), "no sound").unwrap();
        assert!(refused().contains("no WAV"));
        let path = folder.path().join("b.wav");
        write(&path, 1_000);
        let mut playlist = Playlist::folder(folder.path(), SampleRate::HZ_48000, false).unwrap();
        fs::remove_file(path).unwrap();
        assert_eq!(pieces(&mut playlist, 9), (vec!["b".into()], 1_000));
    }

    #[test]
    fn two_comes_before_ten() {
        let mut names = ["10", "9", "a10b", "a2", "a", "", "007", "7a", "é"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["", "007", "7a", "9", "10", "a", "a2", "a10b", "é"]);
    }
}
