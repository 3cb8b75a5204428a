//! Which tracks make an album, and who plays.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::PathBuf,
};

use super::{Album, Artist, Known, KnownAlbum, KnownArtist};
use crate::library::{ids::AlbumId, text::folded};

/// Says of each track which album it is on. The album's artist is in the tags; where it is not, tracks in one folder
/// belong together, and are their artist's when they have but one.
pub(super) fn assign(tracks: &mut [Known]) {
    let mut artists: HashMap<(PathBuf, String), BTreeSet<String>> = HashMap::new();
    let place = |known: &Known| {
        let album = known.track.album.as_deref().map(folded)?;
        let parent = known.folder.join(known.path.parent()?);
        known.track.album_artist.is_none().then_some((parent, album))
    };
    for known in tracks.iter() {
        if let Some(place) = place(known) {
            artists.entry(place).or_default().insert(known.artists[0].clone());
        }
    }
    for known in tracks {
        let is_shared = place(known).and_then(|place| artists.get(&place)).is_some_and(|artists| artists.len() > 1);
        let Some(album) = known.track.album.as_deref().map(folded) else { continue };
        let artist = match (&known.track.album_artist, is_shared) {
            (Some(_), _) => known.artists[1].as_str(),
            (None, false) => known.artists[0].as_str(),
            (None, true) => "",
        };
        known.track.album_id = Some(AlbumId::of(&[artist.as_bytes(), album.as_bytes()]));
        if known.track.album_artist.is_none() && !is_shared {
            known.track.album_artist.clone_from(&known.track.artist);
            known.artists[1] = known.artists[0].clone();
        }
    }
}

/// All albums, by artist and title.
pub(super) fn albums(tracks: &[Known]) -> Vec<KnownAlbum> {
    let mut found: BTreeMap<AlbumId, Vec<usize>> = BTreeMap::new();
    for (i, known) in tracks.iter().enumerate() {
        if let Some(id) = known.track.album_id {
            found.entry(id).or_default().push(i);
        }
    }
    let mut albums: Vec<KnownAlbum> = found.into_iter().map(|(id, members)| album(id, members, tracks)).collect();
    albums.sort_by_cached_key(|known| (known.artist.clone(), known.text.clone()));
    albums
}

fn album(id: AlbumId, mut members: Vec<usize>, tracks: &[Known]) -> KnownAlbum {
    let of = |i: usize| &tracks[i].track;
    members.sort_by_key(|i| (of(*i).disc.unwrap_or(1), of(*i).number.unwrap_or(u32::MAX), &tracks[*i].path));
    let first = of(members[0]);
    let album = Album {
        id,
        title: first.album.clone().unwrap_or_default(),
        artist: first.album_artist.clone(),
        year: members.iter().filter_map(|i| of(*i).year).min(),
        tracks: members.len(),
        length_s: members.iter().filter_map(|i| of(*i).length_s).sum(),
        cover: members.iter().find_map(|i| of(*i).cover),
    };
    let artist = album.artist.as_deref().map_or_else(String::new, folded);
    let text = format!("{}\n{artist}", folded(&album.title));
    KnownAlbum { album, tracks: members, text, artist }
}

/// All artists, by name.
pub(super) fn artists(tracks: &[Known]) -> Vec<KnownArtist> {
    let mut found: BTreeMap<&str, (&str, BTreeSet<AlbumId>, usize)> = BTreeMap::new();
    for known in tracks {
        let names = [known.track.artist.as_deref(), known.track.album_artist.as_deref()];
        for (i, (key, name)) in known.artists.iter().zip(names).enumerate() {
            let Some(name) = name.filter(|_| i == 0 || known.artists[0] != known.artists[1]) else { continue };
            let artist = found.entry(key).or_insert_with(|| (name, BTreeSet::new(), 0));
            artist.1.extend(known.track.album_id);
            artist.2 += 1;
        }
    }
    let artist = |(key, (name, albums, tracks)): (&str, (&str, BTreeSet<AlbumId>, usize))| KnownArtist {
        artist: Artist { name: name.into(), albums: albums.len(), tracks },
        text: key.into(),
    };
    found.into_iter().map(artist).collect()
}
