// @ts-check
/* The page as an editor: words are erased by mouse, keyboard and drag, blanks have a menu, nothing is lost. */
import assert from 'node:assert/strict';
import { choose, fill, filled, native, ready, says, write } from '../kit.mjs';

/** @typedef {import('../kit.mjs').Kit} Kit */

const TEXT = 'The old king gave the boy a bag of gold.';
const box = (/** @type {any} */ tab) => tab.evaluate(() => /** @type {HTMLTextAreaElement} */ (document.querySelector('#text')).value);
const page = (/** @type {any} */ tab) => tab.text('[data-part=page]');

/** A selector of the given word with this number. */
const given = (/** @type {any} */ tab, /** @type {string} */ word) =>
  tab.evaluate((/** @type {string} */ text) => {
    const found = [...document.querySelectorAll('[data-word]')].find((one) => one.textContent === text);
    return `[data-word="${found?.getAttribute('data-word')}"]`;
  }, word);

async function erase(/** @type {any} */ tab, /** @type {string} */ word) {
  const before = await box(tab);
  await tab.click(await given(tab, word));
  await tab.until((/** @type {string} */ old) => /** @type {HTMLTextAreaElement} */ (document.querySelector('#text')).value !== old, before, 'the word is erased');
}

async function eraseAndPutBack(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await write(tab, TEXT);
  await erase(tab, 'king');
  assert.equal(await box(tab), TEXT.replace('king', '[[1]]'));
  assert.equal(await tab.evaluate(() => document.activeElement?.getAttribute('data-gap')), '0', 'the focus is at the blank');
  await erase(tab, 'gold');
  await choose(tab, { seed: 3 });
  assert.equal(await fill(tab), native(TEXT.replace('king', '[[1]]').replace('gold', '[[1]]'), { seed: 3 }));
  await tab.button('Undo');
  for (const word of ['king', 'gold']) {
    await tab.click('[data-gap]');
    assert.match(await tab.text('[data-part=gap-menu]'), new RegExp(`“${word}” was here`));
    await tab.button('Put the text back');
  }
  assert.equal(await box(tab), TEXT);
}

async function lengths(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await write(tab, TEXT);
  await erase(tab, 'bag');
  const set = async (/** @type {string} */ label, /** @type {string} */ value) => {
    await tab.click('[data-gap]');
    await tab.evaluate((/** @type {string[]} */ [name, number]) => {
      const input = /** @type {HTMLInputElement} */ (document.querySelector(`[data-part=gap-menu] [aria-label="${name}"]`));
      input.value = number;
      input.focus();
    }, [label, value]);
    await tab.press('Enter');
  };
  await set('Number of words', '3');
  assert.equal(await box(tab), TEXT.replace('bag', '[[3-6]]'));
  await set('Number of tokens', '4');
  assert.equal(await box(tab), TEXT.replace('bag', '[[4]]'));
  await tab.click('[data-gap]');
  await tab.button('The model decides');
  assert.equal(await box(tab), TEXT.replace('bag', '[[?]]'));
  await tab.click('[data-gap]');
  await tab.press('Escape');
  assert.equal(await tab.visible('[data-part=gap-menu]'), false);
}

