// <u-queue>: what a group is to play; every entry can be played, moved and taken out without a gesture.

import { ask, at } from '../api.js';
import { attempt } from '../actions.js';
import { h, icon, iconButton, keyed, say, set } from '../lib/dom.js';
import { clock, count, dotted } from '../lib/format.js';
import { Live } from '../lib/live.js';
import { menu, sure } from '../lib/sheet.js';
import { store } from '../store.js';

/** So many entries are shown at first, and more each time they are asked for. */
const PORTION = 100;

/** Of what was before, so many stay in sight. */
const BEFORE = 5;

class Queue extends Live {
  static topics = ['groups'];

  build() {
    this.heading = h('h2', null, 'Queue');
    this.clear = h('button', { type: 'button', class: 'chip', onclick: () => this.empty() }, icon('bin'), h('span', null, 'Clear'));
    this.earlier = h('button', { type: 'button', class: 'chip', onclick: () => this.reach(-PORTION, 0) }, 'Show earlier');
    this.later = h('button', { type: 'button', class: 'chip', onclick: () => this.reach(0, PORTION) }, 'Show more');
    this.list = h('ol', { class: 'rows' });
    this.nothing = h('p', { class: 'empty' }, 'Nothing is queued. ', h('a', { href: '#/music' }, 'Choose some music'), '.');
    this.append(h('div', { class: 'row between' }, this.heading, this.clear), this.nothing, this.earlier, this.list, this.later);
  }

  update() {
    const queue = store.get('groups', this.group)?.queue;
    const version = `${this.group}/${queue?.version}`;
    if (queue && version !== this.version) {
      this.version = version;
      this.fetch(version);
    }
    this.render();
  }

  async fetch(version) {
    try {
      const view = await ask('GET', at`/groups/${this.group}/queue`);
      if (version === this.version) this.take(view);
    } catch {
      this.version = null;
    }
  }

  take(view) {
    if (!view?.entries) return;
    if (view.index !== this.view?.index) this.from = undefined;
    this.view = view;
    this.render();
  }

  reach(before, after) {
    this.from = Math.max(0, this.from + before);
    this.upto += after;
    this.render();
  }

  render() {
    const entries = this.view?.entries ?? [];
    const current = this.view?.index ?? -1;
    this.from ??= Math.max(0, current - BEFORE);
    this.upto = Math.max(this.upto ?? 0, this.from + PORTION);
    say(this.heading, entries.length ? `Queue · ${count(entries.length, 'title')}` : 'Queue');
    this.nothing.hidden = !this.view || entries.length > 0;
    this.clear.hidden = !entries.length;
    this.earlier.hidden = this.from === 0;
    this.later.hidden = this.upto >= entries.length;
    const rows = entries.slice(this.from, this.upto).map((entry, offset) => ({ ...entry, place: this.from + offset }));
    keyed(this.list, rows, ({ entry }) => entry, (entry) => this.row(entry), (item, entry) => {
      item.entry = entry;
      set(item, 'aria-current', entry.place === current ? 'true' : null);
    });
  }

  row(entry) {
    const item = h('li', { class: 'queue-row' });
    item.append(
      h('button', { type: 'button', class: 'row-main', onclick: () => this.act(item.entry, 'POST', '/play') },
        h('span', { class: 'row-title' }, entry.title),
        h('span', { class: 'row-by' }, dotted(entry.artist, entry.album) || { station: 'Radio', source: 'Input' }[entry.kind])),
      h('span', { class: 'time' }, entry.length_s ? clock(entry.length_s) : ''),
      iconButton('more', `More for ${entry.title}`, () => this.offer(item.entry)));
    return item;
  }

  offer(entry) {
    const last = this.view.entries.length - 1;
    const next = Math.min(last, (this.view.index ?? -1) + (entry.place > (this.view.index ?? -1) ? 1 : 0));
    const to = (index) => () => this.act(entry, 'POST', '/move', { to: index });
    menu(entry.title, [
      { name: 'play', label: 'Play now', act: () => this.act(entry, 'POST', '/play') },
      entry.place !== next && { name: 'next', label: 'Play next', act: to(next) },
      entry.place > 0 && { name: 'up', label: 'Move up', act: to(entry.place - 1) },
      entry.place < last && { name: 'down', label: 'Move down', act: to(entry.place + 1) },
      { name: 'bin', label: 'Take out', act: () => this.act(entry, 'DELETE', ''), danger: true },
    ]);
  }

  async act(entry, method, verb, body) {
    this.take(await attempt(method, at`/groups/${this.group}/queue/${entry.entry}` + verb, body));
  }

  async empty() {
    if (await sure('Clear the queue?', 'What plays stops.', 'Clear')) {
      this.take(await attempt('DELETE', at`/groups/${this.group}/queue`));
    }
  }
}

customElements.define('u-queue', Queue);

/** The queue of a group. */
export function queue(group) {
  return Object.assign(document.createElement('u-queue'), { group });
}
