// @ts-check
/* Filling: pages in order, given text untouched, the same text as the command line. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dice, escape, modelPath, noCommand, open, randomText, run, samplers } from './common.mjs';

const PAGE = 'Once upon a time the [[4]] was [[?]] and [[3-6]].';

test('the text is that of the command line, for every sampler, seed and draft', { skip: noCommand }, async (t) => {
  const model = await open(t);
  for (const sampler of samplers)
    for (const [seed, draft] of /** @type {[number | bigint, number][]} */ ([[1, 0], [2n ** 64n - 1n, 2]])) {
      const { text } = await model.infill(PAGE, { sampler, seed, draft }).result();
      const drafts = run('infill', '-m', modelPath('tiny-infill'), '--text', PAGE, '--sampler', sampler, '--seed', String(seed), '--drafts', draft + 1);
      assert.equal(text, drafts.split('\n---\n')[draft], `${sampler}, seed ${seed}`);
    }
});

test('tokens carry what the command line says of them', { skip: noCommand }, async (t) => {
  const model = await open(t);
  const result = await model.infill(PAGE, { seed: 5, freeMax: 4, freeMin: 2 }).result();
  const told = JSON.parse(run('infill', '-m', modelPath('tiny-infill'), '--text', PAGE, '--seed', 5, '--free', '2-4', '--json'));
  assert.deepEqual([result.text, result.evaluations], [told.text, told.evaluations]);
  assert.equal(result.tokens.length, told.tokens.length);
  result.tokens.forEach((token, i) => {
    const { blank, index, id, step, empty, probability, alternatives } = told.tokens[i];
    assert.deepEqual([token.blank, token.index, token.id, token.step, token.empty], [blank, index, id, step, empty]);
    assert.ok(Math.abs(token.probability - probability) < 1e-4 * probability + 1e-6, `${token.probability} and ${probability}`);
    assert.deepEqual(token.alternatives.map((a) => a.id), alternatives.map((/** @type {any} */ a) => a.id));
  });
});

test('pages come in order, one a step, and end with the result', async (t) => {
  const model = await open(t);
  const job = model.infill(PAGE, { seed: 3 });
  const pages = [];
  for await (const page of job) pages.push(page);
  const result = await job.result();
  assert.deepEqual(pages.map((page) => page.step), pages.map((_, i) => i));
  assert.ok(pages[0].tokens.every((token) => token.open && token.id === null && token.step === null && token.text === ''));
  assert.equal(pages[0].open, pages[0].tokens.length);
  for (const [i, page] of pages.entries()) {
    const fresh = page.tokens.filter((token) => token.fresh);
    assert.ok(fresh.every((token) => token.step === page.step), `fresh tokens of step ${i}`);
    assert.equal(page.done, page.open === 0);
    if (i) assert.equal(pages[i - 1].open - page.open, fresh.length);
    for (const token of page.tokens) if (!token.open && i) assert.equal(token.id, result.tokens[page.tokens.indexOf(token)].id);
  }
  assert.equal(pages.at(-1)?.text, result.text);
  assert.deepEqual([result.seed, result.draft, result.sampler, result.threads, result.isa], [3, 0, 'margin', 1, model.info.isa]);
  assert.ok(result.done && result.open === 0 && result.seconds > 0 && result.evaluations >= 1);
});

test('a page on its way is a page again, and its parts are what a reader sees', async (t) => {
  const model = await open(t);
  for await (const page of model.infill('a \\[[1]] [[3]] b', { seed: 3 })) {
    assert.equal(page.parts.map((part) => part.text).join('').startsWith('a [[1]]'), true);
    const places = page.parts.flatMap((part) => (part.token === undefined ? [] : [part.token]));
    assert.deepEqual(places, [0, 1, 2]);
    if (page.done) assert.equal(page.text, page.parts.map((part) => part.text).join(''));
    else assert.equal((await model.infill(page.text, { seed: 1 }).result()).tokens.length, page.open);
  }
});

/** The given parts of a filled page, joined by a separator that no text contains. */
const given = (/** @type {any} */ page) =>
  page.parts.map((/** @type {any} */ part) => (part.token === undefined ? part.text : '\ud800')).join('').replace(/\ud800+/g, '\ud800');

