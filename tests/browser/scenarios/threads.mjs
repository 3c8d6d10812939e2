// @ts-check
/* Threads: the library in an isolated page and in one that is not, a thread that fails or is ended, a page that is left and
 * shown again; the page, which has threads from its second load on. */
import assert from 'node:assert/strict';
import { choose, complaint, fill, filled, kept, LONG, native, ready, underWay, write } from '../kit.mjs';

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

/** The page at its second load, where the service worker isolates it. */
async function again(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await kept(tab);
  await tab.reload();
  await ready(tab);
  assert.equal(await tab.evaluate(() => globalThis.crossOriginIsolated), true);
  if ((await tab.evaluate(() => navigator.hardwareConcurrency)) < 2) kit.skip('this machine has one processor');
  await choose(tab, { seed: 5 });
  return tab;
}

const threadsSaid = async (/** @type {any} */ tab) => Number((await tab.text('[data-part=statistics]')).match(/(\d+) threads?/)?.[1]);

/** The first load has one thread, the next ones have several in browsers of Chromium's family; the page writes the same. */
async function secondVisit(/** @type {Kit} */ kit) {
  const text = 'Tom saw a [[2]].';
  const first = await kit.openReady();
  await write(first, text);
  await choose(first, { seed: 5 });
  assert.equal(await fill(first), native(text, { seed: 5 }));
  assert.equal(await threadsSaid(first), 1);
  const tab = await again(kit);
  await write(tab, text);
  assert.equal(await fill(tab), native(text, { seed: 5 }));
  const threads = await threadsSaid(tab);
  if (kit.browser.name === 'firefox') assert.equal(threads, 1, 'the page has no threads in Firefox');
  else assert.ok(threads > 1, 'the second load has threads');
  kit.say(`${threads} threads`);
}

/** Code before palimpsest-threads.js.  In the engine's worker: ends the other threads when it is told to. */
const ENDS = `if (self.name !== 'palimpsest-thread') { const Real = Worker; const all = [];
  self.Worker = function (...given) { const one = new Real(...given); all.push(one); return one; };
  new BroadcastChannel('end threads').onmessage = () => all.forEach((one) => one.terminate()); }\n`;
/** In a thread, once it is told to: begins a part of a job, and ends itself before the part is done. */
const VANISHES = `if (self.name === 'palimpsest-thread') { const Real = WebAssembly.Instance; let told = false;
  new BroadcastChannel('end threads').onmessage = () => { told = true; };
  WebAssembly.Instance = function (module, imports) {
    const { exports } = new Real(module, imports);
    const vanish = () => {
      const state = new Int32Array(imports.env.memory.buffer, exports.pw_team_state(), 1);
      for (let now; ((now = Atomics.load(state, 0)) & 0x80) === 0 || Atomics.compareExchange(state, 0, now, now + 1) !== now; );
      self.close();
    };
    return { exports: { ...exports, pw_team_work: (number) => (told ? vanish() : exports.pw_team_work(number)) } };
  }; }\n`;
const endThreads = (/** @type {any} */ tab) => tab.evaluate(() => new BroadcastChannel('end threads').postMessage(null));

/** The page says that the engine stopped, keeps what was typed, and goes on with one thread. */
async function recovers(/** @type {any} */ tab) {
  assert.match(await complaint(tab, 'error'), /stopped unexpectedly; your text is untouched/);
  assert.equal(await tab.evaluate(() => /** @type {HTMLTextAreaElement} */ (document.querySelector('#text')).value), LONG);
  await write(tab, 'Tom saw a [[2]].');
  assert.equal(await fill(tab), native('Tom saw a [[2]].', { seed: 5 }));
  assert.equal(await threadsSaid(tab), 1);
}

/** Threads that are ended from outside between two steps of a fill. */
async function ended(/** @type {Kit} */ kit) {
  if (kit.browser.name === 'firefox') kit.skip('the page has no threads in Firefox');
  kit.server.mishaps.prefix['palimpsest-threads.js'] = ENDS;
  const tab = await again(kit);
  await write(tab, LONG);
  await filled(tab, async () => {
    await tab.click('#fill');
    await underWay(tab);
    await endThreads(tab);
  });
  await recovers(tab);
}

/** A thread that ends in the middle of its tiles: the engine's worker waits for it for ever, and only the page can tell. */
async function vanished(/** @type {Kit} */ kit) {
  kit.server.mishaps.prefix['palimpsest-threads.js'] = VANISHES;
  const tab = await again(kit);
  await write(tab, LONG);
  await new Promise((resolve) => setTimeout(resolve, 1500)); // idle threads hear messages
  await endThreads(tab);
  await new Promise((resolve) => setTimeout(resolve, 500));
  await filled(tab, () => tab.click('#fill'));
  await recovers(tab);
}

export const scenarios = {
  'threads: the page has them from its second load on': secondVisit,
  'threads: those that are ended during a fill': ended,
  'threads: the same texts with 1, 2 and 3 in an isolated page': isolated,
  'threads: one where the page is not isolated': notIsolated,
  'threads: idle ones let a service worker take over': claimed,
  'threads: a page that is left and shown again': left,
  'threads: one that fails in the middle of its work': fails,
};

/** bench.html: rows with one thread and with two, and Stop keeps the rows that are complete. */
async function bench(/** @type {Kit} */ kit) {
  const tab = await kit.tab();
  await tab.goto(`${kit.server.url}bench.html`);
  await kept(tab);
  await tab.until(() => /** @type {HTMLElement} */ (document.querySelector('#reload')).checkVisibility(), null, 'it can be loaded again with threads');
  await tab.reload();
  await tab.click('#measure');
  await tab.until(() => document.querySelectorAll('tbody tr').length > 0, null, 'the first row is there');
  await tab.click('#measure');
  await tab.until(() => document.querySelector('#doing')?.textContent?.startsWith('Stopped'), null, 'Stop stops it');
  const rows = await tab.evaluate(() => Array.from(document.querySelectorAll('tr'), (row) => Array.from(row.cells, (cell) => cell.textContent)));
  const several = (await tab.evaluate(() => navigator.hardwareConcurrency)) > 1;
  assert.deepEqual(rows[0].slice(0, 3), ['Work', 'Unit', '1 thread']);
  assert.equal(rows[0].length > 3, several);
  for (const cell of rows[1].slice(2)) assert.ok(Number(cell) > 0, cell);
  assert.equal(await tab.evaluate(() => /** @type {HTMLButtonElement} */ (document.querySelector('#copy')).disabled), false);
  assert.equal(await tab.text('#measure'), 'Measure');
}

/** Firefox lets a worker that closes itself live for half a minute. */
export const once = {
  'bench.html: rows for one thread and for two, and Stop': bench,
  'threads: one that vanishes in the middle of its tiles': vanished,
};
