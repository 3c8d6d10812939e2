// @ts-check
/* The policies that web/README.md recommends, read out of it: under each, a page loads the library and fills a blank. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { library, root, site, TINY } from '../kit.mjs';
import { Server } from '../server.mjs';

/** @typedef {import('../kit.mjs').Kit} Kit */

const readme = await readFile(join(root, 'web/README.md'), 'utf8');
/** By the bold words before them. */
const recipes = Object.fromEntries([...readme.matchAll(/\*\*([^*]+)\*\*[^*]*?```http\nContent-Security-Policy: (.*)\n```/g)].map(([, name, policy]) => [name, policy ?? '']));
const [OWN, OTHER, INLINE, TRUSTED] = ['The files on your own host', 'The files on another host', '`palimpsest/inline`', 'Trusted Types.'].map((name) => {
  assert.ok(recipes[name], `web/README.md has a recipe for ${name}`);
  return recipes[name] ?? '';
});

const program = (/** @type {string} */ address, /** @type {string} */ options) => `import { load } from '${address}';
globalThis.given = load('tiny.gguf', { cache: false, ${options} }).then(
  (model) => model.infill('the [[2]] dog', { seed: 1 }).then(({ text }) => (model.dispose(), { text })),
  ({ code, message }) => ({ code, message }),
);`;

/** Plays the program in a page; all files of its host have this policy. */
async function under(/** @type {Kit} */ kit, /** @type {string} */ policy, address = './palimpsest.js', options = '') {
  const header = { 'content-security-policy': `${policy}; img-src data:` };
  kit.noisy = true; // what a policy forbids is on the console
  const file = (/** @type {string} */ type, /** @type {string | Buffer} */ body) => (/** @type {any} */ _, /** @type {import('node:http').ServerResponse} */ answer) => void answer.writeHead(200, { 'content-type': type, ...header }).end(body);
  kit.server.extra['tiny.gguf'] = TINY;
  kit.server.routes = {
    'page.html': file('text/html', '<!DOCTYPE html><link rel="icon" href="data:,"><script type="module" src="main.js"></script>'),
    'main.js': file('text/javascript', program(address, options)),
    'inline.js': file('text/javascript', await readFile(join(library, '../inline.js'))),
    'palimpsest-worker.js': file('text/javascript', await readFile(join(site, 'palimpsest-worker.js'))),
  };
  const tab = await kit.tab();
  await tab.goto(`${kit.server.url}page.html`);
  await tab.until(() => 'given' in globalThis);
  const given = await tab.evaluate(() => /** @type {any} */ (globalThis).given);
  const violations = await tab.violations();
  await tab.close();
  kit.tabs.pop();
  return { ...given, violations };
}

const FILLED = /^the .+ dog$/;

async function ownHost(/** @type {Kit} */ kit) {
  const { text, violations, message } = await under(kit, String(OWN));
  assert.match(String(text), FILLED, message);
  assert.deepEqual(violations, []);
  const inline = await under(kit, String(INLINE), './inline.js');
  assert.match(String(inline.text), FILLED, inline.message);
  assert.deepEqual(inline.violations, []);
}

async function otherHost(/** @type {Kit} */ kit) {
  const other = await new Server(site).up();
  other.mishaps.headers = { 'access-control-allow-origin': '*' };
  try {
    const { text, violations, message } = await under(kit, String(OTHER).replaceAll('https://files.example', other.origin), `${other.url}palimpsest.js`);
    assert.match(String(text), FILLED, message);
    assert.deepEqual(violations, []);
  } finally {
    await other.down();
  }
}

// Regression: where Trusted Types are required, no worker could be started.
async function trustedTypes(/** @type {Kit} */ kit) {
  const silent = await under(kit, String(TRUSTED), './palimpsest.js', "base: '.'");
  assert.match(String(silent.text), FILLED, silent.message);
  assert.deepEqual(silent.violations, [], 'nothing is reported with base');
  const { text, violations, message } = await under(kit, String(TRUSTED));
  assert.match(String(text), FILLED, message);
  assert.ok(violations.length <= 1, violations.join());
  const inline = await under(kit, String(TRUSTED).replace("worker-src 'self'", 'worker-src blob:'), './inline.js');
  assert.match(String(inline.text), FILLED, inline.message);
  assert.deepEqual(inline.violations, []);
  if (kit.browser.name === 'firefox') return; // may have no Trusted Types
  const other = await under(kit, String(TRUSTED).replace('trusted-types palimpsest', 'trusted-types another'));
  assert.equal(other.code, 'environment', other.text);
  assert.match(other.message, /requires Trusted Types: its trusted-types must allow palimpsest/);
  const free = await under(kit, String(TRUSTED).replace("require-trusted-types-for 'script'; trusted-types palimpsest", 'trusted-types another'));
  assert.match(String(free.text), FILLED, free.message);
}

export const scenarios = {
  'policies of web/README.md: files on the own host, and inline': ownHost,
  'policies of web/README.md: files on another host': otherHost,
  'policies of web/README.md: Trusted Types': trustedTypes,
};
