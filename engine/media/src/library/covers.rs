//! Pictures of albums: in the file, or beside it. Only JPEG and PNG, by their first bytes; nothing else is ever given.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use super::{folder, folder::Stamp, ids::CoverId, tags};

/// The largest picture that is given, in bytes.
const MAX_PICTURE: usize = 8 << 20;

/// How pictures beside the music are called; the first that is there counts.
const NAMES: [&str; 3] = ["cover", "folder", "front"];
const EXTENSIONS: [&str; 3] = ["jpg", "jpeg", "png"];

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cover {
    /// The file, as it is.
    pub bytes: Vec<u8>,
    /// `image/jpeg` or `image/png`.
    pub mime: &'static str,
}

/// Where a picture is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the tags of a file.
    Within(PathBuf),
    /// A file of its own.
    Beside(PathBuf),
}

/// How good a name of a file is for a cover, 0 the best; `None` when it is no cover's.
pub(super) fn rank(name: &OsStr) -> Option<usize> {
    let name = name.as_bytes().to_ascii_lowercase();
    let mut parts = name.rsplitn(2, |byte| *byte == b'.');
    let (extension, stem) = (parts.next()?, parts.next()?);
    let of = |list: &[&str], text: &[u8]| list.iter().position(|entry| entry.as_bytes() == text);
    Some(of(&NAMES, stem)? * EXTENSIONS.len() + of(&EXTENSIONS, extension)?)
}

/// The type of a picture, by how it begins.
pub(super) fn mime(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
        Some("image/jpeg")
    } else if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else {
        None
    }
}

/// Whether it is a picture that may be given.
pub(super) fn is_picture(bytes: &[u8]) -> bool {
    bytes.len() <= MAX_PICTURE && mime(bytes).is_some()
}

/// The id of a picture that was read.
pub(super) fn id_of(bytes: &[u8]) -> CoverId {
    CoverId::of(&[bytes])
}

/// The id of a picture that was not read yet: another one when the file is changed.
pub(super) fn id_of_file(folder: &Path, path: &Path, stamp: Stamp) -> CoverId {
    let (folder, path) = (folder.as_os_str().as_bytes(), path.as_os_str().as_bytes());
    CoverId::of(&[folder, path, &stamp.len.to_be_bytes(), &stamp.changed.to_be_bytes()])
}

/// Reads a picture; `None` when it is not there any more, or is none.
pub(super) fn read(root: &Path, place: &Place) -> Option<Cover> {
    let bytes = match place {
        Place::Within(path) => tags::picture_in(folder::open(root, path).ok()?)?,
        Place::Beside(path) => tags::read_bounded(folder::open(root, path).ok()?, MAX_PICTURE as u64)?,
    };
    let mime = mime(&bytes).filter(|_| is_picture(&bytes))?;
    Some(Cover { bytes, mime })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covers_are_known_by_name_and_pictures_by_how_they_begin() {
        let rank = |name: &str| rank(OsStr::new(name));
        assert!(rank("cover.jpg") < rank("Folder.PNG") && rank("cover.png") < rank("folder.jpg"));
        for name in ["cover", "cover.svg", "cover.jpg.exe", "back.jpg", ".jpg", "cover.html"] {
            assert_eq!(rank(name), None, "{name}");
        }
        assert_eq!(mime(b"\xff\xd8\xff\xe0"), Some("image/jpeg"));
        for bytes in [&b""[..], b"<svg onload=alert(1)>", b"GIF89a", b"\x89PNG", b"<html>"] {
            assert!(!is_picture(bytes));
        }
        assert!(!is_picture(&[&b"\xff\xd8\xff"[..], &vec![0; MAX_PICTURE]].concat()));
    }
}
