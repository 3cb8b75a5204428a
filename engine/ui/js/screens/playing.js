// What a group plays: large, with its queue; at the side of a wide window, the same for the page's own group.

import { cover } from '../elements/cover.js';
import { groupSheet } from '../elements/group-sheet.js';
import { position } from '../elements/position.js';
import { queue } from '../elements/queue.js';
import { transport } from '../elements/transport.js';
import { volume } from '../elements/volume.js';
import { h, icon, say, set } from '../lib/dom.js';
import { dotted, listed } from '../lib/format.js';
import { Live } from '../lib/live.js';
import { playing } from '../lib/words.js';
import { go } from '../router.js';
import { store } from '../store.js';
import { hueOf, pick, target } from '../target.js';

class Now extends Live {
  static topics = ['groups', 'rooms', 'ready'];

  update() {
    const own = this.group && store.get('groups', this.group) ? this.group : null;
    const id = own ?? target()?.id ?? null;
    const group = id && store.get('groups', id);
    if ((group ? id : null) !== this.made || !this.firstChild) this.make(group ? id : null);
    if (!group) return;
    const { title, by } = playing(group);
    const track = group.track;
    set(this, 'data-hue', hueOf(id));
    set(this, 'data-state', group.state);
    this.cover.show(track?.cover, title);
    say(this.big, title);
    say(this.by, by);
    say(this.more, dotted(track?.codec?.toUpperCase(), track?.rate && `${track.rate / 1000} kHz`, track?.year));
    say(this.where, listed(group.rooms.map((room) => store.get('rooms', room)?.name).filter(Boolean)) || 'No rooms');
    say(this.warning, group.warning ?? '');
    this.warning.hidden = !group.warning;
    set(this.rooms, 'aria-label', `Rooms of ${group.name}: ${this.where.textContent}`);
  }

  make(id) {
    this.made = id;
    if (!id) {
      this.replaceChildren(this.titled('Nothing plays'), h('p', { class: 'empty' }, 'No rooms play together yet. '),
        h('button', { type: 'button', class: 'button primary', onclick: () => this.other('Where to play?') }, 'Choose a room'));
      return;
    }
    this.cover = cover(null, '');
    this.big = h(this.side ? 'h2' : 'h1', { class: 'big' });
    this.by = h('p', { class: 'by' });
    this.more = h('p', { class: 'hint' });
    this.warning = h('p', { class: 'warning' });
    this.where = h('span', null);
    this.rooms = h('button', { type: 'button', class: 'chip strong', onclick: () => groupSheet(id) }, icon('rooms'), this.where);
    this.replaceChildren(h('div', { class: 'now' }, this.cover,
      h('div', { class: 'now-what' }, this.big, this.by, this.more, this.warning, position(id), transport(id, true),
        volume('groups', id), h('div', { class: 'row' }, this.rooms,
          h('button', { type: 'button', class: 'chip', onclick: () => this.other('Which group?') }, 'Another group…')))), queue(id));
  }

  /** Has a person choose; a screen that is one group's gives way to the other's. */
  async other(title) {
    const id = await pick(title);
    if (id && this.group) go(`/playing/${encodeURIComponent(id)}`);
  }

  titled(text) {
    return h(this.side ? 'h2' : 'h1', null, text);
  }
}

customElements.define('u-now', Now);

class Playing extends Live {
  build() {
    this.append(Object.assign(document.createElement('u-now'), { group: this.group }));
  }
}

customElements.define('screen-playing', Playing);
