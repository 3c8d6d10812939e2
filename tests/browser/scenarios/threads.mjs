// @ts-check
/* Threads: the library in an isolated page and in one that is not, a thread that fails, a page that is left and shown again. */
import assert from 'node:assert/strict';
import { native } from '../kit.mjs';

/** @typedef {import('../kit.mjs').Kit} Kit */

const TEXT = 'Once [[?]] upon [[4]] there was [[?]] and a dog.';

/** Fills by the library in an empty page of the site's origin; `events`: what happens in the page between two fills of one
 *  model.  They run in the page by themselves: a call of minutes is no call that a driver should wait for. */
async function fills(/** @type {any} */ tab, /** @type {number[]} */ threads, /** @type {string[]} */ events = []) {
  await tab.evaluate((/** @type {{ threads: number[], events: string[], text: string }} */ { threads, events, text }) => {
    const results = /** @type {unknown[]} */ ([]);
    const state = { doing: 'the library', results, done: false };
    Object.assign(globalThis, { fillState: state });
    const run = async () => {
      const { load } = await import(new URL('palimpsest.js', document.baseURI).href);
      for (const asked of threads) {
        state.doing = `loading for ${asked}`;
        const model = await load('models/tales-infill.gguf', { threads: asked, cache: false });
        const one = async (/** @type {string} */ after) => {
          state.doing = `a fill with ${asked}${after}`;
          try {
            const { text: filled, threads } = await model.infill(text, { seed: 5 }).result();
            results.push([threads, filled]);
          } catch (error) {
            results.push([/** @type {any} */ (error).code, '']);
          }
        };
        await one('');
        for (const name of events) {
          if (name) dispatchEvent(new Event(name));
          await one(` after ${name}`);
        }
        model.dispose();
      }
    };
    void run().catch((error) => results.push(String(error))).finally(() => (state.done = true));
  }, { threads, events, text: TEXT });
  const state = () => tab.evaluate(() => /** @type {any} */ (globalThis).fillState);
  await tab.until(() => /** @type {any} */ (globalThis).fillState.done, null, 'the fills end').catch(async (/** @type {Error} */ error) => {
    throw new Error(`${error.message}, during ${(await state()).doing}`);
  });
  return (await state()).results;
}

/** A page beside the library that has nothing of its own. */
async function bare(/** @type {Kit} */ kit, /** @type {boolean} */ isolation) {
  kit.server.mishaps.isolation = isolation;
  const headers = { 'content-type': 'text/html', ...(isolation && { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' }) };
  kit.server.routes['bare.html'] = (_, answer) => void answer.writeHead(200, headers).end('<!doctype html><link rel="icon" href="data:,">');
  const tab = await kit.tab();
  await tab.goto(new URL('bare.html', kit.server.url).href);
  assert.equal(await tab.evaluate(() => globalThis.crossOriginIsolated), isolation);
  return tab;
}

/** The same texts with any number of threads, as the command writes them. */
async function isolated(/** @type {Kit} */ kit) {
  const tab = await bare(kit, true);
  const text = native(TEXT, { seed: 5 });
  assert.deepEqual(await fills(tab, [1, 2, 3]), [[1, text], [2, text], [3, text]]);
  assert.ok(kit.server.count('palimpsest-threads-relaxed.wasm') > 0);
}

/** Where memory cannot be shared there is one thread, and nothing for threads is fetched. */
async function notIsolated(/** @type {Kit} */ kit) {
  const tab = await bare(kit, false);
  assert.deepEqual(await fills(tab, [2]), [[1, native(TEXT, { seed: 5 })]]);
  for (const name of ['palimpsest-threads-relaxed.wasm', 'palimpsest-threads.wasm', 'palimpsest-threads.js']) assert.equal(kit.server.count(name), 0, name);
}

/** A page that is left ends the team, and one that is shown again has it back; in between one thread serves. */
async function left(/** @type {Kit} */ kit) {
  const tab = await bare(kit, true);
  const text = native(TEXT, { seed: 5 });
  assert.deepEqual(await fills(tab, [2], ['pagehide', 'pageshow', 'pagehide']), Array(4).fill([2, text]));
}

/** Threads whose stack is at the beginning of the memory: they trap in the first function that needs one. */
const TRAPS = `{ const Real = WebAssembly.Instance; WebAssembly.Instance = function (module, imports) {
  const { exports } = new Real(module, imports);
  return { exports: { ...exports, stackRestore: () => exports.stackRestore(16) } }; }; }\n`;

async function fails(/** @type {Kit} */ kit) {
  kit.server.mishaps.prefix['palimpsest-threads.js'] = TRAPS;
  kit.noisy = true;
  const tab = await bare(kit, true);
  assert.deepEqual(await fills(tab, [2], ['', '']), [['crashed', ''], ['crashed', ''], [1, native(TEXT, { seed: 5 })]]);
}

/** Regression: Firefox asks every worker before a service worker takes over, and threads that slept in the engine did not
 *  answer: it took a minute. */
async function claimed(/** @type {Kit} */ kit) {
  const tab = await bare(kit, true);
  kit.server.routes['claims.js'] = (_, answer) => void answer.writeHead(200, { 'content-type': 'text/javascript', 'cross-origin-embedder-policy': 'require-corp' })
    .end('onactivate = (event) => event.waitUntil(clients.claim());');
  const ms = await tab.evaluate(async () => {
    const { load } = await import(new URL('palimpsest.js', document.baseURI).href);
    const model = await load('models/tales-infill.gguf', { threads: 2, cache: false });
    await model.infill('Once [[2]].', { seed: 5 }).result();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const began = performance.now();
    const { serviceWorker } = navigator;
    const taken = new Promise((resolve) => (serviceWorker.oncontrollerchange = resolve));
    await serviceWorker.register('claims.js');
    await taken;
    while (serviceWorker.controller?.state !== 'activated') await new Promise((resolve) => setTimeout(resolve, 50));
    const took = performance.now() - began;
    model.dispose();
    return took;
  });
  assert.ok(ms < 40_000, `${Math.round(ms)} ms`);
}

export const scenarios = {
  'threads: the same texts with 1, 2 and 3 in an isolated page': isolated,
  'threads: one where the page is not isolated': notIsolated,
  'threads: idle ones let a service worker take over': claimed,
  'threads: a page that is left and shown again': left,
  'threads: one that fails in the middle of its work': fails,
};
