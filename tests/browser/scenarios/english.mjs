// @ts-check
/* General English: a base and an adapter, downloaded when the visitor asks, for Text and Continue.  The site of the tests
 * carries a small base and its adapter under the names of the real files. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Host } from '../host.mjs';
import { findings, tabTo } from './access.mjs';
import { choose, command, complaint, fill, MODEL, native, ready, root, says, site, view, write } from '../kit.mjs';

/** @typedef {import('../kit.mjs').Kit} Kit */

const BASE = 'models/SmolLM2-135M-Instruct.Q4_1.gguf';
const ADAPTER = 'models/smol-infill.gguf';
const FILES = { [BASE]: join(root, 'tests/models/tiny-ar.gguf'), [ADAPTER]: join(root, 'tests/models/tiny-rows.gguf') };
const PAGE = 'the [[3]] dog, "[[1]]" he [[2]].';
const CHOICE = '[data-part=model-choice-text]';
const ENGLISH = 'General English (0 MB)';

function part(/** @type {string} */ file) {
  const data = readFileSync(/** @type {string} */ (FILES[file]));
  return { file, bytes: data.length, sha256: createHash('sha256').update(data).digest('hex') };
}

/** Makes the site carry general English. */
async function carry(/** @type {Kit} */ kit, first = false) {
  const index = await readFile(join(site, 'index.html'), 'utf8');
  const carried = JSON.stringify({ ...(first && { first }), model: part(BASE), adapter: part(ADAPTER) });
  const changed = index.replace(/(id="carried" type="application\/json">)[^<]*/, (_, begin) => begin + carried);
  assert.notEqual(changed, index);
  const path = join(await kit.folder(), 'index.html');
  await writeFile(path, changed);
  kit.server.extra = { ...FILES, 'index.html': path };
}

