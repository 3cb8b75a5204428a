// The first screen: who plays what with whom, and how loud.

import { attempt, found, pauseAll } from '../actions.js';
import { at } from '../api.js';
import { groupCard } from '../elements/group-card.js';
import { roomRow } from '../elements/room-row.js';
import { h, icon, keyed, say, set } from '../lib/dom.js';
import { count, listed } from '../lib/format.js';
import { Live } from '../lib/live.js';
import { done } from '../lib/notices.js';
import { standing } from '../lib/words.js';
import { store } from '../store.js';
import { choose } from '../target.js';

class Rooms extends Live {
  static topics = ['rooms', 'groups', 'scenes', 'ready'];

  build() {
    this.hush = h('button', { type: 'button', class: 'chip strong', onclick: pauseAll }, icon('pause'), h('span', null, 'Pause everything'));
    this.scenes = h('ul', { class: 'scenes', 'aria-label': 'Scenes' });
    this.groups = h('div', { class: 'groups' });
    this.alone = h('section', { class: 'card', 'aria-labelledby': 'alone' },
      h('h2', { id: 'alone' }, 'On their own'), (this.rest = h('ul', { class: 'singles' })));
    this.empty = h('section', { class: 'card welcome' }, h('h2', null, 'No rooms yet'),
      h('p', null, 'A room is a speaker with a small computer: a Raspberry Pi will do. Add the first one in three steps.'),
      h('a', { class: 'button primary', href: '#/first-room' }, 'Add the first room'));
    this.summary = h('p', { class: 'by' });
    this.append(h('div', { class: 'head' }, h('div', null, h('h1', null, 'Rooms'), this.summary), this.hush), this.scenes, this.groups, this.alone, this.empty);
  }

  update() {
    const groups = store.all('groups');
    const rooms = store.all('rooms');
    const single = rooms.filter(({ group }) => !group || !store.items.groups.has(group));
    this.hush.hidden = groups.filter(({ state }) => state === 'playing').length < 2;
    say(this.summary, store.ready && rooms.length ? summary(rooms) : '');
    this.empty.hidden = !store.ready || rooms.length > 0;
    this.alone.hidden = !single.length;
    keyed(this.groups, groups, ({ id }) => id, groupCard);
    keyed(this.rest, single, ({ id }) => id, (room) => this.single(room), (item, room) => {
      item.lastChild.hidden = !room.online;
      set(item.lastChild, 'aria-label', `Play here: ${room.name}`);
    });
    const scenes = store.all('scenes');
    this.scenes.hidden = !rooms.length;
    keyed(this.scenes, [...scenes, { id: '' }], ({ id }) => id, (scene) => this.scene(scene),
      (item, scene) => scene.id && say(item.firstChild.lastChild, scene.name));
  }

  single(room) {
    const start = async () => {
      const group = await found(store.get('rooms', room.id));
      if (!group) return;
      choose(group);
      location.hash = '#/music';
    };
    return h('li', null, roomRow(room), h('button', { type: 'button', class: 'chip', onclick: start }, icon('play'), h('span', null, 'Play here')));
  }

  scene({ id, name }) {
    if (!id) return h('li', null, h('a', { class: 'chip quiet', href: '#/scenes' }, icon('scene'), h('span', null, 'Scenes')));
    const recall = async () => (await attempt('POST', at`/scenes/${id}/recall`)) && done(`${name} is set`);
    return h('li', null, h('button', { type: 'button', class: 'chip', onclick: recall }, h('span', null, name)));
  }
}

/** How the house is, in a sentence. */
function summary(rooms) {
  const playing = rooms.filter(({ state }) => state === 'playing');
  const bad = rooms.filter((room) => standing(room)[1] === 'bad');
  const plays = playing.length ? `${count(playing.length, 'room')} ${playing.length === 1 ? 'plays' : 'play'}` : 'It is quiet';
  if (bad.length) return `${plays}. See to ${listed(bad.map(({ name }) => name))}.`;
  return playing.length > 1 ? `${plays}, all in time.` : `${plays}.`;
}

customElements.define('screen-rooms', Rooms);
