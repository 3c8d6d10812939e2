// @ts-check
/* Models that compute scores (sedd) in the view Text: their samplers, and words that are not final before the last step. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { choose, fill, native, root, view, write } from '../kit.mjs';

/** @typedef {import('../kit.mjs').Kit} Kit */

const TEXT = 'the cat [[4]] the dog and [[2]]';
const file = (/** @type {string} */ name) => `tests/golden/arch/${name}.gguf`;
const menu = (/** @type {any} */ tab) => tab.evaluate(() => [.../** @type {HTMLSelectElement} */ (document.querySelector('#option-sampler')).options].map(({ value }) => value));
const sampler = (/** @type {any} */ tab) => tab.evaluate(() => /** @type {HTMLSelectElement} */ (document.querySelector('#option-sampler')).value);
const inUse = (/** @type {any} */ tab, /** @type {string} */ name) =>
  tab.until((/** @type {string} */ said) => document.querySelector('[data-part=loaded]')?.textContent?.includes(said), `Name${name}`, `${name} is in use`);

/** Loads a file of one's own and goes back to the view Text. */
async function use(/** @type {any} */ tab, /** @type {string} */ name) {
  await view(tab, 'Models');
  await tab.pick('#file', join(root, file(name)));
  await tab.until(() => document.querySelector('[data-part=pending]')?.checkVisibility(), null, 'the file is described');
  await tab.button('Load it');
  await inUse(tab, name);
  await view(tab, 'Text');
}

/** Moves the slider of the replay. */
const replay = (/** @type {any} */ tab, /** @type {number} */ step) =>
  tab.evaluate((/** @type {number} */ to) => {
    const slider = /** @type {HTMLInputElement} */ (document.querySelector('#step'));
    slider.value = String(to);
    slider.dispatchEvent(new Event('input', { bubbles: true }));
  }, step);
const count = (/** @type {any} */ tab, /** @type {string} */ selector) => tab.evaluate((/** @type {string} */ of) => document.querySelectorAll(of).length, selector);
const LOOSE = '[data-part=page] .place.loose';

/** Every sampler of such a model is in the menu, says what it promises, and writes what the command writes. */
async function samplersOfScores(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  const before = await menu(tab);
  assert.ok(before.includes('margin') && !before.includes('euler'), String(before));
  assert.equal(await tab.visible('#option-corrections'), false);
  assert.equal(await tab.visible('#option-released'), false);
  assert.equal(kit.server.count('palimpsest-scores'), 0, 'its engine is fetched for such models only');
  await use(tab, 'sedd');
  await tab.evaluate(() => (/** @type {HTMLDetailsElement} */ (document.querySelector('#options')).open = true));
  const mine = await menu(tab);
  assert.deepEqual(mine, ['default', 'first-hitting', 'tweedie', 'euler', 'euler-corrector']);
  await write(tab, TEXT);
  for (const name of mine) {
    await choose(tab, { sampler: name, temperature: 1, seed: 7, steps: 6, corrections: 2 });
    const options = { temperature: 1, seed: 7, ...(name !== 'default' && { sampler: name }), ...(/euler|tweedie/.test(name) && { steps: 6 }), ...(/corrector/.test(name) && { corrections: 2 }) };
    assert.equal(await fill(tab), native(TEXT, options, file('sedd')), name);
    assert.match(await tab.text('#hint-sampler'), name === 'default' ? /suits the model/ : name === 'first-hitting' ? /^one word at a time.*exact/ : /error falls/);
  }
  assert.equal(await tab.visible('#option-corrections'), true);
  assert.equal(await tab.visible('#option-released'), false, 'corrections draw otherwise');
  await releasedDraw(tab);
  assert.equal(await tab.visible('[data-part=uniform-note]'), false);
  await view(tab, 'Models');
  await tab.button('Load tales-infill');
  await inUse(tab, 'tales-infill');
  await view(tab, 'Text');
  assert.deepEqual(await menu(tab), before);
  assert.equal(await sampler(tab), 'default', 'a sampler that the model does not have is not kept');
}

/** The draw of the released code is the command's, and needs temperature 1. */
async function releasedDraw(/** @type {any} */ tab) {
  const options = { sampler: 'euler', temperature: 1, seed: 7, steps: 6 };
  await write(tab, TEXT);
  await choose(tab, { ...options, temperature: 0.5, released: true });
  assert.equal(await tab.visible('#option-released'), true);
  assert.match(await tab.text('#problem-temperature'), /must be 1/);
  await choose(tab, options);
  assert.equal(await tab.visible('#problem-temperature'), false);
  assert.equal(await fill(tab), native(TEXT, { ...options, released: true }, file('sedd')));
  await choose(tab, { ...options, released: false });
  assert.notEqual(await fill(tab), native(TEXT, { ...options, released: true }, file('sedd')));
}

/** With uniform noise the words are marked until the last step. */
async function notFinal(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await use(tab, 'sedd-uniform');
  assert.deepEqual(await menu(tab), ['default', 'tweedie', 'euler', 'euler-corrector']);
  await tab.evaluate(() => (/** @type {HTMLDetailsElement} */ (document.querySelector('#options')).open = true));
  assert.match(await tab.text('[data-part=uniform-note]'), /not exactly/);
  for (const name of ['default', 'tweedie']) {
    await write(tab, TEXT);
    await choose(tab, { sampler: name, temperature: 1, seed: 8, steps: 6 });
    const text = await fill(tab);
    assert.equal(text, native(TEXT, { temperature: 1, seed: 8, ...(name !== 'default' && { sampler: name, steps: 6 }) }, file('sedd-uniform')), name);
    assert.equal(await count(tab, LOOSE), 0, 'after the last step all words are final');
    assert.equal(await tab.visible('[data-part=not-final]'), false);
    await replay(tab, 1);
    await tab.until((/** @type {string} */ of) => document.querySelectorAll(of).length === 6, LOOSE, 'six words are not final');
    assert.match(await tab.text('[data-part=not-final]'), /^Not final/);
    assert.equal(await count(tab, '[data-part=page] .place.open'), 0, 'they are shown, not erased');
    await replay(tab, 1000);
    await tab.until((/** @type {string} */ of) => !document.querySelector(of), LOOSE, 'all words are final');
  }
  assert.equal(await tab.visible('#option-corrections'), false, 'this sampler makes none');
}

export const scenarios = {
  'models of scores have samplers of their own, with what they promise': samplersOfScores,
  'with uniform noise words are marked until they are final': notFinal,
};
