// What a person has asked for and the hub has not yet confirmed. It is shown at once; if the hub refuses, it is gone.

/** Changes that the hub told before it heard of the latest may still be on their way for so long, in milliseconds. */
const AFTERMATH = 250;

export class Pending {
  #fields = new Map();
  #serial = 0;

  /** Calls back with the kind when something is no longer expected. */
  constructor(changed) {
    this.changed = changed;
  }

  /** Takes these fields of an item to be so; gives what is to be called with the answer. */
  expect(kind, id, fields) {
    const serial = (this.#serial += 1);
    const key = `${kind}/${id}`;
    const held = this.#fields.get(key) ?? new Map();
    for (const [name, value] of Object.entries(fields)) held.set(name, { value, serial });
    this.#fields.set(key, held);
    this.changed(kind);
    const drop = () => {
      for (const [name, field] of held) if (field.serial === serial) held.delete(name);
      if (!held.size && this.#fields.get(key) === held) this.#fields.delete(key);
      this.changed(kind);
    };
    return { confirmed: () => setTimeout(drop, AFTERMATH), refused: drop };
  }

  /** The item with what is expected of it. */
  over(kind, id, item) {
    const held = this.#fields.get(`${kind}/${id}`);
    if (!held) return item;
    return { ...item, ...Object.fromEntries([...held].map(([name, { value }]) => [name, value])) };
  }
}
