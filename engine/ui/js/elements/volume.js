// <u-volume>: a fader with its mute, of a room or of a whole group.

import { drag, patch } from '../actions.js';
import { h, icon, reicon, say, set } from '../lib/dom.js';
import { Live } from '../lib/live.js';
import { store } from '../store.js';

class Volume extends Live {
  static topics = ['rooms', 'groups'];

  build() {
    this.mute = h('button', { type: 'button', class: 'icon-button mute', onclick: () => this.toggle() }, (this.face = icon('sound')));
    this.fader = h('input', { type: 'range', class: 'fader', min: 0, max: 100, step: 1, oninput: () => this.moved() });
    this.fader.addEventListener('keydown', (event) => event.key.toLowerCase() === 'm' && this.toggle());
    this.percent = h('span', { class: 'percent', 'aria-hidden': 'true' });
    this.append(this.mute, this.fader, this.percent);
  }

  get item() {
    return store.get(this.kind, this.itemId);
  }

  toggle() {
    patch(this.kind, this.itemId, { muted: !this.item.muted });
  }

  moved() {
    const most = this.item.max_volume ?? 100;
    if (this.fader.valueAsNumber > most) this.fader.value = most;
    drag(this.kind, this.itemId, { volume: this.fader.valueAsNumber });
  }

  update() {
    const item = this.item;
    if (!item) return;
    const name = this.kind === 'groups' ? `${item.name}, all rooms` : item.name;
    if (this.fader.valueAsNumber !== item.volume) this.fader.value = item.volume;
    set(this.fader, 'aria-label', `${name} volume`);
    set(this.fader, 'aria-valuetext', `${item.volume} percent${item.muted ? ', muted' : ''}`);
    this.fader.style.setProperty('--fill', `${item.volume}%`);
    this.fader.style.setProperty('--most', `${item.max_volume ?? 100}%`);
    set(this.mute, 'aria-label', `Mute ${name}`);
    set(this.mute, 'aria-pressed', String(item.muted));
    set(this.mute, 'title', item.muted ? 'Muted' : 'Mute');
    reicon(this.face, item.muted ? 'muted' : 'sound');
    this.toggleAttribute('muted', item.muted);
    say(this.percent, item.muted ? '–' : String(item.volume));
  }
}

customElements.define('u-volume', Volume);

/** The fader of a room or group. */
export function volume(kind, id) {
  return Object.assign(document.createElement('u-volume'), { kind, itemId: id });
}
