// @ts-check
/* The guide: eight screens with live examples, by pointer, keyboard and address. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { screens } from '../../../docs/site/guide.mjs';
import { nativePage, root } from '../kit.mjs';
import { findings } from './access.mjs';

/** @typedef {import('../kit.mjs').Kit} Kit */

const SCREENS = screens(await readFile(join(root, 'docs/how-it-works.md'), 'utf8'));

/** Screens that axe looks at: a form, tables with buttons, tints, three values. */
const AXE = new Set([0, 4, 6, 7]);

const heading = (/** @type {any} */ tab) => tab.evaluate(() => document.querySelector('.screen:not([hidden]) h3')?.textContent);
const focused = (/** @type {any} */ tab) => tab.evaluate(() => document.activeElement?.textContent);
/** Waits until the example of the shown screen has a result, and returns its last line. */
async function computed(/** @type {any} */ tab) {
  await tab.until(() => {
    const live = document.querySelector('.screen:not([hidden]) .live');
    return live?.querySelector('progress')?.hidden && live.querySelector('.shown')?.children.length && /\d/.test(live.textContent ?? '');
  }, null, 'the example is computed');
  return tab.text('.screen:not([hidden]) .status');
}

async function walked(/** @type {Kit} */ kit) {
  const tab = await kit.open();
  assert.equal(SCREENS.length, 8);
  await tab.button('How it works, in eight screens', 'link');
  for (const [i, { title }] of SCREENS.entries()) {
    await tab.until((/** @type {string} */ wanted) => document.querySelector('.screen:not([hidden]) h3')?.textContent === wanted, title, `screen ${i + 1}`);
    if (i) assert.equal(await focused(tab), title, 'the heading has the focus');
    assert.equal(await tab.text('.screen:not([hidden]) .note'), `${i + 1} of 8`);
    assert.match(await tab.evaluate(() => document.title), /– Guide – Palimpsest$/);
    assert.match(await computed(tab), /\d|evaluation/);
    if (AXE.has(i)) await findings(tab, title);
    assert.ok(await tab.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    await tab.press('ArrowRight');
  }
  assert.equal(await heading(tab), SCREENS[7].title, 'there is no ninth screen');
  // The exact sampler against the probability of the network: five standard errors of 150 draws.
  const [said, exact] = await tab.evaluate(() => [...document.querySelectorAll('#screen-8 tbody tr:first-child .figure')].map((cell) => Number.parseFloat(cell.textContent ?? '') / 100));
  assert.ok(Math.abs(exact - said) < 5 * Math.sqrt((said * (1 - said)) / 150), `${exact} drawn, ${said} said`);
  await tab.press('ArrowLeft');
  assert.equal(await focused(tab), SCREENS[6].title);
  await tab.resize(360, 800);
  for (let i = 7; i > 0; i--) {
    assert.ok(await tab.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `screen ${i} is wider than 360 px`);
    await tab.press('ArrowLeft');
  }
}

async function linked(/** @type {Kit} */ kit) {
  const tab = await kit.tab();
  await tab.goto(`${kit.server.url}#guide/2`);
  await computed(tab);
  assert.equal(await heading(tab), SCREENS[1].title);
  const [token] = nativePage('Lily took her [[1]] and ate the soup.', { temperature: 1, seed: 1 }).tokens;
  const wanted = token.alternatives.map((/** @type {any} */ { piece, probability }) => [piece.replace('▁', ''), `${(probability * 100).toFixed(probability < 0.095 ? 1 : 0)} %`]);
  const shown = await tab.evaluate(() => [...document.querySelectorAll('#screen-2 tbody tr')].map((row) => [row.querySelector('th')?.textContent, row.querySelector('.figure')?.textContent]));
  assert.deepEqual(shown.slice(0, 5), wanted, 'the probabilities of the command');
  await tab.button('Next: A word is drawn', 'link');
  assert.equal(await focused(tab), SCREENS[2].title);
  await tab.until(() => document.querySelector('#screen-3 .live button')?.textContent === 'Stop', null, 'it draws');
  await tab.button('Stop');
  await tab.until(() => /Stopped/.test(document.querySelector('#screen-3 .status')?.textContent ?? ''), null, 'it stops');
  await tab.goto(`${kit.server.url}#guide/99`);
  assert.equal(await heading(tab), SCREENS[7].title, 'an address behind the last screen shows the last one');
}

export const scenarios = {
  'guide: eight screens by keyboard': walked,
  'guide: an address leads to a screen, and the figures are those of the command': linked,
};
