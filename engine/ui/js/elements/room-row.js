// <u-room-row>: a room on the first screen: its name, how it is, its fader, and the way out of its group.

import { join } from '../actions.js';
import { h, iconButton, say, set } from '../lib/dom.js';
import { Live } from '../lib/live.js';
import { standing } from '../lib/words.js';
import { store } from '../store.js';
import { volume } from './volume.js';

class RoomRow extends Live {
  static topics = ['rooms', 'groups'];

  build() {
    this.name = h('a', { class: 'room-name' });
    this.state = h('span', { class: 'standing' });
    this.leave = iconButton('leave', 'Leave', () => join(this.room, null));
    this.line = h('div', { class: 'room-line' }, h('h3', null, this.name), this.state, this.leave);
    this.volume = volume('rooms', this.room);
    this.append(this.line, this.volume);
  }

  update() {
    const room = store.get('rooms', this.room);
    if (!room) return;
    const [word, how] = standing(room);
    const company = room.group && (store.get('groups', room.group)?.rooms.length ?? 0) > 1;
    say(this.name, room.name);
    set(this.name, 'href', `#/rooms/${encodeURIComponent(room.id)}`);
    say(this.state, word);
    set(this.state, 'data-how', how);
    this.leave.hidden = !company;
    set(this.leave, 'aria-label', `Take ${room.name} out of this group`);
    set(this.leave, 'title', 'Play by itself');
    this.volume.hidden = !room.online;
    this.toggleAttribute('offline', !room.online);
  }
}

customElements.define('u-room-row', RoomRow);

/** The row of a room. */
export function roomRow(room) {
  return Object.assign(document.createElement('u-room-row'), { room: room.id });
}
