// Scenes: who plays with whom and how loud, kept under a name.

import { attempt } from '../actions.js';
import { at } from '../api.js';
import { h, icon, iconButton, keyed, say, set } from '../lib/dom.js';
import { listed } from '../lib/format.js';
import { Live } from '../lib/live.js';
import { done } from '../lib/notices.js';
import { line, sure } from '../lib/sheet.js';
import { store } from '../store.js';

class Scenes extends Live {
  static topics = ['scenes', 'rooms', 'ready'];

  build() {
    this.none = h('p', { class: 'empty' }, 'None yet. Set rooms and volumes as you like them, then keep that here: “Dinner”, “Saturday morning”.');
    this.list = h('ul', { class: 'scene-list' });
    this.append(h('a', { class: 'crumb', href: '#/' }, icon('back'), 'Rooms'), h('div', { class: 'head' }, h('h1', null, 'Scenes'),
      h('button', { type: 'button', class: 'button primary', onclick: () => this.keep() }, icon('plus'), 'Keep how it is now')), this.none, this.list);
  }

  async keep() {
    const name = await line('Keep how it is now', 'Name of the scene', '', 'Keep');
    const view = name && (await attempt('POST', '/scenes', { name }));
    if (view?.id) store.changed({ scenes: [view] });
    if (view) done(`${name} is kept`);
  }

  update() {
    const scenes = store.all('scenes');
    this.none.hidden = !store.ready || scenes.length > 0;
    keyed(this.list, scenes, ({ id }) => id, () => this.item(), (item, scene) => item.show(scene));
  }

  item() {
    const name = h('h2', null);
    const groups = h('ul', { class: 'hint plain' });
    const recall = h('button', { type: 'button', class: 'button', onclick: async () => {
      if (await attempt('POST', at`/scenes/${item.scene.id}/recall`)) done(`${item.scene.name} is set`);
    } }, icon('play'), 'Set');
    const bin = iconButton('bin', 'Remove', async () => {
      const { id, name: called } = item.scene;
      if ((await sure('Remove the scene?', `${called} is gone; nothing that plays changes.`, 'Remove')) && (await attempt('DELETE', at`/scenes/${id}`))) {
        store.removed({ scenes: [id] });
      }
    });
    const item = h('li', { class: 'card scene' }, h('div', null, name, groups), h('div', { class: 'row' }, recall, bin));
    item.show = (scene) => {
      item.scene = scene;
      say(name, scene.name);
      set(recall, 'aria-label', `Set ${scene.name}`);
      set(bin, 'aria-label', `Remove ${scene.name}`);
      const called = ({ id, volume }) => `${store.get('rooms', id)?.name ?? 'a room that is gone'} ${volume}`;
      groups.replaceChildren(...scene.groups.map((group) => h('li', null, `${group.name}: ${listed(group.rooms.map(called))}`)));
    };
    return item;
  }
}

customElements.define('screen-scenes', Scenes);
