// @ts-check
/* Loading the model: stalled, cut, damaged, cancelled; storage denied or full; a browser without SIMD. */
import assert from 'node:assert/strict';
import { copyFile, cp } from 'node:fs/promises';
import { join } from 'node:path';
import { choose, complaint, fill, filled, MODEL, native, ready, root, site, TINY, view, write } from '../kit.mjs';

/** @typedef {import('../kit.mjs').Kit} Kit */

const BLANK = '<!DOCTYPE html><link rel="icon" href="data:,">';
const TEXT = 'Tom saw a [[2]] and [[3]].';
const progress = (/** @type {any} */ tab) => tab.text('[data-part=progress]');

async function fillsRight(/** @type {any} */ tab) {
  await write(tab, TEXT);
  await choose(tab, { seed: 8 });
  assert.equal(await fill(tab), native(TEXT, { seed: 8 }));
}

/** The server works again: the button loads the model. */
async function mends(/** @type {Kit} */ kit, /** @type {any} */ tab) {
  Object.assign(kit.server.mishaps, { cut: null, corrupt: false, claim: null });
  await tab.button('Try again');
  await ready(tab);
  await fillsRight(tab);
}

async function usableWhileLoading(/** @type {Kit} */ kit) {
  Object.assign(kit.server.mishaps, { hold: 3e6, delay: 10 });
  const tab = await kit.open();
  await tab.until(() => /Fetching.*[1-3]\.\d.* of 8\.1 MB.*[123]\d.?%/.test(document.querySelector('[data-part=progress]')?.textContent ?? ''), null, 'progress is shown');
  await tab.click('#tool-type');
  await tab.click('#text');
  await tab.press('Control+a');
  await tab.type(TEXT);
  await choose(tab, { seed: 8 });
  assert.equal(await tab.evaluate(() => /** @type {HTMLTextAreaElement} */ (document.querySelector('#text')).value), TEXT, 'what is typed is there');
  await filled(tab, async () => {
    await tab.click('#fill');
    assert.equal(await tab.text('#fill'), 'Stop', 'the fill waits for the model');
    Object.assign(kit.server.mishaps, { hold: null, delay: 0 });
  });
  assert.equal(await tab.text('[data-part=page]'), native(TEXT, { seed: 8 }));
}

async function cancelled(/** @type {Kit} */ kit) {
  kit.server.mishaps.hold = 3e6;
  const tab = await kit.open();
  // Puppeteer clicks at a button's earlier position: the page must not move.
  await tab.until(() => /3\.0 of/.test(document.querySelector('[data-part=progress]')?.textContent ?? '') && document.fonts.status === 'loaded', null, 'the download is held');
  await tab.button('Cancel');
  await tab.until(() => /No model is loaded/.test(document.querySelector('[data-part=progress]')?.textContent ?? ''), null, 'it says so');
  kit.server.mishaps.hold = null;
  await tab.button('Load the model');
  await ready(tab);
  await fillsRight(tab);
  assert.equal(kit.server.count(MODEL), 2);
}

async function cut(/** @type {Kit} */ kit) {
  kit.noisy = true;
  for (const mishap of [{ cut: 2_500_000 }, { claim: 9_000_000 }]) {
    Object.assign(kit.server.mishaps, mishap);
    const tab = await kit.open();
    assert.match(await complaint(tab, 'progress'), /could not be fetched.*interrupted after \d/);
    await write(tab, 'Typing goes on.');
    await mends(kit, tab);
    await kit.profile?.close();
    [kit.profile, kit.tabs] = [null, []];
  }
}

async function corrupt(/** @type {Kit} */ kit) {
  kit.server.mishaps.corrupt = true;
  const tab = await kit.open();
  assert.match(await complaint(tab, 'progress'), /damaged.*sha256/);
  assert.deepEqual(await tab.evaluate(async () => (await import(/** @type {any} */ (new URL('palimpsest.js', location.href).href))).cache.list()), [], 'no copy of it is kept');
  await mends(kit, tab);
}

async function tooShort(/** @type {Kit} */ kit) {
  kit.noisy = true;
  kit.server.mishaps.claim = 5000;
  const tab = await kit.open();
  await complaint(tab, 'progress');
  await mends(kit, tab);
}

async function damagedCopy(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  assert.equal(kit.server.count(MODEL), 1);
  const damaged = await tab.evaluate(async () => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('palimpsest-models');
    for await (const [name, handle] of /** @type {any} */ (folder)) {
      if (name.endsWith('.json')) continue;
      const file = await handle.createWritable({ keepExistingData: true });
      await file.write({ type: 'write', position: 4_000_000, data: new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]) });
      await file.close();
      return name;
    }
  });
  assert.ok(damaged);
  await tab.reload();
  await ready(tab);
  assert.equal(kit.server.count(MODEL), 2, 'a damaged copy is fetched again');
  await fillsRight(tab);
}

