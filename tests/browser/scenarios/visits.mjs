// @ts-check
/* Repeated visits: reloads, offline, two tabs, a newer build, isolation, no requests to other origins. */
import assert from 'node:assert/strict';
import { choose, fill, kept, laterBuild, MODEL, native, ready, view, write } from '../kit.mjs';

/** @typedef {import('../kit.mjs').Kit} Kit */

const TEXT = 'Tom saw a [[2]] and [[3]].';
const box = (/** @type {any} */ tab) => tab.evaluate(() => /** @type {HTMLTextAreaElement} */ (document.querySelector('#text')).value);

async function typedTextStays(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await tab.click('#tool-type');
  await tab.click('#text');
  await tab.press('Control+a');
  await tab.type('My own text, with [[1]].');
  await choose(tab, { seed: 12, temperature: 0.9 });
  await view(tab, 'Models');
  await tab.reload();
  assert.equal(await tab.visible('#view-models'), true, 'the view, too');
  await view(tab, 'Text');
  assert.equal(await box(tab), 'My own text, with [[1]].');
  const values = await tab.evaluate(() => ['seed', 'temperature'].map((key) => /** @type {HTMLInputElement} */ (document.querySelector(`#option-${key}`)).value));
  assert.deepEqual(values, ['12', '0.9'], 'the options, too');
}

async function offline(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await kept(tab);
  const online = await fill(tab);
  assert.ok(online);
  await kit.server.down();
  kit.noisy = true; // a browser may complain of the look for a newer service worker
  await tab.reload();
  await ready(tab);
  await write(tab, TEXT);
  await choose(tab, { seed: 8 });
  assert.equal(await fill(tab), native(TEXT, { seed: 8 }));
  const other = await kit.openReady();
  assert.equal(await other.evaluate(() => document.fonts.ready.then(() => document.fonts.check('16px "EB Garamond Variable"') || [...document.fonts].some((font) => font.status === 'loaded'))), true);
  await write(other, TEXT);
  assert.equal(await fill(other), native(TEXT, { seed: 8 }), 'in a new tab, too');
}

async function twoTabs(/** @type {Kit} */ kit) {
  kit.server.mishaps.hold = 1e6;
  const first = await kit.open();
  const second = await kit.open();
  await second.until(() => /Waiting/.test(document.querySelector('[data-part=progress]')?.textContent ?? ''), null, 'the second tab waits');
  kit.server.mishaps.hold = null;
  await Promise.all([ready(first), ready(second)]);
  assert.equal(kit.server.count(MODEL), 1, 'one download for both');
  for (const tab of [first, second]) {
    await write(tab, TEXT);
    await choose(tab, { seed: 8 });
  }
  assert.deepEqual(await Promise.all([fill(first), fill(second)]), Array(2).fill(native(TEXT, { seed: 8 })), 'both fill at once');
  await first.close();
  kit.tabs.shift();
  assert.equal(await fill(second), native(TEXT, { seed: 8 }), 'one goes on without the other');
}

async function newBuild(/** @type {Kit} */ kit) {
  const folder = `${await kit.folder()}/site`;
  const { id, later } = await laterBuild(folder);
  const build = async (/** @type {any} */ tab) => {
    await tab.until(() => Boolean(document.querySelector('#version')?.textContent), null, 'the page tells its build');
    return tab.evaluate(() => document.querySelector('#version')?.textContent);
  };
  const tab = await kit.openReady();
  await kept(tab);
  assert.match(await build(tab), new RegExp(id));
  kit.server.folder = folder;
  await tab.reload();
  await tab.until(async () => {
    const registration = await navigator.serviceWorker.getRegistration();
    return registration?.waiting?.state === 'installed';
  }, null, 'the later build is kept and waits');
  assert.match(await build(tab), new RegExp(id), 'an open page stays what it is');
  await ready(tab);
  await tab.evaluate(async () => {
    const { load } = await import(/** @type {any} */ (new URL('palimpsest.js', location.href).href));
    (await load(new URL('models/tales-infill.gguf', location.href))).dispose();
  });
  assert.ok(await fill(tab), 'page, worker and engine are of one build');
  // A page outside the scope can see the new worker take over when the last page of the old one is closed.
  const next = await kit.tab();
  await next.goto(`${kit.server.origin}/outside`);
  await tab.close();
  kit.tabs.shift();
  await next.until(async (/** @type {string} */ scope) => {
    const registration = await navigator.serviceWorker.getRegistration(scope);
    return registration && !registration.waiting && registration.active?.state === 'activated';
  }, kit.server.url, 'the later worker takes over');
  next.errors.length = 0; // there is nothing outside
  await next.goto(kit.server.url);
  assert.match(await build(next), new RegExp(later), 'the next visit is of the later build');
  await ready(next);
  await write(next, TEXT);
  await choose(next, { seed: 8 });
  assert.equal(await fill(next), native(TEXT, { seed: 8 }));
  assert.equal(kit.server.count(MODEL), 1, 'the model is not fetched again');
}

