// Commands to the hub, over REST.

const PREFIX = '/api/v1';

/** An answer that does not come is none, after so many milliseconds. */
const PATIENCE = 12_000;

/** What opens a station takes longer; and what a Bluetooth speaker has to answer to, longer still. */
const SLOW = [[/^\/(rooms|nodes)\/[^/]+\/(bluetooth|doctor)/, 90_000], [/^\/groups\/[^/]+\/(queue|play|next|previous)/, 40_000]];
const patienceWith = (path) => SLOW.find(([slow]) => slow.test(path))?.[1] ?? PATIENCE;

/** The hub has refused, in its own words; status 0 when it does not answer at all. */
export class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

/** A path whose parts may be anything: at`/rooms/${id}`. */
export function at(strings, ...parts) {
  return strings.reduce((path, string, index) => path + encodeURIComponent(parts[index - 1]) + string);
}

/** Asks, and gives what is answered. */
export async function ask(method, path, body, patience = patienceWith(path)) {
  const answer = await request(method, path, body, AbortSignal.timeout(patience));
  const text = await answer.text().catch(() => '');
  return text ? read(text) : null;
}

/** Asks for what comes line by line. */
export async function lines(path, body, take, signal) {
  const answer = await request('POST', path, body, signal);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    const parts = (rest + (value ?? '')).split('\n');
    rest = done ? '' : parts.pop();
    parts.filter((part) => part.trim()).forEach((part) => take(read(part)));
    if (done) return;
  }
}

async function request(method, path, body, signal) {
  const init = { method, signal, credentials: 'same-origin' };
  if (body !== undefined) {
    init.headers = { 'content-type': 'application/json' };
    init.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(PREFIX + path, init);
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    if (error.name === 'TimeoutError') throw new Refused(0, 'The hub takes too long; look again in a moment.');
    throw new Refused(0, 'The hub does not answer; nothing was changed.');
  }
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => null);
  if (answer.status === 401) dispatchEvent(new Event('unisono-unknown'));
  throw new Refused(answer.status, said?.error ?? `The hub says ${answer.status} to that.`);
}

function read(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Refused(0, 'The hub has answered something that cannot be read.');
  }
}
