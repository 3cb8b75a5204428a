// What is wrong, and what to do about it.

import { h, icon, keyed, say, set } from '../lib/dom.js';
import { since } from '../lib/format.js';
import { Live } from '../lib/live.js';
import { store } from '../store.js';

const ORDER = ['problem', 'warning', 'note'];
const WORDS = { problem: 'Problem', warning: 'Warning', note: 'Note' };

class Health extends Live {
  static topics = ['health', 'rooms', 'ready'];

  build() {
    this.fine = h('div', { class: 'card fine' }, icon('check'), h('div', null, h('h2', null, 'Everything is in order'),
      h('p', { class: 'by' }, 'Every room is there and in time. If something is amiss all the same, a room’s own page says what it rests on.')));
    this.list = h('ul', { class: 'findings large' });
    this.append(h('div', { class: 'head' }, h('h1', null, 'Health')), this.fine, this.list);
  }

  update() {
    const entries = [...(store.whole.health ?? [])].sort((one, other) => ORDER.indexOf(one.severity) - ORDER.indexOf(other.severity));
    this.fine.hidden = !store.ready || entries.length > 0;
    keyed(this.list, entries, ({ what, where }) => `${where}|${what}`, () => this.item(), (item, entry) => item.show(entry));
  }

  item() {
    const [where, what, remedy, time] = [h('a', { class: 'where' }), h('strong', null), h('p', { class: 'remedy' }), h('span', { class: 'hint' })];
    const face = h('span', { class: 'face' });
    const item = h('li', { class: 'card finding' }, face, h('div', null, h('p', { class: 'row between' }, where, time), h('p', null, what), remedy));
    item.show = (entry) => {
      const room = store.all('rooms').find(({ id, name }) => id === entry.where || name === entry.where);
      set(item, 'data-level', entry.severity);
      if (!face.firstChild || face.level !== entry.severity) face.replaceChildren(icon(entry.severity));
      face.level = entry.severity;
      say(where, room?.name ?? entry.where ?? 'Hub');
      set(where, 'href', room ? `#/rooms/${encodeURIComponent(room.id)}` : null);
      say(what, `${WORDS[entry.severity] ?? 'Note'}: ${entry.what}`);
      say(remedy, entry.remedy);
      say(time, entry.since_unix ? `for ${since(entry.since_unix)}` : '');
    };
    return item;
  }
}

customElements.define('screen-health', Health);
