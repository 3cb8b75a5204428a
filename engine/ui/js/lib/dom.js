// Elements from code. Text is always text: nothing here takes markup.

const ICONS = new URL('../../icons.svg', import.meta.url).href;

/** An element with attributes, listeners (`onclick`) and children; what is null or false is left out. */
export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else set(element, name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Sets an attribute, if it is not so already; null and false take it away. */
export function set(element, name, value) {
  if (value === null || value === undefined || value === false) {
    element.removeAttribute(name);
  } else {
    const text = value === true ? '' : String(value);
    if (element.getAttribute(name) !== text) element.setAttribute(name, text);
  }
}

/** Sets the text, if it is not so already: a reader is not told again, a selection stays. */
export function say(element, text) {
  if (element.textContent !== (text ?? '')) element.textContent = text ?? '';
}

/** A picture out of icons.svg, for the eye only. */
export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  use.setAttribute('href', `${ICONS}#${name}`);
  svg.append(use);
  return svg;
}

/** Changes which picture it is. */
export function reicon(svg, name) {
  set(svg.firstChild, 'href', `${ICONS}#${name}`);
}

/** A button with a picture and a name that is read out. */
export function iconButton(name, label, onclick, attributes) {
  return h('button', { type: 'button', class: 'icon-button', 'aria-label': label, title: label, onclick, ...attributes },
    icon(name));
}

/** An element in the drawing namespace. */
export function draw(tag, attributes, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes ?? {})) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** What the focus goes to when there is nothing else. */
function heading() {
  const first = document.querySelector('h1');
  if (first) first.tabIndex = -1;
  return first;
}

/** Has the children of a parent be those of a list, each item by its key, with as few moves as can be; whoever has the
 * focus keeps it, and when that item goes, the one in its place gets it. */
export function keyed(parent, items, keyOf, make, update) {
  const focused = parent.contains(document.activeElement) ? document.activeElement : null;
  const old = new Map([...parent.children].map((child) => [child.itemKey, child]));
  const place = focused ? [...parent.children].findIndex((child) => child.contains(focused)) : -1;
  let next = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    let child = old.get(key);
    if (child) {
      old.delete(key);
    } else {
      child = make(item);
      child.itemKey = key;
    }
    if (child === next) next = next.nextElementSibling;
    else parent.insertBefore(child, next);
    update?.(child, item);
  }
  for (const child of old.values()) child.remove();
  if (focused && document.activeElement !== focused) {
    const heir = parent.children[Math.min(place, parent.children.length - 1)];
    if (parent.contains(focused)) focused.focus({ preventScroll: true });
    else (heir?.matches('a, button') ? heir : (heir?.querySelector('a, button, input') ?? heading()))?.focus();
  }
}
