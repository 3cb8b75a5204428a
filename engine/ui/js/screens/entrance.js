// Before anything else: the code that the hub has printed and a secret of one's own, or the secret alone.

import { ask } from '../api.js';
import { h, icon } from '../lib/dom.js';

/** An administrator's secret is at least so long. */
const LEAST = 8;

class Entrance extends HTMLElement {
  connectedCallback() {
    this.problem = h('p', { class: 'warning', role: 'alert', id: 'entrance-problem', hidden: true });
    this.append(h('div', { class: 'entrance' }, h('img', { src: new URL('../../icon.svg', import.meta.url).href, alt: '', width: 72, height: 72 }),
      this.content()));
  }

  content() {
    return this.fresh ? this.setup() : this.login();
  }

  setup() {
    const code = field('Code', { id: 'code', type: 'text', value: read(), autocapitalize: 'none', autocomplete: 'one-time-code', spellcheck: 'false', required: true },
      'The hub has printed it with its address; it is in its log, too.');
    const { fields, secret } = this.chosen();
    return this.form('Welcome', 'This hub is new. Two things, and then the first room.', [code, ...fields], 'Take it over', async () => {
      await ask('POST', '/setup', { code: code.input.value.trim(), secret: secret() });
      location.hash = '#/first-room';
    });
  }

  /** A new secret, typed twice. */
  chosen() {
    const one = field('New secret', { id: 'secret', type: 'password', autocomplete: 'new-password', minlength: LEAST, required: true },
      `At least ${LEAST} characters. Whoever knows it can change everything here.`);
    const again = field('Once more', { id: 'again', type: 'password', autocomplete: 'new-password', required: true });
    return { fields: [one, again], secret: () => {
      if (one.input.value !== again.input.value) throw new Error('The two secrets are not the same.');
      return one.input.value;
    } };
  }

  login() {
    const secret = field('Secret', { id: 'secret', type: 'password', autocomplete: 'current-password', required: true });
    return this.form('Unisono', 'Say the secret of this household.', [secret], 'Come in',
      () => ask('POST', '/login', { secret: secret.input.value }));
  }

  form(title, text, fields, verb, act) {
    const button = h('button', { class: 'button primary wide' }, verb, icon('forward'));
    return h('form', { class: 'card stack', onsubmit: async (event) => {
      event.preventDefault();
      button.disabled = true;
      this.problem.hidden = true;
      try {
        await act();
        this.dispatchEvent(new Event('entered'));
      } catch (error) {
        this.problem.textContent = error.message;
        this.problem.hidden = false;
        button.disabled = false;
        fields[0].input.focus();
      }
    } }, h('h1', null, title), h('p', { class: 'by' }, text), this.problem, fields, button);
  }
}

/** The code that the hub's picture has brought here after #, where it does not stay. */
function read() {
  const [, code] = location.hash.match(/^#setup=([a-z0-9-]+)$/i) ?? [];
  if (code) history.replaceState(null, '', '#/');
  return code ?? '';
}

function field(label, attributes, hint) {
  const input = h('input', { ...attributes, 'aria-describedby': `entrance-problem${hint ? ` ${attributes.id}-hint` : ''}` });
  const element = h('div', { class: 'field' }, h('label', { for: attributes.id }, label), input, hint && h('span', { class: 'hint', id: `${attributes.id}-hint` }, hint));
  element.input = input;
  return element;
}

customElements.define('screen-entrance', Entrance);

/** For somebody who is in already, on the hub's own machine: that takes no code. */
class Setup extends Entrance {
  constructor() {
    super();
    this.addEventListener('entered', () => dispatchEvent(new Event('unisono-unknown')));
  }

  content() {
    const { fields, secret } = this.chosen();
    return this.form('A secret', 'From now on whoever opens this page says it first.', fields, 'Set it', async () => {
      await ask('POST', '/setup', { secret: secret() });
      location.hash = '#/settings';
    });
  }
}

customElements.define('screen-setup', Setup);