async function byKeyboard(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await write(tab, TEXT);
  await tab.evaluate(() => /** @type {HTMLElement} */ (document.querySelector('[data-part=page] [tabindex="0"]')).focus());
  assert.equal(await tab.evaluate(() => document.activeElement?.textContent), 'The', 'the first stop is the first word');
  await tab.press('ArrowRight');
  await tab.press('Shift+ArrowRight');
  assert.deepEqual(await tab.evaluate(() => [...document.querySelectorAll('.chosen-word')].map((one) => one.textContent)), ['old', 'king']);
  await tab.press('Enter');
  await tab.until(() => /\[\[/.test(/** @type {HTMLTextAreaElement} */ (document.querySelector('#text')).value));
  assert.equal(await box(tab), TEXT.replace('old king', '[[2]]'));
  await tab.press('Enter');
  assert.equal(await tab.visible('[data-part=gap-menu]'), true, 'Enter at a blank opens its menu');
  await tab.press('Escape');
  await tab.press('ArrowRight');
  await tab.press('x');
  assert.equal(await box(tab), TEXT.replace('old king', '[[2]]').replace('gave', 'xgave'), 'a key writes before the word');
  assert.equal(await tab.evaluate(() => document.activeElement?.id), 'text');
  // Where nothing has the focus, a letter is typed at the end.
  await tab.click('#tool-erase');
  await tab.evaluate(() => /** @type {HTMLElement} */ (document.activeElement).blur());
  const before = await box(tab);
  await tab.press('y');
  assert.equal(await box(tab), `${before}y`);
}

async function wordsStay(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await write(tab, 'The [[1]] king gave the boy a bag of [[2]].');
  await choose(tab, { seed: 5 });
  const first = await fill(tab);
  await erase(tab, 'boy');
  const between = await page(tab);
  assert.equal(between.replace(/\s+/g, ' '), first.replace(' boy ', '  ').replace(/\s+/g, ' '), 'what was written elsewhere stays');
  await says(tab, '#fill', 'Fill the rest');
  await filled(tab, () => tab.click('#fill'));
  const second = await page(tab);
  const [head, tail] = first.split(' boy ');
  assert.ok(second.startsWith(head) && second.endsWith(tail), `${first} | ${second}`);
  await tab.button('Undo');
  await tab.button('Undo');
  assert.equal(await page(tab), first, 'undo brings the first page back');
}

async function reload(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await write(tab, 'The king gave the [[2]] a bag of gold.');
  const shown = await fill(tab);
  await new Promise((done) => setTimeout(done, 700));
  await tab.reload();
  await ready(tab);
  assert.equal(await page(tab), shown);
  assert.match(await tab.text('[data-part=statistics]'), /seed \d+/);
}

async function doubleClick(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await write(tab, 'The king gave the [[2]] a bag of gold.');
  await filled(tab, () => tab.evaluate(() => {
    const button = /** @type {HTMLElement} */ (document.querySelector('#fill'));
    button.click();
    button.click();
  }));
  assert.match(await tab.text('[data-part=statistics]'), /seed \d+/, 'the fill was not stopped');
}

async function firstVisit(/** @type {Kit} */ kit) {
  const tab = await kit.open(() => {
    if (!sessionStorage.getItem('again')) localStorage.removeItem('palimpsest.shown');
    sessionStorage.setItem('again', 'true');
  });
  await ready(tab);
  await tab.until(() => document.querySelector('#play')?.textContent === 'Pause', null, 'the example is filled and played');
  await tab.button('Pause');
  assert.equal(await tab.text('#play'), 'Play');
  await tab.reload();
  await ready(tab);
  await new Promise((done) => setTimeout(done, 500));
  assert.notEqual(await tab.text('#play'), 'Pause', 'only once');
}

/** Contrast ratios of WCAG: between neighbours of the ramp, and of the words on it. */
async function ramp(/** @type {Kit} */ kit, dark = false) {
  const tab = await kit.tab(null, dark);
  await tab.goto(kit.server.url);
  await ready(tab);
  await fill(tab);
  const [neighbours, words] = await tab.evaluate(() => {
    const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
    if (!canvas) throw new Error('no canvas');
    const light = (/** @type {string[]} */ ...layers) => {
      for (const color of layers) Object.assign(canvas, { fillStyle: color }).fillRect(0, 0, 1, 1);
      const [r = 0, g = 0, b = 0] = [...canvas.getImageData(0, 0, 1, 1).data].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
    };
    const ratio = (/** @type {number} */ a, /** @type {number} */ b) => Math.max(a, b) / Math.min(a, b);
    const base = getComputedStyle(document.documentElement).getPropertyValue('--rubbed');
    const styles = [3, 2, 1, 0].map((n) => getComputedStyle(/** @type {Element} */ (document.querySelector(`[data-part=legend] .sure-${n}`))));
    const grounds = styles.map((style) => light(base, style.backgroundColor));
    const inks = styles.map((style) => light(style.color));
    return [grounds.slice(1).map((one, i) => ratio(one, grounds[i])), grounds.map((one, i) => ratio(one, inks[i]))];
  });
  assert.ok(Math.min(...neighbours) >= 1.5, `neighbours ${neighbours}`);
  assert.ok(Math.min(...words) >= 4.5, `words ${words}`);
  kit.say(`${dark ? 'dark' : 'light'}: neighbours ${Math.min(...neighbours).toFixed(2)}, words ${Math.min(...words).toFixed(2)}`);
}

export const scenarios = {
  'a click erases a word, and its menu puts it back': eraseAndPutBack,
  'the menu of a blank sets its length': lengths,
  'words are erased by keyboard, and a key writes': byKeyboard,
  'what the model wrote stays when another word is erased': wordsStay,
  'the filled page survives a reload': reload,
  'a double click does not stop the fill': doubleClick,
  'the first visit fills the example by itself, once': firstVisit,
  'certainty is a ramp that can be read, light': ramp,
  'certainty is a ramp that can be read, dark': (/** @type {Kit} */ kit) => ramp(kit, true),
};
