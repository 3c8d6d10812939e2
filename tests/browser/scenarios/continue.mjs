// @ts-check
/* The view Continue: a text is generated word by word; stopping, retrying, other words, surprise; errors. */
import assert from 'node:assert/strict';
import { open as openFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { complaint, endWorkers, kept, library, MODEL, MORTAL, root, slowly, view } from '../kit.mjs';
import { findings, tabTo } from './access.mjs';

/** @typedef {import('../kit.mjs').Kit} Kit */

const STORIES = join(root, 'tests/models/stories260K.gguf');
const PROMPT = 'One day a girl named Mia found a';
/** The defaults of the form, as options of the library. */
const DEFAULTS = /** @type {const} */ ({ temperature: 0.7, topP: 0.95, maxTokens: 80 });
const TOLD = 'Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, red ball.';

const sheet = (/** @type {any} */ tab) => tab.text('[data-part=continued]');
const statistics = (/** @type {any} */ tab) => tab.text('[data-part=continue-statistics]');
const wordAt = (/** @type {number} */ i) => `[data-part=continued] [data-token="${i}"]`;

/** The text that the library writes under Node. */
async function written(/** @type {string} */ prompt, /** @type {any} */ options, file = join(root, MODEL)) {
  const { load } = await import(pathToFileURL(library).href);
  const model = await load(pathToFileURL(file));
  const result = await model.generate(prompt, { ...DEFAULTS, ...options }).result();
  model.dispose();
  return result;
}

/** The view in a new tab, with its model. */
async function openView(/** @type {Kit} */ kit) {
  const tab = await kit.tab();
  await tab.goto(`${kit.server.url}#continue`);
  await ready(tab);
  return tab;
}

const ready = (/** @type {any} */ tab) =>
  tab.until(() => / is ready/.test(document.querySelector('[data-part=writer-progress]')?.textContent ?? ''), null, 'the model is ready');

function write(/** @type {any} */ tab, /** @type {string} */ text, cursor = text.length) {
  return tab.evaluate((/** @type {any} */ given) => {
    const box = /** @type {HTMLTextAreaElement} */ (document.querySelector('#prompt'));
    box.value = given.text;
    box.setSelectionRange(given.cursor, given.cursor);
    box.dispatchEvent(new Event('input', { bubbles: true }));
  }, { text, cursor });
}

function choose(/** @type {any} */ tab, /** @type {Record<string, string | number | boolean>} */ options) {
  return tab.evaluate((/** @type {Record<string, any>} */ given) => {
    for (const [key, value] of Object.entries(given)) {
      const input = /** @type {HTMLInputElement} */ (document.querySelector(`#writing-option-${key}`));
      if (typeof value === 'boolean') input.checked = value;
      else input.value = String(value);
      input.dispatchEvent(new Event('input', { bubbles: true }));
    }
  }, options);
}

/** Does something that makes the model write, and waits until it has ended. */
async function ended(/** @type {any} */ tab, /** @type {() => Promise<unknown>} */ begin) {
  await tab.evaluate(() => {
    const page = /** @type {HTMLElement} */ (document.querySelector('[data-part=continued]'));
    const seen = { ends: 0, lengths: new Set() };
    Object.assign(globalThis, { seen });
    new MutationObserver((changes) => {
      seen.lengths.add(page.textContent?.length);
      const now = page.getAttribute('aria-busy');
      if (now === 'false' && changes.some((change) => change.oldValue === 'true')) seen.ends++;
    }).observe(page, { attributeFilter: ['aria-busy'], attributeOldValue: true, childList: true, subtree: true });
  });
  await begin();
  await tab.until(() => /** @type {any} */ (globalThis).seen.ends > 0, null, 'the writing ends');
}

async function go(/** @type {any} */ tab) {
  await ended(tab, () => tab.button('Continue'));
  return sheet(tab);
}

/** Some words are there, not all. */
const underWay = (/** @type {any} */ tab, words = 3) =>
  tab.until((/** @type {number} */ least) => document.querySelectorAll('[data-part=continued] .ink').length >= least && document.querySelector('#continue')?.textContent === 'Stop', words, 'words appear');

/** Slow enough to be stopped: many tokens, and never an end. */
const LONG = { maxTokens: 450, ignoreEos: true };
const SLOW = slowly(8);

async function goesOn(/** @type {Kit} */ kit) {
  const tab = await openView(kit);
  await write(tab, PROMPT);
  await choose(tab, { seed: 3 });
  const text = await go(tab);
  const { text: told, finish } = await written(PROMPT, { seed: 3 });
  assert.equal(text, PROMPT + told, 'as under Node');
  assert.ok(await tab.evaluate(() => /** @type {any} */ (globalThis).seen.lengths.size) > 3, 'it appears word by word');
  assert.match(await statistics(tab), /\d s.*\d+ tokens.*the first after.*tokens\/s.*read \d+ tokens.*seed 3/);
  if (finish === 'length') {
    const longer = await go(tab);
    assert.ok(longer.startsWith(text) && longer.length > text.length, 'and goes on from its end');
    assert.match(await statistics(tab), /kept \d+ of \d+ tokens/);
  }
  await view(tab, 'Text');
  await tab.until(() => / is ready/.test(document.querySelector('[data-part=progress]')?.textContent ?? ''), null, 'the same model is ready in Text');
  assert.equal(kit.server.count(MODEL), 1, 'one copy serves both views');
}

async function atTheCursor(/** @type {Kit} */ kit) {
  const tab = await openView(kit);
  const text = 'The cat sat down. And then it slept.';
  await write(tab, text, 17);
  await choose(tab, { seed: 4, maxTokens: 12 });
  const { text: told } = await written('The cat sat down.', { seed: 4, maxTokens: 12 });
  assert.equal(await go(tab), `The cat sat down.${told} And then it slept.`);
  await tab.button('Keep this text');
  const state = await tab.evaluate(() => {
    const box = /** @type {HTMLTextAreaElement} */ (document.querySelector('#prompt'));
    return [box.value, box.selectionStart];
  });
  assert.deepEqual(state, [`The cat sat down.${told} And then it slept.`, 17 + told.length]);
  await write(tab, 'The cat sat ');
  await choose(tab, { seed: 5 });
  const spaced = (await written('The cat sat', { seed: 5, maxTokens: 12 })).text;
  assert.equal(await go(tab), `The cat sat${spaced.startsWith(' ') ? '' : ' '}${spaced}`, 'one space, not two');
  await write(tab, '');
  const free = await go(tab);
  assert.equal(free, (await written('', { seed: 5, maxTokens: 12 })).text, 'nothing is a beginning, too');
}

async function stopAndGoOn(/** @type {Kit} */ kit) {
  kit.server.mishaps.prefix = { 'palimpsest-worker.js': SLOW };
  const tab = await openView(kit);
  await write(tab, PROMPT);
  await choose(tab, { seed: 6, ...LONG });
  await ended(tab, async () => {
    await tab.button('Continue');
    await underWay(tab);
    await tab.press('Escape');
  });
  const stopped = await sheet(tab);
  const whole = PROMPT + (await written(PROMPT, { seed: 6, ...LONG })).text;
  assert.ok(stopped.length > PROMPT.length && stopped.length < whole.length && whole.startsWith(stopped), 'what there was stays');
  assert.match(await statistics(tab), /\d+ tokens, stopped/);
  await choose(tab, { maxTokens: 10 });
  const more = await go(tab);
  assert.ok(whole.startsWith(more) && more.length > stopped.length, 'it goes on as it would have');
  const [, known, tokens] = /kept (\d+) of (\d+)/.exec(await statistics(tab)) ?? [];
  assert.ok(Number(tokens) - Number(known) <= 1, 'nothing is read again');
}

async function againAndUndo(/** @type {Kit} */ kit) {
  const tab = await openView(kit);
  await write(tab, PROMPT);
  await choose(tab, { maxTokens: 20, temperature: 1 });
  const first = await go(tab);
  await ended(tab, () => tab.button('Write it again'));
  const second = await sheet(tab);
  assert.notEqual(second, first);
  assert.match(await statistics(tab), /kept \d+ of \d+ tokens/, 'the prompt is not read again');
  await tab.button('Undo');
  assert.equal(await sheet(tab), first);
  await tab.button('Undo');
  assert.equal(await sheet(tab), PROMPT);
  await tab.button('Redo');
  await tab.button('Redo');
  assert.equal(await sheet(tab), second);
  await tab.click('#prompt');
  await tab.press('Control+End');
  await tab.type('!');
  assert.equal(await sheet(tab), `${PROMPT}!`, 'another text is another page');
  await tab.button('Undo');
  assert.equal(await sheet(tab), second, 'and what was written is not lost');
}

async function anotherWord(/** @type {Kit} */ kit) {
  const tab = await openView(kit);
  await write(tab, PROMPT);
  await choose(tab, { seed: 7, maxTokens: 30, temperature: 1 });
  await go(tab);
  const before = await written(PROMPT, { seed: 7, maxTokens: 30, temperature: 1, alternatives: 6 });
  await tabTo(tab, '[data-part=continued] [role=button]');
  for (let i = 0; i < 5; i++) await tab.press('ArrowRight');
  assert.equal(await tab.evaluate(() => document.activeElement?.getAttribute('data-token')), '5');
  assert.match(await tab.evaluate(() => document.activeElement?.getAttribute('aria-label')), /percent sure/);
  await tab.press('Enter');
  await tab.until(() => document.activeElement?.getAttribute('role') === 'listbox', null, 'the alternatives open');
  assert.match(await tab.text('[data-part=continue-alternatives]'), /continues from there/);
  await tab.press('Home');
  const is = before.pieces[5].alternatives[0].id === before.ids[5];
  if (is) await tab.press('ArrowDown');
  const choice = before.pieces[5].alternatives[is ? 1 : 0];
  await ended(tab, () => tab.press('Enter'));
  const begin = [...before.ids.slice(0, 5), choice.id];
  const { text } = await written(PROMPT, { seed: 7, maxTokens: 36, temperature: 1, begin });
  assert.equal(await sheet(tab), PROMPT + text, 'it goes on from the word that was chosen');
  assert.equal(await tab.evaluate(() => document.activeElement?.getAttribute('data-token')), '5', 'the focus is at the word');
  const tokens = before.tokens + 6;
  assert.match(await statistics(tab), new RegExp(`kept ${tokens - 1} of ${tokens} tokens`));
  assert.equal(await tab.evaluate((/** @type {string} */ s) => document.querySelector(s)?.classList.contains('pinned'), wordAt(5)), true);
  await tab.button('Undo');
  assert.equal(await sheet(tab), PROMPT + before.text);
}

async function surprise(/** @type {Kit} */ kit) {
  const tab = await openView(kit);
  const text = 'The dog ran home. The zebra explained philosophy to the dog.';
  await write(tab, text);
  await ended(tab, () => tab.button('Show surprise'));
  assert.equal(await sheet(tab), text);
  const { load } = await import(pathToFileURL(library).href);
  const model = await load(pathToFileURL(join(root, MODEL)));
  const told = await model.surprise(text);
  const score = await model.score(text);
  model.dispose();
  assert.ok(Math.abs(told.bitsPerByte - score.bitsPerByte) < 1e-9);
  assert.match(await statistics(tab), new RegExp(`${told.bits.toFixed(1)} bits in ${text.length} bytes.*${told.bitsPerByte.toFixed(3)} bits per byte`));
  assert.equal(await tab.visible('[data-part=surprise-legend]'), true);
  const most = told.tokens.reduce((/** @type {number} */ best, /** @type {any} */ one, /** @type {number} */ i) => (one.bits > told.tokens[best].bits ? i : best), 0);
  const seen = await tab.evaluate((/** @type {string} */ s) => [document.querySelector(s)?.getAttribute('aria-label'), document.querySelector(s)?.className], wordAt(most));
  assert.ok(seen[0].includes(`${told.tokens[most].bits.toFixed(2)} bits`) && /bits-4/.test(seen[1]), String(seen));
  await tab.click(wordAt(most));
  await tab.until(() => document.querySelector('[data-part=continue-alternatives]')?.checkVisibility(), null, 'its figures');
  assert.match(await tab.text('[data-part=continue-alternatives]'), /expected here/);
  await tab.press('Escape');
  await tab.button('Hide surprise');
  assert.equal(await tab.visible('[data-part=surprise-legend]'), false);
  assert.equal(await sheet(tab), text);
}

async function fullContext(/** @type {Kit} */ kit) {
  const tab = await openView(kit);
  await write(tab, PROMPT);
  await choose(tab, { seed: 9, maxTokens: 600, ignoreEos: true });
  await go(tab);
  const full = await sheet(tab);
  assert.match(await complaint(tab, 'continue-error'), /reached the model’s limit.*512 tokens/);
  await choose(tab, { maxTokens: 20 });
  await ended(tab, () => tab.button('Forget the beginning'));
  assert.ok((await sheet(tab)).startsWith(full) && (await sheet(tab)).length > full.length);
  assert.match(await statistics(tab), /forgot \d+/);
  const long = 'The dog saw a cat. '.repeat(150);
  await write(tab, long);
  await choose(tab, { window: false });
  await tab.button('Continue');
  const told = /^The text is too long for this model\. Your text has (\d+) tokens .*can hold 512 tokens with what it writes: (\d+) tokens too many, about (\d+) words\. Shorten it/.exec(await complaint(tab, 'continue-error'));
  const [count, over, words] = (told ?? []).slice(1).map(Number);
  assert.ok(over === count + 1 - 512 && words > over / 2 && words < over, String(told));
  await ended(tab, () => tab.button('Show the model only the end'));
  assert.ok((await sheet(tab)).startsWith(long.trimEnd()));
  assert.match(await statistics(tab), /your text is long: the model did not see its first \d+ tokens/);
  assert.equal(await tab.visible('[data-part=continue-error]'), false, 'and nothing is said of a limit');
}

async function wrongGrammar(/** @type {Kit} */ kit) {
  const tab = await openView(kit);
  await write(tab, PROMPT);
  const grammar = 'root ::= " " word\nword ::= ("hat" | "ball"';
  await choose(tab, { grammar, seed: 1 });
  await tab.button('Continue');
  assert.match(await complaint(tab, 'continue-error'), /grammar cannot be read.*Line 2/);
  const state = await tab.evaluate(() => {
    const box = /** @type {HTMLTextAreaElement} */ (document.querySelector('#writing-option-grammar'));
    return [document.activeElement === box, box.selectionStart >= 18, box.getAttribute('aria-invalid')];
  });
  assert.deepEqual(state, [true, true, 'true']);
  await choose(tab, { grammar: `${grammar})` });
  assert.match(await go(tab), new RegExp(`^${PROMPT} (hat|ball)$`));
  await choose(tab, { grammar: '', temperature: -1 });
  await tab.button('Write it again');
  assert.equal(await tab.evaluate(() => document.activeElement?.id), 'writing-option-temperature');
}

async function deadWorker(/** @type {Kit} */ kit) {
  kit.server.mishaps.prefix = { 'palimpsest-worker.js': MORTAL + SLOW };
  const tab = await openView(kit);
  await write(tab, PROMPT);
  await choose(tab, { seed: 8, ...LONG });
  await tab.button('Continue');
  await underWay(tab);
  await endWorkers(tab);
  assert.match(await complaint(tab, 'continue-error'), /stopped unexpectedly/);
  const left = await sheet(tab);
  assert.ok(left.length > PROMPT.length, 'what was written stays');
  await choose(tab, { maxTokens: 10 });
  await ended(tab, () => tab.button('Try again'));
  assert.ok((await sheet(tab)).startsWith(left));
  assert.ok((PROMPT + (await written(PROMPT, { seed: 8, ...LONG })).text).startsWith(left));
}

async function secondVisit(/** @type {Kit} */ kit) {
  const tab = await openView(kit);
  await kept(tab);
  await write(tab, 'My own beginning of a');
  await choose(tab, { seed: 11, maxTokens: 12 });
  await kit.server.down();
  kit.noisy = true; // a browser may complain of the look for a newer service worker
  await tab.reload();
  assert.equal(await tab.visible('#view-continue'), true);
  assert.equal(await tab.evaluate(() => /** @type {HTMLTextAreaElement} */ (document.querySelector('#prompt')).value), 'My own beginning of a');
  await ready(tab);
  assert.equal(await go(tab), `My own beginning of a${(await written('My own beginning of a', { seed: 11, maxTokens: 12 })).text}`);
}

/** The time from opening the page with a cached model to the first generated word; the button is pressed as soon as it
 *  exists. */
async function firstWord(/** @type {Kit} */ kit) {
  const first = await openView(kit);
  await kept(first);
  await first.close();
  kit.tabs.pop();
  const times = [];
  for (let i = 0; i < 3; i++) {
    const tab = await kit.tab(() => {
      const look = new MutationObserver(() => {
        const scope = /** @type {any} */ (globalThis);
        const button = /** @type {HTMLButtonElement | null} */ (document.querySelector('#continue'));
        if (document.querySelector('[data-part=continued] .ink')) scope.firstWord ??= performance.now();
        else if (document.querySelector('#sheet[aria-busy=false]') && button && !scope.pressed) (scope.pressed = true), button.click();
      });
      look.observe(document, { childList: true, subtree: true, attributes: true });
    });
    await tab.goto(`${kit.server.url}#continue`);
    times.push(await tab.until(() => /** @type {any} */ (globalThis).firstWord, null, 'the first word'));
    await tab.close();
    kit.tabs.pop();
  }
  // The limit is one second on an idle machine; this one may have other load.
  kit.say(`first word after ${times.map((time) => Math.round(time)).join(', ')} ms`);
  assert.ok(Math.min(...times) < 5000, String(times));
}

async function staysSmooth(/** @type {Kit} */ kit) {
  const tab = await openView(kit);
  if (!tab.longestTask) kit.skip('this browser does not tell its tasks');
  await write(tab, PROMPT);
  await choose(tab, { seed: 9, maxTokens: 150, ignoreEos: true });
  const writing = await tab.longestTask(() => go(tab));
  const scoring = await tab.longestTask(() => ended(tab, () => tab.button('Show surprise')));
  kit.say(`the longest task took ${writing.longest.toFixed(0)} ms while writing, ${scoring.longest.toFixed(0)} ms with surprise`);
  assert.ok(Math.max(writing.longest, scoring.longest) < 50, `${writing.longest}, ${scoring.longest} ms`);
}

async function pick(/** @type {any} */ tab, /** @type {string} */ path) {
  await tab.pick('#file', path);
  await tab.until(() => document.querySelector('[data-part=pending]')?.checkVisibility(), null, 'the file is described');
  return tab.text('[data-part=pending]');
}

/** The documented greedy text of a third-party model. */
async function ownModel(/** @type {Kit} */ kit) {
  const tab = await openView(kit);
  await view(tab, 'Models');
  assert.match(await pick(tab, STORIES), /stories260K\.gguf: 0\.\d MB, needs about 3\d\.\d MB of memory; it continues texts, in the view Continue/);
  await tab.button('Load it');
  await tab.until(() => /In Continue.*stories260K/s.test(document.querySelector('[data-part=loaded]')?.textContent ?? ''), null, 'it is in use');
  await tab.until(() => /In Text.*tales-infill/s.test(document.querySelector('[data-part=loaded]')?.textContent ?? ''), null, 'and the other view has its own');
  assert.match(await tab.text('[data-part=loaded]'), /up to 512 tokens; this needs \d+\.\d MB more memory/);
  await view(tab, 'Continue');
  await write(tab, '');
  await choose(tab, { temperature: 0, maxTokens: 60 });
  assert.ok((await go(tab)).startsWith(TOLD), await sheet(tab));
}

async function tooLarge(/** @type {Kit} */ kit) {
  const path = join(await kit.folder(), 'giant.gguf');
  const file = await openFile(path, 'w');
  await file.write((await readFile(STORIES)).subarray(0, 4096));
  await file.truncate(4_320_000_000); // sparse: takes no room
  await file.close();
  const tab = await openView(kit);
  await view(tab, 'Models');
  await tab.pick('#file', path);
  assert.match(await complaint(tab, 'model-error'), /too large for a page.*giant\.gguf.*4\.4 GB.*4\.3 GB/);
  assert.equal(await tab.visible('[data-part=pending]'), false);
  await view(tab, 'Continue');
  await write(tab, PROMPT);
  await choose(tab, { seed: 3, maxTokens: 10 });
  assert.equal(await go(tab), PROMPT + (await written(PROMPT, { seed: 3, maxTokens: 10 })).text);
}

/** Every state that axe checks. */
async function states(/** @type {Kit} */ kit, dark = false) {
  kit.noisy = true; // the cut download
  kit.server.mishaps.cut = 1e6;
  const tab = await kit.tab(null, dark);
  await tab.goto(`${kit.server.url}#continue`);
  const look = (/** @type {string} */ state) => findings(tab, state);
  await complaint(tab, 'writer-progress');
  await look('a failed download');
  kit.server.mishaps.cut = null;
  kit.server.mishaps.hold = 3e6;
  await tab.button('Try again');
  await tab.until(() => /Fetching/.test(document.querySelector('[data-part=writer-progress]')?.textContent ?? ''), null, 'progress is shown');
  await look('loading');
  kit.server.mishaps.hold = null;
  await ready(tab);
  await look('the example');
  await write(tab, '');
  await look('nothing');
  await write(tab, PROMPT, 8);
  await look('the cursor in the middle');
  await choose(tab, { seed: 3, ...LONG });
  await ended(tab, async () => {
    await tab.button('Continue');
    await underWay(tab);
    await look('writing');
    await tab.press('Escape');
  });
  await look('stopped');
  await choose(tab, { maxTokens: 30 });
  await go(tab);
  await tab.click(wordAt(3));
  await look('alternatives open');
  await tab.press('ArrowDown');
  await ended(tab, () => tab.press('Enter'));
  await look('a chosen word');
  await ended(tab, () => tab.button('Show surprise'));
  await look('surprise');
  await tab.click(wordAt(3));
  await look('surprise of a word');
  await choose(tab, { grammar: 'root ::= (' });
  await tab.press('Escape');
  await tab.button('Continue');
  await complaint(tab, 'continue-error');
  await look('a wrong grammar, options open');
}

export const scenarios = {
  'a text goes on, as under Node': goesOn,
  'a text goes on at the cursor, and can be kept': atTheCursor,
  'writing is stopped and goes on': stopAndGoOn,
  'it is written again; undo and redo': againAndUndo,
  'another word is chosen by keyboard, and nothing before it is read again': anotherWord,
  'surprise, in figures and tints': surprise,
  'a full context, and a text longer than it': fullContext,
  'a wrong grammar is told where it is': wrongGrammar,
  'a worker that dies while it writes': deadWorker,
  'the second visit to Continue, offline': secondVisit,
  'the first generated word with a kept model': firstWord,
  'writing keeps the page smooth': staysSmooth,
  'a causal model of one\'s own has its documented text': ownModel,
  'a causal model too large for a page is refused politely': tooLarge,
};

export const once = {
  'axe finds nothing in Continue, light': (/** @type {Kit} */ kit) => states(kit, false),
  'axe finds nothing in Continue, dark': (/** @type {Kit} */ kit) => states(kit, true),
};
