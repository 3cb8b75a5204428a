// <u-position>: where a group is in what it plays, counted on between what the hub says; seeks.

import { seek } from '../actions.js';
import { h, say, set } from '../lib/dom.js';
import { clock, spoken } from '../lib/format.js';
import { Live } from '../lib/live.js';
import { store } from '../store.js';

/** So often it moves, in milliseconds. */
const TICK = 250;

/** What the hub says differs from what was counted by less than this: then it is gone over to bit by bit. In seconds. */
const SMALL = 0.75;

class Position extends Live {
  static topics = ['groups'];

  build() {
    this.bar = h('input', { type: 'range', class: 'fader thin', min: 0, step: 1,
      oninput: () => { this.held = true; this.show(this.bar.valueAsNumber); },
      onchange: () => { this.held = false; seek(this.group, this.bar.valueAsNumber); } });
    this.now = h('span', { class: 'time' });
    this.length = h('span', { class: 'time' });
    this.append(this.now, this.bar, this.length);
  }

  entered() {
    this.timer = setInterval(() => document.visibilityState === 'visible' && this.tick(), TICK);
  }

  left() {
    clearInterval(this.timer);
  }

  tick() {
    const group = store.get('groups', this.group);
    const position = group && store.position(group);
    if (position === null || position === undefined || this.held) return;
    const ahead = (this.counted ?? position) + (group.state === 'playing' ? TICK / 1000 : 0) - position;
    this.counted = Math.abs(ahead) < SMALL && group.state === 'playing' ? position + ahead * 0.8 : position;
    this.show(this.counted);
  }

  update() {
    const group = store.get('groups', this.group);
    const position = group && store.position(group);
    this.hidden = position === null || position === undefined;
    if (this.hidden) return;
    const endless = !group.length_s;
    this.bar.hidden = endless;
    this.length.hidden = endless;
    set(this.bar, 'max', Math.max(1, Math.floor(group.length_s ?? 1)));
    set(this.bar, 'aria-label', `Position in ${group.title ?? 'what plays'}, ${group.name}`);
    say(this.length, clock(group.length_s));
    this.tick();
  }

  show(seconds) {
    const length = Math.max(1, Math.floor(Number(this.bar.max)));
    say(this.now, clock(seconds));
    if (!this.held) this.bar.value = seconds;
    set(this.bar, 'aria-valuetext', `${spoken(seconds)} of ${spoken(length)}`);
    this.bar.style.setProperty('--fill', `${Math.min(100, (100 * seconds) / length)}%`);
  }
}

customElements.define('u-position', Position);

/** The position of a group. */
export function position(group) {
  return Object.assign(document.createElement('u-position'), { group });
}