test('given text comes back as it was, whatever it holds', async (t) => {
  const model = await open(t);
  const roll = dice(20261122);
  for (let i = 0; i < 60; i++) {
    const [before, between, after] = [randomText(roll), randomText(roll), randomText(roll)];
    // Backslashes before a blank, or before one bracket in front of it, are doubled, as in any page.
    const source = [before, between, after];
    const page = source.map((text, at) => (at < 2 ? escape(text).replace(/(\\+)(\[?)$/, '$1$1$2') : escape(text)));
    const result = await model.infill(`${page[0]}[[2]]${page[1]}[[1-3]]${page[2]}`, { seed: i, window: true }).result();
    const expected = `${source[0]}\ud800${source[1]}\ud800${source[2]}`.replace(/\ud800+/g, '\ud800');
    assert.equal(given(result), expected, JSON.stringify(page));
    assert.equal(result.text, result.parts.map((/** @type {any} */ part) => part.text).join(''));
  }
});

test('an escaped text put through infill comes back as it was', async (t) => {
  const model = await open(t);
  const roll = dice(7);
  for (let i = 0; i < 200; i++) {
    const text = randomText(roll);
    assert.equal((await model.infill(escape(text), { window: true }).result()).text, text, JSON.stringify(text));
  }
  for (const text of ['[[', '\\[[', '\\\\[[5]]', '[[[', '[[[[', '\\[[[\\[[[[', '[[?]]'])
    assert.equal((await model.infill(escape(text)).result()).text, text);
});

test('empty texts and texts without a blank come back', async (t) => {
  const model = await open(t);
  for (const text of ['', 'no blank', '\n', ' x ', 'x'.repeat(5000)]) {
    const result = await model.infill(text).result();
    assert.deepEqual([result.text, result.tokens, result.evaluations, result.done], [text, [], 0, true]);
  }
});

test('a seed is a number or a bigint; drafts and seeds differ; a drawn seed is told', async (t) => {
  const model = await open(t);
  const fill = (/** @type {object} */ options) => model.infill(PAGE, options).result();
  const [a, b, other, draft] = [await fill({ seed: 9 }), await fill({ seed: 9n }), await fill({ seed: 10 }), await fill({ seed: 9, draft: 1 })];
  assert.equal(a.text, b.text);
  assert.equal(new Set([a.text, other.text, draft.text]).size, 3);
  const drawn = await fill({});
  assert.equal((await fill({ seed: drawn.seed })).text, drawn.text);
  assert.notEqual((await fill({})).seed, drawn.seed);
  const large = await fill({ seed: 2n ** 64n - 1n });
  assert.deepEqual([large.seed, b.seed], [2n ** 64n - 1n, 9]);
});

test('pins are kept, by every sampler, and the rest may change', async (t) => {
  const model = await open(t);
  const [dog] = await model.tokenize(' dog', { inside: true });
  for (const sampler of samplers) {
    const pins = [{ blank: 1, index: 0, id: dog }];
    const result = await model.infill('a [[2]] b [[3]].', { pins, seed: 4, sampler }).result();
    assert.ok(result.text.includes(' b dog'), result.text);
    const pinned = result.tokens.filter((token) => token.pinned);
    assert.deepEqual(pinned.map(({ blank, index, id, step, probability }) => [blank, index, id, step, probability]), [[1, 0, dog, 0, 1]]);
  }
});

test('a pin taken from a fill leaves it as it was when all else is pinned', async (t) => {
  const model = await open(t);
  const first = await model.infill(PAGE, { seed: 6 }).result();
  const pins = first.tokens.map(({ blank, index, id }) => ({ blank, index, id: Number(id) }));
  const again = await model.infill(PAGE, { seed: 99, pins }).result();
  assert.deepEqual([again.text, again.evaluations], [first.text, 0]);
});

test('options reach the engine', async (t) => {
  const model = await open(t);
  const text = async (/** @type {object} */ options, page = PAGE) => (await model.infill(page, { seed: 2, ...options }).result()).text;
  const plain = await text({});
  assert.equal(await text({ temperature: 0, seed: 1 }), await text({ temperature: 0, seed: 2 }), 'greedy has no chance in it');
  // Only words: truncation does not change the model's own distribution of lengths of blanks.
  const exact = 'the [[3]] was [[5]].';
  assert.equal(await text({ topK: 1 }, exact), await text({ temperature: 0 }, exact));
  assert.equal(await text({ topP: 1e-9, temperature: 1 }, exact), await text({ minP: 1, temperature: 1 }, exact));
  for (const options of [{ temperature: 3 }, { borders: false, temperature: 2 }, { repetitionPenalty: 50, temperature: 1.5 }, { document: true, temperature: 2 }])
    assert.notEqual(await text(options), plain, JSON.stringify(options));
  for (const [freeMin, freeMax] of [[1, 1], [7, 7], [2, 4]]) {
    const { tokens } = await model.infill('the [[?]] dog', { freeMin, freeMax, seed: 8 }).result();
    const words = tokens.filter((token) => !token.empty).length;
    assert.ok(tokens.length === freeMax && words >= freeMin, `${words} of ${freeMin}-${freeMax}`);
  }
  const timed = await model.infill('the [[9]] dog', { sampler: 'ancestral', steps: 5, seed: 1 }).result();
  assert.deepEqual([timed.steps, timed.sampler], [5, 'ancestral']);
  const few = await model.infill('the [[9]] dog', { sampler: 'parallel', threshold: 1e-6, seed: 1 }).result();
  assert.equal(few.evaluations, 1);
});

test('a window shows the model a part of a long page and says so', async (t) => {
  const model = await open(t);
  const long = `${'z'.repeat(200)}[[1]]`;
  const result = await model.infill(long, { window: true, seed: 1 }).result();
  assert.deepEqual([result.windowed, result.shown, result.total], [true, model.info.context, 202]);
  assert.ok(result.text.startsWith('z'.repeat(200)));
});
