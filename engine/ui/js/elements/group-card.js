// <u-group-card>: a group as a system of staves: what it plays, and its rooms under one brace.

import { join } from '../actions.js';
import { h, icon, keyed, say, set } from '../lib/dom.js';
import { Live } from '../lib/live.js';
import { playing } from '../lib/words.js';
import { store } from '../store.js';
import { choose, hueOf } from '../target.js';
import { groupSheet } from './group-sheet.js';
import { cover } from './cover.js';
import { position } from './position.js';
import { roomRow } from './room-row.js';
import { transport } from './transport.js';
import { volume } from './volume.js';

class GroupCard extends Live {
  static topics = ['rooms', 'groups'];

  build() {
    const id = this.group;
    this.cover = cover(null, '');
    this.name = h('h2', { class: 'group-name' });
    this.link = h('a', { class: 'title', href: `#/playing/${encodeURIComponent(id)}`, onclick: () => choose(id) });
    this.by = h('p', { class: 'by' });
    this.warning = h('p', { class: 'warning', hidden: true });
    this.rooms = h('ul', { class: 'system' });
    this.all = h('div', { class: 'all' }, h('span', { class: 'label' }, 'All rooms'), volume('groups', id));
    this.edit = h('button', { type: 'button', class: 'chip strong', onclick: () => groupSheet(id) }, icon('rooms'), h('span', null, 'Rooms…'));
    this.joiners = h('div', { class: 'joiners' });
    this.append(h('article', { class: 'card group' },
      h('header', null, this.cover, h('div', { class: 'what' }, this.name, this.link, this.by), transport(id)),
      this.warning, position(id), this.rooms, this.all,
      h('footer', null, this.edit, this.joiners)));
  }

  update() {
    const group = store.get('groups', this.group);
    if (!group) return;
    const { title, by } = playing(group);
    set(this.firstChild, 'data-hue', hueOf(group.id));
    set(this.firstChild, 'data-state', group.state);
    this.cover.show(group.track?.cover, title);
    say(this.name, group.name);
    say(this.link, title);
    say(this.by, by);
    say(this.warning, group.warning ?? '');
    this.warning.hidden = !group.warning;
    const rooms = group.rooms.map((id) => store.get('rooms', id)).filter(Boolean);
    keyed(this.rooms, rooms, ({ id }) => id, (room) => h('li', null, roomRow(room)));
    this.all.hidden = rooms.length < 2;
    set(this.edit, 'aria-label', `Choose the rooms of ${group.name}`);
    const others = store.all('rooms').filter((room) => room.online && room.group !== group.id);
    keyed(this.joiners, others, ({ id }) => id,
      (room) => h('button', { type: 'button', class: 'chip', onclick: () => join(room.id, group.id) },
        icon('plus'), h('span', null)),
      (chip, room) => {
        say(chip.lastChild, room.name);
        set(chip, 'aria-label', `Add ${room.name} to ${group.name}`);
      });
  }
}

customElements.define('u-group-card', GroupCard);

/** The card of a group. */
export function groupCard(group) {
  return Object.assign(document.createElement('u-group-card'), { group: group.id });
}
