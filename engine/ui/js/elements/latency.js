// <u-latency>: how long sound takes to a room's speaker, in parts, each with where it comes from.

import { h, keyed, say } from '../lib/dom.js';
import { short } from '../lib/format.js';
import { Live } from '../lib/live.js';
import { store } from '../store.js';

class Latency extends Live {
  static topics = ['rooms', 'groups'];

  build() {
    this.total = h('p', { class: 'verdict small' });
    this.bar = h('div', { class: 'parts-bar', 'aria-hidden': 'true' });
    this.rows = h('tbody', null);
    this.table = h('table', { class: 'parts' }, h('caption', { class: 'unseen' }, 'Latency, part by part'),
      h('thead', { class: 'unseen' }, h('tr', null, ['Part', 'Takes', 'Give or take', 'Known from'].map((text) => h('th', { scope: 'col' }, text)))), this.rows);
    this.append(this.total, this.bar, this.table);
  }

  update() {
    const room = store.get('rooms', this.room);
    if (!room) return;
    const group = room.group && store.get('groups', room.group);
    const parts = room.latency ?? [];
    const all = group ? `; its group plays ${short(group.latency_s)} after sending, ${short(group.margin_s)} of that for the network` : '';
    say(this.total, `${short(room.latency_s)} from here to the ear${all}.`);
    this.table.hidden = !parts.length;
    this.bar.hidden = parts.length < 2;
    const shown = parts.filter(({ seconds }) => seconds > 0);
    keyed(this.bar, shown, ({ part }) => part, () => h('span', null),
      (item, { seconds }) => item.style.setProperty('flex-grow', String(1 + seconds * 1e6)));
    keyed(this.rows, parts, ({ part }) => part, () => h('tr', null, h('th', { scope: 'row' }), h('td'), h('td'), h('td')), (row, part) => {
      const [name, seconds, about, source] = row.children;
      say(name, part.part);
      say(seconds, short(part.seconds));
      say(about, spread(part.uncertainty_s));
      say(source, part.source);
    });
  }
}

const spread = (seconds) => (seconds === null || seconds === undefined ? '' : seconds === 0 ? 'exact' : `± ${short(seconds)}`);

customElements.define('u-latency', Latency);

/** The latency of a room. */
export function latency(room) {
  return Object.assign(document.createElement('u-latency'), { room });
}
