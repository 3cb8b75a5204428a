// What a person can do: shown at once, sent, and taken back with the hub's own words if it refuses.

import { ask, at } from './api.js';
import { store } from './store.js';
import { failed, whisper } from './lib/notices.js';
import { latest } from './lib/throttle.js';

/** Does something with an item; gives whether the hub has done it. */
export async function change(kind, id, fields, send) {
  const expected = store.pending.expect(kind, id, fields);
  try {
    const view = await send();
    if (view?.id === id) store.merge(kind, view);
    expected.confirmed();
    return true;
  } catch (error) {
    expected.refused();
    failed(error);
    return false;
  }
}

/** Does something that has nothing to show beforehand; gives what was answered, or undefined. */
export async function attempt(method, path, body) {
  try {
    return (await ask(method, path, body)) ?? true;
  } catch (error) {
    failed(error);
    return undefined;
  }
}

const patch = (kind, id, fields) => change(kind, id, fields, () => ask('PATCH', at`/${kind}/${id}`, fields));

/** Volume, mute, name and whatever else of a room or group. */
export { patch };

/** The same for what changes quickly, as under a finger that drags. */
export function drag(kind, id, fields) {
  const expected = store.pending.expect(kind, id, fields);
  latest(`${kind}/${id}/${Object.keys(fields)}`, () => {
    expected.confirmed();
    return patch(kind, id, fields);
  });
}

/** Play, or go on. */
export const resume = (id) => change('groups', id, { state: 'playing', heardAt: performance.now() },
  () => ask('POST', at`/groups/${id}/play`, {}));

export function pause(id) {
  const position = store.position(store.get('groups', id));
  return change('groups', id, { state: 'paused', position_s: position }, () => ask('POST', at`/groups/${id}/pause`));
}

export const stop = (id) => change('groups', id, { state: 'stopped', position_s: null }, () => ask('POST', at`/groups/${id}/stop`));

export const skip = (id, way) => change('groups', id, {}, () => ask('POST', at`/groups/${id}/${way}`));

export const seek = (id, position) => change('groups', id, { position_s: position, heardAt: performance.now() },
  () => ask('POST', at`/groups/${id}/seek`, { position_s: position }));

/** Everything that plays, paused. */
export const pauseAll = () => Promise.all(
  store.all('groups').filter(({ state }) => state === 'playing').map(({ id }) => pause(id)));

/** Puts a room into a group, or takes it out of any. A group that is left by its last room is dissolved. */
export async function join(roomId, groupId) {
  const room = store.get('rooms', roomId);
  const before = room.group && store.get('groups', room.group);
  const expected = [store.pending.expect('rooms', roomId, { group: groupId })];
  const without = before?.rooms.filter((id) => id !== roomId) ?? [];
  if (before) expected.push(store.pending.expect('groups', before.id, { rooms: without }));
  if (groupId) expected.push(store.pending.expect('groups', groupId, { rooms: [...store.get('groups', groupId).rooms, roomId] }));
  try {
    const view = groupId
      ? await ask('PUT', at`/groups/${groupId}/rooms/${roomId}`, {})
      : await ask('DELETE', at`/groups/${room.group}/rooms/${roomId}`);
    if (view?.id) store.merge('groups', view);
    store.merge('rooms', { id: roomId, group: groupId });
    if (before) store.merge('groups', { id: before.id, rooms: without });
    expected.forEach(({ confirmed }) => confirmed());
    whisper(groupId ? `${room.name} plays with ${store.get('groups', groupId).name}` : `${room.name} plays by itself`);
    if (before && !without.length) await ask('DELETE', at`/groups/${before.id}`).catch(() => null);
  } catch (error) {
    expected.forEach(({ refused }) => refused());
    failed(error);
  }
}

/** A new group for a room that has none; gives its id. */
export async function found(room) {
  // The group that was named after the room may have gone on without it.
  const taken = new Set(store.all('groups').map(({ name }) => name.toLowerCase()));
  let name = room.name;
  for (let number = 2; taken.has(name.toLowerCase()); number += 1) name = `${room.name} ${number}`;
  const view = await attempt('POST', '/groups', { name, rooms: [room.id] });
  if (!view) return null;
  store.merge('groups', view);
  store.merge('rooms', { id: room.id, group: view.id });
  return view.id;
}
