// The Bluetooth speakers of a room's node: those it remembers, those in reach, and how a pairing goes.

import { ask, at, lines } from '../api.js';
import { attempt } from '../actions.js';
import { found, Scan } from '../elements/scan.js';
import { h, icon, iconButton, keyed, say, set } from '../lib/dom.js';
import { dotted } from '../lib/format.js';
import { Live } from '../lib/live.js';
import { done, failed, whisper } from '../lib/notices.js';
import { menu, sheet, sure } from '../lib/sheet.js';
import { store } from '../store.js';

class Bluetooth extends Live {
  static topics = ['rooms', 'ready'];

  build() {
    const room = encodeURIComponent(this.room);
    this.heading = h('h1', null, 'Bluetooth');
    this.speakers = h('ul', { class: 'rows' });
    this.none = h('p', { class: 'empty' }, 'Looking…');
    this.scan = new Scan(at`/rooms/${this.room}/bluetooth/scan`, (device) => this.pair(device));
    this.findings = h('ul', { class: 'findings' });
    this.append(h('a', { class: 'crumb', href: `#/rooms/${room}` }, icon('back'), (this.crumb = h('span', null, 'Room'))), this.heading,
      h('section', { class: 'card' }, h('h2', null, 'Speakers it knows'), this.none, this.speakers),
      h('section', { class: 'card' }, h('h2', null, 'Add a speaker'),
        h('p', null, 'Switch it off and on, hold its Bluetooth button until it blinks quickly, and keep it near. Disconnect it from phones around.'),
        this.scan.element),
      h('section', { class: 'card' }, h('h2', null, 'If it does not work'),
        h('div', { class: 'row' }, h('button', { type: 'button', class: 'button', onclick: () => this.examine() }, icon('health'), 'Examine Bluetooth here')), this.findings));
  }

  entered() {
    this.refresh();
  }

  left() {
    this.scan.stop();
    this.pairing?.abort();
  }

  update() {
    const room = store.get('rooms', this.room);
    const title = room ? `Bluetooth in ${room.name}` : 'Bluetooth';
    say(this.heading, title);
    say(this.crumb, room?.name ?? 'Room');
    document.title = `${title} – Unisono`;
  }

  path(...rest) {
    return [at`/rooms/${this.room}/bluetooth`, ...rest.map(encodeURIComponent)].join('/');
  }

  async refresh() {
    try {
      const speakers = await ask('GET', this.path());
      say(this.none, speakers.length ? '' : 'None yet.');
      keyed(this.speakers, speakers, ({ address }) => address, () => this.row(), (item, speaker) => item.show(speaker));
    } catch (error) {
      say(this.none, error.message);
    }
    this.none.hidden = !this.none.textContent;
  }

  row() {
    const name = h('span', { class: 'row-title' });
    const by = h('span', { class: 'row-by' });
    const state = h('span', { class: 'standing' });
    const item = h('li', { class: 'track-row' }, h('span', { class: 'number' }, icon('bluetooth')), h('div', { class: 'row-main still' }, name, state, by),
      iconButton('more', 'More', () => this.offer(item.speaker)));
    item.show = (speaker) => {
      item.speaker = speaker;
      say(name, speaker.name);
      say(by, speaker.connected ? dotted(speaker.codec, speaker.trim_ms ? `trim ${speaker.trim_ms} ms` : '', speaker.volume_why && `volume: ${speaker.volume_why}`) : dotted(speaker.why, speaker.what_brings_it_back));
      say(state, speaker.playing ? 'Playing' : speaker.connected ? 'Connected' : 'Not connected');
      set(state, 'data-how', speaker.connected ? 'good' : 'calm');
      set(item.lastChild, 'aria-label', `More for ${speaker.name}`);
    };
    return item;
  }