async function loadedTwice(/** @type {Kit} */ kit) {
  const name = 'models/other.gguf';
  kit.server.extra[name] = TINY;
  const tab = await kit.openReady();
  kit.server.mishaps.delay = 300;
  const { models, phases, copies } = await tab.evaluate(async (/** @type {string} */ source) => {
    const { load, cache } = await import(/** @type {any} */ (new URL('palimpsest.js', location.href).href));
    const phases = new Set();
    const onProgress = (/** @type {any} */ { phase }) => phases.add(phase);
    const loaded = await Promise.all([1, 2].map(() => load(source, { onProgress, base: new URL('.', location.href).href })));
    const models = loaded.map((model) => [model.info.kept, model.info.keptWhyNot, model.info.name]);
    loaded.forEach((model) => model.dispose());
    return { models, phases: [...phases].sort(), copies: (await cache.list()).length };
  }, new URL(name, kit.server.url).href);
  assert.deepEqual(models, Array(2).fill([true, null, 'tiny-infill']));
  assert.deepEqual(phases, ['download', 'read', 'waiting'], 'one waits for the other and reads its copy');
  assert.deepEqual([kit.server.count(name), copies], [1, 2], 'a download, and a copy beside that of the page');
}

async function bareHost(/** @type {Kit} */ kit) {
  kit.server.mishaps.bareWasm = true;
  await fillsRight(await kit.openReady());
}

/** Memory that is allocated before anything else and never touched. */
const RESERVED = `
const start = WebAssembly.instantiate;
WebAssembly.instantiate = async (...given) => {
  const { exports } = await start(...given);
  const _initialize = () => (exports._initialize(), exports.pw_alloc(1.1e9), exports.pw_alloc(1.1e9));
  return { exports: { ...exports, _initialize } };
};
`;

async function above2GiB(/** @type {Kit} */ kit) {
  kit.server.mishaps.prefix['palimpsest-worker.js'] = RESERVED;
  const tab = await kit.openReady();
  await view(tab, 'Models');
  assert.match(await tab.text('[data-part=loaded]'), /22\d\d(\.\d)? MB|2\.2 GB/, 'so much memory is taken');
  await view(tab, 'Text');
  await fillsRight(tab);
}

/** The page and its worker both request storage; both are denied. */
const DENIED = "StorageManager.prototype.getDirectory = () => Promise.reject(new DOMException('denied for the test', 'SecurityError'));\n";
const FULL = "FileSystemSyncAccessHandle.prototype.write = () => { throw new DOMException('full for the test', 'QuotaExceededError'); };\n";

async function storageDenied(/** @type {Kit} */ kit) {
  kit.server.mishaps.prefix['palimpsest-worker.js'] = DENIED;
  const tab = await kit.openReady(() => {
    Object.defineProperty(navigator, 'connection', { value: { saveData: true } }); // no fill that begins by itself: without storage, every visit is the first
    if (globalThis.StorageManager) StorageManager.prototype.getDirectory = () => Promise.reject(new DOMException('denied for the test', 'SecurityError'));
    Object.defineProperty(globalThis, 'localStorage', { get: () => { throw new DOMException('denied', 'SecurityError'); } });
  });
  await fillsRight(tab);
  await view(tab, 'Models');
  assert.match(await tab.text('[data-part=storage]'), /cannot be kept here.*denied for the test/);
  assert.match(await tab.text('[data-part=loaded]'), /no: denied for the test/);
  await tab.reload();
  await view(tab, 'Text');
  await ready(tab);
  assert.equal(kit.server.count(MODEL), 2);
}

async function storageFull(/** @type {Kit} */ kit) {
  kit.server.mishaps.prefix['palimpsest-worker.js'] = FULL;
  const tab = await kit.openReady();
  await fillsRight(tab);
  await view(tab, 'Models');
  assert.match(await tab.text('[data-part=loaded]'), /no: full for the test/);
  const left = await tab.evaluate(async () => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('palimpsest-models');
    const names = [];
    for await (const name of /** @type {any} */ (folder).keys()) names.push(name);
    return names;
  });
  assert.deepEqual(left, [], 'nothing half written stays');
}

async function noSimd(/** @type {Kit} */ kit) {
  const tab = await kit.open(() => {
    WebAssembly.validate = () => false;
  });
  await tab.until(() => /cannot run the model.*SIMD/.test(document.querySelector('[data-part=progress]')?.textContent ?? ''), null, 'it says so');
  await tab.click('#fill');
  await tab.until(() => /SIMD/.test(document.querySelector('[data-part=assertive]')?.textContent ?? ''), null, 'and again when asked to fill');
  assert.equal(kit.server.count(MODEL), 0, 'nothing is fetched in vain');
}

