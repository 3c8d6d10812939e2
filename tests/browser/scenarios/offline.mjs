// @ts-check
/* Without a network: everything saved beforehand, cancelled, cut and gone on with; views whose model is not there; every file of
 * the first visit cut once. */
import assert from 'node:assert/strict';
import { choose, complaint, fill, kept, native, ready, says, view, write } from '../kit.mjs';

/** @typedef {import('../kit.mjs').Kit} Kit */

const TEXT = 'Tom saw a [[2]] and [[3]].';
const SAVE = '#save-offline';

/** The view Models, when the page itself and the model in use are kept.  The list may first show an earlier state. */
async function openModels(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await kept(tab);
  await view(tab, 'Models');
  await tab.until(() => /kept already/.test(document.querySelector('[data-part=offline-note]')?.textContent ?? ''), null, 'the page is kept');
  await tab.until(() => [...document.querySelectorAll('[data-part=offline-parts] .switch')].some((row) => row.querySelector('label')?.textContent === 'tales-infill' && row.querySelector('input')?.disabled), null, 'the model is kept');
  return tab;
}

/** @returns {Promise<{ name: string, about: string, ticked: boolean, fixed: boolean }[]>} */
const rows = (/** @type {any} */ tab) => tab.evaluate(() => [...document.querySelectorAll('[data-part=offline-parts] .switch')].map((row) => {
  const box = /** @type {HTMLInputElement} */ (row.querySelector('input'));
  return { name: row.querySelector('label')?.textContent, about: row.querySelector('.hint')?.textContent, ticked: box.checked, fixed: box.disabled };
}));
/** Long, because every model is loaded once. */
const PATIENCE = 300_000;
const done = (/** @type {any} */ tab) => tab.until(() => document.querySelector('#offline-done')?.checkVisibility(), null, 'all is kept', PATIENCE);
const saving = (/** @type {any} */ tab, /** @type {string} */ name) => says(tab, '[data-part=offline-progress]', `Saving ${name}`);

async function everything(/** @type {Kit} */ kit) {
  const tab = await openModels(kit);
  assert.match(await tab.text('[data-part=offline-note]'), /The page itself and its engines \(\d\.\d MB\) are kept already/);
  const before = await rows(tab);
  assert.deepEqual(before.map(({ name }) => name).sort(), ['Documents', 'emoji', 'fashion', 'sudoku', 'tales-infill', 'tales-masked', 'tales-sedd-absorb', 'tales-sedd-uniform']);
  assert.ok(before.every(({ about }) => /^\d+\.\d MB, /.test(about)), JSON.stringify(before));
  assert.deepEqual(before.filter(({ fixed }) => fixed).map(({ name }) => name), ['tales-infill'], 'the model in use is kept');
  const sum = before.filter(({ fixed }) => !fixed).reduce((total, { about }) => total + parseFloat(about), 0);
  const offered = (await tab.text(SAVE)).match(/^Save everything for offline use \((\d+\.\d) MB\)$/)?.[1];
  assert.ok(Math.abs(sum - Number(offered)) < 0.3, `${sum} and ${offered} MB`);
  await tab.click(SAVE);
  await done(tab);
  assert.ok((await rows(tab)).every(({ ticked, fixed, about }) => ticked && fixed && /kept on this device$/.test(about)));
  assert.equal(await tab.visible(SAVE), false);
  for (const { name } of before.filter((row) => row.name !== 'Documents')) assert.equal(kit.server.count(`models/${name}.gguf`), 1, name);
  await kit.server.down();
  kit.noisy = true; // a browser may complain of the look for a newer service worker
  await tab.reload();
  await done(tab);
  await view(tab, 'Continue');
  await ready(tab);
  await says(tab, '[data-part=writer-progress]', 'The model tales-infill is ready');
  await drawOffline(tab);
  await view(tab, 'Sudoku');
  await says(tab, '[data-part=sudoku-progress]', 'The model sudoku is ready');
  await says(tab, '[data-part=verdict]', '30 given digits, one solution');
  await tab.button('Fill the board');
  await tab.until(() => document.querySelector('[data-part=outcome]')?.checkVisibility(), null, 'a board is filled');
  await tab.goto(`${kit.server.url}docs/speed.html`);
  assert.equal(await tab.text('h1'), 'Speed #', 'a document that was never opened');
  await tab.goto(`${kit.server.url}docs/gallery.html`);
  const pictures = await tab.evaluate(() => Promise.all([...document.images].map(async (image) => (await fetch(image.src)).ok)));
  assert.ok(pictures.length > 0 && pictures.every(Boolean), 'with its pictures');
}

/** A picture, and the training picture that is like it. */
async function drawOffline(/** @type {any} */ tab) {
  await view(tab, 'Pictures');
  await says(tab, '[data-part=picture-progress]', 'The model emoji is ready');
  await tab.evaluate(() => {
    for (const [id, value] of [['count', '1'], ['evaluations', '2']]) {
      const input = /** @type {HTMLInputElement} */ (document.querySelector(`#picture-option-${id}`));
      input.value = value;
      input.dispatchEvent(new Event('input', { bubbles: true }));
    }
  });
  await tab.button('Draw');
  await tab.until(() => document.querySelector('#picture-replay')?.checkVisibility(), null, 'it is drawn');
  await tab.click('[data-part=gallery] button');
  await tab.until(() => /nearest training picture: /.test(document.querySelector('#neighbour')?.textContent ?? ''), null, 'the training pictures are there');
}