async function isolation(/** @type {Kit} */ kit) {
  const isolated = (/** @type {any} */ tab) => tab.evaluate(() => globalThis.crossOriginIsolated);
  const tab = await kit.openReady();
  assert.equal(await isolated(tab), false, 'the host sends no headers');
  assert.ok(await fill(tab));
  await kept(tab);
  assert.equal(await tab.loads(), 1, 'the page does not reload itself');
  await tab.reload();
  await ready(tab);
  assert.equal(await isolated(tab), true, 'the service worker adds them');
  assert.ok(await fill(tab));
  assert.equal(await tab.loads(), 2, 'nor when it is isolated');
}

async function isolationByHost(/** @type {Kit} */ kit) {
  kit.server.mishaps.isolation = true;
  const tab = await kit.openReady();
  assert.equal(await tab.evaluate(() => globalThis.crossOriginIsolated), true);
  await write(tab, TEXT);
  await choose(tab, { seed: 8 });
  assert.equal(await fill(tab), native(TEXT, { seed: 8 }));
  await kept(tab);
  assert.equal(await tab.loads(), 1);
}

async function oneOrigin(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await kept(tab);
  await fill(tab);
  await view(tab, 'Models');
  await tab.reload();
  await ready(tab);
  await view(tab, 'Text');
  await fill(tab);
  const requests = /** @type {string[]} */ (kit.profile?.requests ?? []);
  assert.ok(requests.some((url) => /palimpsest(-relaxed)?\.wasm/.test(url)), "the browser tells the worker's requests");
  const foreign = requests.filter((url) => !url.startsWith(kit.server.url) && !/^(data|blob):/.test(url));
  assert.deepEqual(foreign, []);
  assert.deepEqual(await tab.violations(), [], 'nothing was tried that the policy forbids');
  kit.noisy = true; // what is tried now is complained of
  await tab.evaluate(() => fetch('http://localhost:1/').catch(() => {}));
  await tab.until(() => /** @type {any} */ (globalThis).watched.violations.length === 1, null, 'the policy is in force');
  kit.say(`${requests.length} requests, all to this origin`);
}

/** Both browsers have relaxed SIMD; the other build is for browsers without it. */
async function oneEngine(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await kept(tab);
  await fill(tab);
  assert.match(await tab.text('[data-part=statistics]'), /relaxed/);
  assert.deepEqual(['palimpsest-relaxed.wasm', 'palimpsest.wasm'].map((name) => kit.server.count(name) > 0), [true, false]);
}

async function wrongEngine(/** @type {Kit} */ kit) {
  for (const name of ['palimpsest-relaxed.wasm', 'palimpsest-threads-relaxed.wasm']) kit.server.mishaps.prefix[name] = 'this is no WebAssembly';
  const first = await kit.openReady();
  await kept(first);
  // This time through the service worker, which caches the requested files.
  await first.reload();
  await ready(first);
  await fill(first);
  assert.match(await first.text('[data-part=statistics]'), /simd128/);
  await kit.server.down();
  kit.noisy = true; // a browser may complain of the look for a newer service worker
  await first.reload();
  await ready(first);
  await write(first, TEXT);
  await choose(first, { seed: 8 });
  assert.equal(await fill(first), native(TEXT, { seed: 8 }));
}

async function firstWords(/** @type {Kit} */ kit) {
  const first = await kit.openReady();
  await kept(first);
  const second = await kit.tab(pressAtOnce);
  await second.goto(kit.server.url);
  const time = await second.until(() => /** @type {any} */ (globalThis).firstWord, null, 'the first word');
  kit.say(`${Math.round(Number(time))} ms from opening to the first word`);
  assert.ok(Number(time) < 5000);
}

/** Runs before the page's own code: fills as soon as the button exists, and records the time. */
function pressAtOnce() {
  addEventListener('DOMContentLoaded', () => {
    const page = /** @type {HTMLElement} */ (document.querySelector('[data-part=page]'));
    new MutationObserver(() => {
      if (page.querySelector('.ink')) Object.assign(globalThis, { firstWord: /** @type {any} */ (globalThis).firstWord ?? performance.now() });
    }).observe(page, { subtree: true, childList: true, attributes: true });
    /** @type {HTMLElement} */ (document.querySelector('#fill')).click();
  });
}

export const scenarios = {
  'typed text, options and view survive a reload': typedTextStays,
  'offline after one visit: reload, new tab, fill': offline,
  'two tabs share one download': twoTabs,
  'a later build takes over at the next visit': newBuild,
  'without isolation headers the service worker isolates, without a reload': isolation,
  'with isolation headers': isolationByHost,
  'no request to any other origin': oneOrigin,
  'one of the two builds of the engine is downloaded, the faster one': oneEngine,
  'a build of the engine that does not work is replaced by the other, offline too': wrongEngine,
  'first words on the second visit': firstWords,
};
