// One album, artist or track in a list.

import { h, icon, iconButton } from '../lib/dom.js';
import { clock, count, dotted } from '../lib/format.js';
import { menu } from '../lib/sheet.js';
import { enqueue } from '../target.js';
import { cover } from './cover.js';

/** An album, as a picture. */
export function albumTile(album) {
  return h('a', { class: 'tile', href: `#/music/album/${encodeURIComponent(album.id)}` },
    cover(album.cover, album.title), h('span', { class: 'row-title' }, album.title), h('span', { class: 'row-by' }, album.artist));
}

/** An artist. */
export function artistRow(artist) {
  return h('a', { class: 'row-link', href: `#/music/artist/${encodeURIComponent(artist.name)}` },
    h('span', { class: 'row-title' }, artist.name || 'Unknown'),
    h('span', { class: 'row-by' }, dotted(count(artist.albums, 'album'), count(artist.tracks, 'track'))), icon('forward'));
}

/** A track; a tap plays `items` from the `index`th on. */
export function trackRow(track, items, index = 0, numbered = false) {
  const play = () => enqueue(items, items[0].album ? 'replace' : 'next', true, index);
  return h('div', { class: 'track-row' },
    numbered && h('span', { class: 'number', 'aria-hidden': 'true' }, String(track.number ?? '')),
    h('button', { type: 'button', class: 'row-main', onclick: play },
      h('span', { class: 'row-title' }, track.title),
      h('span', { class: 'row-by' }, numbered ? track.artist : dotted(track.artist, track.album))),
    h('span', { class: 'time' }, track.length_s ? clock(track.length_s) : ''),
    iconButton('more', `More for ${track.title}`, () => more(track)));
}

function more(track) {
  const items = [{ track: track.id }];
  menu(track.title, [
    { name: 'play', label: 'Play now', act: () => enqueue(items, 'next', true) },
    { name: 'next', label: 'Play next', act: () => enqueue(items, 'next', false) },
    { name: 'queue', label: 'Add to the queue', act: () => enqueue(items, 'end', false) },
    track.album_id && { name: 'record', label: `Go to ${track.album ?? 'the album'}`,
      act: () => { location.hash = `#/music/album/${encodeURIComponent(track.album_id)}`; } },
    track.artist && { name: 'person', label: `Go to ${track.artist}`,
      act: () => { location.hash = `#/music/artist/${encodeURIComponent(track.artist)}`; } },
  ]);
}