  offer(speaker) {
    const act = (verb, said) => async () => {
      whisper('One moment');
      if (await attempt('POST', this.path(speaker.address, verb))) done(`${speaker.name} ${said}`);
      this.refresh();
    };
    menu(speaker.name, [
      speaker.connected ? { name: 'leave', label: 'Disconnect', act: act('disconnect', 'is disconnected') }
        : { name: 'bluetooth', label: 'Connect', act: act('connect', 'is connected') },
      { name: 'beep', label: 'Play a chime', act: act('test', 'has played a chime') },
      { name: 'settings', label: 'Adjust…', act: () => this.adjust(speaker) },
      { name: 'bin', label: 'Forget…', danger: true, act: async () => {
        if (await sure('Forget the speaker?', `${speaker.name} has to be paired again to play here.`, 'Forget')) act('forget', 'is forgotten')();
      } },
    ]);
  }

  adjust(speaker) {
    const select = (id, label, value, options) => [h('label', { for: id }, label), h('select', { id, name: id }, Object.entries(options).map(
      ([key, text]) => h('option', { value: key, selected: key === value }, text)))];
    return sheet(speaker.name, (close) => h('form', { class: 'stack', onsubmit: async (event) => {
      event.preventDefault();
      const form = new FormData(event.target);
      const change = { ...Object.fromEntries(form), trim_ms: Number(form.get('trim_ms')) };
      if (!(await attempt('PATCH', this.path(speaker.address), change))) return;
      close();
      this.refresh();
    } },
    h('label', { for: 'trim_ms' }, 'Heard late by, in milliseconds'),
    h('input', { id: 'trim_ms', name: 'trim_ms', type: 'number', min: -1000, max: 1000, step: 'any', value: speaker.trim_ms }),
    select('mode', 'When another device has it', speaker.mode, { polite: 'Leave it', exclusive: 'Take it back',
      on_demand: 'Connect it only while a room plays on it' }),
    select('idle', 'While nothing plays', speaker.idle, { tone: 'Keep it awake with a tone nobody hears', silence: 'Keep it awake with silence', suspend: 'Let it rest', disconnect: 'Disconnect it' }),
    select('volume_mode', 'The room’s volume', speaker.volume_mode, { speaker: 'Moves the speaker’s own, where that follows', samples: 'Leaves the speaker’s own as it is' }),
    select('quality', 'Asked of the radio', speaker.quality, { standard: 'The usual', xq: 'More (XQ)' }),
    h('div', { class: 'row end' }, h('button', { class: 'button primary' }, 'Keep'))));
  }

  pair(device) {
    const label = device.name ?? device.address;
    this.scan.stop();
    this.pairing = new AbortController();
    sheet(`Pairing ${label}`, (close) => {
      const steps = h('ol', { class: 'steps', role: 'log', 'aria-label': 'What happens' });
      const pin = h('input', { id: 'pin', type: 'text', inputmode: 'numeric', maxlength: 16, autocomplete: 'off' });
      const form = h('form', { class: 'stack', hidden: true, onsubmit: (event) => { event.preventDefault(); run(); } },
        h('label', { for: 'pin' }, 'PIN, if it wants one'), pin, h('button', { class: 'button primary' }, 'Try again'));
      const end = (text, how) => steps.append(h('li', { 'data-how': how }, text));
      const run = async () => {
        steps.replaceChildren();
        form.hidden = true;
        const body = pin.value ? { address: device.address, pin: pin.value } : { address: device.address };
        try {
          await lines(this.path('pair'), body, (line) => {
            if (line.event === 'step') steps.append(h('li', null, line.text));
            if (line.event === 'paired') {
              end(`${label} is paired and has played a chime.`, 'good');
              form.replaceWith(h('div', { class: 'row end' }, h('button', { type: 'button', class: 'button primary', onclick: () => close() }, 'Done')));
            }
            if (line.event === 'failed') {
              end(`${line.failure.cause}; ${line.failure.remedy}`, 'bad');
              form.hidden = false;
            }
          }, this.pairing.signal);
        } catch (error) {
          if (error.name === 'AbortError') return;
          end(error.message, 'bad');
          form.hidden = false;
        }
      };
      run();
      return [steps, form];
    }).then(() => {
      this.pairing.abort();
      this.refresh();
    });
  }

  async examine() {
    try {
      const list = await ask('GET', at`/rooms/${this.room}/doctor`);
      this.findings.replaceChildren(...list.map(found));
      whisper(`${list.length} findings`);
    } catch (error) {
      failed(error);
    }
  }
}

customElements.define('screen-bluetooth', Bluetooth);
