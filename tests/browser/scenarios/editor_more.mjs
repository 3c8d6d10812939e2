// @ts-check
/* What the page says about a fill: order, probabilities, drafts, progress; and that nothing is lost. */
import assert from 'node:assert/strict';
import { choose, complaint, endWorkers, fill, filled, LONG, MORTAL, native, nativePage, ready, says, slowly, underWay, write } from '../kit.mjs';

/** @typedef {import('../kit.mjs').Kit} Kit */

const TEXT = 'The [[2]] king gave the boy a bag of [[2]] and the [[1]] ran home.';
const box = (/** @type {any} */ tab) => tab.evaluate(() => /** @type {HTMLTextAreaElement} */ (document.querySelector('#text')).value);
const page = (/** @type {any} */ tab) => tab.text('[data-part=page]');
const popover = (/** @type {any} */ tab) => tab.text('[data-part=alternatives]');

async function order(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await write(tab, TEXT);
  await choose(tab, { seed: 11 });
  const text = await fill(tab);
  const numbers = () => tab.evaluate(() => [...document.querySelectorAll('[data-part=page] .ink')].map((one) => /** @type {HTMLElement} */ (one).dataset.order ?? ''));
  assert.ok((await numbers()).every((/** @type {string} */ one) => one === ''), 'no numbers unless they are wanted');
  assert.match(await tab.text('#replay-note'), /^Each blank is written from its left/);
  await tab.click('#show-order');
  const shown = await numbers();
  const steps = nativePage(TEXT, { seed: 11 }).tokens.filter((/** @type {any} */ one) => !one.empty).map((/** @type {any} */ one) => one.step);
  const ranks = [...new Set(steps)].sort((a, b) => a - b);
  assert.deepEqual(shown, steps.map((/** @type {number} */ step) => String(ranks.indexOf(step) + 1)), 'the order of the command');
  assert.equal(await page(tab), text, 'the numbers are no part of the text');
  assert.match(await tab.evaluate(() => document.querySelector('[data-part=page] .ink')?.getAttribute('aria-label')), /number \d in order/);
  await tab.reload();
  await ready(tab);
  assert.deepEqual(await numbers(), shown, 'after a reload, too');
}

async function wordPopover(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await write(tab, TEXT.replace('[[1]]', '[[3]]'));
  await choose(tab, { seed: 11 });
  const text = await fill(tab);
  const { tokens } = nativePage(TEXT.replace('[[1]]', '[[3]]'), { seed: 11 });
  const open = async (/** @type {number} */ token) => {
    await tab.click(`[data-part=page] [data-token="${token}"]`);
    await tab.until(() => document.activeElement?.getAttribute('role') === 'listbox', null, 'the alternatives have the focus');
  };
  await open(2);
  const percent = tokens[2].probability > 0.99 ? 'over 99 %' : `${Math.round(tokens[2].probability * 100)} %`;
  assert.match(await popover(tab), new RegExp(`${percent} sure, step ${tokens[2].step}`));
  await tab.button('Change this blank');
  assert.match(await tab.text('[data-part=gap-menu]'), /2 tokens/);
  // Only this blank is written again; the other words stay.
  await choose(tab, { seed: 12 });
  await filled(tab, () => tab.button('Write this blank again'));
  const words = (/** @type {string} */ one) => /^The (.*) king gave the boy a bag of (.*) and the (.*) ran home\.$/.exec(one)?.slice(1) ?? [];
  const [first, second] = [words(text), words(await page(tab))];
  assert.deepEqual([second[0], second[2]], [first[0], first[2]], 'the other blanks are as they were');
  assert.match(await tab.text('#pin-count'), /^\d+ words kept$/);
  // A word that was erased comes back from the menu of its filled blank.
  await write(tab, 'The old king gave the boy a bag of gold.');
  await tab.click('[data-word="0.4.7"]');
  await tab.until(() => document.activeElement?.hasAttribute('data-gap'), null, 'the word is erased');
  await fill(tab);
  await open(0);
  await tab.button('Change this blank');
  assert.match(await tab.text('[data-part=gap-menu]'), /“old” was here/);
  await tab.button('Put the text back');
  assert.equal(await page(tab), 'The old king gave the boy a bag of gold.');
  assert.equal(await tab.evaluate(() => document.activeElement?.textContent), 'old', 'the focus is at the word');
}

/** Regression: the chosen draft took the style of a chosen picture, which squeezed its text. */
async function draftsAreEqual(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await write(tab, 'One day [[4]] and [[3]].');
  for (const drafts of [2, 3, 4]) {
    await choose(tab, { drafts });
    await fill(tab);
    const widths = await tab.evaluate(() => [...document.querySelectorAll('[data-part=drafts] li .page')].map((one) => Math.round(one.getBoundingClientRect().width)));
    assert.equal(widths.length, drafts);
    assert.ok(Math.max(...widths) - Math.min(...widths) <= 1 && widths[0] > 200, String(widths));
    const tops = await tab.evaluate(() => [...document.querySelectorAll('[data-part=drafts] li')].map((one) => [one.getBoundingClientRect().top, getComputedStyle(one).display].join()));
    assert.equal(new Set(tops.slice(0, 3)).size, 1, String(tops));
  }
}