/** What is ticked off is not saved; what was saved before a cancel stays; what is kept can be deleted. */
async function partly(/** @type {Kit} */ kit) {
  const tab = await openModels(kit);
  const names = (await rows(tab)).map(({ name }) => name);
  const boxOf = (/** @type {string} */ name) => `#offline-${names.indexOf(name)}`;
  for (const name of ['fashion', 'emoji']) await tab.click(boxOf(name));
  assert.match(await tab.text(SAVE), /^Save what is ticked \(\d+\.\d MB\)$/);
  kit.server.mishaps.hold = 3e6;
  await tab.click(SAVE);
  await saving(tab, 'tales-masked');
  await tab.button('Cancel');
  await tab.until((/** @type {string} */ s) => document.querySelector(s)?.checkVisibility(), SAVE, 'it can be begun again');
  assert.deepEqual([await tab.visible('[data-part=offline-error]'), await tab.text('[data-part=offline-progress]')], [false, '']);
  assert.deepEqual((await rows(tab)).filter(({ ticked }) => !ticked).map(({ name }) => name).sort(), ['emoji', 'fashion'], 'the choice stays');
  kit.server.mishaps.hold = null;
  await tab.click(SAVE);
  await tab.until((/** @type {string} */ s) => document.querySelector(s)?.textContent === 'Nothing is ticked', SAVE, 'the ticked ones are saved', PATIENCE);
  assert.deepEqual((await rows(tab)).filter(({ fixed }) => !fixed).map(({ name }) => name).sort(), ['emoji', 'fashion']);
  assert.equal(kit.server.count('models/emoji.gguf'), 0);
  await tab.until(() => /Documents\d/.test(document.querySelector('[data-part=kept]')?.textContent ?? ''), null, 'the documents are listed');
  await tab.button('Delete Documents');
  await tab.until(() => !/Documents/.test(document.querySelector('[data-part=kept]')?.textContent ?? ''), null, 'and gone');
  await tab.until((/** @type {string} */ s) => /** @type {HTMLInputElement} */ (document.querySelector(s)).disabled === false, boxOf('Documents'), 'they can be saved again');
  assert.deepEqual(await tab.evaluate(async () => (await (await caches.open('palimpsest-documents')).keys()).map(({ url }) => url.split('/').at(-1)).filter((name) => name !== 'files.json')), []);
  await view(tab, 'Text');
  await view(tab, 'Models');
  await tab.until(() => /tales-masked/.test(document.querySelector('[data-part=kept]')?.textContent ?? ''), null, 'what is kept is listed again');
  assert.doesNotMatch(await tab.text('[data-part=kept]'), /Documents/);
}

/** A model, and then a document, cannot be fetched. */
async function broken(/** @type {Kit} */ kit) {
  kit.noisy = true; // requests fail
  const away = (/** @type {any} */ _, /** @type {import('node:http').ServerResponse} */ answer) => void answer.writeHead(503).end();
  const tab = await openModels(kit);
  kit.server.routes = { 'models/tales-masked.gguf': away };
  await tab.click(SAVE);
  assert.match(await complaint(tab, 'offline-error'), /^Not everything could be saved\. .*503 .*What was saved stays\./);
  kit.server.routes = { 'docs/speed.html': away };
  await tab.button('Try again');
  await tab.until(() => /The document speed\.html could not be fetched: the server answered 503/.test(document.querySelector('[data-part=offline-error]')?.textContent ?? ''), null, 'the document is named', PATIENCE);
  assert.deepEqual((await rows(tab)).filter(({ fixed }) => !fixed).map(({ name }) => name), ['Documents']);
  kit.server.routes = {};
  await tab.button('Try again');
  await done(tab);
  assert.equal(await tab.visible('[data-part=offline-error]'), false);
}

/** Regression: while the page looked at what is kept, a click on Save did nothing. */
async function clickedMeanwhile(/** @type {Kit} */ kit) {
  const tab = await kit.open(() => {
    const { storage } = navigator;
    const estimate = storage.estimate.bind(storage);
    Object.assign(globalThis, { asked: 0 });
    storage.estimate = async () => {
      /** @type {any} */ (globalThis).asked++;
      await new Promise((resolve) => setTimeout(resolve, 700));
      return estimate();
    };
  });
  await ready(tab);
  await view(tab, 'Models');
  await tab.until((/** @type {string} */ save) => document.querySelector(save)?.checkVisibility(), SAVE, 'it can be saved');
  const asked = await tab.evaluate(() => /** @type {any} */ (globalThis).asked);
  await view(tab, 'Text');
  await view(tab, 'Models');
  await tab.until((/** @type {number} */ before) => /** @type {any} */ (globalThis).asked >= before + 2, asked, 'the page looks again');
  await tab.click(SAVE);
  await tab.until(() => !document.querySelector('#save-offline')?.checkVisibility(), null, 'it saves');
}

