// <u-equaliser>: up to ten filters of a room, and what they do together.

import { drag } from '../actions.js';
import { ask, at } from '../api.js';
import { draw, h, icon, iconButton, keyed, say, set } from '../lib/dom.js';
import { decibel, hertz } from '../lib/format.js';
import { Live } from '../lib/live.js';
import { response } from '../lib/response.js';
import { store } from '../store.js';

const KINDS = { peak: 'Peak', low_shelf: 'Low shelf', high_shelf: 'High shelf', low_pass: 'Low pass', high_pass: 'High pass', notch: 'Notch' };
const WITHOUT_GAIN = ['low_pass', 'high_pass', 'notch'];
const MOST = 10;
const [HEIGHT, RANGE] = [190, 18];

/** Sliders of frequency are in steps of equal ratio. */
const toFrequency = (step) => Math.round(20 * 1000 ** (step / 300));
const toStep = (frequency) => Math.round(300 * Math.log(frequency / 20) / Math.log(1000));

class Equaliser extends Live {
  static topics = ['rooms'];

  build() {
    this.on = h('input', { type: 'checkbox', id: 'eq-on', role: 'switch', onchange: () => this.send({ enabled: this.on.checked }) });
    this.curve = draw('path', { class: 'line' });
    this.figure = draw('svg', { height: HEIGHT, class: 'eq-curve', 'aria-hidden': 'true' }, ...grid(), this.curve);
    this.preamp = slider('Preamp', -24, 12, 0.5, (value) => this.send({ preamp_db: value }));
    this.bands = h('ul', { class: 'bands' });
    this.add = h('button', { type: 'button', class: 'button', onclick: () => this.more() }, icon('plus'), 'Add a filter');
    this.offer = h('p', { class: 'hint' });
    this.take = h('button', { type: 'button', class: 'button', onclick: () => this.send(this.offered.equaliser) }, 'Use it');
    this.offering = h('div', { class: 'row', hidden: true }, this.offer, this.take);
    this.none = h('p', { class: 'hint' }, 'This room’s node does not say what its equaliser does.');
    this.controls = h('div', { class: 'stack' }, h('label', { class: 'check', for: 'eq-on' }, this.on, h('span', null, 'On')),
      this.figure, this.preamp, this.bands, h('div', { class: 'row' }, this.add), this.offering);
    this.append(this.none, this.controls);
  }

  entered() {
    this.observer = new ResizeObserver(() => this.update());
    this.observer.observe(this);
  }

  left() {
    this.observer.disconnect();
  }

  get value() {
    return store.get('rooms', this.room)?.equaliser;
  }

  send(change) {
    drag('rooms', this.room, { equaliser: { ...this.value, ...change } });
  }

  /** What the speaker table offers for the Bluetooth speaker that the room plays on; nothing is changed by it. */
  async look(output) {
    const [address] = /[0-9A-F]{2}(:[0-9A-F]{2}){5}/.exec(output) ?? [];
    if (address === this.looked) return;
    this.looked = address;
    this.offering.hidden = true;
    const speakers = address ? await ask('GET', at`/rooms/${this.room}/bluetooth`).catch(() => []) : [];
    this.offered = speakers.find((speaker) => speaker.address === address)?.equaliser_offer;
    if (!this.offered || address !== this.looked) return;
    const { model, source, equaliser } = this.offered;
    const bands = equaliser.bands.map((band) => `${decibel(band.gain_db)} at ${hertz(band.frequency_hz)}`).join(', ');
    say(this.offer, `For ${model} the speaker table offers ${bands} (${source}).`);
    this.offering.hidden = false;
  }

  more() {
    const bands = [...this.value.bands, { kind: 'peak', frequency_hz: 1000, gain_db: 0, q: 1 }];
    this.send({ bands, enabled: true });
    queueMicrotask(() => this.bands.lastChild?.querySelector('select').focus());
  }

