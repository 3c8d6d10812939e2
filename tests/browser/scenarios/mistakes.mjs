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

/** What cannot be a blank is text: it is told, can be made plain text for good, and blocks nothing. */
async function wrongBlank(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  const told = () => tab.text('[data-part=understood]');
  for (const [text, wrong, why] of /** @type {[string, string, RegExp][]} */ ([['Once [[x]] there was a [[2]].', '[[x]]', /holds a number/], ['Café arr[[0]] 😀 [[2]]', '[[0]]', /at least 1 token/], ['A [[2]] and [[5', '[[', /closed by/], ['A [[2]] and [[9999]]', '[[9999]]', /at most 512/]])) {
    await write(tab, text);
    await tab.until(() => document.querySelector('[data-part=understood]')?.checkVisibility(), null, 'the mistake is told');
    assert.match(await told(), why);
    assert.ok((await fill(tab)).includes(wrong), 'it is text, and the other blank is filled');
    await tab.button('Plain text');
    const at = text.lastIndexOf(wrong);
    assert.equal((await boxState(tab)).value, `${text.slice(0, at)}\\${text.slice(at)}`);
    await tab.until(() => !document.querySelector('[data-part=understood]')?.checkVisibility(), null, 'nothing is wrong any more');
    await nextFillWorks(tab);
  }
  await write(tab, 'Only [[x]].');
  await tab.click('#fill');
  assert.match(await complaint(tab, 'text-error'), /no blank in this text/);
}

/** Blanks as strangers type them. */
async function typedBlanks(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await choose(tab, { seed: 8 });
  for (const [text, strict] of [['Tom saw a ___ and ran.', 'Tom saw a [[1-2]] and ran.'], ['Tom [MASK] a <mask>.', 'Tom [[1]] a [[1]].'], ['Tom saw [[ 4 ]].', 'Tom saw [[4]].'], ['Tom saw [[3–8]].', 'Tom saw [[3-8]].'], ['Tom saw ［［2］］.', 'Tom saw [[2]].']]) {
    await write(tab, text);
    assert.equal(await fill(tab), native(strict, { seed: 8 }), text);
    assert.match(await tab.text('[data-part=understood]'), /is a blank: /);
    assert.equal((await boxState(tab)).value, text, 'what was typed stays');
  }
}

async function halfCharacter(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await tab.evaluate(() => {
    const box = /** @type {HTMLTextAreaElement} */ (document.querySelector('#text'));
    box.value = 'Half \ud83d of a [[2]].'; // made here: on the way it would be replaced
    box.dispatchEvent(new Event('input', { bubbles: true }));
  });
  await tab.click('#fill');
  assert.match(await complaint(tab, 'text-error'), /half a character/);
  const { at, focused, invalid } = await boxState(tab);
  assert.deepEqual([at, focused, invalid], [5, true, 'true']);
  await nextFillWorks(tab);
}

async function nothingToFill(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  for (const [text, hint] of /** @type {[string, RegExp][]} */ ([['', /no text yet/], [' \n ', /no text yet/], ['No blank here.', /no blank in this text/], ['Plain \\[[5]] only.', /no blank in this text/]])) {
    await write(tab, text);
    await tab.click('#fill');
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
  'what cannot be a blank is text, is told and blocks nothing': wrongBlank,
  'blanks as strangers type them are understood': typedBlanks,
  'half a character is told': halfCharacter,
  'an empty text and a text without a blank get a hint': nothingToFill,
  'a text longer than the context is filled in windows': long,
};
