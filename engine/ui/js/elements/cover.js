// <u-cover>: the picture of a record; where there is none, one that is drawn from its name.

import { draw, set } from '../lib/dom.js';

class Cover extends HTMLElement {
  #shown = null;

  /** Shows the picture at a path of ours, or one for a name. */
  show(path, name) {
    const ours = path?.startsWith('/api/v1/') ? path : null;
    const key = `${ours}|${name}`;
    if (key === this.#shown) return;
    this.#shown = key;
    if (!ours) return this.draw(name);
    const image = new Image();
    image.alt = '';
    image.decoding = 'async';
    image.loading = 'lazy';
    image.onerror = () => this.#shown === key && this.draw(name);
    image.src = ours;
    return this.replaceChildren(image);
  }

  /** Five lines, as one on which notes are written, in a colour and at an angle of the name's own. */
  draw(name) {
    const seed = [...(name ?? '')].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 9973, 7);
    const lines = [0, 1, 2, 3, 4].map((number) => {
      const y = 34 + number * 8;
      const swing = 6 + (seed % 15);
      return draw('path', { d: `M-5 ${y} C 25 ${y - swing}, 45 ${y + swing}, 105 ${y - (seed % 9)}` });
    });
    set(this, 'data-hue', 1 + (seed % 6));
    this.replaceChildren(draw('svg', { viewBox: '0 0 100 100', 'aria-hidden': 'true' }, ...lines));
  }
}

customElements.define('u-cover', Cover);

/** The cover of something. */
export function cover(path, name) {
  const element = document.createElement('u-cover');
  element.show(path, name);
  return element;
}
