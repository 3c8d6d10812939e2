// @ts-check
/* Scores of fills: what infill() drew is as likely as it reported, and as the command says. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { built, command, fails, load, modelPath, modelUrl, noCommand, open } from './common.mjs';

/** @typedef {import('../../web/src/types.ts').Page} Page */

const PAGE = 'the [[3]] dog, "[[1]]" he \\[[ [[2]].';
const close = (/** @type {number} */ a, /** @type {number} */ b, near = 1e-4) => assert.ok(Math.abs(a - b) <= near, `${a} and ${b}`);
const nats = (/** @type {Page} */ { tokens }) => tokens.reduce((sum, one) => sum - Math.log(one.probability), 0);
const order = (/** @type {Page} */ { tokens }) => [...tokens].sort((a, b) => Number(a.step) - Number(b.step));

/** The ids in each blank; an end, and what follows it, is no token. */
function idsOf(/** @type {Page} */ { tokens }) {
  /** @type {number[][]} */
  const fills = [];
  for (const { blank, id, empty } of tokens) {
    fills[blank] ??= [];
    if (!empty) fills[blank].push(Number(id));
  }
  return fills;
}

/** What the command prints for these lines. */
function told(/** @type {object[]} */ lines, /** @type {string[]} */ ...words) {
  const input = lines.map((one) => `${JSON.stringify(one)}\n`).join('');
  return execFileSync(command, ['score', '--json', '--fills', '-', ...words], { encoding: 'utf8', input }).trim().split('\n').map((one) => JSON.parse(one));
}

async function rows(/** @type {import('node:test').TestContext} */ t) {
  const model = await load(modelUrl('tiny-ar'), { adapter: modelUrl('tiny-rows') });
  t.after(() => model.dispose());
  return model;
}

test('a fill is as likely as it was when it was drawn, by its sampler and in its order', async (t) => {
  const model = await open(t);
  for (const sampler of /** @type {const} */ (['margin', 'entropy', 'confidence']))
    for (const seed of [1, 2]) {
      const page = await model.infill(PAGE, { sampler, seed, temperature: 1 }).result();
      const own = await model.score(PAGE, { fills: idsOf(page), sampler });
      const given = await model.score(PAGE, { fills: idsOf(page), order: order(page) });
      close(own.nats, nats(page));
      close(given.nats, nats(page));
      assert.deepEqual([own.tokens, own.bound, own.standardError, own.orders, own.windows, own.places.length], [6, false, 0, 1, 1, 6]);
      close(own.natsPerToken, own.nats / 6, 1e-9);
      close(own.places.reduce((sum, one) => sum + one.nats, 0), own.nats, 1e-9);
      for (const [i, { blank, index, id }] of page.tokens.entries()) assert.deepEqual([own.places[i]?.blank, own.places[i]?.index, own.places[i]?.id], [blank, index, id]);
    }
});

test('with query rows: exact under ascending, with the ends of blanks, and in a given order with one evaluation', async (t) => {
  const model = await rows(t);
  const page = 'the [[1-3]] dog, "[[1]]" he [[?]].';
  const emptyToken = 2;
  for (const seed of [1, 2, 3, 4]) {
    const filled = await model.infill(page, { seed, temperature: 1, emptyToken }).result();
    const drawn = order(filled).filter(({ empty, blank, index }) => !empty || !filled.tokens.some((one) => one.blank === blank && one.index < index && one.empty));
    const own = await model.score(page, { fills: idsOf(filled), emptyToken });
    close(own.nats, nats(filled));
    assert.equal(own.bound, false);
    assert.deepEqual(own.places.map(({ blank, index }) => [blank, index]), drawn.map(({ blank, index }) => [blank, index]).sort((a, b) => Number(a[0]) - Number(b[0]) || Number(a[1]) - Number(b[1])));
    assert.deepEqual(own.places.filter(({ id }) => id === null).map(({ text }) => text), drawn.filter(({ empty }) => empty).map(() => ''));
    close((await model.score(page, { fills: idsOf(filled), order: drawn, emptyToken })).nats, nats(filled));
  }
  const [exact] = [await model.infill('a [[3]] b [[2]]', { seed: 1, temperature: 1, sampler: 'confidence' }).result()];
  assert.equal((await model.score('a [[3]] b [[2]]', { fills: idsOf(exact), order: order(exact) })).evaluations, 1);
});

