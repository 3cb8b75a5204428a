//! Playlists as stations give them: M3U and PLS, of which the entries are tried in their order.

/// Longer than any playlist of a station's.
pub(super) const MAX_LEN: u64 = 64 * 1024;

/// So many entries are tried.
const MAX_ENTRIES: usize = 8;

/// What a playlist leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Playlist {
    /// These, one after the other until one plays.
    Entries(Vec<String>),
    /// Pieces of sound in HTTP Live Streaming.
    Hls,
}

/// Whether something is a playlist, by what the host or its address says.
pub(super) fn is_playlist(kind: &str, url: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    match kind {
        "audio/x-mpegurl"
        | "audio/mpegurl"
        | "application/x-mpegurl"
        | "application/vnd.apple.mpegurl"
        | "audio/x-scpls"
        | "application/pls+xml"
        | "audio/scpls" => true,
        // Hosts that do not know better.
        "" | "text/plain" | "application/octet-stream" => {
            [".m3u", ".m3u8", ".pls"].iter().any(|end| path.ends_with(end))
        }
        _ => false,
    }
}

/// Reads a playlist that came from a URL.
pub fn parse(text: &str, from: &str) -> Playlist {
    let text = text.trim_start_matches('\u{feff}');
    if text.lines().any(|line| line.starts_with("#EXT-X-")) {
        return Playlist::Hls;
    }
    let entries = text.lines().map(str::trim).filter_map(entry).filter_map(|entry| absolute(entry, from));
    Playlist::Entries(entries.take(MAX_ENTRIES).collect())
}

/// What a line leads to: a line of M3U as it is, one of PLS behind `File1=`.
fn entry(line: &str) -> Option<&str> {
    if line.is_empty() || line.starts_with('#') || line.starts_with('[') {
        return None;
    }
    match line.split_once('=') {
        Some((key, value)) if key.len() >= 4 && key.get(..4).is_some_and(|key| key.eq_ignore_ascii_case("file")) => {
            key[4..].bytes().all(|byte| byte.is_ascii_digit()).then_some(value.trim())
        }
        Some((key, _)) if key.bytes().all(|byte| byte.is_ascii_alphanumeric()) => None,
        _ => Some(line),
    }
}

/// An entry with all that the address of its playlist adds. No entry leads anywhere but into the web.
fn absolute(entry: &str, from: &str) -> Option<String> {
    let is_web = |url: &str| url.starts_with("http://") || url.starts_with("https://");
    if entry.is_empty() || entry.chars().any(char::is_control) {
        return None;
    }
    if let Some((scheme, _)) = entry.split_once("://") {
        let lower = format!("{}{}", scheme.to_ascii_lowercase(), &entry[scheme.len()..]);
        return is_web(&lower).then_some(lower);
    }
    let scheme_end = from.find("://")? + 3;
    let host_end = from[scheme_end..].find('/').map_or(from.len(), |at| scheme_end + at);
    if let Some(rest) = entry.strip_prefix("//") {
        return Some(format!("{}//{rest}", &from[..scheme_end - 2]));
    }
    if entry.starts_with('/') {
        return Some(format!("{}{entry}", &from[..host_end]));
    }
    let path_end = from.find(['?', '#']).unwrap_or(from.len());
    let folder = from[..path_end].rfind('/').filter(|at| *at >= host_end).map_or(&from[..host_end], |at| &from[..at]);
    Some(format!("{folder}/{entry}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: &str = "http://radio.example/lists/one.m3u?x=/y";

    fn entries(text: &str) -> Vec<String> {
        match parse(text, FROM) {
            Playlist::Entries(entries) => entries,
            Playlist::Hls => panic!("{text:?} is no HLS"),
        }
    }

    #[test]
    fn m3u_and_pls_give_their_entries_in_order() {
        let m3u = "\u{feff}#EXTM3U\r\n#EXTINF:-1,One\r\nhttp://a.example/1\r\n\r\nHTTPS://b.example/2?c=d\r\nthree.mp3\n/four\n//c.example/5\n";
        let expected = [
            "http://a.example/1",
            "https://b.example/2?c=d",
            "http://radio.example/lists/three.mp3",
            "http://radio.example/four",
            "http://c.example/5",
        ];
        assert_eq!(entries(m3u), expected);
        let pls = "[playlist]\nNumberOfEntries=2\nFile1=http://a.example/1\nTitle1=One=1\nLength1=-1\nfile2=http://a.example/2\nVersion=2\n";
        assert_eq!(entries(pls), ["http://a.example/1", "http://a.example/2"]);
    }

    #[test]
    fn no_entry_leads_out_of_the_web_and_there_are_not_many() {
        assert_eq!(entries("file:///etc/passwd\nftp://x/y\ngopher://z\n"), Vec::<String>::new());
        assert_eq!(entries(&"http://a.example/x\n".repeat(1_000)).len(), MAX_ENTRIES);
    }

    #[test]
    fn hls_is_known_by_its_marks() {
        assert_eq!(parse("#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:10,\nx.ts\n", FROM), Playlist::Hls);
    }

    #[test]
    fn a_playlist_is_known_by_its_kind_or_else_by_its_name() {
        assert!(is_playlist("audio/x-scpls", "http://a/b"));
        assert!(is_playlist("text/plain", "http://a/b.M3U?x"));
        assert!(!is_playlist("audio/mpeg", "http://a/b.m3u"));
        assert!(!is_playlist("", "http://a/b"));
    }
}
