// What all our elements have in common: built once, told of changes for as long as they are in the page.

import { store } from '../store.js';

export class Live extends HTMLElement {
  /** The topics of the store that it shows. */
  static topics = [];
  #built = false;
  #end = null;

  connectedCallback() {
    if (!this.#built) {
      this.#built = true;
      this.build();
    }
    this.#end ??= store.watch(this.constructor.topics, () => this.update());
    this.update();
    this.entered?.();
  }

  disconnectedCallback() {
    this.#end?.();
    this.#end = null;
    this.left?.();
  }

  /** Makes what does not change. */
  build() {}

  /** Brings what is shown up to date. */
  update() {}
}
