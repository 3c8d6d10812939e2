// @ts-check
/* Accessibility: everything works by keyboard alone, and axe has no findings in any view and state. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { choose, complaint, fill, filled, LONG, slowly, TINY, underWay, view, write } from '../kit.mjs';

/** @typedef {import('../kit.mjs').Kit} Kit */

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Presses Tab until the focus is where it should be. */
export async function tabTo(/** @type {any} */ tab, /** @type {string} */ selector, key = 'Tab') {
  for (let i = 0; i < 60; i++) {
    if (await tab.evaluate((/** @type {string} */ s) => document.activeElement?.matches(s), selector)) return;
    await tab.press(key);
  }
  assert.fail(`Tab does not reach ${selector}`);
}

async function byKeyboard(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  const text = 'There was a [[1]] who lived in a [[1]].';
  await tabTo(tab, '#tool-erase');
  await tab.press('ArrowRight');
  await tabTo(tab, '#text');
  await tab.press('Control+a');
  await tab.type(text);
  await tabTo(tab, '#fill');
  await filled(tab, () => tab.press('Enter'));
  await tabTo(tab, '[data-part=page] [role=button]', 'Shift+Tab');
  for (let i = 0; i < 3; i++) await tab.press('ArrowRight'); // There was a #
  assert.equal(await tab.evaluate(() => document.activeElement?.getAttribute('data-token')), '0');
  await tab.press('End');
  assert.equal(await tab.evaluate(() => document.activeElement?.getAttribute('data-token')), '1');
  await tab.press('Enter');
  await tab.until(() => document.activeElement?.getAttribute('role') === 'listbox', null, 'the alternatives open');
  await tab.press('Escape');
  assert.equal(await tab.visible('[data-part=alternatives]'), false);
  assert.equal(await tab.evaluate(() => document.activeElement?.getAttribute('data-token')), '1', 'the focus is back at the word');
  await tab.press('Enter');
  await tab.until(() => document.activeElement?.getAttribute('role') === 'listbox');
  await tab.press('ArrowDown');
  const choice = await tab.evaluate(() => document.querySelector('[role=option][aria-selected=true] .choice')?.textContent);
  await tab.press('Enter');
  const word = () => tab.text('[data-part=page] [data-token="1"]');
  assert.equal(await word(), choice);
  await tabTo(tab, '#fill');
  await filled(tab, () => tab.press('Enter'));
  assert.equal(await word(), choice);
  await tabTo(tab, '#tool-erase', 'Shift+Tab');
  await filled(tab, () => tab.press('Control+Enter'));
}

/** Everything that can be used can be reached, in all views. */
async function everythingReached(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await tab.evaluate(() => document.querySelector('details')?.setAttribute('open', ''));
  await fill(tab);
  for (const name of /** @type {const} */ (['Text', 'Continue', 'Pictures', 'Models'])) {
    await view(tab, name);
    // A cancel button that has disappeared before Tab reaches it does not count as missing.
    await tab.until(() => ![...document.querySelectorAll('button')].some((one) => one.textContent === 'Cancel' && one.checkVisibility()), null, 'nothing is being fetched');
    if (name === 'Models') await tab.until(() => document.querySelector('[data-part=kept] button') !== null, null, 'the kept copy is listed');
    const wanted = await tab.evaluate(() => {
      const all = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]'));
      const usable = [...all].filter((one) => one.tabIndex >= 0 && one.checkVisibility({ visibilityProperty: true }) && !one.matches(':disabled, [type=radio]:not(:checked)'));
      const nameOf = (/** @type {HTMLElement} */ one) => `${one.localName} ${one.id || one.ariaLabel || one.textContent}`;
      Object.assign(globalThis, { nameOf });
      return usable.map(nameOf);
    });
    assert.ok(wanted.length >= 5);
    const reached = new Set();
    // Forwards and then backwards: at the end the focus may leave the page.
    for (let i = 0; i < 2 * wanted.length + 4; i++) {
      await tab.press(i < wanted.length ? 'Tab' : 'Shift+Tab');
      reached.add(await tab.evaluate(() => document.activeElement && /** @type {any} */ (globalThis).nameOf(document.activeElement)));
    }
    assert.deepEqual(wanted.filter((/** @type {string} */ one) => !reached.has(one)), [], `in ${name}`);
  }
}

