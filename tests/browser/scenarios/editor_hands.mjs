// @ts-check
/* The editor under a thumb, a keyboard and an input method, and with a long text. */
import assert from 'node:assert/strict';
import { choose, fill, openShare, ready, write } from '../kit.mjs';

/** @typedef {import('../kit.mjs').Kit} Kit */

const TEXT = 'The old king gave the boy a bag of gold.';
const box = (/** @type {any} */ tab) => tab.evaluate(() => /** @type {HTMLTextAreaElement} */ (document.querySelector('#text')).value);
const page = (/** @type {any} */ tab) => tab.text('[data-part=page]');

/** Whether what is in the middle of an element on the screen is the element. */
const onTop = (/** @type {any} */ tab, /** @type {string} */ selector) => tab.evaluate((/** @type {string} */ s) => {
  const element = document.querySelector(s);
  const { left, top, width, height } = /** @type {Element} */ (element).getBoundingClientRect();
  return width > 0 && element?.contains(document.elementFromPoint(left + width / 2, top + height / 2));
}, selector);

async function phone(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await tab.resize(360, 640);
  await fill(tab);
  assert.ok(await tab.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing is wider than the screen');
  await tab.click('[data-part=page] [data-token="0"]');
  await tab.press('Home');
  await tab.press('Enter');
  for (const place of ['top', 'middle', 'bottom']) {
    await tab.evaluate((/** @type {string} */ where) => scrollTo(0, where === 'top' ? 0 : where === 'middle' ? document.body.scrollHeight / 3 : document.body.scrollHeight), place);
    await new Promise((done) => setTimeout(done, 200));
    for (const selector of ['#fill', '#undo', '#unpin', '#pin-count']) assert.ok(await onTop(tab, selector), `${selector} is on the screen at the ${place}`);
  }
  // The share dialog fits on the screen, with its buttons.
  await tab.evaluate(() => scrollTo(0, 0));
  await openShare(tab);
  for (const name of ['Copy the link', 'Save as a file']) {
    const seen = await tab.evaluate((/** @type {string} */ text) => {
      const { top, bottom } = /** @type {Element} */ ([...document.querySelectorAll('[data-part=share] button')].find((one) => one.textContent === text)).getBoundingClientRect();
      return top >= 0 && bottom <= innerHeight;
    }, name);
    assert.ok(seen, `${name} is on the screen`);
  }
  await tab.button('Close');
  // The last words of the page, and the last control below it, can be scrolled out from under the bar.
  for (const selector of ['[data-part=page] [role=button]:last-of-type', '#options summary']) {
    const covered = await tab.evaluate((/** @type {string} */ s) => {
      const last = /** @type {Element} */ ([...document.querySelectorAll(s)].at(-1));
      last.scrollIntoView({ block: 'end', behavior: 'instant' });
      const bar = /** @type {Element} */ (document.querySelector('.floor')).getBoundingClientRect();
      return last.getBoundingClientRect().bottom > bar.top + 1;
    }, selector);
    assert.equal(covered, false, `${selector} is not covered`);
  }
}

async function byThumb(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  if (!tab.hand) kit.skip('this browser takes no touches from a test');
  const send = await tab.hand();
  await send('Emulation.setDeviceMetricsOverride', { width: 360, height: 640, deviceScaleFactor: 2, mobile: true });
  await send('Emulation.setTouchEmulationEnabled', { enabled: true, maxTouchPoints: 5 });
  await write(tab, `${TEXT} ${'Then the boy ran home to his mother. '.repeat(20)}`);
  const at = async (/** @type {string} */ word) => {
    const place = await tab.evaluate((/** @type {string} */ text) => {
      const found = [...document.querySelectorAll('[data-word]')].find((one) => one.textContent === text);
      found?.scrollIntoView({ block: 'center', behavior: 'instant' });
      const { left, top, width, height } = /** @type {Element} */ (found).getBoundingClientRect();
      return { x: left + width / 2, y: top + height / 2 };
    }, word);
    return [place];
  };
  const touch = (/** @type {string} */ type, /** @type {{ x: number, y: number }[]} */ touchPoints) => send('Input.dispatchTouchEvent', { type, touchPoints });
  const hold = () => new Promise((done) => setTimeout(done, 600));
  const changes = (/** @type {string} */ old) => tab.until((/** @type {string} */ before) => /** @type {HTMLTextAreaElement} */ (document.querySelector('#text')).value !== before, old, 'the text is another one');

  // A tap erases one word.
  let before = await box(tab);
  await touch('touchStart', await at('old'));
  await touch('touchEnd', []);
  await changes(before);
  assert.match(await box(tab), /^The \[\[1\]\] king gave/);

  // A long press and a drag erase several.
  before = await box(tab);
  const from = await at('gave');
  await touch('touchStart', from);
  await hold();
  assert.deepEqual(await tab.evaluate(() => [...document.querySelectorAll('.chosen-word')].map((one) => one.textContent)), ['gave'], 'holding chooses a word');
  const to = await at('bag');
  for (let i = 1; i <= 6; i++) await touch('touchMove', [{ x: from[0].x + ((to[0].x - from[0].x) * i) / 6, y: from[0].y + ((to[0].y - from[0].y) * i) / 6 }]);
  assert.deepEqual(await tab.evaluate(() => [...document.querySelectorAll('.chosen-word')].map((one) => one.textContent)), ['gave', 'the', 'boy', 'a', 'bag']);
  await touch('touchEnd', []);
  await changes(before);
  assert.match(await box(tab), /^The \[\[1\]\] king \[\[\d\]\] of gold\./);
  assert.equal(await tab.evaluate(() => String(getSelection())), '', 'no text is selected');

  // One finger scrolls as ever, and a second one gives up.
  before = await box(tab);
  await tab.evaluate(() => scrollTo(0, 100));
  const start = { x: 180, y: 400 };
  await touch('touchStart', [start]);
  for (let i = 1; i <= 8; i++) await touch('touchMove', [{ x: 180, y: 400 - 30 * i }]);
  await touch('touchEnd', []);
  await tab.until(() => scrollY > 150, null, 'a swipe scrolls');
  await touch('touchStart', await at('gold'));
  await hold();
  const [one] = await at('gold');
  await touch('touchStart', [one, { x: one.x, y: one.y + 60 }]);
  await touch('touchEnd', []);
  await new Promise((done) => setTimeout(done, 300));
  assert.equal(await tab.evaluate(() => document.querySelectorAll('.chosen-word').length), 0);
  assert.equal(await box(tab), before, 'nothing is erased');
}

/** The text box is the browser's own: its undo, its plain paste, its spell checker, its input methods. */
async function nativeBox(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await write(tab, '');
  await tab.click('#tool-type');
  await tab.click('#text');
  await tab.type('One ___ two');
  await tab.press('Control+z');
  assert.notEqual(await box(tab), 'One ___ two', 'the browser takes typing back');
  await tab.press('Control+Shift+z');
  assert.equal(await box(tab), 'One ___ two');
  const [kind, checks] = await tab.evaluate(() => {
    const text = /** @type {HTMLTextAreaElement} */ (document.querySelector('#text'));
    return [text.localName, text.spellcheck];
  });
  assert.deepEqual([kind, checks], ['textarea', true], 'rich text is pasted as plain text, and spelling is checked');
  if (!tab.hand) return;
  const send = await tab.hand();
  const seen = () => tab.evaluate(() => /** @type {any} */ (globalThis).writes);
  await tab.evaluate(() => {
    // Whatever the page writes into the box while a character is composed ends the composition.
    const scope = /** @type {any} */ (globalThis);
    scope.writes = 0;
    const { set, get } = /** @type {PropertyDescriptor} */ (Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value'));
    Object.defineProperty(HTMLTextAreaElement.prototype, 'value', { get, set(text) { scope.writes++; set?.call(this, text); }, configurable: true });
  });
  await send('Input.imeSetComposition', { text: 'に', selectionStart: 1, selectionEnd: 1 });
  await send('Input.imeSetComposition', { text: 'にほ', selectionStart: 2, selectionEnd: 2 });
  await send('Input.insertText', { text: '日本' });
  assert.equal(await box(tab), 'One ___ two日本');
  assert.equal(await seen(), 0, 'the page wrote nothing into the box');
}

/** While a long text is filled, Stop and the progress are in sight wherever the page is. */
async function stopInSight(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await write(tab, Array.from({ length: 30 }, (_, i) => `Number ${i + 1} was a [[12]]`).join('.\n'));
  await tab.evaluate(() => scrollTo(0, 0));
  assert.ok(await onTop(tab, '#fill'));
  await tab.click('#fill');
  await tab.until(() => document.querySelector('#fill-progress')?.checkVisibility(), null, 'the progress is shown');
  for (const y of [0, 400]) {
    await tab.evaluate((/** @type {number} */ to) => scrollTo(0, to), y);
    for (const selector of ['#fill', '#fill-progress']) assert.ok(await onTop(tab, selector), `${selector} at ${y}`);
  }
  await tab.button('Stop');
  await tab.until(() => document.querySelector('[data-part=page]')?.getAttribute('aria-busy') === 'false', null, 'the fill ends');
}

/** Tab goes through the page in the order in which it is seen. */
async function readingOrder(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await write(tab, 'The [[1]] king and the [[1]] queen.');
  await choose(tab, { seed: 3 });
  await fill(tab);
  await tab.evaluate(() => /** @type {HTMLElement} */ (document.querySelector('nav a:last-child')).focus());
  const stops = [];
  for (let i = 0; i < 12; i++) {
    await tab.press('Tab');
    stops.push(await tab.evaluate(() => {
      const one = /** @type {HTMLElement} */ (document.activeElement);
      const { left, top } = one.getBoundingClientRect();
      return { name: one.id || one.textContent || '', column: Number(left > innerWidth / 2 && !one.closest('.sheet')), top: Math.round(top + scrollY) };
    }));
  }
  const sheet = stops.filter(({ column }) => column === 0).map(({ name }) => name);
  assert.deepEqual(sheet.slice(0, 7), ['tool-erase', 'example', 'copy', 'keep', 'share', 'The', 'fill'], JSON.stringify(stops));
}

const WORDS = 'The little dog ran to the old house in the forest and looked for a friend. '.split(' ').slice(0, -1);

/** 5,000 words with 40 blanks: typing, erasing, filling and scrolling stay quick. */
async function longText(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  const text = Array.from({ length: 5000 }, (_, i) => (i % 125 === 60 ? '[[1-2]]' : WORDS[i % WORDS.length])).join(' ');
  await tab.click('#tool-type');
  await tab.evaluate((/** @type {string} */ all) => {
    const field = /** @type {HTMLTextAreaElement} */ (document.querySelector('#text'));
    field.focus();
    field.select();
    const data = new DataTransfer();
    data.setData('text/plain', all);
    data.setData('text/html', '<b>bold</b>');
    if (field.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }))) document.execCommand('insertText', false, all);
  }, text);
  assert.equal(await box(tab), text);
  /** The longest task while something is done: processor time where the browser tells it, because the clock counts what
   *  else the machine does. */
  const measure = async (/** @type {() => Promise<unknown>} */ run) => {
    if (tab.longestTask) return (await tab.longestTask(run)).longest;
    const start = Date.now();
    await run();
    return Date.now() - start;
  };
  const frame = () => tab.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done))));
  await tab.evaluate(() => /** @type {HTMLTextAreaElement} */ (document.querySelector('#text')).setSelectionRange(12000, 12000));
  const key = await measure(async () => {
    for (const letter of 'abcdef') await tab.press(letter);
  });
  await write(tab, text);
  const shows = await measure(async () => (await tab.click('#tool-erase'), await frame()));
  const erases = await measure(async () => {
    await tab.evaluate(() => /** @type {HTMLElement} */ ([...document.querySelectorAll('[data-word]')][2500]).click());
    await tab.until((/** @type {string} */ before) => /** @type {HTMLTextAreaElement} */ (document.querySelector('#text')).value !== before, text, 'the word is erased');
    await frame();
  });
  await choose(tab, { seed: 4 });
  await tab.click('#fill');
  await tab.until(() => /seed \d+/.test(document.querySelector('[data-part=statistics]')?.textContent ?? ''), null, 'the fill ends', 300_000);
  const told = await tab.text('[data-part=statistics]');
  assert.match(told, /was filled in \d+ windows/);
  assert.ok((await page(tab)).split(/\s+/).length >= 5000);
  const scrolls = await measure(async () => {
    for (let y = 0; y < 9000; y += 900) await tab.evaluate((/** @type {number} */ to) => scrollTo(0, to), y);
    await frame();
  });
  kit.say(`a key ${key.toFixed(0)} ms, the page ${shows.toFixed(0)} ms, a word erased ${erases.toFixed(0)} ms, a scroll ${scrolls.toFixed(0)} ms, filled in ${/[\d.]+ s/.exec(told)?.[0]}`);
  if (tab.longestTask) assert.ok(key < 50 && shows < 500 && erases < 300 && scrolls < 300, `${key} ${shows} ${erases} ${scrolls}`);
}

/** Regression: a short text can ask for millions of places, which were all drawn. */
async function manyPlaces(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await write(tab, '[[512]] '.repeat(5000));
  assert.ok((await tab.evaluate(() => document.querySelectorAll('[data-part=page] .place').length)) < 10_000);
  await tab.click('[data-part=page] [data-gap="4"]');
  await tab.press('Escape');
  await write(tab, TEXT);
  assert.equal(await page(tab), TEXT);
  await ready(tab);
}

export const scenarios = {
  'on a phone filling, pins and undo stay on the screen and cover nothing': phone,
  'by thumb: a tap, a long press and a drag, a swipe': byThumb,
  'the box for typing is the browser’s own': nativeBox,
  'Stop and progress stay in sight in a long text': stopInSight,
  'Tab goes in reading order': readingOrder,
  '5,000 words with 40 blanks stay quick': longText,
  'a text that asks for millions of places is shown': manyPlaces,
};
