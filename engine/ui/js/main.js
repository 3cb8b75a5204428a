// The page: who is here, the line to the hub, the screens.

import { ask } from './api.js';
import { connect } from './connection.js';
import './elements/mini.js';
import './elements/shell.js';
import { h } from './lib/dom.js';
import { tellNews } from './news.js';
import { fetchRest, route, start } from './router.js';
import './screens/playing.js';
import './screens/rooms.js';
import { store } from './store.js';

/** What is first seen is fetched first; the rest has so long after that, in milliseconds. */
const REST = 500;

const album = () => import('./screens/album.js');
const bluetooth = () => import('./screens/bluetooth.js');
const devices = () => import('./screens/devices.js');
const entrance = () => import('./screens/entrance.js');
const firstRoom = () => import('./screens/first-room.js');
const health = () => import('./screens/health.js');
const music = () => import('./screens/music.js');
const room = () => import('./screens/room.js');
const scenes = () => import('./screens/scenes.js');
const settings = () => import('./screens/settings.js');

route('/', 'screen-rooms', 'rooms');
route('/playing', 'screen-playing', 'playing');
route('/playing/:group', 'screen-playing', 'playing');
route('/music', 'screen-music', 'music', music);
route('/music/:tab', 'screen-music', 'music', music);
route('/music/album/:album', 'screen-album', 'music', album);
route('/music/artist/:artist', 'screen-artist', 'music', album);
route('/rooms/:room', 'screen-room', 'rooms', room);
route('/rooms/:room/bluetooth', 'screen-bluetooth', 'rooms', bluetooth);
route('/scenes', 'screen-scenes', 'rooms', scenes);
route('/health', 'screen-health', 'health', health);
route('/settings', 'screen-settings', 'settings', settings);
route('/devices', 'screen-devices', 'settings', devices);
route('/first-room', 'screen-first-room', 'rooms', firstRoom);
route('/setup', 'screen-setup', 'settings', entrance);

let entering = null;

/** Shows the door to whoever is not known, the house to whoever is; asks once for all who want that meanwhile. */
function enter() {
  entering ??= admit().finally(() => (entering = null));
  return entering;
}

async function admit() {
  const shell = document.querySelector('u-shell');
  let session;
  try {
    session = await ask('GET', '/session');
  } catch (error) {
    // A hub that does not say who one is may still let one in.
    session = error.status === 401 ? { scope: null } : { scope: 'admin', loopback: true };
  }
  store.set('session', session);
  if (!session.scope) await entrance();
  document.querySelector('.door')?.remove();
  // On the hub's own machine one is let in before there is a secret.
  if (session.scope) {
    document.querySelector('screen-entrance')?.remove();
    shell.hidden = false;
    if (!shell.running) {
      start(document.querySelector('#main'), (tab, path) => shell.at(tab, path));
      setTimeout(fetchRest, REST);
    }
    shell.running = true;
    return connect();
  }
  shell.hidden = true;
  if (document.querySelector('screen-entrance')) return undefined;
  const gate = Object.assign(h('screen-entrance', { role: 'main' }), { fresh: session.setup_needed });
  gate.addEventListener('entered', () => {
    gate.remove();
    enter();
  });
  return document.body.append(gate);
}

addEventListener('unisono-unknown', () => store.session?.scope && enter());
// Who stands at the door already is not asked again.
store.watch(['session'], () => store.session && !store.session.scope && !document.querySelector('screen-entrance') && enter());
tellNews();
enter();