test('a random order gives a bound with a standard error, which a seed repeats', async (t) => {
  const model = await rows(t);
  const page = 'the [[1]] dog, "[[1]]" he [[2]] and [[1]].';
  const fills = idsOf(await model.infill(page, { seed: 1 }).result());
  const options = /** @type {const} */ ({ fills, sampler: 'ascending-random', orders: 5 });
  const first = await model.score(page, options);
  assert.deepEqual([first.bound, first.orders], [true, 5]);
  assert.ok(first.standardError > 0);
  assert.deepEqual({ ...(await model.score(page, options)), seconds: 0 }, { ...first, seconds: 0 });
  assert.notEqual((await model.score(page, { ...options, seed: 2 })).nats, first.nats);
});

test('texts and ids are scored with the figures of the command', { skip: noCommand }, async (t) => {
  const lines = [{ page: 'the [[1-9]] dog', fills: ['cat'] }, { page: 'the [[1-3]] dog [[2]].', fills: [[352], [353, 354]] }, { page: 'the [[1]] dog [[1]].', fills: [[352], [353]] }, { page: PAGE, fills: [[352, 353, 354], [355], [356, 357]], order: [[2, 0], [2, 1], [1, 0], [0, 2], [0, 0], [0, 1]] }];
  let scored = 0;
  for (const [words, model, names] of /** @type {[string[], any, object][]} */ ([
    [['-m', modelPath('tiny-infill')], await open(t), { sampler: 'margin' }],
    [['-m', modelPath('tiny-ar'), '--adapter', modelPath('tiny-rows')], await rows(t), {}],
    [['-m', modelPath('tiny-ar'), '--adapter', modelPath('tiny-rows'), '--sampler', 'ascending-random', '--borders', 'off', '--orders', '3', '--seed', '4'], await rows(t), { sampler: 'ascending-random', borders: false, orders: 3, seed: 4 }],
  ]))
    for (const line of lines) {
      const given = { ...line, order: line.order?.map(([blank, index]) => ({ blank, index })) };
      const score = await model.score(line.page, { fills: given.fills, order: given.order, ...names }).catch((/** @type {Error} */ error) => error.message);
      if (typeof score === 'string') {
        assert.throws(() => told([line], ...words), (/** @type {any} */ error) => error.stderr.includes(score), score);
        continue;
      }
      const [one] = told([line], ...words);
      const digits = (/** @type {number} */ value) => value.toPrecision(9); // as the command prints it
      assert.deepEqual([score.nats, score.standardError].map(digits), [one.nats, one.standard_error].map(digits));
      assert.deepEqual([score.tokens, score.orders, score.evaluations], [one.tokens, one.orders, one.evaluations]);
      assert.deepEqual(score.places.map((/** @type {any} */ place) => [place.blank, place.index, place.id, digits(place.nats)]), one.drawn.map((/** @type {any} */ place) => [place.blank, place.index, place.id ?? null, digits(place.nats)]));
      scored++;
    }
  assert.ok(scored > 5, `${scored}`);
});

test('a long page is scored in its windows', async (t) => {
  const model = await open(t);
  const page = `${'the dog ran to the house. '.repeat(90)}[[2]] ${'the dog ran to the house. '.repeat(90)}[[1]]`;
  const filled = await model.infill(page, { seed: 1, temperature: 1 }).result();
  assert.ok(filled.windows > 1);
  const score = await model.score(page, { fills: idsOf(filled) });
  close(score.nats, nats(filled));
  assert.equal(score.windows, filled.windows);
});

