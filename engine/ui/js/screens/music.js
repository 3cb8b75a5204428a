// The library and the radio: search, albums, artists, tracks, stations and inputs.

import { ask } from '../api.js';
import '../elements/endless.js';
import { albumTile, artistRow, trackRow } from '../elements/music-items.js';
import { h, icon, say, set } from '../lib/dom.js';
import { Live } from '../lib/live.js';
import { settled } from '../lib/throttle.js';
import { store } from '../store.js';
import { pick, target } from '../target.js';
import { radio } from './radio.js';

const TABS = [['albums', 'Albums'], ['artists', 'Artists'], ['tracks', 'Tracks'], ['radio', 'Radio & inputs']];
const MAKE = { albums: albumTile, artists: artistRow, tracks: (track) => trackRow(track, [{ track: track.id }]) };

/** What was searched for stays while the page is open. */
let searched = '';

class Music extends Live {
  static topics = ['groups', 'library', 'stations', 'sources'];

  build() {
    this.tab ??= 'albums';
    this.where = h('span', null);
    this.whereButton = h('button', { type: 'button', class: 'chip strong', onclick: () => pick('Where to play?') }, icon('speaker'), this.where);
    this.append(h('div', { class: 'head' }, h('h1', null, 'Music'), this.whereButton));
    const tabs = h('nav', { class: 'tabs', 'aria-label': 'Library' }, TABS.map(([tab, label]) =>
      h('a', { href: `#/music/${tab}`, 'aria-current': tab === this.tab ? 'page' : null }, label)));
    if (this.tab === 'radio') {
      this.radio = radio();
      this.append(tabs, this.radio.element);
      return;
    }
    this.search = h('input', { type: 'search', 'aria-label': 'Search the library', placeholder: 'Title, artist or album', value: searched,
      autocomplete: 'off', enterkeyhint: 'search', oninput: settled(180, () => this.find()) });
    this.list = document.createElement('u-endless');
    set(this.list, 'class', this.tab);
    this.append(h('div', { class: 'search' }, icon('search'), this.search), tabs, this.list);
    queueMicrotask(() => this.find());
  }

  find() {
    searched = this.search.value.trim();
    const query = searched ? `&search=${encodeURIComponent(searched)}` : '';
    const load = (offset, limit) => ask('GET', `/library/${this.tab}?offset=${offset}&limit=${limit}${query}`);
    const nothing = searched ? `Nothing is called “${searched}”.` : 'The library is empty. Name its folders in hub.toml; they are scanned by themselves.';
    this.list.show(load, MAKE[this.tab], nothing);
  }

  update() {
    const group = target();
    say(this.where, group ? group.name : 'Choose a room');
    set(this.whereButton, 'aria-label', group ? `Plays in ${group.name}; choose other rooms` : 'Choose a room to play in');
    this.radio?.update();
    const total = store.whole.library?.tracks;
    if (this.list && this.known !== undefined && total !== this.known && !store.whole.library.scan) this.find();
    this.known = total;
  }
}

customElements.define('screen-music', Music);
