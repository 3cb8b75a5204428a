// Which rooms a group has, by checkbox; its name; its end.

import { ask, at } from '../api.js';
import { change, join, patch, stop } from '../actions.js';
import { h, icon, keyed, say } from '../lib/dom.js';
import { failed } from '../lib/notices.js';
import { line, sheet, sure } from '../lib/sheet.js';
import { standing } from '../lib/words.js';
import { store } from '../store.js';

/** Opens the dialog of a group. */
export function groupSheet(id) {
  const group = store.get('groups', id);
  return sheet(`Rooms of ${group.name}`, (close) => {
    const list = h('ul', { class: 'checks' });
    const update = () => {
      if (!store.get('groups', id)) close();
      keyed(list, store.all('rooms'), (room) => room.id, (room) => check(id, room), refresh(id));
    };
    const end = store.watch(['rooms', 'groups'], () => (list.isConnected ? update() : end()));
    update();
    const act = (name, label, what, danger) => h('button', { type: 'button', class: danger ? 'choice danger' : 'choice',
      onclick: () => { close(); what(); } }, icon(name), h('span', null, label));
    return [
      h('p', { class: 'hint' }, 'What plays goes on in every room that stays.'),
      list,
      h('div', { class: 'menu' },
        act('move', 'Move the music to other rooms…', () => move(id)),
        act('edit', 'Rename this group…', () => rename(id)),
        act('stop', 'Stop', () => stop(id)),
        act('bin', 'Dissolve this group…', () => dissolve(id), true)),
    ];
  });
}

function check(group, room) {
  const box = h('input', { type: 'checkbox', id: `in-${room.id}`,
    onchange: () => join(room.id, box.checked ? group : null) });
  return h('li', null, h('label', { class: 'check', for: box.id }, box, h('span', { class: 'room-name' }), h('span', { class: 'hint' })));
}

const refresh = (id) => (item, room) => {
  const [box, name, hint] = item.firstChild.children;
  const elsewhere = room.group && room.group !== id && store.get('groups', room.group);
  box.checked = room.group === id;
  box.disabled = !room.online && room.group !== id;
  say(name, room.name);
  say(hint, elsewhere ? `plays with ${elsewhere.name}` : room.online ? '' : standing(room)[0]);
};

/** Takes what plays to other rooms: all that are wanted are chosen before anything changes. */
function move(id) {
  const group = store.get('groups', id);
  return sheet(`Move ${group.name} to`, (close) => {
    const boxes = store.all('rooms').map((room) => h('input', { type: 'checkbox', id: `to-${room.id}`, value: room.id,
      disabled: !room.online }));
    const submit = (event) => {
      event.preventDefault();
      const rooms = boxes.filter((box) => box.checked).map((box) => box.value);
      if (!rooms.length) return failed('Choose at least one room.');
      close();
      return change('groups', id, { rooms }, () => ask('PUT', at`/groups/${id}/rooms`, { rooms }));
    };
    return h('form', { class: 'stack', onsubmit: submit },
      h('ul', { class: 'checks' }, boxes.map((box) => {
        const room = store.get('rooms', box.value);
        return h('li', null, h('label', { class: 'check', for: box.id }, box, h('span', { class: 'room-name' }, room.name)));
      })),
      h('div', { class: 'row end' }, h('button', { class: 'button primary' }, 'Move the music')));
  });
}

async function rename(id) {
  const name = await line('Rename the group', 'Name', store.get('groups', id).name, 'Rename');
  if (name) patch('groups', id, { name });
}

async function dissolve(id) {
  const { name } = store.get('groups', id);
  if (await sure('Dissolve the group?', `${name} stops playing and its queue is gone. Its rooms stay.`, 'Dissolve')) {
    await change('groups', id, {}, () => ask('DELETE', at`/groups/${id}`));
  }
}
