// One room: what it plays through and why, how well it is in time and how that is known, how it sounds.

import { attempt, patch } from '../actions.js';
import { at } from '../api.js';
import { equaliser } from '../elements/equaliser.js';
import { latency } from '../elements/latency.js';
import { plot } from '../elements/plot.js';
import { volume } from '../elements/volume.js';
import { h, icon, say, set } from '../lib/dom.js';
import { count, dotted, short } from '../lib/format.js';
import { Live } from '../lib/live.js';
import { done } from '../lib/notices.js';
import { line, sure } from '../lib/sheet.js';
import { coded, evidence, evidenceAge, heldFor, inTime, outputName, standing } from '../lib/words.js';
import { store } from '../store.js';

const CHANNELS = [['stereo', 'Stereo'], ['left', 'Left only'], ['right', 'Right only'], ['mono', 'Both, mixed'], ['swapped', 'Left and right swapped']];

class Room extends Live {
  static topics = ['rooms', 'groups', 'ready'];

  build() {
    const id = this.room;
    this.heading = h('h1', null, 'Room');
    this.state = h('span', { class: 'standing' });
    this.beep = h('button', { type: 'button', class: 'button', onclick: () => this.sound() }, icon('beep'), 'Test sound');
    this.gone = h('p', { class: 'empty', hidden: true }, 'There is no such room any more.');
    this.plays = h('p', { class: 'by' });
    this.body = h('div', { class: 'columns' },
      this.section('Sound', h('div', { class: 'stack' }, volume('rooms', id), this.limits(), this.channels(), h('div', { class: 'row' }, this.beep))),
      this.section('Output', (this.output = facts()), latency(id)),
      this.section('In time', (this.sentence = h('p', { class: 'verdict' })), plot(id), (this.sync = facts()),
        h('details', null, h('summary', null, 'Figures'), (this.figures = facts()))),
      this.section('Equaliser', equaliser(id)),
      this.section('This room', h('div', { class: 'row' },
        h('button', { type: 'button', class: 'button', onclick: () => this.rename() }, icon('edit'), 'Rename'),
        h('a', { class: 'button', href: `#/rooms/${encodeURIComponent(id)}/bluetooth` }, icon('bluetooth'), 'Bluetooth speakers'),
        (this.forget = h('button', { type: 'button', class: 'button danger', onclick: () => this.forgetIt() }, icon('bin'), 'Forget this room')))));
    this.append(h('a', { class: 'crumb', href: '#/' }, icon('back'), 'Rooms'),
      h('div', { class: 'head' }, this.heading, this.state), this.plays, this.gone, this.body);
  }

  entered() {
    this.timer = setInterval(() => this.update(), 1000);
  }

  left() {
    clearInterval(this.timer);
  }

  section(title, ...content) {
    const id = `section-${title.replace(/\W/g, '')}`;
    return h('section', { class: 'card', 'aria-labelledby': id }, h('h2', { id }, title), content);
  }

  limits() {
    const field = (key, label, hint) => {
      const input = h('input', { type: 'number', id: `room-${key}`, min: 0, max: 100, inputmode: 'numeric',
        onchange: () => this.limit(key, input.value === '' ? null : Math.min(100, Math.max(0, Math.round(input.valueAsNumber)))) });
      this[key] = input;
      return h('div', { class: 'field' }, h('label', { for: input.id }, label), input, h('span', { class: 'hint' }, hint));
    };
    return h('div', { class: 'fields' }, field('max_volume', 'At most', 'percent'), field('start_volume', 'Starts at', 'percent; empty: as it was'));
  }

  /** The loudest that a room may be is always something; where it starts need not be. */
  limit(key, value) {
    if (value !== null || key === 'start_volume') patch('rooms', this.room, { [key]: value });
    else this.update();
  }

  channels() {
    this.channel = h('select', { id: 'room-channels', onchange: () => patch('rooms', this.room, { channels: this.channel.value }) },
      CHANNELS.map(([value, label]) => h('option', { value }, label)));
    return h('div', { class: 'field' }, h('label', { for: 'room-channels' }, 'Channels'), this.channel);
  }

  async sound() {
    if (await attempt('POST', at`/rooms/${this.room}/beep`)) done(`${this.heading.textContent} sounds now`);
  }

  async rename() {
    const name = await line('Rename the room', 'Name', store.get('rooms', this.room).name, 'Rename');
    if (name) patch('rooms', this.room, { name });
  }

  async forgetIt() {
    if (!(await sure('Forget this room?', 'Its name, its volumes and its equaliser are gone. If its machine comes back, so does the room.', 'Forget'))) return;
    if (await attempt('DELETE', at`/rooms/${this.room}`)) location.hash = '#/';
  }

  update() {
    const room = store.get('rooms', this.room);
    this.gone.hidden = !store.ready || Boolean(room);
    this.body.hidden = !room;
    if (!room) return;
    const group = room.group && store.get('groups', room.group);
    const [word, how] = standing(room);
    say(this.heading, room.name);
    document.title = `${room.name} – Unisono`;
    say(this.state, word);
    set(this.state, 'data-how', how);
    say(this.plays, group ? dotted(`In ${group.name}`, group.title, coded(room)) : 'In no group');
    for (const key of ['max_volume', 'start_volume']) if (document.activeElement !== this[key]) this[key].value = room[key] ?? '';
    this.channel.value = room.channels ?? 'stereo';
    this.channel.disabled = room.channels === undefined;
    this.beep.disabled = !room.online;
    this.forget.hidden = room.online;
    this.showOutput(room);
    this.showSync(room);
  }

  showOutput(room) {
    const state = room.output_state;
    const choice = { first: 'the first choice', fallback: 'a fallback', none: 'none works' }[state?.choice];
    fill(this.output, [
      ['In use', dotted(outputName(room.output), choice, heldFor(state))],
      ['Why', state?.why],
      ['For the better one', state?.back],
      ['Volume', room.volume_state?.by === 'speaker' ? 'the speaker’s own; its buttons move the fader' : room.volume_state?.why && `scaled by the node: ${room.volume_state.why}`],
    ]);
  }

  showSync(room) {
    const sync = room.sync;
    const [word, behind] = evidence(sync);
    say(this.sentence, inTime(sync));
    fill(this.sync, [['Evidence', `${word}: ${behind}`], ['Its age', evidenceAge(room)]]);
    fill(this.figures, sync ? [
      ['Uncertainty', `± ${short(sync.uncertainty_s)}`],
      ['Round trip', short(sync.rtt_s)],
      ['Clock', `${sync.clock_drift_ppm.toFixed(1)} ppm from the hub’s`],
      ['Converter', `${sync.dac_drift_ppm.toFixed(1)} ppm from its clock`],
      ['Buffered', short(sync.buffered_s)],
      ['Packets', `${count(sync.received, 'packet')}; ${sync.lost} lost, ${sync.repaired} repaired, ${sync.late} late`],
      ['Concealed', short(sync.concealed_s)],
      ['Underruns, jumps', `${sync.underruns}, ${sync.resyncs}`],
    ] : []);
    this.figures.parentElement.hidden = !sync;
  }
}

const facts = () => h('dl', { class: 'facts' });

function fill(list, pairs) {
  const shown = pairs.filter(([, value]) => value);
  while (list.children.length > shown.length) list.lastChild.remove();
  shown.forEach(([name, value], index) => {
    const item = list.children[index] ?? list.appendChild(h('div', null, h('dt'), h('dd')));
    say(item.firstChild, name);
    say(item.lastChild, value);
  });
}

customElements.define('screen-room', Room);
