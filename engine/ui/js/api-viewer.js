// The API's description, from what the hub says of itself: /api/v1/openapi.json.

import { ask } from './api.js';
import { h } from './lib/dom.js';

const HUES = { get: 1, put: 4, post: 5, patch: 3, delete: 2 };



/** The name of what a reference points to. */
const nameOf = (reference) => reference.split('/').at(-1);

/** A type, in a few words; what has a name of its own leads to it. */
function type(schema) {
  if (!schema) return [''];
  if (schema.$ref) return [h('a', { href: `#${nameOf(schema.$ref)}` }, nameOf(schema.$ref))];
  const union = schema.oneOf ?? schema.anyOf ?? schema.allOf;
  if (union) return union.flatMap((part, index) => (index ? [' or ', ...type(part)] : type(part)));
  if (schema.enum) return [schema.enum.map((value) => JSON.stringify(value)).join(' | ')];
  if (schema.items) return ['list of ', ...type(schema.items)];
  const range = schema.minimum !== undefined || schema.maximum !== undefined
    ? `, ${schema.minimum ?? '…'} to ${schema.maximum ?? '…'}` : '';
  return [`${[schema.type ?? 'anything'].flat().join(' or ')}${range}`];
}

/** A table of fields or parameters. */
function table(caption, rows) {
  return h('table', { class: 'fields-table' }, h('caption', { class: 'unseen' }, caption),
    h('thead', { class: 'unseen' }, h('tr', null, ['Name', 'Type', 'What it is'].map((text) => h('th', { scope: 'col' }, text)))),
    h('tbody', null, rows.map(([name, schema, text, required]) => h('tr', null,
      h('th', { scope: 'row' }, h('code', null, name), required && ' *'), h('td', null, type(schema)), h('td', null, text ?? '')))));
}

/** The body of a request or an answer. */
const body = (content) => Object.entries(content ?? {}).flatMap(([kind, { schema }]) => [' ', ...type(schema), h('span', { class: 'hint' }, ` ${kind}`)]);

function operation(path, method, { summary, description, parameters, requestBody, responses }) {
  return h('details', { class: 'card operation' },
    h('summary', null, h('span', { class: 'method', 'data-hue': HUES[method] ?? 6 }, method.toUpperCase()), h('code', null, path), h('span', { class: 'hint' }, summary ?? '')),
    description && description !== summary && h('p', null, description),
    parameters?.length && [h('h3', null, 'Parameters'), table(`Parameters of ${method} ${path}`, parameters.map(({ name, schema, description: text, required }) => [name, schema, text, required]))],
    requestBody && [h('h3', null, 'Body'), h('p', null, body(requestBody.content))],
    h('h3', null, 'Answers'),
    h('ul', null, Object.entries(responses ?? {}).map(([status, { description: text, content }]) => h('li', null, h('strong', null, status), ` ${text ?? ''}`, body(content)))));
}

function schema(name, described) {
  const fields = described.properties ?? described.allOf?.find(({ properties }) => properties)?.properties;
  return h('section', { class: 'card', id: name }, h('h3', null, name), h('p', { class: 'by' }, described.description ?? ''),
    fields ? table(`Fields of ${name}`, Object.entries(fields).map(([field, of]) => [field, of, of.description, described.required?.includes(field)])) : h('p', null, type(described)));
}

async function show() {
  const main = document.querySelector('#main');
  let api;
  try {
    api = await ask('GET', '/openapi.json');
  } catch (error) {
    main.append(h('p', { class: 'warning', role: 'alert' }, error.status === 401 ? 'Log in on the page first.' : error.message), h('a', { href: '/' }, 'To the page'));
    return;
  }
  const schemas = api.components?.schemas ?? {};
  const operations = Object.entries(api.paths ?? {}).flatMap(([path, methods]) => Object.entries(methods)
    .filter(([method]) => method in HUES).map(([method, of]) => ({ path, method, of, tag: of.tags?.[0] ?? 'other' })));
  const tags = [...new Set(operations.map(({ tag }) => tag))];
  const sections = tags.map((tag) => h('section', { class: 'stack' }, h('h2', null, tag),
    operations.filter((one) => one.tag === tag).map(({ path, method, of }) => operation(path, method, of))));
  const search = h('input', { type: 'search', 'aria-label': 'Search in paths', placeholder: 'Search in paths', oninput: () => {
    const wanted = search.value.toLowerCase();
    for (const item of main.querySelectorAll('.operation')) item.hidden = !item.firstChild.textContent.toLowerCase().includes(wanted);
  } });
  main.append(h('p', { class: 'by' }, `${api.info?.description ?? ''} Version ${api.info?.version ?? '?'}. `, h('a', { href: '/api/v1/openapi.json' }, 'As OpenAPI'), ' · ', h('a', { href: '/' }, 'To the page')),
    search, ...sections, h('h2', null, 'What is given and taken'), ...Object.entries(schemas).map(([name, described]) => schema(name, described)));
}

show();
