// How a machine joins: the command to type on it, the wait until it is there, and its first sound.

import { attempt } from '../actions.js';
import { ask, at } from '../api.js';
import { draw, h, icon, keyed, say } from '../lib/dom.js';
import { listed, span } from '../lib/format.js';
import { done, failed } from '../lib/notices.js';
import { outputName } from '../lib/words.js';
import { store } from '../store.js';

/** A token is good for so long, in seconds: time enough to fetch the machine. */
const LIFETIME = 3600;

/** Text that can be copied, with a button for it. */
export function copyable(text, label) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      done(`${label} copied`);
    } catch {
      getSelection().selectAllChildren(code);
      failed('This browser copies nothing for a page without HTTPS. It is selected: copy it by hand.');
    }
  };
  const code = h('code', { tabindex: 0, role: 'textbox', 'aria-readonly': 'true', 'aria-label': label }, text);
  return h('div', { class: 'copyable' }, code, h('button', { type: 'button', class: 'button', onclick: copy }, icon('copy'), 'Copy'));
}

/** Rows of dark and light, as the hub draws a QR code, with the margin that readers want. */
function code(rows, label) {
  const dark = rows.flatMap((row, y) => [...row.matchAll(/1+/g)].map((run) => `M${run.index + 4} ${y + 4}h${run[0].length}v1h-${run[0].length}z`));
  const size = rows.length + 8;
  return draw('svg', { class: 'code', viewBox: `0 0 ${size} ${size}`, role: 'img', 'aria-label': label }, draw('path', { d: dark.join('') }));
}

/** The steps; `arrived` is called with the node that came. */
export function joining(arrived) {
  const before = new Set(store.items.nodes.keys());
  const name = h('input', { id: 'join-name', type: 'text', maxlength: 60, value: 'kitchen', pattern: '[A-Za-z0-9 _\\-]+', autocomplete: 'off' });
  const command = h('div', null);
  const state = h('p', { class: 'waiting', role: 'status' }, 'Waiting for it to come…');
  const rooms = h('ul', { class: 'rows' });
  const after = h('div', { class: 'row end', hidden: true });
  let token = null;
  let until = 0;

  const show = () => token && command.replaceChildren(
    copyable(`unisono-node --name ${quoted(name.value.trim() || 'room')} --join ${token.token}`, 'Command'),
    h('p', { class: 'hint' }, `Good for ${span(token.lifetime_s)} and ${token.uses === 1 ? 'one machine' : `${token.uses} machines`}. It is a secret until then.`),
    h('details', null, h('summary', null, 'As a QR code'),
      h('p', { class: 'hint' }, 'For a phone or tablet from which you reach the machine. Its name is the machine’s own.'),
      code(token.qr, 'QR code of the command')));
  const make = () => {
    command.replaceChildren(h('p', { class: 'hint' }, 'Making a token…'));
    ask('POST', '/tokens', { lifetime_s: LIFETIME, uses: 1 }).then((made) => {
      [token, until] = [made, Date.now() + made.lifetime_s * 1000];
      show();
    }, (error) => command.replaceChildren(h('p', { class: 'warning' }, error.message), again('Try again')));
  };
  const again = (label) => h('button', { type: 'button', class: 'button', onclick: make }, label);

  const update = () => {
    const come = store.all('nodes').filter(({ id }) => !before.has(id));
    if (token && !come.length && Date.now() > until) {
      token = null;
      command.replaceChildren(h('p', { class: 'warning' }, 'The token’s time is over, and nobody has joined with it.'), again('Make another'));
    }
    if (!come.length) return;
    say(state, `${listed(come.map((node) => node.name))} has joined.`);
    state.classList.add('good');
    const theirs = store.all('rooms').filter((room) => come.some(({ id }) => room.id.startsWith(`${id}-`)));
    keyed(rooms, theirs, ({ id }) => id, ({ id }) => room(id), (item, { name: called, output, online }) => {
      say(item.called, called);
      say(item.by, outputName(output));
      item.beep.disabled = !online;
      item.beep.setAttribute('aria-label', `Beep here: ${called}`);
    });
    if (!arrived || !after.hidden) return;
    after.hidden = false;
    after.append(
      h('button', { type: 'button', class: 'button', onclick: another }, 'Add another'),
      h('button', { type: 'button', class: 'button primary', onclick: () => arrived(come[0]) }, 'Done'));
  };
  const another = () => {
    store.items.nodes.forEach((_, id) => before.add(id));
    after.replaceChildren();
    after.hidden = true;
    rooms.replaceChildren();
    state.classList.remove('good');
    say(state, 'Waiting for it to come…');
    name.value = '';
    name.focus();
    make();
  };

  name.addEventListener('input', show);
  make();
  const end = store.watch(['nodes', 'rooms'], () => (state.isConnected ? update() : end()));
  const timer = setInterval(() => (state.isConnected ? update() : clearInterval(timer)), 5000);
  return h('ol', { class: 'how' },
    h('li', null, h('h3', null, 'Have Unisono on the machine'),
      h('p', null, 'Any Linux with a sound output: a Raspberry Pi, an old laptop. Install ', h('code', null, 'unisono-node'), ' on it; ', h('code', null, 'unisono-node --list'), ' shows what it can play through.')),
    h('li', null, h('h3', null, 'Type this there'), h('div', { class: 'field' }, h('label', { for: name.id }, 'What it is called'), name), command,
      h('p', { class: 'hint' }, 'It is a member from then on: the next time without ', h('code', null, '--join'), `. If it cannot reach the hub, is the hub’s UDP port ${store.whole.hub?.port ?? 8470} open?`)),
    h('li', null, h('h3', null, 'It comes by itself'), state, rooms, after));
}

function room(id) {
  const [called, by] = [h('span', { class: 'row-title' }), h('span', { class: 'row-by' })];
  const sound = async () => {
    if (await attempt('POST', at`/rooms/${id}/beep`)) done(`${called.textContent} sounds now`);
  };
  const beep = h('button', { type: 'button', class: 'button', onclick: sound }, icon('beep'), 'Beep here');
  return Object.assign(h('li', { class: 'track-row' }, h('div', { class: 'row-main still' }, called, by), beep), { called, by, beep });
}

const quoted = (text) => (/^[\w-]+$/.test(text) ? text : `'${text.replaceAll("'", '')}'`);
