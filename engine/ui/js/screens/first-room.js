// The first room in three steps: find it, hear it, name it.

import { ask, at } from '../api.js';
import { found, patch } from '../actions.js';
import { joining } from '../elements/joining.js';
import { volume } from '../elements/volume.js';
import { h, icon, keyed, say, set } from '../lib/dom.js';
import { Live } from '../lib/live.js';
import { outputName } from '../lib/words.js';
import { done, failed } from '../lib/notices.js';
import { store } from '../store.js';

const STEPS = ['Find it', 'Hear it', 'Name it'];

class FirstRoom extends Live {
  static topics = ['rooms', 'ready'];

  build() {
    this.heading = h('h1', null, 'The first room');
    this.progress = h('ol', { class: 'progress' }, STEPS.map((step) => h('li', null, step)));
    this.body = h('div', { class: 'card stack' });
    this.append(this.heading, this.progress, this.body);
    this.step(0);
  }

  step(number) {
    this.at = number;
    [...this.progress.children].forEach((item, index) => {
      set(item, 'aria-current', index === number ? 'step' : null);
      set(item, 'data-done', index < number);
    });
    this.body.replaceChildren(...[() => this.find(), () => this.hear(), () => this.name()][number]());
    const heading = this.body.querySelector('h2');
    heading.tabIndex = -1;
    if (number) heading.focus();
    this.update();
  }

  find() {
    this.rooms = h('ul', { class: 'rows' });
    this.none = h('p', { class: 'waiting', role: 'status' }, 'None is here yet.');
    return [h('h2', null, 'Which room?'), h('p', null, 'Rooms that have come to this hub are here. One on the hub’s own machine comes by itself.'), this.none, this.rooms,
      h('details', { ontoggle: (event) => event.target.open && !event.target.children[1] && event.target.append(joining()) },
        h('summary', null, 'Bring another machine'))];
  }

  hear() {
    const room = store.get('rooms', this.room);
    return [h('h2', null, 'Is it the right one?'), h('p', null, `A short sound comes from “${outputName(room.output)}”.`), volume('rooms', room.id),
      h('div', { class: 'row' }, h('button', { type: 'button', class: 'button primary', onclick: () => this.beep() }, icon('beep'), 'Beep here')),
      h('div', { class: 'row between' }, h('button', { type: 'button', class: 'button', onclick: () => this.step(0) }, 'Another one'),
        h('button', { type: 'button', class: 'button', onclick: () => this.step(2) }, 'I hear it', icon('forward')))];
  }

  name() {
    const room = store.get('rooms', this.room);
    const name = h('input', { id: 'room-name', type: 'text', required: true, maxlength: 60, value: room.name, autocomplete: 'off' });
    const most = h('input', { id: 'room-most', type: 'number', min: 5, max: 100, value: room.max_volume, inputmode: 'numeric' });
    return [h('h2', null, 'What is it called?'), h('form', { class: 'stack', onsubmit: async (event) => {
      event.preventDefault();
      const fields = { name: name.value.trim(), max_volume: most.valueAsNumber || 100 };
      if (!(await patch('rooms', room.id, fields))) return;
      if (!store.get('rooms', room.id).group && !(await found(store.get('rooms', room.id)))) return;
      done(`${fields.name} is ready`);
      location.hash = '#/';
    } }, h('div', { class: 'field' }, h('label', { for: name.id }, 'Name'), name),
    h('div', { class: 'field' }, h('label', { for: most.id }, 'At most, in percent'), most, h('span', { class: 'hint' }, 'Louder than this it never plays.')),
    h('div', { class: 'row between' }, h('button', { type: 'button', class: 'button', onclick: () => this.step(1) }, 'Back'),
      h('button', { class: 'button primary' }, 'Ready')))];
  }

  async beep() {
    try {
      await ask('POST', at`/rooms/${this.room}/beep`);
      done('It sounds now');
    } catch (error) {
      failed(error);
    }
  }

  update() {
    if (this.at !== 0) return;
    const rooms = store.all('rooms').filter(({ online }) => online);
    this.none.hidden = rooms.length > 0;
    keyed(this.rooms, rooms, ({ id }) => id, ({ id }) => h('li', null, h('button', { type: 'button', class: 'choice', onclick: () => {
      this.room = id;
      this.step(1);
    } }, icon('speaker'), h('span', null), h('span', { class: 'hint' }))), (item, room) => {
      say(item.firstChild.children[1], room.name);
      say(item.firstChild.children[2], outputName(room.output));
    });
  }
}

customElements.define('screen-first-room', FirstRoom);
