// @ts-check
/* The library reports environments in which it cannot run: policies that forbid WebAssembly or workers, a page from
 * disk. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { site, TINY } from '../kit.mjs';

/** @typedef {import('../kit.mjs').Kit} Kit */

const BLANK = '<!DOCTYPE html><link rel="icon" href="data:,">';

/** Loads a model in a blank page under one policy, with a worker that is served with another; null: none. */
async function told(/** @type {Kit} */ kit, /** @type {string | null} */ ofPage, /** @type {string | null} */ ofWorker) {
  const script = await readFile(join(site, 'palimpsest-worker.js'));
  const policy = (/** @type {string | null} */ text) => (text === null ? {} : { 'content-security-policy': text });
  kit.noisy = true; // what a policy forbids is on the console
  kit.server.extra['tiny.gguf'] = TINY;
  kit.server.routes = {
    'blank.html': (_, answer) => void answer.writeHead(200, { 'content-type': 'text/html', ...policy(ofPage) }).end(BLANK),
    'palimpsest-worker.js': (_, answer) => void answer.writeHead(200, { 'content-type': 'text/javascript', ...policy(ofWorker) }).end(script),
  };
  const tab = await kit.tab();
  await tab.goto(`${kit.server.url}blank.html`);
  return tab.evaluate(async () => {
    const { load } = await import(/** @type {any} */ (new URL('palimpsest.js', location.href).href));
    return load('tiny.gguf', { cache: false }).then(
      (/** @type {any} */ model) => (model.dispose(), { code: null, message: '' }),
      (/** @type {any} */ { code, message }) => ({ code, message }),
    );
  });
}

const SELF = "default-src 'self'; img-src data:";

// Regression: the code was `crashed`, with the message that the next call starts the worker again.
async function withoutWasm(/** @type {Kit} */ kit) {
  for (const policy of [SELF, "script-src 'self' 'unsafe-inline'"]) {
    const { code, message } = await told(kit, null, policy);
    assert.equal(code, 'environment', message);
    assert.match(message, /Content-Security-Policy.*script-src.*'wasm-unsafe-eval'/);
  }
  const allowed = `${SELF}; script-src 'self' 'wasm-unsafe-eval'`;
  assert.deepEqual(await told(kit, allowed, allowed), { code: null, message: '' });
}

async function withoutWorkers(/** @type {Kit} */ kit) {
  for (const [policy, directive] of /** @type {[string, RegExp][]} */ ([
    [`${SELF}; script-src 'self' 'wasm-unsafe-eval' 'unsafe-eval'; worker-src 'none'`, /worker-src/],
    [`script-src 'unsafe-eval' http://127.0.0.1:*/some/deep/path/palimpsest.js`, /worker-src|script-src/],
  ])) {
    const { code, message } = await told(kit, policy, null);
    assert.equal(code, 'environment', message);
    assert.match(message, /Content[- ]Security[- ]Policy/, message);
    assert.match(message, directive, message);
  }
}

// Regression: the page did not work, had no style and showed no message.
async function fromDisk(/** @type {Kit} */ kit) {
  kit.noisy = true; // that nothing could be loaded is on the console
  const tab = await kit.tab();
  await tab.goto(pathToFileURL(join(site, 'index.html')).href);
  await tab.until(() => /(file:)[^]*python3 -m http\.server/.test(document.body.innerText), null, 'how to serve it');
  const seen = await tab.evaluate(() => {
    const visible = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (document.querySelector(selector)).offsetHeight > 0;
    const { width } = /** @type {HTMLElement} */ (document.querySelector('.from-disk')).getBoundingClientRect();
    return { text: document.body.innerText, note: visible('.from-disk'), page: visible('main') || visible('.masthead'), scrolls: document.documentElement.scrollWidth > innerWidth, width };
  });
  // Firefox, as driven here, reads style and scripts from disk: the page works, but its engine does not.
  if (kit.browser.name === 'firefox' && seen.page) assert.match(seen.text, /The engine cannot run here/);
  else assert.deepEqual([seen.note, seen.page, seen.scrolls, seen.width < 800], [true, false, false, true]);
  const served = await kit.open();
  await served.until(() => document.querySelector('main')?.checkVisibility(), null, 'the page itself');
  assert.equal(await served.visible('.from-disk'), false);
}

export const scenarios = {
  'a policy that forbids WebAssembly is told': withoutWasm,
  'a policy that forbids the worker is told': withoutWorkers,
  'opened from a disk, the page says how to serve it': fromDisk,
};
