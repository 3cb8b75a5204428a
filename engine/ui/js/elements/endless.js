// <u-endless>: a list that may be ten thousand long. It is laid out in blocks of known height; a block is filled when it
// comes near and emptied when it is far, so that scrolling never waits for all of it.

import { h } from '../lib/dom.js';
import { failed } from '../lib/notices.js';

/** Items in a block. */
const BLOCK = 60;

class Endless extends HTMLElement {
  #serial = 0;
  #near = new IntersectionObserver((seen) => seen.forEach((entry) => this.#moved(entry)), { rootMargin: '1200px 0px' });

  /** Shows another list: `load(offset, limit)` gives `{total, items}`, `make(item)` what shows one. */
  async show(load, make, nothing) {
    const serial = (this.#serial += 1);
    this.load = load;
    this.make = make;
    this.setAttribute('aria-busy', 'true');
    let first;
    try {
      first = await load(0, BLOCK);
    } catch (error) {
      if (serial === this.#serial) this.replaceChildren(h('p', { class: 'empty' }, error.message));
      return;
    }
    if (serial !== this.#serial) return;
    this.#near.disconnect();
    this.removeAttribute('aria-busy');
    this.total = first.total;
    if (!first.total) {
      this.replaceChildren(h('p', { class: 'empty' }, nothing));
      return;
    }
    const list = h('div', { class: 'blocks', role: 'list' });
    for (let offset = 0; offset < first.total; offset += BLOCK) {
      const block = h('div', { class: 'block', role: 'presentation' });
      block.offset = offset;
      list.append(block);
    }
    this.replaceChildren(list);
    this.#fill(list.firstChild, first.items);
    this.#measure(list);
    [...list.children].forEach((block) => this.#near.observe(block));
  }

  /** Blocks that are still empty are given the height that a full one has. */
  #measure(list) {
    const full = list.firstChild;
    const height = full.getBoundingClientRect().height;
    if (!height) return;
    const last = (this.total % BLOCK || BLOCK) / BLOCK;
    list.style.setProperty('--block', `${height}px`);
    if (list.children.length > 1) list.lastChild.style.setProperty('--block', `${height * last}px`);
  }

  #moved({ target, isIntersecting }) {
    if (isIntersecting) this.#fetch(target);
    else if (target.filled && !target.contains(document.activeElement) && target.offset) {
      target.filled = false;
      target.replaceChildren();
    }
  }

  async #fetch(block) {
    if (block.filled || block.loading) return;
    block.loading = true;
    try {
      const { items } = await this.load(block.offset, BLOCK);
      this.#fill(block, items);
    } catch (error) {
      failed(error);
    }
    block.loading = false;
  }

  #fill(block, items) {
    block.filled = true;
    block.replaceChildren(...items.map((item, index) => {
      const place = { 'aria-setsize': this.total, 'aria-posinset': block.offset + index + 1 };
      return h('div', { role: 'listitem', ...place }, this.make(item));
    }));
  }
}

customElements.define('u-endless', Endless);
