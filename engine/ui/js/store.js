// What the hub has said: one snapshot, then changes. Whoever shows something of it watches its topics.

import { Pending } from './lib/pending.js';

const KEYED = ['rooms', 'groups', 'nodes', 'sources', 'stations', 'scenes'];
const WHOLE = ['hub', 'health', 'library'];

/** Samples of how well a room is in time that are kept for its plot: one a second, for ten minutes. */
const HISTORY = 600;

class Store {
  items = Object.fromEntries(KEYED.map((kind) => [kind, new Map()]));
  whole = { hub: null, health: [], library: null };
  history = new Map();
  /** `connecting`, `live`, `polling` or `lost`. */
  connection = 'connecting';
  ready = false;
  session = null;
  pending = new Pending((kind) => this.tell(kind));
  #watchers = new Set();
  #told = new Set();

  /** Calls back after one of the topics has changed; gives what ends that. */
  watch(topics, callback) {
    const watcher = { topics, callback };
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Says that something about these has changed; watchers are called once for all that changes at a time. */
  tell(...topics) {
    if (!this.#told.size) queueMicrotask(() => this.#call());
    topics.forEach((topic) => this.#told.add(topic));
  }

  #call() {
    const told = this.#told;
    this.#told = new Set();
    for (const { topics, callback } of [...this.#watchers]) {
      if (topics.some((topic) => told.has(topic))) callback();
    }
  }

  set(field, value) {
    this[field] = value;
    this.tell(field);
  }

  /** One item as it is shown: what has been asked for is taken to be so until the hub says otherwise. */
  get(kind, id) {
    const item = this.items[kind].get(id);
    return item && this.pending.over(kind, id, item);
  }

  /** All of a kind, by name. */
  all(kind) {
    const items = [...this.items[kind].keys()].map((id) => this.get(kind, id));
    return items.sort((one, other) => one.name.localeCompare(other.name) || (keyOf(one) < keyOf(other) ? -1 : 1));
  }

  snapshot(state) {
    for (const kind of KEYED) {
      if (!state[kind]) continue;
      const there = new Set(state[kind].map(keyOf));
      [...this.items[kind].keys()].filter((id) => !there.has(id)).forEach((id) => this.items[kind].delete(id));
      state[kind].forEach((item) => this.merge(kind, item));
    }
    for (const name of WHOLE) if (state[name] !== undefined) this.whole[name] = state[name];
    this.ready = true;
    this.tell('ready', ...KEYED, ...WHOLE);
  }

  changed(changes) {
    for (const [kind, value] of Object.entries(changes ?? {})) {
      if (KEYED.includes(kind)) value.forEach((item) => this.merge(kind, item));
      else if (WHOLE.includes(kind)) this.whole[kind] = value;
      this.tell(kind);
    }
  }

  removed(removals) {
    for (const [kind, ids] of Object.entries(removals ?? {})) {
      ids.forEach((id) => this.items[kind]?.delete(id));
      this.tell(kind);
    }
  }

  /** Takes in one item, whole or what is new about it. */
  merge(kind, item) {
    const id = keyOf(item);
    const known = this.items[kind].get(id);
    const merged = { ...known, ...item };
    if (kind === 'groups') merged.heardAt = 'position_s' in item ? performance.now() : known?.heardAt;
    if (kind === 'rooms' && item.sync) merged.syncAt = performance.now() / 1000;
    this.items[kind].set(id, merged);
    if (kind === 'rooms' && item.sync) this.#remember(id, item.sync);
    this.tell(kind);
  }

  /** Where a group is in what it plays, now. */
  position(group) {
    if (group.position_s === null || group.position_s === undefined) return null;
    const more = group.state === 'playing' ? (performance.now() - group.heardAt) / 1000 : 0;
    return Math.min(group.position_s + more, group.length_s ?? Infinity);
  }

  #remember(id, sync) {
    const samples = this.history.get(id) ?? [];
    const now = performance.now() / 1000;
    if (samples.length && now - samples.at(-1).at < 0.5) samples.pop();
    samples.push({ at: now, error: sync.error_s, uncertainty: sync.uncertainty_s });
    if (samples.length > HISTORY) samples.shift();
    this.history.set(id, samples);
  }
}

const keyOf = (item) => item.id ?? item.name;

export const store = new Store();