/** Without the colours of the page, lines tell the steps of certainty. */
async function forcedColours(/** @type {Kit} */ kit) {
  const tab = await kit.tab(null, 'forced');
  await tab.goto(kit.server.url);
  await ready(tab);
  assert.equal(await tab.evaluate(() => matchMedia('(forced-colors: active)').matches), true);
  await fill(tab);
  const lines = await tab.evaluate(() => [3, 2, 1, 0].map((n) => {
    const { textDecorationLine, textDecorationStyle } = getComputedStyle(/** @type {Element} */ (document.querySelector(`[data-part=legend] .sure-${n}`)));
    return `${textDecorationLine} ${textDecorationStyle}`;
  }));
  assert.deepEqual(lines, ['none solid', 'underline dotted', 'underline dashed', 'underline double']);
}

async function progress(/** @type {Kit} */ kit) {
  kit.server.mishaps.prefix['palimpsest-worker.js'] = slowly(40);
  const tab = await kit.openReady();
  await write(tab, 'Tom saw a [[1]].');
  await fill(tab);
  assert.equal(await tab.visible('[data-part=fill-progress]'), false);
  await write(tab, LONG);
  await filled(tab, async () => {
    await tab.click('#fill');
    await tab.until(() => /^Filling: \d+ %, about \d+ (s|min) left$/.test(document.querySelector('[data-part=fill-progress] span')?.textContent ?? ''), null, 'percent and time left are told');
    const share = await tab.evaluate(() => /** @type {HTMLProgressElement} */ (document.querySelector('[data-part=fill-progress] progress')).value);
    assert.ok(share > 0 && share < 1, String(share));
    await tab.button('Stop');
  });
  assert.equal(await tab.visible('[data-part=fill-progress]'), false);
  assert.ok(await tab.evaluate(() => document.querySelectorAll('[data-part=page] .ink').length > 0), 'what was done stays');
  assert.match(await tab.text('[data-part=statistics]'), /\d+ places still open/);
}

async function download(/** @type {Kit} */ kit) {
  kit.server.mishaps.delay = 50;
  const tab = await kit.open();
  await tab.until(() => /^Fetching .*: [\d.]+ of [\d.]+ MB, \d+ %, about \d+ s left$/.test(document.querySelector('[data-part=progress] span')?.textContent ?? ''), null, 'the time left is told');
  kit.server.mishaps.delay = 0;
  await ready(tab);
}

// ---- nothing is lost

async function reloads(/** @type {Kit} */ kit) {
  kit.server.mishaps.prefix['palimpsest-worker.js'] = slowly(40);
  const tab = await kit.openReady();
  await tab.click('#tool-type');
  await tab.press('Control+a');
  await tab.type('My own story about ___ cats');
  await tab.reload();
  assert.equal(await box(tab), 'My own story about ___ cats', 'typed text survives at once');
  // Another tab keeps its own text, and does not change that of the first.
  const other = await kit.openReady();
  await write(other, 'Another tab.');
  await tab.reload();
  assert.equal(await box(tab), 'My own story about ___ cats', 'this tab has its own text');
  await other.reload();
  assert.equal(await box(other), 'Another tab.');
  // In the middle of a fill: what was written so far is there again.
  await ready(tab);
  await write(tab, LONG);
  await tab.click('#fill');
  await underWay(tab, 3);
  await tab.reload();
  await ready(tab);
  assert.equal(await box(tab), LONG);
  await tab.until(() => document.querySelectorAll('[data-part=page] .ink').length >= 3, null, 'the words so far are there');
}

/** Regression: after an example or a link had replaced a text, a reload lost it for good. */
async function replacedTextsComeBack(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await write(tab, 'My own [[2]] text.');
  await tab.button('Another example');
  assert.notEqual(await box(tab), 'My own [[2]] text.');
  await new Promise((done) => setTimeout(done, 500));
  await tab.reload();
  await ready(tab);
  await tab.button('Undo');
  assert.equal(await box(tab), 'My own [[2]] text.');
}

async function engineEnds(/** @type {Kit} */ kit) {
  kit.server.mishaps.prefix['palimpsest-worker.js'] = MORTAL + slowly(40);
  const tab = await kit.openReady();
  await write(tab, LONG);
  await filled(tab, async () => {
    await tab.click('#fill');
    await underWay(tab, 3);
    await kit.server.down();
    await endWorkers(tab);
  });
  assert.match(await complaint(tab, 'error'), /your text is untouched/);
  assert.equal(await box(tab), LONG);
  assert.ok(await tab.evaluate(() => document.querySelectorAll('[data-part=page] .ink').length >= 3), 'the words so far stay');
  assert.match(await tab.text('[data-part=statistics]'), /\d+ places still open/);
  await says(tab, '#fill', 'Fill');
  await kit.server.up();
  await write(tab, 'Tom saw a [[2]].');
  await choose(tab, { seed: 5 });
  assert.equal(await fill(tab), native('Tom saw a [[2]].', { seed: 5 }), 'with the network the next fill works');
}

export const scenarios = {
  'the order of writing is shown by numbers': order,
  'the popover of a word: its figures, and its blank': wordPopover,
  'drafts have equal space': draftsAreEqual,
  'in forced colours lines tell certainty': forcedColours,
  'a long fill tells percent and the time left': progress,
  'a slow download tells the time left': download,
  'typed text and words survive reloads and other tabs': reloads,
  'a text that was replaced comes back after a reload': replacedTextsComeBack,
  'an engine that ends while the network is cut loses nothing': engineEnds,
};
