// @ts-check
/* The view Lab: opens without being asked for anything, keyboard, CSV, absurd settings, cancelling. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { complaint, view } from '../kit.mjs';
import { findings, tabTo } from './access.mjs';

/** @typedef {import('../kit.mjs').Kit} Kit */

/** The page with a chart, which is then computed. */
async function openChart(/** @type {Kit} */ kit, /** @type {string} */ chart, dark = false) {
  const tab = await kit.tab(null, dark);
  await tab.goto(`${kit.server.url}#lab/${chart}`);
  await computed(tab);
  return tab;
}

const STATE = '[data-part=lab-progress]';
const computed = (/** @type {any} */ tab) => tab.until(() => /^Computed in/.test(document.querySelector('[data-part=lab-progress]')?.textContent ?? ''), null, 'the chart is computed');
const field = (/** @type {any} */ tab, /** @type {string} */ id, /** @type {string} */ value) =>
  tab.evaluate((/** @type {string[]} */ [where = '', what = '']) => {
    const input = /** @type {HTMLInputElement} */ (document.querySelector(`#lab-${where}`));
    input.value = what;
    for (const type of ['input', 'change']) input.dispatchEvent(new Event(type, { bubbles: true }));
  }, [id, value]);

async function opens(/** @type {Kit} */ kit) {
  const tab = await kit.open();
  const asked = () => tab.evaluate(() => performance.getEntriesByType('resource').filter(({ name }) => /palimpsest-lab\.wasm|\/view-/.test(name)).length);
  assert.equal(await asked(), 0, 'nothing of the Lab is fetched before');
  await view(tab, 'Lab');
  await computed(tab);
  assert.ok((await asked()) > 0);
  assert.match(await tab.text('[data-part=lab-words]'), /first-hitting 0\.0\d+/);
  assert.match(await tab.text('[data-part=lab-words]'), /drawn token is off by 0\.3\d/);
  assert.ok(await tab.visible('.lab-plot canvas'));
}

async function byKeyboard(/** @type {Kit} */ kit) {
  const tab = await openChart(kit, 'exactness');
  await tabTo(tab, '.lab-plot');
  const read = () => tab.evaluate(() => document.activeElement?.getAttribute('aria-valuetext'));
  const first = await read();
  assert.match(first, /true 0\.\d+, first-hitting 0\.\d+/);
  await tab.press('ArrowRight');
  assert.notEqual(await read(), first);
  await tab.press('End');
  assert.equal(await tab.evaluate(() => document.activeElement?.getAttribute('aria-valuenow')), '26');
  await tabTo(tab, '.lab-part:last-child .tools button:first-child', 'Shift+Tab');
  await tab.press('Enter');
  assert.equal(await tab.evaluate(() => document.querySelectorAll('.lab-part:last-child tbody tr').length), 27, 'the data table');
}

async function csv(/** @type {Kit} */ kit) {
  const tab = await openChart(kit, 'exactness');
  const [file] = await Promise.all([tab.page.waitForEvent('download'), tab.click('.lab-part:last-child .tools button:last-child')]);
  const lines = (await readFile(await file.path(), 'utf8')).trim().split('\r\n');
  assert.equal(lines.length, 28);
  const shares = lines.slice(1).map((/** @type {string} */ line) => line.split(',').slice(-3).map(Number));
  for (const column of [0, 1, 2]) assert.ok(Math.abs(shares.reduce((sum, row) => sum + (row[column] ?? NaN), 0) - 1) < 1e-9, 'each column is a distribution');
}

async function absurd(/** @type {Kit} */ kit) {
  const tab = await openChart(kit, 'exactness');
  const before = await tab.text('[data-part=lab-words]');
  for (const value of ['1e9', '-5', '12.5', '']) {
    await field(tab, 'exactness-draws', value);
    assert.match(await tab.text('#lab-exactness-draws-problem'), /whole number from 100 to 1000000/);
  }
  await tab.button('Compute again');
  assert.equal(await tab.evaluate(() => document.activeElement?.id), 'lab-exactness-draws', 'the wrong field has the focus');
  assert.equal(await tab.text('[data-part=lab-words]'), before, 'the last result stays');
  await field(tab, 'exactness-draws', '1000000');
  await tab.button('Cancel');
  assert.match(await tab.text(STATE), /^Cancelled/);
  await field(tab, 'exactness-draws', '100');
  await computed(tab);
  assert.match(await tab.text('[data-part=lab-words]'), /draws 100 texts/);
  await tab.evaluate(() => (location.hash = 'lab/nothing'));
  await tab.until(() => document.querySelector('#lab-title')?.textContent !== '', null, 'an unknown chart is none');
}

/** The main figures of every chart, where they are known from elsewhere. */
async function everyChart(/** @type {Kit} */ kit) {
  const known = {
    field: /arrows are between 0\.057 and 9\.6 long and point to the modes at \(±2, ±1\)/,
    race: /68\.9 % of the tokens.*5\.629 nats instead of 7\.566.*278 instead of 1,931/,
    chain: /for b at 0\.668, the true ratio is 0\.67;/,
    histogram: /The best that was learnt is three logistics/,
    alarm: /a burglary has the probability 0\.284/,
  };
  const tab = await openChart(kit, 'race');
  for (const [chart, words] of Object.entries(known)) {
    await tab.evaluate((/** @type {string} */ id) => (location.hash = `lab/${id}`), chart);
    await tab.until((/** @type {string} */ id) => document.querySelector(`#lab-${id}-seed, #lab-${id}-bits`) !== null, chart, 'the chart is shown');
    await computed(tab);
    assert.match(await tab.text('[data-part=lab-words]'), words);
  }
}

/** Without its engine the Lab says so, and works when it comes. */
async function fetchedLater(/** @type {Kit} */ kit) {
  kit.noisy = true; // the request that fails
  const tab = await kit.open();
  let shut = true;
  await tab.page.route('**/palimpsest-lab.wasm*', (/** @type {any} */ route) => (shut ? route.abort() : route.continue()));
  await view(tab, 'Lab');
  await tab.until(() => document.querySelector('[data-part=lab-chart-error]:not([hidden])') !== null, null, 'the error is shown');
  assert.match(await complaint(tab, 'lab-chart-error'), /engine of the Lab could not be used/);
  shut = false;
  await tab.button('Try again');
  await computed(tab);
}

async function axe(/** @type {Kit} */ kit, dark = false) {
  const tab = await openChart(kit, 'exactness', dark);
  await tab.click('.lab-part:last-child .tools button:first-child');
  await field(tab, 'exactness-steps', '0');
  await findings(tab, 'a chart with its data and a wrong setting');
}

export const scenarios = {
  'lab: opens, and is fetched then': opens,
  'lab: absurd settings, cancelling': absurd,
  'lab: known figures': everyChart,
};
export const once = {
  'lab: by keyboard': byKeyboard,
  'lab: CSV': csv,
  'lab: without its engine': fetchedLater,
  'lab: axe finds nothing, light': (/** @type {Kit} */ kit) => axe(kit),
  'lab: axe finds nothing, dark': (/** @type {Kit} */ kit) => axe(kit, true),
};
