// Where what is chosen in the library plays: one group at a time is the page's own.

import { ask, at } from './api.js';
import { change, found } from './actions.js';
import { h, icon } from './lib/dom.js';
import { count } from './lib/format.js';
import { done } from './lib/notices.js';
import { sheet } from './lib/sheet.js';
import { store } from './store.js';

const KEY = 'unisono-group';
let chosen = recall();

/** The group, or null where there is none. */
export function target() {
  const groups = store.all('groups');
  return groups.find(({ id }) => id === chosen) ?? groups.find(({ state }) => state === 'playing') ?? groups[0] ?? null;
}

/** Makes a group the page's own. */
export function choose(id) {
  chosen = id;
  try {
    localStorage.setItem(KEY, id);
  } catch { /* It is remembered until the page is closed. */ }
  store.tell('groups');
}

/** The colour of a group, by the order in which groups are: 1 to 6. */
export function hueOf(id) {
  const ids = [...store.items.groups.keys()].sort();
  return 1 + (Math.max(0, ids.indexOf(id)) % 6);
}

/** Has a person say where to play; gives the group's id, or undefined. */
export async function pick(title = 'Where?') {
  const id = await sheet(title, (close) => {
    const choice = (name, label, hint, value) => h('button', { type: 'button', class: 'choice', onclick: () => close(value) },
      icon(name), h('span', null, label), h('span', { class: 'hint' }, hint));
    const groups = store.all('groups').map((group) => choice('rooms', group.name, count(group.rooms.length, 'room'), group.id));
    const rooms = store.all('rooms').filter((room) => !room.group && room.online)
      .map((room) => choice('speaker', room.name, 'by itself', room));
    const none = h('p', null, 'No room is there to play in. Add one under Devices.');
    return h('div', { class: 'menu' }, groups.length + rooms.length ? [...groups, ...rooms] : none);
  });
  const group = typeof id === 'object' ? await found(id) : id;
  if (group) choose(group);
  return group ?? undefined;
}

/** Puts tracks, albums, stations or sources into the queue, at `replace`, `next` or `end`, and plays them if so wanted. */
export async function enqueue(items, place, play, index = 0) {
  const id = target()?.id ?? (await pick('Where to play?'));
  if (!id) return;
  const sent = await change('groups', id, play ? { state: 'playing' } : {}, async () => {
    await ask('POST', at`/groups/${id}/queue`, { items, at: place, play, index });
  });
  if (sent) done(play ? `Plays in ${store.get('groups', id)?.name}` : `Added to ${store.get('groups', id)?.name}`);
}

function recall() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}
