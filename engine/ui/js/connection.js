// The line to the hub: events over a WebSocket. After a break it is tried again, and the hub gives a new snapshot. Where
// something on the way lets no WebSocket through, the hub is asked every second instead.

import { ask } from './api.js';
import { store } from './store.js';

/** Before each further attempt, in milliseconds; the last again and again. */
const BACK_OFF = [200, 400, 800, 1500, 3000, 5000];

/** While the hub is asked instead, a WebSocket is tried again after so many rounds. */
const ROUNDS = 30;

/** After so long without a word the hub is asked whether it is still there, in milliseconds. */
const SILENCE = 5000;

/** It has so long to say so, in milliseconds. */
const BRIEF = 3000;

const ASKED = ['hub', 'rooms', 'groups', 'nodes', 'sources', 'stations', 'scenes', 'health', 'library'];

let begun = false;
let socket = null;
let attempt = 0;
let timer = null;
let heard = 0;
const absent = new Set();

/** Begins, and goes on for as long as the page is open. */
export function connect() {
  if (begun) return open();
  begun = true;
  addEventListener('online', now);
  document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && probe());
  setInterval(() => store.connection === 'live' && probe(), SILENCE);
  return open();
}

/** Tries now, whatever the wait. */
export function now() {
  if (store.connection === 'live') return;
  attempt = 0;
  open();
}

function open() {
  clearTimeout(timer);
  socket?.close();
  let sequence = null;
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
  const mine = new WebSocket(`${scheme}//${location.host}/api/v1/events`);
  socket = mine;
  mine.onmessage = ({ data }) => {
    if (socket !== mine) return;
    const message = JSON.parse(data);
    heard = performance.now();
    if (message.snapshot) {
      store.snapshot(message.snapshot);
      attempt = 0;
      state('live');
    } else if (message.seq !== sequence + 1) {
      mine.close();
      return;
    }
    sequence = message.seq;
    store.changed(message.changed);
    store.removed(message.removed);
  };
  mine.onclose = () => socket === mine && broken();
}

/** The line is gone, or never was: because of the hub, because of who asks, or because of WebSockets. */
async function broken() {
  socket = null;
  try {
    const session = await ask('GET', '/session', undefined, BRIEF).catch((error) => {
      if (error.status === 0 || error.status >= 500) throw error;
      return store.session;
    });
    if (session && !session.scope) {
      store.set('session', session);
      return;
    }
    if (attempt > 0 && (await poll())) {
      state('polling');
      attempt = 1;
      timer = setTimeout(() => round(ROUNDS), 1000);
      return;
    }
  } catch {
    state('lost');
  }
  const wait = BACK_OFF[Math.min(attempt, BACK_OFF.length - 1)];
  attempt += 1;
  timer = setTimeout(open, wait * (0.75 + Math.random() / 2));
}

async function round(left) {
  if (left === 0) open();
  else if (await poll().catch(() => false)) timer = setTimeout(() => round(left - 1), 1000);
  else broken();
}

/** Asks for everything; says whether the hub was there. */
async function poll() {
  const wanted = ASKED.filter((name) => !absent.has(name));
  const answers = await Promise.allSettled(wanted.map((name) => ask('GET', `/${name}`)));
  answers.forEach(({ reason }, index) => reason?.status === 404 && absent.add(wanted[index]));
  const state = {};
  answers.forEach(({ status, value }, index) => {
    if (status === 'fulfilled') state[wanted[index]] = value;
  });
  if (!state.rooms) return false;
  store.snapshot(state);
  return true;
}

/** A line on which nothing comes may be long dead: the phone slept, the hub lost its power. */
async function probe() {
  if (store.connection !== 'live') return now();
  if (performance.now() - heard < SILENCE) return undefined;
  const asked = socket;
  try {
    await ask('GET', '/session', undefined, BRIEF);
    heard = performance.now();
  } catch (error) {
    if (error.status !== 0 || socket !== asked) return undefined;
    asked?.close();
    return broken();
  }
  return undefined;
}

function state(now) {
  if (store.connection !== now) store.set('connection', now);
}