const line = (/** @type {any} */ tab, /** @type {string} */ text) => says(tab, '[data-part=progress]', text);
const pressed = (/** @type {any} */ tab) => tab.text(`${CHOICE} [aria-pressed=true]`);
const withAdapter = (/** @type {string} */ page, /** @type {number} */ seed) =>
  execFileSync(command, ['infill', '-m', String(FILES[BASE]), '--adapter', String(FILES[ADAPTER]), '--text', page, '--seed', String(seed), '--temperature', '0.6'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).slice(0, -1);

/** Simple stories still fill, and the text is as it was. */
async function storiesStay(/** @type {any} */ tab, /** @type {string} */ text) {
  assert.match(await pressed(tab), /^Simple stories/);
  assert.equal(await tab.evaluate(() => /** @type {HTMLTextAreaElement} */ (document.querySelector('#text')).value), text);
  await choose(tab, { seed: 4 });
  assert.equal(await fill(tab), native(text, { seed: 4 }));
}

async function notCarried(/** @type {Kit} */ kit) {
  const index = await readFile(join(site, 'index.html'), 'utf8');
  const path = join(await kit.folder(), 'index.html');
  await writeFile(path, index.replace(/(id="carried" type="application\/json">)[^<]*/, '$1{}'));
  kit.server.extra = { 'index.html': path };
  const tab = await kit.openReady();
  assert.equal(await tab.visible(CHOICE), false);
  await view(tab, 'Models');
  assert.doesNotMatch(await tab.text('[data-part=shipped]'), /General English/);
  assert.equal(await tab.visible('#credit-english'), false);
}

async function downloaded(/** @type {Kit} */ kit) {
  await carry(kit);
  const tab = await kit.openReady();
  assert.match(await pressed(tab), /^Simple stories \(8 MB\)/);
  await says(tab, `${CHOICE} .note`, 'General English is downloaded once, 0.1 MB in two files, and kept on this device. It needs about');
  assert.equal(kit.server.count(BASE), 0);
  await tab.button(ENGLISH);
  await line(tab, 'The model General English is ready');
  assert.equal(await pressed(tab), ENGLISH);
  assert.match(await tab.evaluate(() => /** @type {HTMLTextAreaElement} */ (document.querySelector('#text')).value), /^Dear Ms Miller/, 'the example suits the model');
  await write(tab, PAGE);
  await choose(tab, { seed: 3 });
  assert.equal(await fill(tab), withAdapter(PAGE, 3));
  await view(tab, 'Continue');
  await says(tab, '[data-part=writer-progress]', 'The model General English is ready');
  await tab.button('Continue');
  await tab.until(() => document.querySelector('#continue')?.textContent === 'Continue' && document.querySelector('[data-part=continue-statistics]')?.textContent, null, 'it has continued');
  assert.deepEqual([kit.server.count(BASE), kit.server.count(ADAPTER)], [1, 1], 'one copy serves both views');
  await tab.reload();
  await view(tab, 'Text');
  await line(tab, 'The model General English is ready');
  assert.deepEqual([kit.server.count(BASE), kit.server.count(ADAPTER)], [1, 1], 'from the kept copy');
  await view(tab, 'Models');
  await tab.until(() => /General English.*MB.* and /.test(document.querySelector('[data-part=kept]')?.textContent ?? ''), null, 'it is listed as kept');
  assert.match(await tab.text('.credits'), /SmolLM2-135M-Instruct by HuggingFaceTB, Apache-2\.0.*Changes:/s);
  await tab.button('Delete General English');
  await tab.until(() => !/General English/.test(document.querySelector('[data-part=kept]')?.textContent ?? ''), null, 'it is deleted');
  await tab.reload();
  await view(tab, 'Text');
  await ready(tab);
  assert.match(await pressed(tab), /^Simple stories/, 'what is not kept is not downloaded without being asked for');
  assert.equal(kit.server.count(BASE), 1);
}

async function cancelled(/** @type {Kit} */ kit) {
  await carry(kit);
  const tab = await kit.openReady();
  await write(tab, 'Tom saw a [[2]].');
  kit.server.mishaps.hold = 20_000;
  await tab.button(ENGLISH);
  await tab.until(() => /Fetching General English: 0\.0 of 0\.1 MB, \d+ %/.test(document.querySelector('[data-part=progress]')?.textContent ?? ''), null, 'progress');
  assert.equal(await pressed(tab), ENGLISH);
  await tab.button('Cancel');
  await line(tab, 'The model tales-infill is ready');
  kit.server.mishaps.hold = null;
  await storiesStay(tab, 'Tom saw a [[2]].');
  await tab.button(ENGLISH);
  await line(tab, 'The model General English is ready');
}

async function cut(/** @type {Kit} */ kit) {
  await carry(kit);
  kit.noisy = true;
  const tab = await kit.openReady();
  await write(tab, 'Tom saw a [[2]].');
  const host = new Host(await readFile(String(FILES[BASE])));
  kit.server.routes[BASE] = host.answer;
  host.be({ cut: 40_000 }); // of 51,136 bytes
  await tab.button(ENGLISH);
  assert.match(await complaint(tab, 'model-choice-error-text'), /could not be fetched.*of SmolLM2-135M-Instruct\.Q4_1\.gguf was interrupted after 0\.0 MB.*Simple stories stay in use/);
  await storiesStay(tab, 'Tom saw a [[2]].');
  host.be();
  await tab.button('Try again');
  await line(tab, 'The model General English is ready');
  assert.equal(await tab.visible('[data-part=model-choice-error-text]'), false);
  assert.equal(await tab.evaluate(() => /** @type {HTMLTextAreaElement} */ (document.querySelector('#text')).value), 'Tom saw a [[2]].');
}

/** The base is complete and the adapter is not there: the base is kept, so that another try fetches only the adapter. */
async function withoutAdapter(/** @type {Kit} */ kit) {
  await carry(kit);
  kit.noisy = true;
  delete kit.server.extra[ADAPTER];
  const tab = await kit.openReady();
  kit.server.routes[ADAPTER] = (_, answer) => void answer.writeHead(404).end();
  await tab.button(ENGLISH);
  assert.match(await complaint(tab, 'model-choice-error-text'), /answered 404.*smol-infill\.gguf/);
  delete kit.server.routes[ADAPTER];
  kit.server.extra[ADAPTER] = String(FILES[ADAPTER]);
  await tab.button('Try again');
  await line(tab, 'The model General English is ready');
  assert.equal(kit.server.count(BASE), 1);
}

async function opensWithIt(/** @type {Kit} */ kit) {
  await carry(kit, true);
  const tab = await kit.open();
  await line(tab, 'The model General English is ready');
  assert.equal(kit.server.count(MODEL), 0, 'stories are not fetched');
  await tab.button('Simple stories (8 MB)');
  await line(tab, 'The model tales-infill is ready');
  await tab.reload();
  await line(tab, 'The model tales-infill is ready');
  assert.match(await pressed(tab), /^Simple stories/, 'the choice is remembered');
}

async function doubted(/** @type {Kit} */ kit) {
  await carry(kit);
  const tab = await kit.open(() => {
    Object.defineProperty(navigator, 'deviceMemory', { value: 0.5 });
    navigator.storage.estimate = async () => ({ usage: 1_000_000, quota: 1_010_000 });
  });
  await tab.until(() => /about 0\.5 GB, which may be too little.*only 0\.0 MB of storage: it can be used now, but not kept/.test(document.querySelector('[data-part=model-choice-text] .note')?.textContent ?? ''), null, 'both doubts are told');
}

/** Storage that is full: the model works, and the page says that it is not kept. */
async function storageFull(/** @type {Kit} */ kit) {
  await carry(kit);
  kit.server.mishaps.prefix['palimpsest-worker.js'] = `let written = 0;
const { write } = FileSystemSyncAccessHandle.prototype;
FileSystemSyncAccessHandle.prototype.write = function (data, options) {
  if ((written += data.length) > 20_000) throw new DOMException('full for the test', 'QuotaExceededError');
  return write.call(this, data, options);
};
`;
  const tab = await kit.openReady();
  await tab.button(ENGLISH);
  await says(tab, `${CHOICE} .note`, 'It could not be kept on this device (full for the test), so the next visit downloads it again.');
  await write(tab, PAGE);
  await choose(tab, { seed: 3 });
  assert.equal(await fill(tab), withAdapter(PAGE, 3));
}

/** By keyboard alone; axe looks at every state of the choice. */
async function accessible(/** @type {Kit} */ kit, /** @type {boolean} */ dark) {
  await carry(kit);
  kit.noisy = true;
  const host = new Host(await readFile(String(FILES[BASE])));
  kit.server.routes[BASE] = host.answer;
  const tab = await kit.tab(null, dark);
  await tab.goto(kit.server.url);
  await ready(tab);
  await findings(tab, 'offered');
  host.be({ hold: 20_000 });
  await tabTo(tab, `${CHOICE} [aria-pressed=false]`);
  await tab.press('Enter');
  await line(tab, 'Fetching General English');
  await findings(tab, 'downloading');
  await tabTo(tab, '[data-part=progress] button');
  await tab.press('Enter');
  await line(tab, 'The model tales-infill is ready');
  host.be({ cut: 40_000 });
  await tab.button(ENGLISH);
  await complaint(tab, 'model-choice-error-text');
  await findings(tab, 'failed');
  host.be();
  await tabTo(tab, '[data-part=model-choice-error-text] button');
  await tab.press('Enter');
  await line(tab, 'The model General English is ready');
  await findings(tab, 'ready');
}

export const scenarios = {
  'a site without general English shows no choice': notCarried,
  'general English is downloaded on a click, serves both views, is kept and can be deleted': downloaded,
  'a download of general English is cancelled: stories and text stay': cancelled,
  'a cut download of general English is told where it was chosen': cut,
  'general English without its adapter: told, and the base is not fetched twice': withoutAdapter,
  'a site can open with general English': opensWithIt,
  'too little memory or storage is told before the download': doubted,
  'general English with full storage works': storageFull,
  'general English by keyboard, and axe finds nothing, light': (/** @type {Kit} */ kit) => accessible(kit, false),
};

export const once = {
  'general English by keyboard, and axe finds nothing, dark': (/** @type {Kit} */ kit) => accessible(kit, true),
};
