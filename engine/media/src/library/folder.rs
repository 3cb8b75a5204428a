//! A folder of the library, and no way out of it: names are taken one by one, each within the folder that was opened
//! before it, and no link is followed. So neither `..` nor a link leads anywhere, whoever changes what meanwhile.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io,
    os::unix::ffi::OsStringExt,
    path::{Component, Path, PathBuf},
};

use nix::{
    dir::{Dir, Type},
    errno::Errno,
    fcntl::{AtFlags, OFlag, openat},
    sys::stat::{FileStat, Mode, SFlag, fstat, fstatat},
};

use crate::Error;

/// Deeper folders are left out: nobody keeps music in them.
const MAX_DEPTH: usize = 32;

/// More files than this are left out.
const MAX_FILES: usize = 1_000_000;

/// A file that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Its place in the folder.
    pub(super) path: PathBuf,
    pub(super) stamp: Stamp,
}

/// What changes when a file does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Stamp {
    pub(super) len: u64,
    /// When it was changed, in nanoseconds.
    pub(super) changed: i128,
}

/// What is in a folder.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) files: Vec<Found>,
    /// What was left out, and why.
    pub(super) problems: Vec<(PathBuf, String)>,
    /// Whether all of it could be read, so that what is not in `files` is not there.
    pub(super) is_whole: bool,
}

/// Opens a file in a folder for reading. Pipes, devices and links are refused unopened.
pub(super) fn open(folder: &Path, path: &Path) -> Result<File, Error> {
    let whole = folder.join(path);
    let name = path.file_name().ok_or_else(|| not_within(&whole))?;
    let parent = path.parent().unwrap_or(Path::new(""));
    let mut dir = root(folder)?;
    for component in parent.components() {
        let Component::Normal(name) = component else { return Err(not_within(&whole)) };
        dir = enter(&dir, name).map_err(|error| error_of(&whole, error))?;
    }
    // `a/..` has a parent and no name; `a/.` and `a/` are written another way.
    if parent.join(name).as_os_str() != path.as_os_str() {
        return Err(not_within(&whole));
    }
    let before = stat(&dir, name).map_err(|error| error_of(&whole, error))?;
    if let Some(kind) = other_than_file(&before) {
        return Err(Error::NotAFile { path: whole, kind });
    }
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let file = openat(&dir, name, flags, Mode::empty()).map_err(|error| error_of(&whole, error))?;
    let after = fstat(&file).map_err(|error| error_of(&whole, error))?;
    match other_than_file(&after) {
        Some(kind) => Err(Error::NotAFile { path: whole, kind }),
        None => Ok(file.into()),
    }
}

/// All files of a folder and those in it, hidden ones aside. Ends early when `is_over` says so.
pub(super) fn list(folder: &Path, is_over: &dyn Fn() -> bool) -> Result<Listing, Error> {
    let root = root(folder)?;
    let mut listing = Listing { is_whole: true, ..Listing::default() };
    read(&root, Path::new(""), 0, is_over, &mut listing);
    Ok(listing)
}

fn read(dir: &File, place: &Path, depth: usize, is_over: &dyn Fn() -> bool, listing: &mut Listing) {
    let names = match names_in(dir) {
        Ok(names) => names,
        Err(error) => return unreadable(place, error, listing),
    };
    for (name, kind) in names {
        if is_over() || listing.files.len() >= MAX_FILES {
            listing.is_whole = false;
            return;
        }
        let path = place.join(&name);
        if kind == Some(Type::Symlink) {
            listing.problems.push((path, "it is a link, and none is followed; put the files themselves here".into()));
            continue;
        }
        let Ok(stat) = stat(dir, &name) else { continue };
        if SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits()) == SFlag::S_IFDIR {
            if depth + 1 >= MAX_DEPTH {
                listing.problems.push((path, format!("folders deeper than {MAX_DEPTH} are left out")));
                continue;
            }
            match enter(dir, &name) {
                Ok(inner) => read(&inner, &path, depth + 1, is_over, listing),
                Err(error) => unreadable(&path, error, listing),
            }
        } else {
            listing.files.push(Found { path, stamp: stamp(&stat) });
        }
    }
}

