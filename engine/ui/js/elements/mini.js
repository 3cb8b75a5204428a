// <u-mini>: what plays, above the ways to the screens, on a phone.

import { pause, resume } from '../actions.js';
import { h, iconButton, reicon, say, set } from '../lib/dom.js';
import { Live } from '../lib/live.js';
import { playing } from '../lib/words.js';
import { store } from '../store.js';
import { hueOf, target } from '../target.js';
import { cover } from './cover.js';

class Mini extends Live {
  static topics = ['groups', 'ready'];

  build() {
    this.cover = cover(null, '');
    this.heading = h('span', { class: 'row-title' });
    this.by = h('span', { class: 'row-by' });
    this.link = h('a', { class: 'mini-link' }, this.cover, h('span', { class: 'mini-what' }, this.heading, this.by));
    this.play = iconButton('play', 'Play', () => (target().state === 'playing' ? pause : resume)(target().id), { class: 'icon-button play' });
    this.append(h('section', { class: 'mini', 'aria-label': 'What plays' }, this.link, this.play));
  }

  update() {
    const group = target();
    this.hidden = !group?.title;
    if (this.hidden) return;
    const { title, by } = playing(group);
    const on = group.state === 'playing';
    set(this, 'data-hue', hueOf(group.id));
    set(this.link, 'href', `#/playing/${encodeURIComponent(group.id)}`);
    this.cover.show(group.track?.cover, title);
    say(this.heading, title);
    say(this.by, by ? `${group.name} · ${by}` : group.name);
    reicon(this.play.firstChild, on ? 'pause' : 'play');
    set(this.play, 'aria-label', `${on ? 'Pause' : 'Play'} ${group.name}`);
  }
}

customElements.define('u-mini', Mini);
