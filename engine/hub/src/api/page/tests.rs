//! What the page promises as files: whole, small, and nothing in it that a strict policy forbids.

use std::{
    collections::{BTreeSet, HashSet},
    fs,
    path::{Path as FilePath, PathBuf},
};

use axum::{body::to_bytes, http::HeaderValue};

use super::*;

/// For a phone on a poor link.
const MOST: usize = 150_000;

fn folder() -> PathBuf {
    FilePath::new(env!("CARGO_MANIFEST_DIR")).join("../ui")
}

fn walk(folder: &FilePath, into: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, into);
        } else {
            into.insert(path);
        }
    }
}

fn texts() -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.iter().map(|(path, content)| (*path, std::str::from_utf8(content).unwrap()))
}

/// What stands between each `before` and the quotation mark that follows.
fn quoted<'a>(text: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(before).skip(1).filter_map(|rest| Some(&rest[..rest.find(['\'', '"'])?]))
}

#[test]
fn every_file_of_the_folder_is_in_the_program() {
    let mut there = BTreeSet::new();
    walk(&folder(), &mut there);
    let there: BTreeSet<String> =
        there.iter().map(|path| path.strip_prefix(folder()).unwrap().to_str().unwrap().to_owned()).collect();
    let here: BTreeSet<String> = FILES.iter().map(|(path, _)| String::from(*path)).collect();
    assert_eq!(here, there, "bring src/api/page/files.rs up to date");
}

#[test]
fn every_reference_leads_to_a_file() {
    let known: HashSet<&str> = FILES.iter().map(|(path, _)| *path).collect();
    let mut references = 0;
    for (path, text) in texts() {
        let relative =
            ["from '", "import '", "import('", "new URL('"].into_iter().flat_map(|before| quoted(text, before));
        let relative = relative.filter(|to| to.starts_with('.')).map(|to| reached(path, to));
        let absolute = ["href=\"/ui/", "src=\"/ui/"].into_iter().flat_map(|before| quoted(text, before));
        for to in relative.chain(absolute.map(String::from)) {
            assert!(known.contains(&to[..]), "{path} refers to {to}, which is not there");
            references += 1;
        }
    }
    assert!(references > 100, "only {references} references were found");
}

#[test]
fn every_picture_that_is_named_is_drawn() {
    let (_, drawn) = texts().find(|(path, _)| *path == "icons.svg").unwrap();
    let drawn: HashSet<&str> = quoted(drawn, "id=\"").collect();
    for (path, text) in texts().filter(|(path, _)| path.starts_with("js/")) {
        let named = ["icon('", "iconButton('", "{ name: '"].into_iter().flat_map(|before| quoted(text, before));
        for name in named.filter(|name| !name.is_empty()) {
            assert!(drawn.contains(name), "{path} shows the picture {name}, which icons.svg does not have");
        }
    }
}

#[test]
fn nothing_is_in_it_that_the_policy_forbids() {
    for (path, text) in texts() {
        let forbidden: &[&str] = if path.ends_with(".html") {
            &["<style", " style=", "<script>", " onclick=", " onload=", "javascript:", "//cdn"]
        } else {
            &["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "'style',"]
        };
        for word in forbidden {
            assert!(!text.contains(word), "{path} has {word}");
        }
    }
    for (path, text) in texts().filter(|(path, _)| !path.ends_with(".svg")) {
        // A name space is no address, and a placeholder neither.
        let elsewhere = ["https://", "http://"].into_iter().flat_map(|before| quoted(text, before));
        let elsewhere: Vec<&str> = elsewhere.filter(|to| !to.starts_with("www.w3.org/") && *to != "…").collect();
        assert!(elsewhere.is_empty(), "{path} names another server: {elsewhere:?}");
    }
}

#[test]
fn it_is_small() {
    let first =
        needed_at_once().into_iter().chain(["css/base.css", "css/frame.css", "css/parts.css"].map(String::from));
    let first = first.chain(["css/screens.css", "icons.svg", "icon.svg", "index.html", "js/look.js"].map(String::from));
    let first: usize = first.map(|path| PAGE.files[&*path].plain.len()).sum();
    assert!(first < MOST, "what is first seen takes {first} bytes");
    let sent: usize = PAGE.files.values().map(|file| file.packed.len()).sum();
    assert!(sent < MOST, "the whole page takes {sent} bytes on the wire");
}

#[tokio::test]
async fn a_file_of_this_version_is_kept_for_good_and_any_other_asked_for_again() {
    let file = |path: String| file(Path(path), HeaderMap::new());
    let cache = |response: &Response| response.headers()[CACHE_CONTROL].clone();
    let lasting = file(format!("{}/js/main.js", PAGE.version)).await;
    assert_eq!(cache(&lasting), "public, max-age=31536000, immutable");
    assert_eq!(lasting.headers()[CONTENT_TYPE], "text/javascript; charset=utf-8");
    for path in ["js/main.js", "0123456789abcdef/js/main.js"] {
        let response = file(path.into()).await;
        assert_eq!((response.status(), cache(&response)), (StatusCode::OK, HeaderValue::from_static("no-cache")));
    }
    for path in ["js", "../Cargo.toml", "js/../js/main.js", "", "0123456789abcdef/", "/etc/passwd"] {
        assert_eq!(file(path.into()).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn what_a_browser_has_already_is_not_sent_again() {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate"));
    let first = PAGE.answer("css/base.css", false, &headers);
    assert_eq!(first.headers()[CONTENT_ENCODING], "gzip");
    headers.insert(IF_NONE_MATCH, first.headers()[ETAG].clone());
    let again = PAGE.answer("css/base.css", false, &headers);
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    assert!(to_bytes(again.into_body(), 1).await.unwrap().is_empty());
    headers.remove(ACCEPT_ENCODING);
    assert_eq!(PAGE.answer("css/base.css", false, &headers).status(), StatusCode::OK);
}

#[tokio::test]
async fn the_documents_name_this_version_and_every_module_that_is_needed_at_once_and_have_the_policy() {
    let response = PAGE.answer("index.html", false, &HeaderMap::new());
    assert_eq!(response.headers()[CONTENT_SECURITY_POLICY], POLICY);
    let text = String::from_utf8(to_bytes(response.into_body(), 1 << 20).await.unwrap().into()).unwrap();
    assert!(!text.replace(&format!("/ui/{}/", PAGE.version), "").contains("/ui/"), "{text}");
    let is_linked =
        |path: &str| text.contains(&format!("<link rel=\"modulepreload\" href=\"/ui/{}/{path}\">", PAGE.version));
    for path in ["js/main.js", "js/store.js", "js/lib/dom.js", "js/elements/room-row.js", "js/screens/rooms.js"] {
        assert!(is_linked(path), "{path}");
    }
    for path in ["js/screens/room.js", "js/elements/equaliser.js", "js/api-viewer.js", "js/look.js"] {
        assert!(!is_linked(path), "{path}");
    }
}
