// @ts-check
/* Filling blanks: the same text as the command line, stopping, pins, the replay. */
import assert from 'node:assert/strict';
import { until } from '../drivers.mjs';
import { choose, complaint, endWorkers, fill, filled, LONG, MASKED, MODEL, MORTAL, native, nativePage, underWay, write } from '../kit.mjs';
import { compare, fillAll, pages } from '../pages.mjs';

/** @typedef {import('../kit.mjs').Kit} Kit */

const pageOf = (/** @type {any} */ tab) => tab.text('[data-part=page]');

async function exampleIsFilled(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  const given = await tab.evaluate(() => /** @type {HTMLTextAreaElement} */ (document.querySelector('#text')).value);
  assert.match(given, /\[\[/, 'an example is there at once');
  assert.equal(await tab.evaluate(() => document.querySelector('label[for=text]')?.textContent), 'Text with blanks');
  const text = await fill(tab);
  const pattern = given.split(/\[\[[^\]]*\]\]/).map((/** @type {string} */ part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  assert.match(text, new RegExp(`^${pattern.join('[^]+?')}$`), 'words stand where the blanks were, and the rest is as it was');
  const statistics = await tab.text('[data-part=statistics]');
  for (const part of [/\d s/, /evaluation/, /tokens\/s/, /1 thread/, /simd128|relaxed/, /ascending/, /seed \d+/]) assert.match(statistics, part);
  await tab.until(() => /^Done: \d+ words? in/.test(document.querySelector('[data-part=polite]')?.textContent ?? ''), null, 'it is announced');
  kit.say(statistics.match(/\d+ tokens\/s/)?.[0] ?? '');
}

async function sameAsCommand(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  const free = '“[[3-8]],” she said.\n\\[[x]] café 😀 [[?]]';
  /** @type {[string, any][]} */
  const cases = [
    ['Once upon a time [[?]] lived in [[4]].', { seed: 7 }],
    [free, { seed: 8 }],
    [free, { seed: 3, sampler: 'speculative', temperature: 1.1 }],
    ['Once upon a time [[3]] lived in [[4]].', { seed: 3, sampler: 'remask', steps: 20, temperature: 1.1 }],
  ];
  for (const [text, options] of cases) {
    await write(tab, text);
    await choose(tab, { sampler: 'default', temperature: 0.6, ...options });
    assert.equal(await fill(tab), native(text, options), JSON.stringify([text, options]));
  }
  await write(tab, free);
  await choose(tab, { seed: '18446744073709551615', sampler: 'default', temperature: 0.6 });
  assert.equal(await fill(tab), native(free, { seed: '18446744073709551615' }), 'the largest seed');
}

async function twentyPages(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  const given = { library: new URL('palimpsest.js', kit.server.url).href, model: new URL(MASKED, kit.server.url).href, pages };
  // With the fastest build of the engine, and with the one for every browser.
  for (const isa of [undefined, 'simd128']) compare(await tab.evaluate(fillAll, { ...given, isa }));
}

async function stops(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await write(tab, LONG);
  for (const stop of [() => tab.button('Stop'), () => tab.press('Escape')]) {
    await filled(tab, async () => {
      await tab.click('#fill');
      await underWay(tab);
      await new Promise((done) => setTimeout(done, 550)); // within half a second a click counts as a double click
      await stop();
    });
    assert.equal(await tab.text('#fill'), 'Fill the blanks');
    assert.match(await tab.text('[data-part=statistics]'), /\d evaluations?, \d+ places still open/);
    await tab.until(() => document.querySelector('[data-part=polite]')?.textContent === 'Stopped', null, 'it is announced');
    assert.match(await pageOf(tab), /^Number 1 was a/, 'what was written stays');
    assert.equal(await tab.visible('[data-part=error]'), false, 'stopping is no error');
  }
  await write(tab, 'Tom saw a [[2]].');
  await choose(tab, { seed: 5 });
  assert.equal(await fill(tab), native('Tom saw a [[2]].', { seed: 5 }), 'the next fill works');
}

async function pinsStay(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  const text = 'There was a [[1]] who lived in a [[1]] near the [[2]]. He had a [[1]].';
  await write(tab, text);
  await choose(tab, { seed: 21 });
  await fill(tab);
  await tab.click('[data-part=page] [data-token="1"]');
  await tab.until(() => document.activeElement?.getAttribute('role') === 'listbox', null, 'the alternatives have the focus');
  const other = await tab.evaluate(() => [...document.querySelectorAll('[role=option]')].map((option) => option.querySelector('.choice')?.textContent)[1]);
  await tab.press('Home');
  await tab.press('ArrowDown');
  await tab.press('Enter');
  const word = () => tab.evaluate(() => {
    const node = document.querySelector('[data-part=page] [data-token="1"]');
    return { text: node?.textContent, label: node?.getAttribute('aria-label'), focused: document.activeElement === node, pinned: node?.classList.contains('pinned') };
  });
  const { tokens, text: first } = nativePage(text, { seed: 21 });
  const { offset, bytes, alternatives: [, { id }] } = tokens[1];
  const { label, ...state } = await word();
  assert.deepEqual(state, { text: other, focused: true, pinned: true });
  assert.match(label ?? '', /pinned$/);
  const before = await pageOf(tab);
  assert.equal(before, first.slice(0, offset) + other + first.slice(offset + bytes), 'all else is as it was');
  await choose(tab, { temperature: 1.5 });
  const texts = new Set();
  for (let i = 0; i < 3; i++) {
    await filled(tab, () => tab.button('Fill with another seed'));
    texts.add(await pageOf(tab));
    const [, seed] = (await tab.text('[data-part=statistics]')).match(/seed (\d+)/);
    const pins = [{ blank: 1, index: 0, id }];
    assert.equal(await pageOf(tab), native(text, { seed, temperature: 1.5, pins }), 'the model saw the pin');
    assert.deepEqual([(await word()).text, (await word()).pinned], [other, true], 'the pin stays');
  }
  assert.ok([...texts].some((one) => one !== before), 'the rest is drawn again');
  await tab.button('Remove all pins');
  assert.equal((await word()).pinned, false);
}

async function replays(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  const text = 'A [[3]] and a [[3]].';
  for (const sampler of ['first-hitting', 'remask']) {
    await write(tab, text);
    await choose(tab, { seed: 4, sampler, ...(sampler === 'remask' && { steps: 30 }) });
    const whole = await fill(tab);
    await tab.evaluate(() => /** @type {HTMLElement} */ (document.querySelector('#step')).focus());
    const words = () => tab.evaluate(() => document.querySelectorAll('[data-part=page] .ink').length);
    await tab.press('Home');
    assert.deepEqual([await pageOf(tab), await words()], ['A  and a .', 0], 'at step 0 nothing is written');
    const last = Number(await tab.evaluate(() => /** @type {HTMLInputElement} */ (document.querySelector('#step')).max));
    assert.ok(last >= 6);
    await tab.press('ArrowRight');
    if (sampler === 'first-hitting') assert.deepEqual([await words(), last], [1, 6], 'one word a step');
    // The slider does not count time steps without an event.
    for (let step = 1; step < last && !(await words()); step++) await tab.press('ArrowRight');
    assert.ok((await words()) > 0 && (await pageOf(tab)) !== whole, 'between, some words are there');
    await tab.press('End');
    assert.equal(await pageOf(tab), whole);
  }
  await tab.button('Play');
  await tab.until(() => document.querySelector('#play')?.textContent === 'Play', null, 'it plays to its end');
  assert.match(await tab.text('#step-now'), /^step (\d+) of \1$/);
}

async function drafts(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  const text = 'One day [[4]] and [[3]].';
  await write(tab, text);
  await choose(tab, { seed: 31, drafts: 3 });
  await fill(tab);
  const cards = await tab.evaluate(() => [...document.querySelectorAll('[data-part=drafts] li .page')].map((card) => card.textContent));
  assert.deepEqual(cards, [0, 1, 2].map((draft) => native(text, { seed: 31, draft })));
  await tab.button('Make draft 3 the page');
  assert.equal(await pageOf(tab), cards[2]);
}

async function undoAndKeep(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  const box = () => tab.evaluate(() => /** @type {HTMLTextAreaElement} */ (document.querySelector('#text')).value);
  const text = 'Plain \\[[brackets]] and [[3]].';
  await write(tab, text);
  await choose(tab, { seed: 2 });
  const whole = await fill(tab);
  assert.match(whole, /^Plain \[\[brackets\]\] and /);
  await tab.button('Keep this text');
  assert.equal(await box(), whole.replace('[[', '\\[['), 'it is a page again');
  await tab.button('Undo');
  assert.deepEqual([await box(), await pageOf(tab)], [text, whole]);
  await tab.button('Undo');
  assert.equal(await pageOf(tab), 'Plain [[brackets]] and .', 'the fill is undone');
  await tab.button('Redo');
  assert.equal(await pageOf(tab), whole);
}

async function blankAtCursor(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await tab.click('#tool-type');
  await write(tab, 'Once there was.');
  await tab.evaluate(() => /** @type {HTMLTextAreaElement} */ (document.querySelector('#text')).setSelectionRange(14, 14));
  await tab.button('Insert a blank');
  const state = await tab.evaluate(() => {
    const box = /** @type {HTMLTextAreaElement} */ (document.querySelector('#text'));
    return [box.value, box.selectionStart, document.activeElement === box];
  });
  assert.deepEqual(state, ['Once there was[[?]].', 19, true]);
}

async function twoAtOnce(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  const outcome = await tab.evaluate(async () => {
    const { load } = await import(/** @type {any} */ (new URL('palimpsest.js', location.href).href));
    // The page requires Trusted Types: with `base` the library makes its worker's address by its own policy.
    const model = await load(new URL('models/tales-infill.gguf', location.href), { base: new URL('.', location.href).href });
    const run = (/** @type {number} */ seed) => model.infill('The [[3]] saw [[5]].', { seed }).result();
    const solo = [(await run(1)).text, (await run(2)).text];
    const order = /** @type {number[]} */ ([]);
    const both = await Promise.all([1, 2].map(async (seed) => {
      const job = model.infill('The [[3]] saw [[5]].', { seed });
      for await (const _ of job) order.push(seed);
      return (await job.result()).text;
    }));
    model.dispose();
    return { solo, both, changes: order.filter((seed, i) => seed !== order[i - 1]).length };
  });
  assert.deepEqual(outcome.both, outcome.solo);
  assert.ok(outcome.changes > 4, 'they take turns');
}

async function workerDies(/** @type {Kit} */ kit) {
  kit.server.mishaps.prefix['palimpsest-worker.js'] = MORTAL;
  const tab = await kit.openReady();
  await write(tab, LONG);
  await filled(tab, async () => {
    await tab.click('#fill');
    await underWay(tab);
    await endWorkers(tab);
  });
  assert.match(await complaint(tab, 'error'), /stopped unexpectedly/);
  await write(tab, 'Tom saw a [[2]].');
  await choose(tab, { seed: 5 });
  assert.equal(await fill(tab), native('Tom saw a [[2]].', { seed: 5 }), 'the next fill works');
  const free = () => tab.evaluate(async () => !(await navigator.locks.query()).held?.some((lock) => lock.name?.startsWith('palimpsest-worker')));
  await endWorkers(tab);
  await until(free, 'the worker has ended');
  assert.equal(await fill(tab), native('Tom saw a [[2]].', { seed: 5 }), 'also when it died while idle');
  assert.equal(kit.server.count(MODEL), 1, 'from the kept copy');
}

/** How long a fill blocks the page, in processor time, because wall-clock time includes other load on the machine. */
async function staysSmooth(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  if (!tab.longestTask) kit.skip('this browser does not tell its tasks');
  await write(tab, 'The [[12]] and the [[12]] saw [[12]].');
  const { tasks, longest, wall } = await tab.longestTask(() => fill(tab));
  kit.say(`the longest of ${tasks} tasks took ${longest.toFixed(0)} ms of processor time, ${wall.toFixed(0)} ms by the clock`);
  assert.ok(longest < 50, `${longest} ms`);
}

async function optionsAreChecked(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  for (const [key, bad, good] of [['temperature', '-1', '0.6'], ['seed', 'x', ''], ['topP', '2', '1'], ['freeMax', '0', '16']]) {
    await choose(tab, { [key]: bad });
    await tab.click('#fill');
    const state = await tab.evaluate((/** @type {string} */ id) => {
      const input = document.querySelector(id);
      return [document.activeElement === input, input?.getAttribute('aria-invalid'), document.querySelector(id.replace('option', 'problem'))?.checkVisibility()];
    }, `#option-${key}`);
    assert.deepEqual(state, [true, 'true', true], key);
    await choose(tab, { [key]: good });
  }
  await fill(tab);
}

export const scenarios = {
  'the example is filled': exampleIsFilled,
  'the page writes what the command writes for the same seed': sameAsCommand,
  'twenty pages have the text of the command line': twentyPages,
  'Stop and Escape stop a fill, and the next works': stops,
  'a pinned word stays when the rest is filled again': pinsStay,
  'the replay shows every step': replays,
  'drafts stand side by side': drafts,
  'undo, redo and keep': undoAndKeep,
  'a blank is inserted at the cursor': blankAtCursor,
  'two fills at once equal their solo runs': twoAtOnce,
  'a worker that dies is reported, and the next fill works': workerDies,
  'a fill leaves the page free': staysSmooth,
  'wrong options are told beside their fields': optionsAreChecked,
};