/** A view whose model is not kept says so, and goes on when the network is back. */
async function notKept(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await kept(tab);
  await kit.server.down();
  kit.noisy = true; // requests fail
  await view(tab, 'Pictures');
  assert.match(await complaint(tab, 'picture-progress'), /^emoji is not kept on this device, and its host cannot be reached\. It is fetched as soon as the network is back\. “Save everything for offline use”, in Models/);
  await kit.server.up();
  await tab.evaluate(() => dispatchEvent(new Event('online')));
  await says(tab, '[data-part=picture-progress]', 'The model emoji is ready');
  await view(tab, 'Text');
  await write(tab, TEXT);
  await choose(tab, { seed: 8 });
  assert.equal(await fill(tab), native(TEXT, { seed: 8 }));
}

/** What a first visit waits for, and the service worker. */
const NEEDED = /^$|^assets\/(index|eb-garamond-latin-wght-normal)-|^sw\.js$|^palimpsest(-worker\.js|-relaxed\.wasm|\.wasm)$|^models\//;

/** The connection is cut at each file of a first visit in turn; at most a reload or a click on the page's own button helps. */
async function everyFile(/** @type {Kit} */ kit) {
  kit.noisy = true; // requests fail
  const first = await kit.openReady();
  await kept(first);
  const path = new URL(kit.server.url).pathname;
  const files = [...new Set(kit.server.log.filter((one) => one.method === 'GET').map((one) => one.path.slice(path.length)))].filter((name) => NEEDED.test(name));
  assert.ok(files.length >= 8, files.join());
  const told = [];
  for (const file of files) {
    await kit.profile?.close();
    [kit.profile, kit.tabs] = [null, []];
    kit.server.routes = { [file]: (request) => (delete kit.server.routes[file], void request.socket.destroy()) };
    const tab = await kit.tab();
    await tab.goto(kit.server.url).catch(() => {});
    told.push(`${file || 'the page'}: ${await mended(tab, kit.server.url)}`);
    await write(tab, TEXT);
    await choose(tab, { seed: 8 });
    assert.equal(await fill(tab), native(TEXT, { seed: 8 }), file);
  }
  kit.say(told.join('; '));
}

/** Does what a visitor would do, and tells it. */
async function mended(/** @type {any} */ tab, /** @type {string} */ url) {
  const state = await tab.until(() => {
    if (!document.querySelector('.masthead')) return 'nothing'; // the browser's own page
    if (document.querySelector('.from-disk')?.checkVisibility({ visibilityProperty: true })) return 'parts';
    const line = document.querySelector('[data-part=progress]');
    if (/ is ready/.test(line?.textContent ?? '')) return 'ready';
    return line?.classList.contains('complaint') && 'complaint';
  }, null, 'a state');
  if (state === 'ready') return 'went on';
  if (state === 'complaint') await tab.button('Try again');
  else await tab.goto(url);
  await ready(tab);
  return state === 'complaint' ? 'Try again' : 'reload';
}

/** By Chromium's own list of what is missing. */
async function installable(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await kept(tab);
  const session = await tab.page.context().newCDPSession(tab.page);
  const { errors, manifest, url } = await session.send('Page.getAppManifest');
  assert.deepEqual([errors, url], [[], `${kit.server.url}manifest.webmanifest`]);
  assert.deepEqual([manifest.startUrl, manifest.scope], [kit.server.url, kit.server.url], 'in the folder of the site');
  const { installabilityErrors } = await session.send('Page.getInstallabilityErrors');
  // The profiles of tests are private windows, in which nothing can be installed.
  assert.deepEqual(installabilityErrors.map((/** @type {any} */ one) => one.errorId).filter((/** @type {string} */ id) => id !== 'in-incognito'), []);
}

/** Printed, not limited: the machine may have other load.  The sizes are limited by tests/web/site.test.mjs. */
async function firstPaint(/** @type {Kit} */ kit) {
  const paint = async (/** @type {any} */ tab) => Math.round(await tab.until(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime, null, 'something is drawn'));
  const tab = await kit.openReady();
  await kept(tab);
  const first = await paint(tab);
  await tab.reload();
  await ready(tab);
  kit.say(`first paint after ${first} ms at the first visit, ${await paint(tab)} ms at the second`);
}

export const scenarios = {
  'offline: everything is saved, and all views and documents work without a network': everything,
  'offline: some of it, cancelled, begun again, deleted': partly,
  'offline: a part that cannot be saved is told, and Try again saves the rest': broken,
  'Regression: offline: a click on Save while the page looks at what is kept': clickedMeanwhile,
  'offline: a view whose model is not kept says so, and goes on with the network': notKept,
};
/** Does not depend on the browser's engine, or only Chromium tells it. */
export const once = {
  'offline: each file of the first visit cut once': everyFile,
  'the page can be installed': installable,
  'the first paint': firstPaint,
};
