// What happens by itself, told to a screen reader: rooms that go and come back, what plays next.

import { whisper } from './lib/notices.js';
import { store } from './store.js';

/** Tells it from now on. */
export function tellNews() {
  const there = new Map();
  const titles = new Map();
  store.watch(['rooms', 'groups'], () => {
    const news = [];
    for (const { id, name, online } of store.items.rooms.values()) {
      if (there.has(id) && there.get(id) !== online) news.push(`${name} is ${online ? 'back' : 'offline'}`);
      there.set(id, online);
    }
    for (const { id, name, title, state } of store.items.groups.values()) {
      if (state === 'playing' && titles.has(id) && titles.get(id) !== title) news.push(`${name} plays ${title}`);
      if (state === 'playing' || !titles.has(id)) titles.set(id, title);
    }
    if (news.length) whisper(news.join('. '));
  });
}
