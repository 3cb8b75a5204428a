//! The web page: what is in `engine/ui`, as it is, out of the program itself.
//!
//! The paths in the two documents carry a version, which is a digest of everything: under it a file never changes and is
//! kept by browsers for good. Under its plain path it is asked for anew each time and, unchanged, not sent again.

mod files;

use std::{
    collections::{BTreeSet, HashMap},
    io::Write,
    sync::LazyLock,
};

use axum::{
    Router,
    body::Body,
    extract::Path,
    http::{
        HeaderMap, StatusCode,
        header::{
            ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
            IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
        },
    },
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use ring::digest::{SHA256, digest};
use unisono_api::Refusal;

use self::files::FILES;

/// Everything comes from here, and nothing is written into the documents: no script and no style.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Where the files are, in the documents.
const PLACE: &str = "/ui/";

/// The one of which the other modules of the page hang; before it those that it needs at once are named, to be fetched
/// together. Those of other screens come afterwards.
const MAIN: &str = "<script type=\"module\" src=\"/ui/js/main.js\"></script>";

/// What it takes to describe a version: hexadecimal digits.
const VERSION_DIGITS: usize = 16;

static PAGE: LazyLock<Page> = LazyLock::new(Page::new);

/// The page at `/`, the description of the API at `/api`, and their files.
pub(super) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/", get(async |headers: HeaderMap| PAGE.answer("index.html", false, &headers)))
        .route("/api", get(async |headers: HeaderMap| PAGE.answer("api.html", false, &headers)))
        .route("/ui/{*path}", get(file))
}

async fn file(Path(path): Path<String>, headers: HeaderMap) -> Response {
    match path.split_once('/') {
        Some((version, path)) if version == PAGE.version => PAGE.answer(path, true, &headers),
        // The page was opened before this program was put in the place of another.
        Some((version, path)) if is_version(version) => PAGE.answer(path, false, &headers),
        _ => PAGE.answer(&path, false, &headers),
    }
}

fn is_version(text: &str) -> bool {
    text.len() == VERSION_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

struct Page {
    version: String,
    files: HashMap<&'static str, File>,
}

struct File {
    kind: &'static str,
    digest: String,
    plain: Bytes,
    packed: Bytes,
}

impl Page {
    fn new() -> Self {
        let everything: Vec<u8> = FILES.iter().flat_map(|(_, content)| *content).copied().collect();
        let version = digest_of(&everything);
        let files = FILES.iter().map(|(path, content)| (*path, File::new(path, content, &version))).collect();
        Self { version, files }
    }

    /// A file; `lasting` when its address says which version is meant.
    fn answer(&self, path: &str, lasting: bool, headers: &HeaderMap) -> Response {
        let Some(file) = self.files.get(path) else {
            return Refusal::new(StatusCode::NOT_FOUND, "the page has no such file; it is at /").into_response();
        };
        let says = |name, part: &str| {
            headers.get_all(name).iter().any(|value| value.to_str().is_ok_and(|value| value.contains(part)))
        };
        let packed = says(ACCEPT_ENCODING, "gzip");
        let tag = format!("\"{}{}\"", file.digest, if packed { "-gz" } else { "" });
        let cache = if lasting { "public, max-age=31536000, immutable" } else { "no-cache" };
        let about = [
            (CONTENT_TYPE, file.kind),
            (CACHE_CONTROL, cache),
            (ETAG, &tag),
            (VARY, "accept-encoding"),
            (CONTENT_SECURITY_POLICY, POLICY),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            // With "no-referrer" some browsers no longer say from where a change comes, and the API asks for that.
            (REFERRER_POLICY, "same-origin"),
        ];
        if says(IF_NONE_MATCH, &tag) {
            return (StatusCode::NOT_MODIFIED, about, Body::empty()).into_response();
        }
        if packed {
            (about, [(CONTENT_ENCODING, "gzip")], file.packed.clone()).into_response()
        } else {
            (about, file.plain.clone()).into_response()
        }
    }
}

impl File {
    fn new(path: &str, content: &'static [u8], version: &str) -> Self {
        let kind = kind_of(path);
        let plain = match std::str::from_utf8(content) {
            Ok(text) if path.ends_with(".html") => document(text, version).into(),
            _ => Bytes::from_static(content),
        };
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        // Writing into memory does not fail.
        let packed = packer.write_all(&plain).and_then(|()| packer.finish()).unwrap_or_default().into();
        Self { kind, digest: digest_of(&plain), plain, packed }
    }
}

/// A document that says which version of its files it means.
fn document(text: &str, version: &str) -> String {
    let links = needed_at_once().into_iter();
    let links: String = links.map(|path| format!("<link rel=\"modulepreload\" href=\"{PLACE}{path}\">\n")).collect();
    text.replace(MAIN, &format!("{links}{MAIN}")).replace(PLACE, &format!("{PLACE}{version}/"))
}

/// The modules that are imported where the first one begins, and where those begin.
fn needed_at_once() -> BTreeSet<String> {
    let (mut needed, mut next) = (BTreeSet::new(), vec![String::from("js/main.js")]);
    while let Some(path) = next.pop() {
        let text = FILES.iter().find(|(known, _)| *known == path).and_then(|(_, text)| std::str::from_utf8(text).ok());
        if needed.insert(path.clone()) {
            let imports = text.unwrap_or_default().lines().filter(|line| line.starts_with("import "));
            let imported = imports.filter_map(|line| line.split('\'').nth(1));
            next.extend(imported.map(|to| reached(&path, to)));
        }
    }
    needed
}

/// Where a relative path leads from a file.
fn reached(from: &str, to: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in to.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            other => parts.push(other),
        }
    }
    parts.join("/")
}

fn kind_of(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "webmanifest" => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

fn digest_of(bytes: &[u8]) -> String {
    let digest = digest(&SHA256, bytes);
    digest.as_ref()[..VERSION_DIGITS / 2].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