  update() {
    const value = this.value;
    this.none.hidden = Boolean(value);
    this.controls.hidden = !value;
    if (!value) return;
    this.look(store.get('rooms', this.room).output);
    this.on.checked = value.enabled;
    this.preamp.show(value.preamp_db, decibel(value.preamp_db));
    this.add.disabled = value.bands.length >= MOST;
    this.figure.classList.toggle('off', !value.enabled);
    const width = this.figure.clientWidth || 600;
    const points = Array.from({ length: 161 }, (_, index) => {
      const gain = response(value, 20 * 1000 ** (index / 160));
      return `${((index / 160) * width).toFixed(1)} ${height(gain).toFixed(1)}`;
    });
    set(this.curve, 'd', `M${points.join('L')}`);
    keyed(this.bands, value.bands.map((band, index) => ({ ...band, index })), ({ index }) => index,
      ({ index }) => this.band(index), (item, band) => item.show(band));
  }

  band(index) {
    const change = (fields) => this.send({ bands: this.value.bands.map((band, at) => (at === index ? { ...band, ...fields } : band)) });
    const kind = h('select', { 'aria-label': `Kind of filter ${index + 1}`, onchange: () => change({ kind: kind.value }) },
      Object.entries(KINDS).map(([value, label]) => h('option', { value }, label)));
    const frequency = slider('Frequency', 0, 300, 1, (step) => change({ frequency_hz: toFrequency(step) }), index);
    const gain = slider('Gain', -24, 12, 0.5, (value) => change({ gain_db: value }), index);
    const width = slider('Q', 0.1, 10, 0.1, (value) => change({ q: value }), index);
    const item = h('li', { class: 'band' }, h('div', { class: 'row between' }, kind,
      iconButton('bin', `Remove filter ${index + 1}`, () => this.send({ bands: this.value.bands.filter((_, at) => at !== index) }))),
    frequency, gain, width);
    item.show = (band) => {
      kind.value = band.kind;
      frequency.show(toStep(band.frequency_hz), hertz(band.frequency_hz));
      gain.show(band.gain_db, decibel(band.gain_db));
      gain.hidden = WITHOUT_GAIN.includes(band.kind);
      width.show(band.q, band.q.toFixed(1));
    };
    return item;
  }
}

/** A labelled slider that shows its value in words. */
function slider(label, min, max, step, moved, index) {
  const input = h('input', { type: 'range', class: 'fader thin', min, max, step, 'aria-label': index === undefined ? label : `${label} of filter ${index + 1}`,
    oninput: () => moved(input.valueAsNumber) });
  const words = h('span', { class: 'percent', 'aria-hidden': 'true' });
  const element = h('div', { class: 'slider' }, h('span', { 'aria-hidden': 'true' }, label), input, words);
  element.show = (value, text) => {
    if (input.valueAsNumber !== value) input.value = value;
    input.style.setProperty('--fill', `${(100 * (value - min)) / (max - min)}%`);
    set(input, 'aria-valuetext', text);
    say(words, text);
  };
  return element;
}

const height = (gain) => (HEIGHT - 20) / 2 - (Math.max(-RANGE, Math.min(RANGE, gain)) / RANGE) * ((HEIGHT - 28) / 2);

function grid() {
  const across = [-12, -6, 0, 6, 12].map((gain) => draw('line', { class: gain ? 'grid' : 'zero', x1: 0, x2: '100%', y1: height(gain), y2: height(gain) }));
  const along = [50, 100, 200, 500, 1000, 2000, 5000, 10000].map((frequency) => {
    const x = `${(toStep(frequency) / 3).toFixed(2)}%`;
    const label = draw('text', { x, y: HEIGHT - 4, 'text-anchor': 'middle' }, frequency < 1000 ? String(frequency) : `${frequency / 1000}k`);
    return [draw('line', { class: 'grid', x1: x, x2: x, y1: 4, y2: HEIGHT - 20 }), label];
  });
  return [...across, ...along.flat()];
}

customElements.define('u-equaliser', Equaliser);

/** The equaliser of a room. */
export function equaliser(room) {
  return Object.assign(document.createElement('u-equaliser'), { room });
}
