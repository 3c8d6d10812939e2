// @ts-check
/* Errors in a text: the message is next to it, the cursor at the error, nothing is lost, and the next fill works. */
import assert from 'node:assert/strict';
import { choose, complaint, fill, native, write } from '../kit.mjs';

/** @typedef {import('../kit.mjs').Kit} Kit */

const RIGHT = 'Tom saw a [[2]] and [[3]].';

const boxState = (/** @type {any} */ tab) => tab.evaluate(() => {
  const box = /** @type {HTMLTextAreaElement} */ (document.querySelector('#text'));
  const described = (box.getAttribute('aria-describedby') ?? '').split(' ').map((id) => document.getElementById(id)?.dataset.part ?? id);
  return { value: box.value, at: box.selectionStart, focused: document.activeElement === box, invalid: box.getAttribute('aria-invalid'), described };
});

async function nextFillWorks(/** @type {any} */ tab) {
  await write(tab, RIGHT);
  await choose(tab, { seed: 8 });
  assert.equal(await tab.visible('[data-part=text-error]'), false, 'typing takes the complaint away');
  assert.equal((await boxState(tab)).invalid, null);
  assert.equal(await fill(tab), native(RIGHT, { seed: 8 }));
}

async function wrongBlank(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  for (const [text, at] of /** @type {[string, number][]} */ ([['Once [[x]] there was a [[2]].', 5], ['Café 😀 “[[2]]”\n[[9-3]]', 16], ['A [[0]]', 2], ['[[5', 0], ['[[9999]]', 0]])) {
    await write(tab, text);
    await tab.button('Fill the blanks');
    await complaint(tab, 'text-error');
    const { described, ...state } = await boxState(tab);
    assert.deepEqual(state, { value: text, at, focused: true, invalid: 'true' }, text);
    assert.ok(described.includes('text-error'), 'it is told with the box');
    await tab.until(() => document.querySelector('[data-part=assertive]')?.textContent, null, 'it is read out');
    await nextFillWorks(tab);
  }
}

async function halfCharacter(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await tab.evaluate(() => {
    const box = /** @type {HTMLTextAreaElement} */ (document.querySelector('#text'));
    box.value = 'Half \ud83d of a [[2]].'; // made here: on the way it would be replaced
    box.dispatchEvent(new Event('input', { bubbles: true }));
  });
  await tab.button('Fill the blanks');
  assert.match(await complaint(tab, 'text-error'), /half a character/);
  const { at, focused, invalid } = await boxState(tab);
  assert.deepEqual([at, focused, invalid], [5, true, 'true']);
  await nextFillWorks(tab);
}

async function nothingToFill(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  for (const [text, hint] of /** @type {[string, RegExp][]} */ ([['', /no text yet/], [' \n ', /no text yet/], ['No blank here.', /no blank in this text/], ['Plain \\[[5]] only.', /no blank in this text/]])) {
    await write(tab, text);
    await tab.button('Fill the blanks');
    assert.match(await complaint(tab, 'text-error'), hint);
    assert.equal((await boxState(tab)).value, text);
    await tab.button('Put one at the cursor');
    assert.match((await boxState(tab)).value, /\[\[\?\]\]/);
    await nextFillWorks(tab);
  }
}

async function long(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  const text = `${'The dog ran to the house and back again. '.repeat(70)}[[3]]`;
  await write(tab, text);
  await choose(tab, { seed: 8 });
  assert.equal(await fill(tab), native(text, { seed: 8 }));
  assert.match(await tab.text('[data-part=statistics]'), /has \d+ tokens. It was filled in 1 window of up to \d+ tokens/);
  assert.equal(await tab.visible('[data-part=error]'), false);
}

export const scenarios = {
  'a wrong blank is told beside the text, with the cursor there': wrongBlank,
  'half a character is told': halfCharacter,
  'an empty text and a text without a blank get a hint': nothingToFill,
  'a text longer than the context is filled in windows': long,
};