/// What is in a folder, in order; hidden files, and the folder itself, aside.
fn names_in(dir: &File) -> Result<Vec<(OsString, Option<Type>)>, Errno> {
    let again = dir.try_clone().map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0)))?;
    let mut names = Vec::new();
    for entry in Dir::from_fd(again.into())?.iter() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if !name.starts_with(b".") {
            names.push((OsString::from_vec(name.into()), entry.file_type()));
        }
    }
    names.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(names)
}

fn unreadable(place: &Path, error: Errno, listing: &mut Listing) {
    listing.is_whole = false;
    let problem = format!("it cannot be read ({}); change its permissions or check the disk", error.desc());
    listing.problems.push((place.into(), problem));
}

fn root(folder: &Path) -> Result<File, Error> {
    let file = File::open(folder).map_err(|error| Error::from_io(folder, &error))?;
    let is_dir = file.metadata().is_ok_and(|metadata| metadata.is_dir());
    if is_dir { Ok(file) } else { Err(Error::NotAFolder { path: folder.into() }) }
}

fn enter(dir: &File, name: &OsStr) -> Result<File, Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    Ok(openat(dir, name, flags, Mode::empty())?.into())
}

fn stat(dir: &File, name: &OsStr) -> Result<FileStat, Errno> {
    fstatat(dir, name, AtFlags::AT_SYMLINK_NOFOLLOW)
}

fn stamp(stat: &FileStat) -> Stamp {
    let changed = i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec);
    Stamp { len: u64::try_from(stat.st_size).unwrap_or(0), changed }
}

fn other_than_file(stat: &FileStat) -> Option<&'static str> {
    match SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits()) {
        SFlag::S_IFREG => None,
        SFlag::S_IFDIR => Some("a directory"),
        SFlag::S_IFLNK => Some("a link"),
        SFlag::S_IFIFO => Some("a pipe"),
        SFlag::S_IFSOCK => Some("a socket"),
        _ => Some("a device"),
    }
}

fn not_within(path: &Path) -> Error {
    Error::NotFound { path: path.into() }
}

