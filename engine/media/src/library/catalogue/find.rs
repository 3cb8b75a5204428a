//! Looking for something.

use serde::Serialize;

use super::{Album, Artist, Catalogue, Track};
use crate::library::{
    ids::AlbumId,
    text::{folded, words},
};

/// What is looked for; all of it has to be true.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Words, or parts of them, in titles, albums and names of artists. Case and accents do not count.
    pub search: String,
    /// Who plays, or whose album it is.
    pub artist: Option<String>,
    /// What it is on.
    pub album: Option<AlbumId>,
    /// So many that fit are left out at the front.
    pub offset: usize,
    /// So many are given at most.
    pub limit: usize,
}

/// A part of what fits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    /// How many there are in all.
    pub total: usize,
    /// Those that were asked for.
    pub items: Vec<T>,
}

impl Catalogue {
    /// Tracks by artist and album, in their order there.
    pub(in crate::library) fn tracks(&self, query: &Query) -> Page<Track> {
        let (words, artist) = (words(&query.search), query.artist.as_deref().map(folded));
        let fits = |i: &usize| {
            let known = &self.tracks[*i];
            artist.as_ref().is_none_or(|artist| known.artists.contains(artist))
                && query.album.is_none_or(|album| known.track.album_id == Some(album))
                && contains(&known.text, &words)
        };
        let in_album = query.album.map(|album| self.albums_by_id.get(&album).map(|i| &self.albums[*i].tracks));
        let take = |i: usize| self.tracks[i].track.clone();
        match in_album {
            Some(Some(tracks)) => page(query, tracks.iter().copied().filter(fits), take),
            Some(None) => Page { total: 0, items: Vec::new() },
            None => page(query, (0..self.tracks.len()).filter(fits), take),
        }
    }

    /// Albums by artist and title.
    pub(in crate::library) fn albums(&self, query: &Query) -> Page<Album> {
        let (words, artist) = (words(&query.search), query.artist.as_deref().map(folded));
        let fits = |i: &usize| {
            let known = &self.albums[*i];
            let plays = |artist| known.tracks.iter().any(|i| self.tracks[*i].artists.contains(artist));
            artist.as_ref().is_none_or(|artist| known.artist == *artist || plays(artist))
                && query.album.is_none_or(|album| known.album.id == album)
                && contains(&known.text, &words)
        };
        page(query, (0..self.albums.len()).filter(fits), |i| self.albums[i].album.clone())
    }

    /// Artists by name.
    pub(in crate::library) fn artists(&self, query: &Query) -> Page<Artist> {
        let (words, artist) = (words(&query.search), query.artist.as_deref().map(folded));
        let fits = |i: &usize| {
            let known = &self.artists[*i];
            artist.as_ref().is_none_or(|artist| known.text == *artist) && contains(&known.text, &words)
        };
        page(query, (0..self.artists.len()).filter(fits), |i| self.artists[i].artist.clone())
    }
}

fn contains(text: &str, words: &[String]) -> bool {
    words.iter().all(|word| text.contains(word.as_str()))
}

fn page<T>(query: &Query, fitting: impl Iterator<Item = usize>, take: impl Fn(usize) -> T) -> Page<T> {
    let (mut total, mut items) = (0, Vec::new());
    for i in fitting {
        if total >= query.offset && items.len() < query.limit {
            items.push(take(i));
        }
        total += 1;
    }
    Page { total, items }
}
