// <u-shell>: what stands around every screen: the ways to the others, and how the line to the hub is.

import { now } from '../connection.js';
import { h, icon, say, set } from '../lib/dom.js';
import { Live } from '../lib/live.js';
import { whisper } from '../lib/notices.js';
import { store } from '../store.js';

const TABS = [
  ['rooms', '#/', 'Rooms'], ['music', '#/music', 'Music'], ['playing', '#/playing', 'Playing'],
  ['health', '#/health', 'Health'], ['settings', '#/settings', 'Settings'],
];

/** A break that is over before this has passed is not worth a word, in milliseconds. */
const BRIEF = 700;

class Shell extends Live {
  static topics = ['connection', 'health', 'hub'];

  build() {
    this.number = h('span', null);
    this.badge = h('span', { class: 'badge', hidden: true }, this.number, h('span', { class: 'unseen' }, ' to look at'));
    this.links = Object.fromEntries(TABS.map(([tab, href, label]) => [tab, h('a', { href }, icon(tab), h('span', null, label), tab === 'health' && this.badge)]));
    this.hub = h('span', { class: 'hub-name' });
    this.banner = h('div', { class: 'banner', hidden: true, role: 'status' },
      h('span', null, 'The hub does not answer. What is shown is how it was; trying again…'),
      h('button', { type: 'button', class: 'chip strong', onclick: now }, 'Try now'));
    this.main = h('main', { id: 'main', tabindex: -1 });
    const skip = h('button', { type: 'button', class: 'skip', onclick: () => this.main.focus() }, 'Skip to the content');
    this.side = h('aside', { class: 'side', 'aria-label': 'What plays' });
    this.append(skip, h('nav', { class: 'main-nav', 'aria-label': 'Main' },
      h('a', { class: 'mark', href: '#/' }, h('img', { src: new URL('../../icon.svg', import.meta.url).href, alt: '', width: 30, height: 30 }),
        h('span', null, 'Unisono'), this.hub), Object.values(this.links)),
    h('div', { class: 'middle' }, this.banner, this.main), this.side, document.createElement('u-mini'));
    matchMedia('(min-width: 1180px)').addEventListener('change', () => this.furnish());
  }

  /** Says which screen is shown. */
  at(tab, path) {
    for (const [name, link] of Object.entries(this.links)) set(link, 'aria-current', name === tab ? 'page' : null);
    this.path = path;
    document.querySelector('#alerts').replaceChildren();
    this.dataset.tab = tab;
    this.furnish();
  }

  /** At the side is what plays, where there is room for it and the screen is not the same. */
  furnish() {
    const wanted = matchMedia('(min-width: 1180px)').matches && this.dataset.tab !== 'playing' && this.path !== '/first-room';
    this.side.hidden = !wanted;
    if (wanted && !this.side.firstChild) this.side.append(Object.assign(document.createElement('u-now'), { side: true }));
    if (!wanted) this.side.replaceChildren();
  }

  update() {
    const bad = (store.whole.health ?? []).filter(({ severity }) => severity !== 'note').length;
    this.badge.hidden = !bad;
    say(this.number, String(bad));
    say(this.hub, store.whole.hub?.name ?? '');
    this.line();
  }

  line() {
    const lost = store.connection === 'lost';
    clearTimeout(this.later);
    if (lost && this.banner.hidden) {
      this.later = setTimeout(() => {
        this.banner.hidden = false;
        this.toggleAttribute('lost', true);
      }, BRIEF);
    } else if (!lost && !this.banner.hidden) {
      this.banner.hidden = true;
      this.toggleAttribute('lost', false);
      document.querySelector('#alerts').replaceChildren();
      whisper('Connected again.');
    }
    const { version } = store.whole.hub ?? {};
    if (version && this.version && version !== this.version) location.reload();
    this.version = version ?? this.version;
  }
}

customElements.define('u-shell', Shell);
