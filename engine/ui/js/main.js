// The page: who is here, the line to the hub, the screens.

import { ask } from './api.js';
import { connect } from './connection.js';
import './elements/mini.js';
import './elements/shell.js';
import { h } from './lib/dom.js';
import { tellNews } from './news.js';
import { route, start } from './router.js';
import './screens/album.js';
import './screens/bluetooth.js';
import './screens/devices.js';
import './screens/entrance.js';
import './screens/first-room.js';
import './screens/health.js';
import './screens/music.js';
import './screens/playing.js';
import './screens/room.js';
import './screens/rooms.js';
import './screens/scenes.js';
import './screens/settings.js';
import { store } from './store.js';

route('/', 'screen-rooms', 'rooms');
route('/playing', 'screen-playing', 'playing');
route('/playing/:group', 'screen-playing', 'playing');
route('/music', 'screen-music', 'music');
route('/music/:tab', 'screen-music', 'music');
route('/music/album/:album', 'screen-album', 'music');
route('/music/artist/:artist', 'screen-artist', 'music');
route('/rooms/:room', 'screen-room', 'rooms');
route('/rooms/:room/bluetooth', 'screen-bluetooth', 'rooms');
route('/scenes', 'screen-scenes', 'rooms');
route('/health', 'screen-health', 'health');
route('/settings', 'screen-settings', 'settings');
route('/devices', 'screen-devices', 'settings');
route('/first-room', 'screen-first-room', 'rooms');
route('/setup', 'screen-setup', 'settings');

/** Shows the door to whoever is not known, the house to whoever is. */
async function enter() {
  const shell = document.querySelector('u-shell');
  let session;
  try {
    session = await ask('GET', '/session');
  } catch (error) {
    // A hub that does not say who one is may still let one in.
    session = error.status === 401 ? { scope: null } : { scope: 'admin', loopback: true };
  }
  store.set('session', session);
  document.querySelector('.door')?.remove();
  // On the hub's own machine one is let in before there is a secret.
  if (session.scope) {
    document.querySelector('screen-entrance')?.remove();
    shell.hidden = false;
    if (!shell.running) start(document.querySelector('#main'), (tab, path) => shell.at(tab, path));
    shell.running = true;
    return connect();
  }
  shell.hidden = true;
  if (document.querySelector('screen-entrance')) return undefined;
  const entrance = Object.assign(h('screen-entrance', { role: 'main' }), { fresh: session.setup_needed });
  entrance.addEventListener('entered', () => {
    entrance.remove();
    enter();
  });
  return document.body.append(entrance);
}

addEventListener('unisono-unknown', () => store.session?.scope && enter());
// Who stands at the door already is not asked again.
store.watch(['session'], () => store.session && !store.session.scope && !document.querySelector('screen-entrance') && enter());
tellNews();
enter();
