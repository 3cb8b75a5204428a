// <u-plot>: how far a room is from its group, over the time that the page has been open, with how well that is known.

import { draw, h, say, set } from '../lib/dom.js';
import { short, span } from '../lib/format.js';
import { Live } from '../lib/live.js';
import { store } from '../store.js';

const [HEIGHT, LEFT, BELOW] = [200, 64, 22];

/** The scale goes up in these steps, in seconds; the least is about one frame. */
const SCALES = [25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 0.1, 0.25, 1];

/** The plot is at least so many seconds wide. */
const LEAST = 60;

class Plot extends Live {
  static topics = ['rooms'];

  build() {
    this.band = draw('path', { class: 'band' });
    this.line = draw('path', { class: 'line' });
    this.labels = [1, 0, -1].map((place) => {
      const y = middle() - place * (middle() - 14);
      const label = draw('text', { x: LEFT - 8, y: y + 4, 'text-anchor': 'end' });
      label.place = place;
      return [draw('line', { class: place ? 'grid' : 'zero', x1: LEFT, x2: '100%', y1: y, y2: y }), label];
    });
    this.from = draw('text', { x: LEFT, y: HEIGHT - 4 });
    this.svg = draw('svg', { height: HEIGHT, role: 'img' },
      ...this.labels.flat(), this.band, this.line, this.from, draw('text', { x: '100%', y: HEIGHT - 4, 'text-anchor': 'end' }, 'now'));
    this.caption = h('figcaption', { class: 'hint' });
    this.append(h('figure', { class: 'plot' }, this.svg, this.caption));
  }

  update() {
    const samples = store.history.get(this.room) ?? [];
    this.hidden = samples.length < 2;
    if (this.hidden) return;
    const width = this.svg.clientWidth || 600;
    const now = samples.at(-1).at;
    const wide = Math.max(LEAST, now - samples[0].at);
    const most = Math.max(...samples.map(({ error, uncertainty }) => Math.abs(error) + uncertainty));
    const scale = SCALES.find((step) => step >= most) ?? most;
    const x = ({ at }) => (width - ((now - at) / wide) * (width - LEFT)).toFixed(1);
    const y = (error) => (middle() - (error / scale) * (middle() - 14)).toFixed(1);
    const upper = samples.map((sample) => `${x(sample)} ${y(sample.error + sample.uncertainty)}`);
    const lower = samples.map((sample) => `${x(sample)} ${y(sample.error - sample.uncertainty)}`).reverse();
    set(this.line, 'd', `M${samples.map((sample) => `${x(sample)} ${y(sample.error)}`).join('L')}`);
    set(this.band, 'd', `M${upper.concat(lower).join('L')}Z`);
    this.labels.forEach(([, label]) => say(label, label.place ? short(label.place * scale) : '0'));
    say(this.from, `${span(wide)} ago`);
    const errors = samples.map(({ error }) => error);
    const text = `Between ${short(Math.min(...errors))} and ${short(Math.max(...errors))} in the last ${span(Math.max(1, now - samples[0].at))}; the shade is how far that may be off.`;
    say(this.caption, text);
    set(this.svg, 'aria-label', `Distance from the group over time. ${text}`);
  }
}

function middle() {
  return (HEIGHT - BELOW) / 2;
}

customElements.define('u-plot', Plot);

/** The plot of a room. */
export function plot(room) {
  return Object.assign(document.createElement('u-plot'), { room });
}