/** web/examples/plain.html, placed next to palimpsest.js as a user would. */
async function plainExample(/** @type {Kit} */ kit) {
  const folder = `${await kit.folder()}/site`;
  await cp(site, folder, { recursive: true });
  await copyFile(join(root, 'web/examples/plain.html'), join(folder, 'plain.html'));
  kit.server.folder = folder;
  kit.noisy = true; // the example has no icon, which Chromium asks for all the same
  const tab = await kit.tab();
  await tab.goto(`${kit.server.url}plain.html`);
  await tab.until(() => !(/** @type {HTMLButtonElement} */ (document.querySelector('#fill')).disabled), null, 'the model is loaded');
  await tab.click('#fill');
  await tab.until(() => /^Once upon a time there was a [^_[]+ who lived in [^_[]+\.$/.test(document.querySelector('#page')?.textContent ?? ''), null, 'all blanks are filled');
}

/** web/examples/pictures.html, with a small model instead of its own. */
async function picturesExample(/** @type {Kit} */ kit) {
  const folder = `${await kit.folder()}/site`;
  await cp(site, folder, { recursive: true });
  await copyFile(join(root, 'web/examples/pictures.html'), join(folder, 'pictures.html'));
  await copyFile(join(root, 'tests/models/unet-plain.gguf'), join(folder, 'models/emoji.gguf'));
  kit.server.folder = folder;
  kit.noisy = true; // no icon, as above
  const tab = await kit.tab();
  await tab.goto(`${kit.server.url}pictures.html`);
  await tab.until(() => !(/** @type {HTMLButtonElement} */ (document.querySelector('#draw')).disabled), null, 'the model is loaded');
  await tab.click('#draw');
  await tab.until(() => document.querySelector('#line')?.textContent === 'Done', null, 'all steps are made');
  const { width, height, colours } = await tab.evaluate(() => {
    const canvas = /** @type {HTMLCanvasElement} */ (document.querySelector('#canvas'));
    const { data } = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d')).getImageData(0, 0, canvas.width, canvas.height);
    return { width: canvas.width, height: canvas.height, colours: new Set(new Uint32Array(data.buffer)).size };
  });
  assert.deepEqual([width, height], [21, 27]);
  assert.ok(colours > 50, `${colours} colours`);
  const engines = ['palimpsest', 'palimpsest-relaxed'].map((name) => kit.server.count(`${name}.wasm`));
  assert.deepEqual(engines, [0, 0], 'the engine of texts is not fetched');
}

/** In a worker: its locks take a while to be requested, as on a busy machine. */
const LATE_LOCKS = `{
  const request = navigator.locks.request.bind(navigator.locks);
  navigator.locks.request = async (...words) => (await new Promise((done) => setTimeout(done, 1000)), request(...words));
}`;

// Regression: the page got the worker's lock before the worker, and took it for dead.
async function lateLock(/** @type {Kit} */ kit) {
  kit.server.extra['tiny.gguf'] = TINY;
  kit.server.mishaps.prefix['palimpsest-worker.js'] = LATE_LOCKS;
  const tab = await kit.tab();
  kit.server.routes['blank.html'] = (_, answer) => void answer.writeHead(200, { 'content-type': 'text/html' }).end(BLANK);
  await tab.goto(`${kit.server.url}blank.html`);
  const told = await tab.evaluate(async () => {
    const { load } = await import(/** @type {any} */ (new URL('palimpsest.js', location.href).href));
    const model = await load(new URL('tiny.gguf', location.href), { cache: false });
    await new Promise((done) => setTimeout(done, 1500));
    const run = model.infill('the [[2]]', { seed: 1 });
    return run.result().then((/** @type {any} */ { done }) => done, (/** @type {Error} */ { message }) => message);
  });
  assert.equal(told, true);
}

export const scenarios = {
  'Regression: a worker whose lock comes late is not taken for dead': lateLock,
  'the example without a bundler': plainExample,
  'the example that draws': picturesExample,
  'the page is usable while the model loads, and a fill waits for it': usableWhileLoading,
  'a download can be cancelled and begun again': cancelled,
  'a cut download is told, and Try again mends it': cut,
  'a corrupt model is told, and Try again mends it': corrupt,
  'a model that is too short is told, and Try again mends it': tooShort,
  'a damaged copy is fetched again': damagedCopy,
  'two loads of one file are one download': loadedTwice,
  'a host without the media type of WebAssembly': bareHost,
  'Regression: above 2 GiB of memory a page is filled as below': above2GiB,
  'storage denied: all works but the copy, and that is told': storageDenied,
  'storage full: all works but the copy, and that is told': storageFull,
  'no WebAssembly SIMD is told': noSimd,
};
