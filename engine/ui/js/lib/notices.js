// What is said in passing: to the eye as a slip at the edge, to a screen reader through a live region.

import { h, iconButton, say } from './dom.js';

/** A slip stays for so long, in milliseconds; one that says what went wrong stays until it is put away. */
const STAY = 4000;

/** Something has been done. */
export function done(text) {
  slip(text, 'status');
}

/** Something could not be done. */
export function failed(error) {
  slip(error?.message ?? String(error), 'alert');
}

/** For a screen reader alone. */
export function whisper(text) {
  say(document.querySelector('#whisper'), text);
}

function slip(text, role) {
  // What is outside of an open dialog cannot be reached.
  const inside = [...document.querySelectorAll('dialog[open] .slips')].at(-1);
  const place = inside ?? document.querySelector(role === 'alert' ? '#alerts' : '#statuses');
  [...place.children].filter((old) => old.firstChild.textContent === text).forEach((old) => old.remove());
  const item = h('div', { class: `slip ${role}` }, h('span', null, text),
    iconButton('close', 'Put this message away', () => item.remove()));
  place.append(item);
  while (place.children.length > 3) place.firstChild.remove();
  if (role === 'status') setTimeout(() => item.remove(), STAY);
}
