// Stations on the Internet, and what is plugged in or fed to the hub.

import { attempt } from '../actions.js';
import { at } from '../api.js';
import { h, icon, iconButton, keyed, say, set } from '../lib/dom.js';
import { dotted } from '../lib/format.js';
import { done } from '../lib/notices.js';
import { sheet, sure } from '../lib/sheet.js';
import { store } from '../store.js';
import { enqueue } from '../target.js';

const KINDS = { fifo: 'FIFO', tcp: 'TCP', stdin: 'Standard input', line_in: 'Line in' };
const STATES = { silent: 'silent', playing: 'sound arrives', waiting: 'waiting', failed: 'failed' };

/** The stations and inputs, with what brings them up to date. */
export function radio() {
  const stations = h('ul', { class: 'rows' });
  const sources = h('ul', { class: 'rows' });
  const noStations = h('p', { class: 'empty' }, 'No stations yet. The address of a stream (MP3, AAC, Ogg) is enough to add one.');
  const noSources = h('p', { class: 'empty' }, 'No inputs. A turntable, MPD or any program can play through here: name them under [[source]] in hub.toml.');
  const element = h('div', { class: 'stack' },
    h('section', null, h('div', { class: 'row between' }, h('h2', null, 'Stations'),
      h('button', { type: 'button', class: 'chip strong', onclick: add }, icon('plus'), h('span', null, 'Add a station'))), noStations, stations),
    h('section', null, h('h2', null, 'Inputs'), noSources, sources));
  const update = () => {
    noStations.hidden = store.items.stations.size > 0;
    noSources.hidden = store.items.sources.size > 0;
    keyed(stations, store.all('stations'), ({ id }) => id, (station) => row('radio', station.name, [{ station: station.id }],
      iconButton('bin', `Remove ${station.name}`, () => remove(station))),
    (item, station) => say(item.by, hostOf(station.url)));
    keyed(sources, store.all('sources'), ({ name }) => name, (source) => row('input', source.name, [{ source: source.name }]),
      (item, source) => {
        say(item.by, dotted(KINDS[source.kind] ?? source.kind, STATES[source.state] ?? source.state, source.format, source.problem));
        set(item.by, 'data-how', source.state === 'failed' ? 'bad' : null);
      });
  };
  update();
  return { element, update };
}

function row(name, title, items, extra) {
  const by = h('span', { class: 'row-by' });
  const item = h('li', { class: 'track-row' }, h('span', { class: 'number' }, icon(name)),
    h('button', { type: 'button', class: 'row-main', onclick: () => enqueue(items, 'next', true) },
      h('span', { class: 'row-title' }, title), by), extra);
  item.by = by;
  return item;
}

function add() {
  return sheet('Add a station', (close) => {
    const name = h('input', { id: 'station-name', type: 'text', required: true, maxlength: 100, autocomplete: 'off', autofocus: true });
    const url = h('input', { id: 'station-url', type: 'url', required: true, placeholder: 'https://…', autocomplete: 'off' });
    const submit = async (event) => {
      event.preventDefault();
      const station = await attempt('POST', '/stations', { name: name.value.trim(), url: url.value.trim() });
      if (!station) return;
      if (station.id) store.changed({ stations: [station] });
      done(`${name.value.trim()} is added`);
      close();
    };
    return h('form', { class: 'stack', onsubmit: submit }, h('label', { for: name.id }, 'Name'), name,
      h('label', { for: url.id }, 'Address of the stream'), url,
      h('div', { class: 'row end' }, h('button', { class: 'button primary' }, 'Add')));
  });
}

async function remove({ id, name }) {
  if ((await sure('Remove the station?', `${name} is no longer in the list.`, 'Remove')) && (await attempt('DELETE', at`/stations/${id}`))) {
    store.removed({ stations: [id] });
  }
}

function hostOf(url) {
  try {
    return new URL(url).host;
  } catch {
    return url;
  }
}
