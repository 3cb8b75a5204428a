// What is sent while a finger drags: one request on its way at a time, and after it the latest value only.

/** Requests are at least so far apart, in milliseconds. */
const PACE = 60;

const lanes = new Map();

/** Sends now, or as soon as the request before is answered; of several that wait, the last. */
export function latest(key, send) {
  const lane = lanes.get(key);
  if (lane) {
    lane.waiting = send;
    return;
  }
  lanes.set(key, { waiting: null });
  run(key, send);
}

async function run(key, send) {
  const pause = new Promise((done) => setTimeout(done, PACE));
  await Promise.allSettled([send(), pause]);
  const { waiting } = lanes.get(key);
  if (!waiting) {
    lanes.delete(key);
    return;
  }
  lanes.get(key).waiting = null;
  run(key, waiting);
}

/** Waits until nothing more was typed for a moment. */
export function settled(milliseconds, act) {
  let timer;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...values), milliseconds);
  };
}
