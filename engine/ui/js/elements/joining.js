// How a machine joins: the command to type on it, and the wait until it is there.

import { ask } from '../api.js';
import { h, icon, say } from '../lib/dom.js';
import { listed, span } from '../lib/format.js';
import { done, failed } from '../lib/notices.js';
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

/** The steps; `arrived` is called with the node that came. */
export function joining(arrived) {
  const before = new Set(store.items.nodes.keys());
  const name = h('input', { id: 'join-name', type: 'text', maxlength: 60, value: 'kitchen', pattern: '[A-Za-z0-9 _\\-]+', autocomplete: 'off' });
  const command = h('div', null, h('p', { class: 'hint' }, 'Making a token…'));
  const state = h('p', { class: 'waiting', role: 'status' }, 'Waiting for it to come…');
  let token = null;
  const show = () => token && command.replaceChildren(
    copyable(`unisono-node --name ${quoted(name.value.trim() || 'room')} --join ${token.token}`, 'Command'),
    h('p', { class: 'hint' }, `Good for ${span(token.lifetime_s)} and ${token.uses === 1 ? 'one machine' : `${token.uses} machines`}. It is a secret until then.`));
  name.addEventListener('input', show);
  ask('POST', '/tokens', { lifetime_s: LIFETIME, uses: 1 }).then((made) => {
    token = made;
    show();
  }, (error) => command.replaceChildren(h('p', { class: 'warning' }, error.message)));
  const end = store.watch(['nodes'], () => {
    if (!state.isConnected) return end();
    const come = store.all('nodes').filter(({ id }) => !before.has(id));
    if (!come.length) return undefined;
    end();
    say(state, `${listed(come.map((node) => node.name))} has joined.`);
    state.classList.add('good');
    return arrived && state.after(h('div', { class: 'row end' },
      h('button', { type: 'button', class: 'button primary', onclick: () => arrived(come[0]) }, 'Done')));
  });
  return h('ol', { class: 'how' },
    h('li', null, h('h3', null, 'Have Unisono on the machine'), h('p', null, 'Any Linux with a sound output: a Raspberry Pi, an old laptop. Install ', h('code', null, 'unisono-node'), ' on it.')),
    h('li', null, h('h3', null, 'Type this there'), h('div', { class: 'field' }, h('label', { for: name.id }, 'What it is called'), name), command),
    h('li', null, h('h3', null, 'It comes by itself'), state));
}

const quoted = (text) => (/^[\w-]+$/.test(text) ? text : `'${text.replaceAll("'", '')}'`);
