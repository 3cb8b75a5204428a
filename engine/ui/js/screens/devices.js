// The machines of the household, and how another one joins.

import { attempt } from '../actions.js';
import { at } from '../api.js';
import { joining } from '../elements/joining.js';
import { h, icon, iconButton, keyed, say, set } from '../lib/dom.js';
import { dotted } from '../lib/format.js';
import { Live } from '../lib/live.js';
import { done } from '../lib/notices.js';
import { line, menu, sheet, sure } from '../lib/sheet.js';
import { store } from '../store.js';

class Devices extends Live {
  static topics = ['nodes', 'rooms', 'ready'];

  build() {
    this.list = h('ul', { class: 'rows' });
    this.append(h('div', { class: 'head' }, h('h1', null, 'Devices'),
      h('button', { type: 'button', class: 'button primary', onclick: () => this.add() }, icon('plus'), 'Add a device')),
    h('section', { class: 'card' }, h('h2', { class: 'unseen' }, 'Machines of this household'), this.list));
  }

  update() {
    const nodes = store.all('nodes').sort((one, other) => (one.role === 'hub' ? 0 : 1) - (other.role === 'hub' ? 0 : 1));
    keyed(this.list, nodes, ({ id }) => id, () => this.row(), (item, node) => item.show(node));
  }

  row() {
    const [name, by, state] = [h('span', { class: 'row-title' }), h('span', { class: 'row-by' }), h('span', { class: 'standing' })];
    const face = h('span', { class: 'number' });
    const more = iconButton('more', 'More', () => this.offer(item.node));
    const item = h('li', { class: 'track-row' }, face, h('div', { class: 'row-main still' }, name, by), state, more);
    item.show = (node) => {
      item.node = node;
      if (!face.firstChild) face.append(icon(node.role === 'hub' ? 'hub' : 'device'));
      say(name, node.name);
      say(by, dotted(node.role === 'hub' ? 'Hub' : 'Node', node.address, node.id));
      // It is not connected to itself, and whoever reads this has it from there.
      const here = node.online || node.role === 'hub';
      say(state, here ? 'Online' : 'Offline');
      set(state, 'data-how', here ? 'good' : 'bad');
      set(more, 'aria-label', `More for ${node.name}`);
    };
    return item;
  }

  offer(node) {
    menu(node.name, [
      { name: 'edit', label: 'Rename…', act: async () => {
        const name = await line('Rename the device', 'Name', node.name, 'Rename');
        const view = name && (await attempt('PATCH', at`/nodes/${node.id}`, { name }));
        if (view) store.merge('nodes', { ...view, id: node.id, name });
      } },
      node.role !== 'hub' && { name: 'bin', label: 'Remove from the household…', danger: true, act: async () => {
        const text = `${node.name} gets no more music and has to join anew. Its rooms are silent at once.`;
        if (!(await sure('Remove the device?', text, 'Remove'))) return;
        if (await attempt('DELETE', at`/nodes/${node.id}`)) {
          store.removed({ nodes: [node.id] });
          done(`${node.name} is removed`);
        }
      } },
    ]);
  }

  add() {
    return sheet('Add a device', (close) => joining(close), { wide: true });
  }
}

customElements.define('screen-devices', Devices);
