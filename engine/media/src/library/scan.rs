//! Looking through the folders: what has come, what has changed, what has gone. Files that are as they were are not
//! opened.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::{
    catalogue::{MAX_PROBLEMS, Problem},
    covers,
    folder::{self, Found, Listing, Stamp},
    index::{Contents, Entry, Index, PathBytes},
    tags,
};

/// How files are called that hold sound; some of these cannot be played, which is told. Others are not even opened.
const EXTENSIONS: [&str; 33] = [
    "3ga", "aac", "ac3", "aif", "aifc", "aiff", "amr", "ape", "caf", "dff", "dsf", "dts", "flac", "m4a", "m4b", "m4p",
    "mka", "mp1", "mp2", "mp3", "mp4", "mpc", "oga", "ogg", "opus", "spx", "tta", "wav", "wave", "weba", "webm", "wma",
    "wv",
];

/// Who is told how far it is, and can end it.
pub(super) trait Watcher {
    /// So many files of so many have been looked at; the index is as far.
    fn progress(&self, done: usize, total: usize, index: &Index);

    /// Whether to end now.
    fn is_over(&self) -> bool;
}

/// What came of a scan, the index aside.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// What could not be looked at.
    pub(super) problems: Vec<Problem>,
    /// Folders of the library that are not there.
    pub(super) missing: Vec<PathBuf>,
    /// Whether the index is another one now.
    pub(super) changed: bool,
}

/// Brings the index up to what is in the folders. One that is not there (a disk that is not mounted) keeps what was
/// known of it.
pub(super) fn scan(folders: &[PathBuf], index: &mut Index, watcher: &dyn Watcher) -> Outcome {
    let mut outcome = Outcome::default();
    let mut listings = Vec::new();
    for folder in folders {
        match folder::list(folder, &|| watcher.is_over()) {
            Ok(listing) => listings.push((folder, listing)),
            Err(error) => {
                outcome.missing.push(folder.clone());
                outcome.problems.push(Problem { file: folder.clone(), problem: error.to_string() });
            }
        }
    }
    if watcher.is_over() {
        return outcome;
    }
    let known = index.folders.len();
    index.folders.retain(|folder, _| folders.iter().any(|wanted| PathBytes::from(&**wanted) == *folder));
    outcome.changed = index.folders.len() != known;
    let total = listings.iter().map(|(_, listing)| count(listing)).sum();
    let mut done = 0;
    for (folder, listing) in listings {
        for (path, problem) in listing.problems.iter().take(MAX_PROBLEMS - outcome.problems.len().min(MAX_PROBLEMS)) {
            outcome.problems.push(Problem { file: folder.join(path), problem: problem.clone() });
        }
        outcome.changed |= forget(folder, &listing, index);
        for found in listing.files.iter().filter(|found| is_sound(&found.path)) {
            if watcher.is_over() {
                return outcome;
            }
            outcome.changed |= look_at(folder, found, index);
            done += 1;
            watcher.progress(done, total, index);
        }
    }
    outcome
}

fn count(listing: &Listing) -> usize {
    listing.files.iter().filter(|found| is_sound(&found.path)).count()
}

fn contents<'a>(folder: &Path, index: &'a mut Index) -> &'a mut Contents {
    index.folders.entry(folder.into()).or_default()
}

/// Takes out what has gone, and takes over the pictures.
fn forget(folder: &Path, listing: &Listing, index: &mut Index) -> bool {
    let contents = contents(folder, index);
    let covers = covers_in(&listing.files);
    let mut changed = contents.covers != covers;
    contents.covers = covers;
    if listing.is_whole {
        let there: BTreeSet<PathBytes> = listing.files.iter().map(|found| PathBytes::from(&*found.path)).collect();
        let before = contents.files.len();
        contents.files.retain(|path, _| there.contains(path));
        changed |= contents.files.len() != before;
    }
    changed
}

/// Reads a file unless it is as it was.
fn look_at(folder: &Path, found: &Found, index: &mut Index) -> bool {
    let contents = contents(folder, index);
    let path = PathBytes::from(&*found.path);
    if contents.files.get(&path).is_some_and(|entry| entry.stamp == found.stamp) {
        return false;
    }
    let name = folder.join(&found.path);
    let sound = folder::open(folder, &found.path).and_then(|file| tags::read(file, &name));
    let entry = Entry { stamp: found.stamp, sound: sound.map_err(|error| error.to_string()) };
    contents.files.insert(path, entry);
    true
}

/// The best picture in each folder.
fn covers_in(files: &[Found]) -> BTreeMap<PathBytes, (PathBytes, Stamp)> {
    let mut best: BTreeMap<PathBytes, (usize, PathBytes, Stamp)> = BTreeMap::new();
    for found in files {
        let (Some(name), Some(parent)) = (found.path.file_name(), found.path.parent()) else { continue };
        let Some(rank) = covers::rank(name) else { continue };
        let picture = (rank, PathBytes::from(&*found.path), found.stamp);
        match best.get(&PathBytes::from(parent)) {
            Some((other, ..)) if *other <= rank => {}
            _ => {
                best.insert(parent.into(), picture);
            }
        }
    }
    best.into_iter().map(|(parent, (_, path, stamp))| (parent, (path, stamp))).collect()
}

/// Whether a file is called as one with sound.
fn is_sound(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    EXTENSIONS.binary_search(&&*extension).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_extension() {
        assert!(EXTENSIONS.is_sorted());
        for (name, is_one) in
            [("a.FLAC", true), ("a.wma", true), ("a.jpg", false), ("flac", false), ("a.flac.txt", false)]
        {
            assert_eq!(is_sound(Path::new(name)), is_one, "{name}");
        }
    }
}
