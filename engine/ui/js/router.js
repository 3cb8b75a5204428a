// Which screen is shown: what stands after # in the address.

import { failed } from './lib/notices.js';

const routes = [];
const places = new Map();
let shown = null;
let chosen = false;
let turn = 0;

/**
 * Adds a route: parts that begin with a colon are given to the screen by that name. `load` fetches the module of one that
 * is not there from the beginning.
 */
export function route(pattern, tag, tab, load = null) {
  routes.push({ parts: pattern.split('/').filter(Boolean), tag, tab, load });
}

/** Fetches what is not there yet, so that every screen is at hand when the hub is not. */
export function fetchRest() {
  // What does not come now is fetched when it is wanted.
  return Promise.allSettled(routes.map(({ load }) => load?.()));
}

/** Shows screens in an element from now on. */
export function start(main, changed) {
  document.addEventListener('click', (event) => {
    chosen = event.target.closest?.('a[href^="#/"]') !== null;
  });
  addEventListener('hashchange', () => show(main, changed));
  show(main, changed);
}

/** Goes to a screen. */
export function go(path) {
  chosen = true;
  location.hash = path;
}

/** Goes back, or to a place where nothing is before. */
export function back(path) {
  if (history.length > 1 && shown?.previous) history.back();
  else go(path);
}

async function show(main, changed) {
  if (location.hash && !location.hash.startsWith('#/') && shown) return;
  const path = location.hash.slice(1) || '/';
  const parts = path.split('?')[0].split('/').filter(Boolean).map(decoded);
  const found = routes.find((route) => fits(route.parts, parts));
  if (!found) {
    location.replace('#/');
    return;
  }
  const mine = (turn += 1);
  if (!customElements.get(found.tag)) {
    try {
      await found.load();
    } catch {
      if (mine === turn) failed('The hub does not answer; this part of the page has yet to come from there.');
      return;
    }
    // Somebody has gone on meanwhile.
    if (mine !== turn) return;
  }
  if (shown) places.set(shown.path, scrollY);
  const screen = document.createElement(found.tag);
  found.parts.forEach((part, index) => part.startsWith(':') && (screen[part.slice(1)] = parts[index]));
  const isFirst = shown === null;
  main.replaceChildren(screen);
  const heading = main.querySelector('h1');
  shown = { path, previous: shown?.path };
  document.title = heading ? `${heading.textContent} – Unisono` : 'Unisono';
  changed(found.tab, path);
  if (heading && !isFirst) {
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }
  scrollTo(0, chosen ? 0 : (places.get(path) ?? 0));
  chosen = false;
}

function fits(pattern, parts) {
  return pattern.length === parts.length && pattern.every((part, index) => part.startsWith(':') || part === parts[index]);
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