test('fills and orders that do not fit are refused, and the blank is named', async (t) => {
  const model = await open(t);
  const score = (/** @type {any} */ options, page = 'a [[1]] b [[2]]') => model.score(page, options);
  for (const [options, offset, message] of /** @type {[any, number | null, RegExp][]} */ ([
    [{ fills: ['cat'] }, null, /as many blanks/], [{ fills: ['cat', 'a b', 'c'] }, null, /as many blanks/], [{ fills: [[5, 6], [5, 6]] }, 0, /more tokens/],
    [{ fills: [[5], [5]] }, 1, /fewer tokens/], [{ fills: [[5], [5, 1e6]] }, 1, /outside the vocabulary/],
    [{ fills: [[5], [5, 6]], order: [] }, 0, /must name every token/], [{ fills: [[5], [5, 6]], order: [{ blank: 0, index: 1 }] }, 0, /not in the fills/],
    [{ fills: [[5], [5, 6]], order: [{ blank: 1, index: 0 }, { blank: 1, index: 0 }] }, 1, /twice/],
    [{ fills: [[5], [5, 6]], sampler: 'parallel' }, null, /exact sampler/],
    [{ fills: 'cat' }, null, /^fills must be an array/], [{ fills: null }, null, /^fills must be/], [{ fills: [5] }, null, /^fills must be/], [{ fills: [[0.5]] }, null, /^fills must be/],
    [{ fills: [[5]], order: [[0, 0]] }, null, /^order must be an array of \{ blank, index \}/], [{ fills: [[5]], orders: 1 }, null, /^orders must be a whole number from 2/],
    [{ fills: [[5]], method: 'exact' }, null, /unknown option method/], [{ fills: [[5]], temperature: 1 }, null, /unknown option temperature/],
    [{ fills: [[5]], window_length: 300 }, null, /did you mean windowLength/],
  ]))
    assert.match((await fails(score(options), 'option', offset)).message, message);
  await fails(score({ fills: ['\ud800', 'a'] }), 'text', 0);
  await fails(score({ fills: [] }, 'a [[1'), 'text', 2);
  const none = await score({ fills: [] }, 'no blank');
  assert.deepEqual([none.nats, none.tokens, none.natsPerToken, none.places], [0, 0, 0, []]);
  const impossible = await model.tokenize('<mask>', { special: true });
  await fails(score({ fills: [impossible.slice(-1), [5, 6]] }), 'option', 0);
});

test('a score of fills stops, reports, and leaves the model usable', async (t) => {
  const model = await rows(t);
  const stop = new AbortController();
  /** @type {number[]} */
  const seen = [];
  const onProgress = (/** @type {any} */ { evaluations }) => (seen.push(evaluations), stop.abort(new Error('enough')));
  await assert.rejects(model.score('the [[1]] dog, "[[1]]" he.', { fills: [[352], [353]], sampler: 'ascending-random', orders: 100000, onProgress, signal: stop.signal }), /enough/);
  assert.equal(seen.length, 1);
  assert.ok((await model.score('the [[1]] dog', { fills: ['cat'] })).nats > 0);
});

// Continuing and scoring are in a file of their own, which is fetched at the first of these calls.
test('without the file for texts a model fills, and other calls say what is missing', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'palimpsest-'));
  t.after(() => rm(folder, { recursive: true }));
  for (const name of ['palimpsest-worker.js', 'palimpsest-loading.js', 'palimpsest.wasm']) await copyFile(join(built, name), join(folder, name));
  const model = await open(t, 'tiny-ar', { base: `${pathToFileURL(folder).href}/`, adapter: modelUrl('tiny-rows') });
  assert.ok((await model.infill('the [[2]]').result()).done);
  for (const call of [() => model.generate('the').result(), () => model.score('the'), () => model.surprise('the'), () => model.sequence.tokens(), () => model.score('the [[1]]', { fills: ['cat'] })])
    assert.match((await fails(/** @type {Promise<any>} */ (call()), 'network')).message, /palimpsest-texts\.js could not be loaded/);
});

test('calls that wait for the file for texts keep their order and can be stopped', async (t) => {
  const model = await open(t, 'tiny-ar');
  const ids = await model.tokenize('the dog');
  const stop = new AbortController();
  const all = Promise.all([model.sequence.append(ids), model.sequence.tokens(), model.sequence.rewind(1), model.sequence.tokens()]);
  const stopped = model.generate('the', { signal: stop.signal }).result();
  stopped.catch(() => {});
  await new Promise((resolve) => setTimeout(resolve));
  stop.abort(new Error('stopped'));
  await assert.rejects(stopped, /stopped/);
  assert.deepEqual(await all, [ids.length, ids, 1, ids.slice(0, 1)]);
});

