// Who else may use the hub: tokens for programs and people, each with what it is good for.

import { ask, at } from '../api.js';
import { attempt } from '../actions.js';
import { h, icon, iconButton, keyed, say } from '../lib/dom.js';
import { day, dotted } from '../lib/format.js';
import { sheet, sure } from '../lib/sheet.js';
import { copyable } from './joining.js';

const SCOPES = { read: 'may look', control: 'may play and set volumes', admin: 'may do everything' };

/** The section, and what brings it up to date. */
export function access() {
  const list = h('ul', { class: 'rows' });
  const none = h('p', { class: 'hint' });
  const element = h('section', { class: 'card' }, h('div', { class: 'row between' }, h('h2', null, 'Access'),
    h('button', { type: 'button', class: 'chip strong', onclick: () => add() }, icon('plus'), h('span', null, 'New token'))), none, list);
  const refresh = async () => {
    try {
      const tokens = await ask('GET', '/access');
      keyed(list, tokens, ({ id }) => id, row);
      say(none, tokens.length ? '' : 'No tokens. Home Assistant, Prometheus or another person gets one here.');
    } catch (error) {
      say(none, error.message);
    }
    none.hidden = !none.textContent;
  };
  const row = ({ id, name, scope, created_unix: created }) => h('li', { class: 'track-row' }, h('span', { class: 'number' }, icon('key')),
    h('div', { class: 'row-main still' }, h('span', { class: 'row-title' }, name), h('span', { class: 'row-by' }, dotted(SCOPES[scope] ?? scope, `since ${day(created)}`))),
    iconButton('bin', `Revoke ${name}`, async () => {
      if ((await sure('Revoke the token?', `Whoever uses ${name} is shut out at once.`, 'Revoke')) && (await attempt('DELETE', at`/access/${id}`))) refresh();
    }));
  const add = () => sheet('New token', (close, box) => {
    const name = h('input', { id: 'token-name', type: 'text', required: true, maxlength: 60, autocomplete: 'off', autofocus: true });
    const scope = h('select', { id: 'token-scope' }, Object.entries(SCOPES).map(([value, label]) => h('option', { value, selected: value === 'control' }, `${value}: ${label}`)));
    const submit = async (event) => {
      event.preventDefault();
      const made = await attempt('POST', '/access', { name: name.value.trim(), scope: scope.value });
      if (!made) return;
      refresh();
      box.querySelector('.sheet-body').replaceChildren(h('p', null, 'It is shown this once. Send it as ', h('code', null, 'Authorization: Bearer …'), '.'),
        copyable(made.token, 'Token'), h('div', { class: 'row end' }, h('button', { type: 'button', class: 'button primary', autofocus: true, onclick: () => close() }, 'I have it')));
      box.querySelector('.button.primary').focus();
    };
    return h('form', { class: 'stack', onsubmit: submit }, h('label', { for: name.id }, 'For whom or what'), name,
      h('label', { for: scope.id }, 'It may'), scope, h('div', { class: 'row end' }, h('button', { class: 'button primary' }, 'Make it')));
  });
  return { element, refresh };
}