fn error_of(path: &Path, error: Errno) -> Error {
    match error {
        Errno::ELOOP => Error::NotAFile { path: path.into(), kind: "a link" },
        // What looks like a folder and is a link, too.
        Errno::ENOTDIR | Errno::EINVAL => Error::NotFound { path: path.into() },
        other => Error::from_io(path, &io::Error::from(other)),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::{ffi::OsStrExt, fs::symlink},
    };

    use super::*;

    /// A folder with music in it, beside it what nobody is to read, and every kind of way there.
    fn house() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let music = dir.path().join("music");
        fs::create_dir_all(music.join("album/inner")).unwrap();
        fs::create_dir_all(dir.path().join("music-secret")).unwrap();
        for secret in ["secret", "music-secret/secret", "secret.flac"] {
            fs::write(dir.path().join(secret), "nobody is to read this").unwrap();
        }
        fs::write(music.join("album/song.flac"), "sound").unwrap();
        symlink("../secret", music.join("relative")).unwrap();
        symlink(dir.path().join("secret"), music.join("absolute")).unwrap();
        symlink("..", music.join("up")).unwrap();
        symlink("/", music.join("root")).unwrap();
        symlink("/proc/self/root", music.join("magic")).unwrap();
        symlink("/proc/self/fd/0", music.join("handle")).unwrap();
        symlink("album", music.join("inside")).unwrap();
        symlink("album/song.flac", music.join("twin.flac")).unwrap();
        symlink("loop", music.join("loop")).unwrap();
        symlink("nowhere", music.join("dangling")).unwrap();
        symlink("../../../secret", music.join("album/inner/deep")).unwrap();
        let fifo = music.join("pipe.flac");
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        std::os::unix::net::UnixListener::bind(music.join("socket.flac")).unwrap();
        (dir, music)
    }

    const PAYLOADS: [&str; 58] = [
        "",
        ".",
        "..",
        "/",
        "//",
        "./",
        "../",
        "../secret",
        "../secret.flac",
        "../music-secret/secret",
        "../music/album/song.flac",
        "album/../../secret",
        "album/../album/song.flac",
        "album/./song.flac",
        "album//song.flac",
        "album/song.flac/",
        "album/song.flac/.",
        "album/song.flac/..",
        "album/song.flac/../song.flac",
        "./album/song.flac",
        "album/..",
        "album/inner/../../../secret",
        "/etc/passwd",
        "//etc/passwd",
        "/proc/self/environ",
        "/dev/zero",
        "/dev/stdin",
        "../../../../../../../../etc/passwd",
        "....//....//etc/passwd",
        "..\\..\\secret",
        "..\\secret",
        "%2e%2e/secret",
        "%2e%2e%2fsecret",
        "..%2fsecret",
        "..%252fsecret",
        "%c0%ae%c0%ae/secret",
        "..\u{2215}secret",
        "\u{ff0e}\u{ff0e}/secret",
        "file:///etc/passwd",
        "~/secret",
        "$HOME/secret",
        "C:\\secret",
        "relative",
        "absolute",
        "up",
        "up/secret",
        "up/music/album/song.flac",
        "root/etc/passwd",
        "magic/etc/passwd",
        "handle",
        "inside/song.flac",
        "twin.flac",
        "loop",
        "dangling",
        "album/inner/deep",
        "pipe.flac",
        "socket.flac",
        "album",
    ];

    #[test]
    fn nothing_outside_is_reached_by_any_name() {
        let (_dir, music) = house();
        for payload in PAYLOADS {
            let opened = open(&music, Path::new(payload));
            assert!(opened.is_err(), "{payload:?} was opened");
        }
        let nul = open(&music, Path::new("album/song.flac\0.jpg"));
        assert!(nul.is_err());
        let long = open(&music, Path::new(&"a/".repeat(5_000)));
        assert!(long.is_err());
        let mut text = String::new();
        io::Read::read_to_string(&mut open(&music, Path::new("album/song.flac")).unwrap(), &mut text).unwrap();
        assert_eq!(text, "sound");
    }

    #[test]
    fn a_folder_that_becomes_a_link_meanwhile_is_none() {
        let (dir, music) = house();
        let song = Path::new("album/song.flac");
        assert!(open(&music, song).is_ok());
        fs::rename(music.join("album"), dir.path().join("album")).unwrap();
        symlink(dir.path().join("album"), music.join("album")).unwrap();
        assert!(matches!(open(&music, song), Err(Error::NotFound { .. })));
        fs::remove_file(music.join("album")).unwrap();
        fs::create_dir(music.join("album")).unwrap();
        symlink(dir.path().join("secret"), music.join("album/song.flac")).unwrap();
        assert!(matches!(open(&music, song), Err(Error::NotAFile { kind: "a link", .. })));
    }

    #[test]
    fn devices_are_refused_unopened() {
        assert!(matches!(open(Path::new("/dev"), Path::new("zero")), Err(Error::NotAFile { kind: "a device", .. })));
    }

    #[test]
    fn what_is_listed_is_within_and_links_are_told() {
        let (_dir, music) = house();
        let listing = list(&music, &|| false).unwrap();
        assert!(listing.is_whole);
        let found: Vec<_> = listing.files.iter().map(|found| found.path.to_str().unwrap()).collect();
        assert_eq!(found, ["album/song.flac", "pipe.flac", "socket.flac"]);
        assert_eq!(listing.problems.len(), 11, "every link: {:?}", listing.problems);
        assert!(list(&music.join("none"), &|| false).is_err());
        assert!(!list(&music, &|| true).unwrap().is_whole);
    }

    #[test]
    fn names_that_are_no_text_are_names() {
        let dir = tempfile::tempdir().unwrap();
        let name = OsStr::from_bytes(b"caf\xe9 \n\x1b[31m.flac");
        fs::write(dir.path().join(name), "x").unwrap();
        let listing = list(dir.path(), &|| false).unwrap();
        assert_eq!(listing.files[0].path, Path::new(name));
        assert!(open(dir.path(), &listing.files[0].path).is_ok());
    }
}