/** What axe finds.  It looks at roles, names and colours, which do not depend on the browser, so Chromium is enough.  In the dark
 *  only colours differ; each state is also looked at in the light. */
export async function findings(/** @type {any} */ tab, /** @type {string} */ state) {
  if (tab.browser !== 'chromium') return;
  await tab.until(() => document.getAnimations().every((one) => one.playState !== 'running' || one.effect?.getComputedTiming().iterations === Infinity), null, 'nothing fades');
  const found = await tab.evaluate(async (/** @type {string} */ code) => {
    const scope = /** @type {any} */ (globalThis);
    if (!scope.axe) scope.eval(code);
    const dark = matchMedia('(prefers-color-scheme: dark)').matches;
    const { violations } = await scope.axe.run(document, { resultTypes: ['violations'], ...(dark && { runOnly: ['color-contrast', 'link-in-text-block'] }) });
    return violations.map((/** @type {any} */ one) => `${one.id}: ${one.nodes.map((/** @type {any} */ node) => `${node.target} ${node.any[0]?.message ?? ''}`).join(' | ')}`);
  }, axe);
  assert.deepEqual(found, [], state);
}

/** Walks through every view and state. */
async function states(/** @type {Kit} */ kit, dark = false) {
  kit.noisy = true; // the cut download
  kit.server.mishaps.cut = 1e6;
  kit.server.mishaps.prefix['palimpsest-worker.js'] = slowly(40);
  const tab = await kit.tab(null, dark);
  await tab.goto(kit.server.url);
  assert.equal(await tab.evaluate(() => matchMedia('(prefers-color-scheme: dark)').matches), dark);
  const look = (/** @type {string} */ state) => findings(tab, state);
  await complaint(tab, 'progress');
  await look('a failed download');
  kit.server.mishaps.cut = null;
  kit.server.mishaps.hold = 3e6;
  await tab.button('Try again');
  await tab.until(() => /Fetching.* 8\.1 MB/.test(document.querySelector('[data-part=progress]')?.textContent ?? ''), null, 'progress is shown');
  await look('loading');
  await view(tab, 'Models');
  await look('Models, loading');
  kit.server.mishaps.hold = null;
  await tab.until(() => /tales-infill/.test(document.querySelector('[data-part=loaded]')?.textContent ?? ''));
  await tab.pick('#file', TINY);
  await tab.until(() => document.querySelector('[data-part=pending]')?.checkVisibility());
  await look('Models, a file looked at');
  await view(tab, 'Text');
  await look('the example');
  await write(tab, '');
  await tab.click('#fill');
  await look('an empty text');
  await write(tab, 'A [[x]]');
  await tab.click('#fill');
  await complaint(tab, 'text-error');
  await look('a wrong blank');
  await write(tab, LONG);
  await filled(tab, async () => {
    await tab.click('#fill');
    await underWay(tab);
    await look('during a fill');
    await tab.press('Escape');
  });
  await look('stopped');
  await write(tab, 'The [[2]] and [[3]].');
  await choose(tab, { drafts: 2, temperature: -1 });
  await tab.click('#fill');
  await look('a wrong option');
  await choose(tab, { temperature: 1 });
  await fill(tab);
  await look('filled, with drafts');
  await tab.click('[data-part=page] [data-token="1"]');
  await look('alternatives open');
  await tab.press('Enter');
  await look('a pinned word');
}

export const scenarios = {
  'by keyboard alone': byKeyboard,
  'Tab reaches everything': everythingReached,
};

export const once = {
  'axe finds nothing, light': (/** @type {Kit} */ kit) => states(kit, false),
  'axe finds nothing, dark': (/** @type {Kit} */ kit) => states(kit, true),
};
