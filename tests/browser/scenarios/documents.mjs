// @ts-check
/* The documents: search, a live blank, offline, no width that overflows, nothing that axe finds. */
import assert from 'node:assert/strict';
import { kept, MODEL, ready } from '../kit.mjs';
import { findings } from './access.mjs';

/** @typedef {import('../kit.mjs').Kit} Kit */

const at = (/** @type {Kit} */ kit, /** @type {string} */ name) => `${kit.server.url}docs/${name}.html`;

async function search(/** @type {Kit} */ kit) {
  const tab = await kit.open();
  await tab.button('Documents', 'link');
  await tab.until(() => document.querySelector('.search')?.checkVisibility(), null, 'the documents are open');
  assert.equal(kit.server.count('docs/assets/search.json'), 0, 'nothing is fetched for a search that nobody makes');
  await tab.press('/');
  assert.equal(await tab.evaluate(() => document.activeElement?.id), 'search');
  await tab.type('pal_session_pin');
  await tab.until(() => document.querySelector('#found a b')?.textContent === 'pal_session_pin', null, 'a function is found');
  await findings(tab, 'a search');
  await tab.press('ArrowDown');
  await tab.press('Enter');
  await tab.until(() => location.pathname.endsWith('/docs/c-api.html') && location.hash === '#pal_session_pin', null, 'Enter opens the section');
  await tab.until(() => document.readyState === 'complete' && document.querySelector('.search')?.checkVisibility(), null, 'the page is loaded');
  await tab.press('/');
  await tab.until(() => document.activeElement?.id === 'search', null, 'the search has the focus');
  await tab.type('zzzzqqqq');
  await tab.until(() => /Nothing found/.test(document.querySelector('#found')?.textContent ?? ''), null, 'it says that nothing was found');
  await tab.press('Escape');
  assert.equal(await tab.visible('#found'), false);
}

async function liveBlank(/** @type {Kit} */ kit) {
  const tab = await kit.tab();
  await tab.goto(at(kit, 'how-it-works'));
  await tab.until(() => document.querySelectorAll('.live button').length >= 8, null, 'the live examples are there');
  assert.deepEqual([MODEL, 'palimpsest.js', 'palimpsest.wasm', 'palimpsest-relaxed.wasm'].map((name) => kit.server.count(name)), [0, 0, 0, 0], 'nothing is downloaded before a click');
  await tab.click('.live .controls button');
  await tab.until(() => /evaluations of the network/.test(document.querySelector('.live .status')?.textContent ?? ''), null, 'the page is filled');
  assert.equal(kit.server.count(MODEL), 1);
  assert.match(await tab.text('.live .filled'), /^Lily was \S+, step \d because it was raining\. She wanted to .* outside\./);
  const steps = await tab.evaluate(() => [...document.querySelectorAll('.live sup')].map((one) => one.textContent?.slice(-1)));
  assert.deepEqual(steps.sort(), ['1', '2', '3', '4']);
  await tab.click('.live .word');
  assert.match(await tab.text('.live .detail'), /^Step \d: “.*” had .* %\. Others: /);
  await findings(tab, 'a live blank');
  await tab.evaluate(() => (/** @type {HTMLTextAreaElement} */ (document.querySelector('.live textarea')).value = 'A [[x]]'));
  await tab.click('.live .controls button');
  await tab.until(() => /blank/.test(document.querySelector('.live .status')?.textContent ?? ''), null, 'a wrong blank is explained');
}

async function offline(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await kept(tab);
  await tab.goto(at(kit, 'models'));
  await tab.until(async () => (await (await caches.open('palimpsest-documents')).keys()).some(({ url }) => url.endsWith('/docs/models.html')), null, 'the page is kept');
  assert.equal(await tab.evaluate(async () => {
    const names = (await caches.keys()).filter((name) => name.startsWith('palimpsest-build-'));
    const urls = await Promise.all(names.map(async (name) => (await (await caches.open(name)).keys()).map(({ url }) => url)));
    return urls.flat().filter((url) => url.includes('/docs/')).length;
  }), 0, 'documents are not fetched before they are read');
  await kit.server.down();
  kit.noisy = true; // requests fail
  await tab.reload();
  assert.equal(await tab.text('h1'), 'Models known to work #');
  await tab.goto(at(kit, 'speed'));
  assert.match(await tab.text('p'), /has not been opened on this device before/);
  await kit.server.up();
  await tab.goto(at(kit, 'speed'));
  assert.equal(await tab.text('h1'), 'Speed #');
  await tab.goto(kit.server.url);
  await ready(tab);
}

/** Pages of each kind. */
const PAGES = ['index', 'how-it-works', 'gallery', 'recipes', 'library', 'library-api', 'command', 'c-api', 'models', 'troubleshooting', 'quality'];

async function looked(/** @type {Kit} */ kit, dark = false) {
  const tab = await kit.tab(null, dark);
  for (const name of PAGES) {
    await tab.goto(at(kit, name));
    await tab.until(() => document.querySelector('.search')?.checkVisibility(), null, `${name} is shown`);
    await findings(tab, name);
    if (dark) continue;
    for (const width of [1440, 768, 360]) {
      await tab.resize(width, 800);
      assert.equal(await tab.evaluate(() => document.documentElement.scrollWidth - innerWidth > 0), false, `${name} is wider than ${width} px`);
    }
  }
  assert.deepEqual(await tab.violations(), []);
}

export const scenarios = {
  'documents: a search by keyboard': search,
  'documents: a live blank': liveBlank,
  'documents: kept when read': offline,
  'documents: widths, and axe': looked,
};

export const once = {
  'documents: axe, dark': (/** @type {Kit} */ kit) => looked(kit, true),
};
