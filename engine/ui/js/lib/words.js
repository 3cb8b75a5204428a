// What the hub's words mean, for people.

import { dotted, short, span } from './format.js';

/** A group's rooms are heard as one below this, in seconds. */
const TOGETHER = 0.005;

const EVIDENCE = {
  acoustic: ['verified', 'a microphone heard it', 'verified'],
  device: ['device', 'the converter’s own reported position; nothing has listened', 'measured'],
  estimate: ['believed', 'a prediction: the output does not say where it is', 'predicted'],
  model: ['model', 'nothing is heard: this output is only a model', 'computed'],
  nothing: ['unknown', 'nothing yet'],
};

/** What sync rests on: a word, what is behind it, and how it came about. */
export const evidence = (sync) => EVIDENCE[sync?.evidence] ?? EVIDENCE.nothing;

/** How old that is: verified 3 days ago, measured 4 s ago. */
export function evidenceAge({ sync, syncAt }) {
  if (typeof sync?.age_s !== 'number') return '';
  return `${evidence(sync)[2]} ${span(sync.age_s + performance.now() / 1000 - syncAt)} ago`;
}

const STATES = {
  offline: ['Offline', 'bad'],
  starting: ['Starting', 'wait'],
  'no output': ['No output', 'bad'],
  'no clock': ['Waiting for the clock', 'wait'],
  alone: ['Plays its own music', 'wait'],
  idle: ['Ready', 'calm'],
};

/** How a room is, in a few words, and how good that is: `good`, `calm`, `wait` or `bad`. */
export function standing(room) {
  if (!room.online) return STATES.offline;
  if (room.state !== 'playing' || !room.sync) return STATES[room.state] ?? ['Playing', 'calm'];
  const [word] = evidence(room.sync);
  if (word === 'unknown') return ['Playing', 'calm'];
  const apart = Math.abs(room.sync.error_s);
  if (apart > TOGETHER) return [`${short(apart)} out of time`, 'bad'];
  return [`In time · ${word}`, 'good'];
}

/** Where a room stands in time, as a sentence. */
export function inTime(sync) {
  if (!sync || evidence(sync)[0] === 'unknown') return 'Not known yet.';
  const way = sync.error_s < 0 ? 'behind' : 'ahead of';
  return `${short(Math.abs(sync.error_s))} ${way} its group, give or take ${short(sync.uncertainty_s)}.`;
}

/** What a room sounds from: the output's own name without the address of a device. */
export function outputName(output) {
  if (!output) return 'None';
  const named = output.match(/\(([^()]+)\)\s*$/);
  if (output.startsWith('bluetooth:')) return named ? named[1] : `Bluetooth ${output.slice(10)}`;
  const card = output.match(/CARD=([^,\s]+)/);
  if (output.startsWith('alsa:') && card) return card[1];
  return output;
}

/** Whether it is a Bluetooth speaker. */
export const isBluetooth = (room) => (room.output ?? '').startsWith('bluetooth:');

/** How long an output has been in use. */
export const heldFor = (state) => (state ? `for ${span(state.held_s)}` : '');

/** What plays: title, and by whom. */
export function playing(group) {
  if (!group.title && !group.track) return { title: 'Nothing plays', by: '' };
  const track = group.track;
  return { title: track?.title ?? group.title, by: dotted(track?.artist, track?.album) };
}

const CODECS = { opus: 'Opus', flac: 'FLAC', pcm16: 'PCM, 16 bit', pcm24: 'PCM, 24 bit' };

/** How what a room plays is coded. */
export const coded = (room) => room.codec
  && dotted(CODECS[room.codec] ?? room.codec, room.bit_rate && `${Math.round(room.bit_rate / 1000)} kb/s`);
