//! `unisono library` and `unisono sources`.

use clap::{Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};
use unisono_core::words::count;
use unisono_hub::api::types::TrackView;

use crate::{hub::Cli, show::clock};

/// What can be done with the library.
#[derive(Debug, Subcommand)]
pub(crate) enum LibraryCommand {
    /// Say what is in it, and what is wrong with it
    Show,
    /// Look through its folders again
    Scan,
    /// Find tracks, albums or artists
    Search {
        /// A part of a title, of an artist's name or of an album's
        text: String,
        /// What to look for
        #[arg(long, value_enum, default_value_t = Kind::Tracks)]
        kind: Kind,
        /// How many to list
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
        limit: u16,
    },
}

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Tracks
    Tracks,
    /// Albums
    Albums,
    /// Artists
    Artists,
}

/// What is found: some of it, and how much there is.
#[derive(Debug, Serialize, Deserialize)]
struct Found<T> {
    total: usize,
    items: Vec<T>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Album {
    id: String,
    title: String,
    artist: Option<String>,
    tracks: usize,
    #[serde(flatten)]
    more: serde_json::Map<String, serde_json::Value>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Artist {
    name: String,
    albums: usize,
    tracks: usize,
}

#[derive(Debug, Serialize, Deserialize)]
struct Library {
    folders: Vec<String>,
    tracks: usize,
    albums: usize,
    artists: usize,
    scan: Option<Scan>,
    problems: Vec<Problem>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Scan {
    done: usize,
    total: usize,
}

#[derive(Debug, Serialize, Deserialize)]
struct Problem {
    file: String,
    problem: String,
}

/// An input of the hub.
#[derive(Debug, Serialize, Deserialize)]
struct Source {
    name: String,
    kind: String,
    state: String,
    problem: Option<String>,
    #[serde(flatten)]
    more: serde_json::Map<String, serde_json::Value>,
}

impl Cli {
    pub(crate) fn library(&self, command: LibraryCommand) -> anyhow::Result<()> {
        match command {
            LibraryCommand::Show => self.print(&self.client.get::<Library>("library")?, library),
            LibraryCommand::Scan => {
                self.client.post_to::<Option<serde_json::Value>>(&["library", "scan"], &())?;
                self.print(&(), |()| String::from("it is looking; `unisono library show` says how far it is"))
            }
            LibraryCommand::Search { text, kind, limit } => {
                let query = [("search", text), ("limit", limit.to_string())];
                match kind {
                    Kind::Tracks => {
                        self.print(&self.client.search(&["library", "tracks"], &query)?, |found| list(found, track))
                    }
                    Kind::Albums => {
                        self.print(&self.client.search(&["library", "albums"], &query)?, |found| list(found, album))
                    }
                    Kind::Artists => {
                        self.print(&self.client.search(&["library", "artists"], &query)?, |found| list(found, artist))
                    }
                }
            }
        }
    }

    pub(crate) fn sources(&self) -> anyhow::Result<()> {
        self.print(&self.client.get::<Vec<Source>>("sources")?, |sources| {
            if sources.is_empty() {
                return String::from("no inputs; the hub's settings name them\n");
            }
            let line = |source: &Source| {
                let problem = source.problem.as_ref().map(|problem| format!(": {problem}")).unwrap_or_default();
                format!("{:<24} {:<8} {}{problem}\n", source.name, source.kind, source.state)
            };
            sources.iter().map(line).collect()
        })
    }
}

fn library(library: &Library) -> String {
    let Library { folders, tracks, albums, artists, scan, problems } = library;
    let scan = scan.as_ref().map(|scan| format!("\nlooking: {} of {}", scan.done, scan.total)).unwrap_or_default();
    let problems = problems.iter().map(|problem| format!("\n  {}: {}", problem.file, problem.problem));
    let problems: String = problems.collect();
    let folders =
        if folders.is_empty() { "no folders; the hub's settings name them".into() } else { folders.join(", ") };
    let [tracks, albums, artists] =
        [(tracks, "track"), (albums, "album"), (artists, "artist")].map(|(number, word)| count(*number, word));
    format!("{tracks}, {albums}, {artists} in {folders}{scan}{problems}")
}

fn list<T>(found: &Found<T>, line: impl Fn(&T) -> String) -> String {
    if found.items.is_empty() {
        return String::from("nothing found\n");
    }
    let more = found.total.saturating_sub(found.items.len());
    let more = if more > 0 { format!("and {more} more; --limit shows them\n") } else { String::new() };
    found.items.iter().map(|item| line(item) + "\n").collect::<String>() + &more
}

fn track(track: &TrackView) -> String {
    let artist = track.artist.as_ref().map(|artist| format!(" by {artist}")).unwrap_or_default();
    let album = track.album.as_ref().map(|album| format!(", {album}")).unwrap_or_default();
    let length = track.length_s.map(|length| format!("  {}", clock(length))).unwrap_or_default();
    format!("{}  {}{artist}{album}{length}", track.id, track.title)
}

fn album(album: &Album) -> String {
    let artist = album.artist.as_ref().map(|artist| format!(" by {artist}")).unwrap_or_default();
    format!("{}  {}{artist}  ({})", album.id, album.title, count(album.tracks, "track"))
}

fn artist(artist: &Artist) -> String {
    format!("{}  ({}, {})", artist.name, count(artist.albums, "album"), count(artist.tracks, "track"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_album_is_not_said_to_be_more() {
        let said = |json: serde_json::Value| library(&serde_json::from_value(json).unwrap());
        let one = serde_json::json!({"folders": ["/music"], "tracks": 1, "albums": 1, "artists": 1, "scan": null, "problems": []});
        assert_eq!(said(one), "1 track, 1 album, 1 artist in /music");
        let more = serde_json::json!({"folders": ["/music"], "tracks": 12, "albums": 0, "artists": 3, "scan": null, "problems": []});
        assert_eq!(said(more), "12 tracks, 0 albums, 3 artists in /music");
    }
}
