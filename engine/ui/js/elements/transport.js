// <u-transport>: play, pause, next, previous; with everything, shuffle and repeat too.

import { patch, pause, resume, skip } from '../actions.js';
import { iconButton, reicon, set } from '../lib/dom.js';
import { Live } from '../lib/live.js';
import { store } from '../store.js';

const REPEAT = { off: 'all', all: 'one', one: 'off' };
const REPEATS = { off: 'Repeat: off', all: 'Repeat: the whole queue', one: 'Repeat: this track' };

class Transport extends Live {
  static topics = ['groups'];

  build() {
    this.play = iconButton('play', 'Play', () => this.toggle(), { class: 'icon-button play' });
    this.previous = iconButton('previous', 'Previous', () => skip(this.group, 'previous'));
    this.next = iconButton('next', 'Next', () => skip(this.group, 'next'));
    this.append(this.previous, this.play, this.next);
    if (!this.full) return;
    this.shuffle = iconButton('shuffle', 'Shuffle', () => patch('groups', this.group, { shuffle: !this.item.shuffle }));
    this.repeat = iconButton('repeat', 'Repeat', () => patch('groups', this.group, { repeat: REPEAT[this.item.repeat ?? 'off'] }));
    this.prepend(this.shuffle);
    this.append(this.repeat);
  }

  get item() {
    return store.get('groups', this.group);
  }

  toggle() {
    if (this.item.state === 'playing') pause(this.group);
    else resume(this.group);
  }

  update() {
    const group = this.item;
    if (!group) return;
    const playing = group.state === 'playing';
    const label = `${playing ? 'Pause' : 'Play'} ${group.name}`;
    const nothing = !group.title && !group.queue?.length;
    reicon(this.play.firstChild, playing ? 'pause' : 'play');
    name(this.play, label);
    name(this.previous, `Previous in ${group.name}`);
    name(this.next, `Next in ${group.name}`);
    this.play.disabled = nothing;
    this.previous.disabled = nothing;
    this.next.disabled = nothing;
    if (!this.full) return;
    name(this.shuffle, `Shuffle ${group.name}`);
    set(this.shuffle, 'aria-pressed', String(Boolean(group.shuffle)));
    name(this.repeat, REPEATS[group.repeat ?? 'off']);
    this.repeat.classList.toggle('on', (group.repeat ?? 'off') !== 'off');
    reicon(this.repeat.firstChild, group.repeat === 'one' ? 'repeat-one' : 'repeat');
  }
}

function name(button, label) {
  set(button, 'aria-label', label);
  set(button, 'title', label);
}

customElements.define('u-transport', Transport);

/** The transport of a group. */
export function transport(group, full = false) {
  return Object.assign(document.createElement('u-transport'), { group, full });
}
