//! What can be said of a path before a decoder sees it.

use std::{
    fs::{self, File, FileType},
    io::{ErrorKind, Read, Seek},
    path::Path,
};

use crate::Error;

/// As much of a file as shows what it is: an Ogg page's header, and the first packet's name.
const HEAD: usize = 64;

/// Opens a file that may hold sound. A pipe or a device is refused unopened: opening one can wait forever.
pub(super) fn open(path: &Path) -> Result<File, Error> {
    let metadata = fs::metadata(path).map_err(|error| Error::from_io(path, &error))?;
    if !metadata.is_file() {
        return Err(Error::NotAFile { path: path.into(), kind: kind_of(metadata.file_type()) });
    }
    if metadata.len() == 0 {
        return Err(Error::Empty { path: path.into() });
    }
    File::open(path).map_err(|error| Error::from_io(path, &error))
}

/// Checks a file that somebody else has opened.
pub(super) fn opened(file: &File, path: &Path) -> Result<(), Error> {
    let metadata = file.metadata().map_err(|error| Error::from_io(path, &error))?;
    if !metadata.is_file() {
        return Err(Error::NotAFile { path: path.into(), kind: kind_of(metadata.file_type()) });
    }
    if metadata.len() == 0 {
        return Err(Error::Empty { path: path.into() });
    }
    Ok(())
}

/// Refuses what is known by its first bytes and cannot be played. Such files often have something in them that looks
/// like MP3, and would be played as noise.
pub(super) fn refuse_unsupported(path: &Path, file: &mut File) -> Result<(), Error> {
    let mut head = [0; HEAD];
    let mut filled = 0;
    file.rewind().map_err(|error| Error::from_io(path, &error))?;
    while filled < HEAD {
        match file.read(&mut head[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::from_io(path, &error)),
        }
    }
    let head = &head[..filled];
    match unsupported(head) {
        Some(what) => Err(Error::Unsupported { path: path.into(), what: what.into() }),
        None if is_plausible(head, path) => Ok(()),
        None => Err(Error::NotRecognised { path: path.into() }),
    }
}

/// Names a format that is not supported.
fn unsupported(head: &[u8]) -> Option<&'static str> {
    let at = |offset: usize, magic: &[u8]| head.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    let names = [
        // The sync word of AAC by itself, then a profile other than LC.
        (is_bare_aac(head) && head.get(2).is_some_and(|third| third >> 6 != 1), "AAC of an unusual kind"),
        (at(0, b"OggS") && at(28, b"Speex"), "Speex"),
        (at(0, b"OggS") && at(28, b"\x80theora"), "video (Theora)"),
        (at(0, b".snd"), "Sun audio (AU)"),
        (at(0, &[0x0b, 0x77]), "AC-3 or E-AC-3"),
        (at(0, &[0x7f, 0xfe, 0x80, 0x01]), "DTS"),
        (at(0, b"caff"), "CAF"),
        (at(0, b"wvpk"), "WavPack"),
        (at(0, b"MAC "), "Monkey's Audio"),
        (at(0, b"DSD ") || at(0, b"FRM8"), "DSD"),
        (at(0, b"MThd"), "MIDI"),
        (at(0, b"TTA1"), "True Audio"),
        (at(0, b"MPCK") || at(0, b"MP+"), "Musepack"),
        (at(0, b"#!AMR"), "AMR"),
        (at(0, &[0x1a, 0x45, 0xdf, 0xa3]), "Matroska or WebM"),
        (at(0, &[0x30, 0x26, 0xb2, 0x75]), "Windows Media"),
        (at(0, b"RF64") || at(0, b"riff"), "64-bit WAV"),
        // The sync word of MPEG, then its layer 2.
        (matches!(head, [0xff, second, ..] if second & 0xe6 == 0xe4), "MPEG layer 2"),
    ];
    names.into_iter().find_map(|(found, name)| found.then_some(name))
}

/// Whether it begins like something that is supported, or is at least called MP3: those may begin with anything.
fn is_plausible(head: &[u8], path: &Path) -> bool {
    let known = [&b"fLaC"[..], b"OggS", b"ID3"].iter().any(|magic| head.starts_with(magic));
    let form = head.get(8..12).unwrap_or_default();
    let wave = head.starts_with(b"RIFF") && form == b"WAVE";
    let aiff = head.starts_with(b"FORM") && (form == b"AIFF" || form == b"AIFC");
    let mp4 = head.get(4..8) == Some(b"ftyp");
    // The sync word of MPEG, then its layer 3.
    let mpeg = matches!(head, [0xff, second, ..] if second & 0xe6 == 0xe2);
    let called_mp3 = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("mp3"));
    known || wave || aiff || mp4 || mpeg || is_bare_aac(head) || called_mp3
}

/// Whether it begins with a frame of AAC without anything around it (ADTS; ISO/IEC 13818-7, 6.2).
fn is_bare_aac(head: &[u8]) -> bool {
    matches!(head, [0xff, second, ..] if second & 0xf6 == 0xf0)
}

#[cfg(unix)]
pub(crate) fn kind_of(file_type: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;

    if file_type.is_dir() {
        "a directory"
    } else if file_type.is_fifo() {
        "a pipe"
    } else if file_type.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(not(unix))]
pub(crate) fn kind_of(file_type: FileType) -> &'static str {
    if file_type.is_dir() { "a directory" } else { "a device" }
}
