// One album, and all albums of one artist.

import { ask, at } from '../api.js';
import { cover } from '../elements/cover.js';
import '../elements/endless.js';
import { albumTile, trackRow } from '../elements/music-items.js';
import { h, icon } from '../lib/dom.js';
import { clock, count, dotted } from '../lib/format.js';
import { enqueue } from '../target.js';

const crumb = (text) => h('a', { class: 'crumb', href: text === 'Artists' ? '#/music/artists' : '#/music' }, icon('back'), text);

class Album extends HTMLElement {
  connectedCallback() {
    this.heading = h('h1', null, 'Album');
    this.append(crumb('Music'), this.heading);
    this.load();
  }

  async load() {
    let album;
    try {
      album = await ask('GET', at`/library/albums/${this.album}`);
    } catch (error) {
      this.append(h('p', { class: 'empty' }, error.message));
      return;
    }
    const items = [{ album: this.album }];
    const tracks = album.tracks ?? [];
    this.heading.textContent = album.title;
    document.title = `${album.title} – Unisono`;
    const artist = album.artist === null ? 'Various artists' : h('a', { href: `#/music/artist/${encodeURIComponent(album.artist)}` }, album.artist);
    const button = (name, label, place, play, kind) => h('button', { type: 'button', class: `button ${kind}`,
      onclick: () => enqueue(items, place, play) }, icon(name), label);
    const what = h('div', { class: 'album-what' }, this.heading, h('p', { class: 'by' }, artist),
      h('p', { class: 'hint' }, dotted(album.year, count(tracks.length, 'track'), clock(album.length_s))),
      h('div', { class: 'row' }, button('play', 'Play', 'replace', true, 'primary'), button('next', 'Play next', 'next', false, ''),
        button('queue', 'Add', 'end', false, '')));
    this.replaceChildren(crumb('Music'), h('div', { class: 'album-head' }, cover(album.cover, album.title), what),
      h('ol', { class: 'rows' }, tracks.map((track, index) => h('li', null, trackRow(track, items, index, true)))));
  }
}

customElements.define('screen-album', Album);

class Artist extends HTMLElement {
  connectedCallback() {
    const name = encodeURIComponent(this.artist);
    const albums = document.createElement('u-endless');
    const tracks = document.createElement('u-endless');
    albums.className = 'albums';
    this.append(crumb('Artists'), h('h1', null, this.artist || 'Unknown'), albums, h('h2', null, 'Tracks'), tracks);
    const from = (what) => (offset, limit) => ask('GET', `/library/${what}?artist=${name}&offset=${offset}&limit=${limit}`);
    albums.show(from('albums'), albumTile, 'No albums.');
    tracks.show(from('tracks'), (track) => trackRow(track, [{ track: track.id }]), 'No tracks.');
  }
}

customElements.define('screen-artist', Artist);
