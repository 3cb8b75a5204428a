// Everything else: the household, its library, who may use it, how the page looks.

import { attempt } from '../actions.js';
import { access } from '../elements/access.js';
import { h, icon, say } from '../lib/dom.js';
import { count, dotted } from '../lib/format.js';
import { Live } from '../lib/live.js';
import { done } from '../lib/notices.js';
import { store } from '../store.js';
import { look, setLook } from '../theme.js';

const LOOKS = [['system', 'As the system'], ['light', 'Light'], ['dark', 'Dark']];

class Settings extends Live {
  static topics = ['hub', 'library', 'session', 'ready'];

  build() {
    const link = (href, name, label, hint) => h('li', null, h('a', { class: 'row-link', href }, icon(name), h('span', { class: 'row-title' }, label), h('span', { class: 'row-by' }, hint), icon('forward')));
    this.hub = h('p', { class: 'by' });
    this.library = h('p', { class: 'by' });
    this.folders = h('ul', { class: 'plain hint' });
    this.bar = h('progress', { 'aria-label': 'Scan of the library', max: 1, hidden: true });
    this.problems = h('details', { hidden: true }, (this.problemsLabel = h('summary', null)), (this.problemList = h('ul', { class: 'plain problems' })));
    this.access = access();
    const looks = LOOKS.map(([value, label]) => h('label', { class: 'check inline', for: `look-${value}` },
      h('input', { type: 'radio', name: 'look', id: `look-${value}`, value, checked: value === look(), onchange: () => setLook(value) }), h('span', null, label)));
    this.leave = h('button', { type: 'button', class: 'button', onclick: () => leave() }, icon('leave'), 'Log out');
    this.secret = h('section', { class: 'card', hidden: true }, h('h2', null, 'No secret yet'),
      h('p', null, 'Whoever is on the hub’s own machine may do everything here. Once there is a secret, the page asks for it. Phones and other computers reach it when the hub is started with --api 0.0.0.0:8480.'),
      h('div', { class: 'row' }, h('a', { class: 'button primary', href: '#/setup' }, icon('key'), 'Set a secret')));
    this.append(h('div', { class: 'head' }, h('h1', null, 'Settings')), this.secret,
      h('section', { class: 'card' }, h('h2', null, 'Household'), this.hub, h('ul', { class: 'rows' },
        link('#/devices', 'device', 'Devices', 'machines, and how another joins'),
        link('#/scenes', 'scene', 'Scenes', 'rooms and volumes under a name'),
        link('#/health', 'health', 'Health', 'what is wrong and what to do'))),
      h('section', { class: 'card' }, h('fieldset', null, h('legend', null, 'Appearance'), h('div', { class: 'row' }, looks))),
      h('section', { class: 'card' }, h('h2', null, 'Library'), this.library, this.folders, this.bar,
        h('div', { class: 'row' }, h('button', { type: 'button', class: 'button', onclick: scan }, icon('refresh'), 'Scan now')), this.problems),
      this.access.element,
      h('section', { class: 'card' }, h('h2', null, 'For programs'), h('p', null, 'Everything on this page is done through an API. ',
        h('a', { href: '/api' }, 'Read its description'), '.'), (this.me = h('p', { class: 'hint' })), h('div', { class: 'row' }, this.leave)));
  }

  entered() {
    this.access.refresh();
  }

  update() {
    const { hub, library } = store.whole;
    say(this.hub, hub ? dotted(`Hub ${hub.name}`, `household ${hub.household}`, `version ${hub.version}`, hub.codec) : '');
    const { scope, name, loopback } = store.session ?? {};
    say(this.me, dotted(name && `You are here as ${name}`, loopback && 'You are on the hub’s own machine', scope && `scope ${scope}`));
    this.secret.hidden = !store.session?.setup_needed;
    this.leave.hidden = !name;
    this.access.element.hidden = store.session?.scope !== 'admin';
    if (!library) return;
    const scanning = library.scan;
    say(this.library, scanning ? `Scanning: ${scanning.done} of ${scanning.total} files`
      : dotted(count(library.tracks, 'track'), count(library.albums, 'album'), count(library.artists, 'artist')));
    this.bar.hidden = !scanning;
    if (scanning) this.bar.value = scanning.total ? scanning.done / scanning.total : 0;
    this.folders.replaceChildren(...library.folders.map((folder) => h('li', null, h('code', null, folder))));
    this.problems.hidden = !library.problems.length;
    say(this.problemsLabel, `${count(library.problems.length, 'file')} could not be read`);
    this.problemList.replaceChildren(...library.problems.map(({ file, problem }) => h('li', null, h('code', null, file), ` ${problem}`)));
  }
}

async function scan() {
  if (await attempt('POST', '/library/scan')) done('The library is being scanned');
}

async function leave() {
  if (await attempt('POST', '/logout')) location.reload();
}

customElements.define('screen-settings', Settings);
