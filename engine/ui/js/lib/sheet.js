// Dialogs: from below on a phone, in the middle elsewhere. The browser keeps the focus in them and gives it back.

import { h, icon, iconButton } from './dom.js';

/** Opens one with content; resolves with what it was closed with. */
export function sheet(title, fill, { wide = false } = {}) {
  return new Promise((resolve) => {
    const heading = h('h2', { id: `sheet-${(serial += 1)}` }, title);
    const box = h('dialog', { class: wide ? 'sheet wide' : 'sheet', 'aria-labelledby': heading.id });
    let result;
    const close = (value) => {
      result = value;
      box.close();
    };
    const body = h('div', { class: 'sheet-body' });
    box.append(h('header', null, heading, iconButton('close', 'Close', () => close())), body,
      h('div', { class: 'slips', role: 'alert' }));
    box.addEventListener('click', (event) => event.target === box && close());
    box.addEventListener('close', () => {
      box.remove();
      resolve(result);
    });
    document.querySelector('#sheets').append(box);
    const content = fill(close, box);
    body.append(...(Array.isArray(content) ? content : [content]));
    box.showModal();
  });
}

/** Offers things to do; `danger` sets one apart. */
export function menu(title, choices) {
  return sheet(title, (close) => h('div', { class: 'menu' }, choices.filter(Boolean).map(({ name, label, act, danger }) =>
    h('button', { type: 'button', class: danger ? 'choice danger' : 'choice', onclick: () => { close(); act(); } },
      icon(name), h('span', null, label)))));
}

/** Asks whether something is to be done that cannot be undone. */
export function sure(title, text, verb) {
  return sheet(title, (close) => [
    h('p', null, text),
    h('div', { class: 'row end' },
      h('button', { type: 'button', class: 'button', onclick: () => close(false) }, 'Leave it'),
      h('button', { type: 'button', class: 'button danger', onclick: () => close(true) }, verb)),
  ]);
}

/** Asks for a line of text. */
export function line(title, label, value, verb) {
  return sheet(title, (close) => {
    const input = h('input', { type: 'text', id: 'line', value, maxlength: 100, required: true, autocomplete: 'off', autofocus: true });
    const submit = (event) => {
      event.preventDefault();
      if (input.value.trim()) close(input.value.trim());
    };
    return h('form', { class: 'stack', onsubmit: submit },
      h('label', { for: 'line' }, label), input,
      h('div', { class: 'row end' }, h('button', { class: 'button primary' }, verb)));
  });
}

let serial = 0;
