// A scan for speakers: devices as they are found, those that can be paired first.

import { lines } from '../api.js';
import { h, icon, keyed, say, set } from '../lib/dom.js';
import { dotted } from '../lib/format.js';
import { whisper } from '../lib/notices.js';

/** For how long is looked, in seconds. */
const SECONDS = 30;

const STANDINGS = { new: '', remembered: 'known already', connected: 'connected', not_in_pairing_mode: 'not in pairing mode', low_energy_only: 'Low Energy only' };

export class Scan {
  #devices = new Map();
  #running = null;

  /** A scan at a path of the API; `choose` is called with the device that is to be paired. */
  constructor(path, choose) {
    this.path = path;
    this.choose = choose;
    this.label = h('span', null, 'Look for speakers');
    this.button = h('button', { type: 'button', class: 'button primary', onclick: () => (this.#running ? this.stop() : this.start()) }, icon('search'), this.label);
    this.state = h('p', { class: 'hint', role: 'status' });
    this.list = h('ul', { class: 'rows' });
    this.element = h('div', { class: 'stack' }, h('div', { class: 'row' }, this.button, this.state), this.list);
  }

  async start() {
    this.#running = new AbortController();
    this.#devices.clear();
    say(this.label, 'Stop looking');
    say(this.state, 'Looking…');
    this.button.classList.add('busy');
    let over = null;
    try {
      await lines(`${this.path}?seconds=${SECONDS}`, {}, (line) => {
        if (line.event === 'found') this.#take(line);
        else if (line.event === 'over') over = line.failure;
      }, this.#running.signal);
      const nothing = 'None was found. See that it is in pairing mode, and look again.';
      say(this.state, over ? `${over.cause}; ${over.remedy}` : this.#devices.size ? 'That is all.' : nothing);
    } catch (error) {
      say(this.state, error.name === 'AbortError' ? '' : error.message);
    }
    this.#running = null;
    this.button.classList.remove('busy');
    say(this.label, 'Look again');
  }

  stop() {
    this.#running?.abort();
  }

  #take(device) {
    const isNew = !this.#devices.has(device.address);
    this.#devices.set(device.address, device);
    if (isNew) whisper(`Found ${device.name ?? device.address}`);
    const worth = ({ obstacle, name, signal }) => (obstacle ? 200 : 0) + (name ? 0 : 100) - (signal ?? -100);
    const sorted = [...this.#devices.values()].sort((one, other) => worth(one) - worth(other));
    keyed(this.list, sorted, ({ address }) => address, ({ address }) => this.#row(address), (item, found) => item.show(found));
  }

  #row(address) {
    const name = h('span', { class: 'row-title' });
    const by = h('span', { class: 'row-by' });
    const button = h('button', { type: 'button', class: 'button', onclick: () => this.choose(this.#devices.get(address)) }, 'Pair');
    const item = h('li', { class: 'track-row' }, h('div', { class: 'row-main still' }, name, by), button);
    item.show = (device) => {
      say(name, device.name ?? 'No name yet');
      say(by, dotted(device.model, device.signal && `${device.signal} dBm`.replace('-', '−'), device.obstacle?.cause ?? STANDINGS[device.standing], device.obstacle?.remedy));
      button.hidden = Boolean(device.obstacle) || device.standing === 'connected';
      set(button, 'aria-label', `Pair ${device.name ?? address}`);
    };
    return item;
  }
}

const LEVELS = { fine: ['check', 'Fine'], note: ['note', 'Note'], warning: ['warning', 'Warning'], problem: ['problem', 'Problem'] };

/** Something that a doctor has found. */
export function found({ level, what, finding, remedy }) {
  const [name, word] = LEVELS[level] ?? LEVELS.note;
  return h('li', { class: 'finding', 'data-level': level }, icon(name), h('div', null,
    h('p', null, h('strong', null, `${word}: ${what}`), ` – ${finding}`), remedy && h('p', { class: 'remedy' }, remedy)));
}
