// @ts-check
/* Refused texts, options and pins; tokens and scores. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dice, escape, fails, modelPath, noCommand, open, randomText, run } from './common.mjs';

test('a wrong blank is told with its place in the string', async (t) => {
  const model = await open(t);
  /** @type {[string, number][]} */
  const wrong = [
    ['ab [[', 3], ['[[5', 0], ['x [[]]', 2], ['x [[0]]', 2], ['x [[9-3]]', 2], ['x [[ 5]]', 2], ['x [[5 ]]', 2], ['[[x]]', 0], ['[[[x]]', 1],
    ['é[[x]]', 1], ['日本😀 [[x]]', 5], ['“a” — 👩‍👧 [[5]] \r\n[[-1]]', 20], ['[[97]]', 0], ['\\\\[[x]]', 2],
  ];
  for (const [text, at] of wrong) {
    await fails(model.infill(text).result(), 'text', at);
    assert.equal(text.slice(at, at + 2), '[[', 'the place is that of the brackets');
  }
  assert.ok((await model.infill('the [[1]]').result()).done);
});

test('half a character is refused, wherever text is taken', async (t) => {
  const model = await open(t);
  for (const [text, at] of /** @type {[string, number][]} */ ([['\ud83d', 0], ['ab \ude00 [[1]]', 3], ['😀\ud83d[[1]]', 2], ['[[1]]\ud83d\ud83d\ude00', 5]])) {
    await fails(model.infill(text).result(), 'text', at);
    await fails(model.tokenize(text), 'text', at);
    await fails(model.score(text), 'text', at);
  }
  for (const none of [undefined, null, 5, {}]) await fails(model.infill(/** @type {any} */ (none)).result(), 'text');
});

test('a text longer than the context is refused without a window', async (t) => {
  const model = await open(t);
  const error = await fails(model.infill(`${'z'.repeat(200)}[[1]]`, { window: false }).result(), 'context', null).catch((/** @type {Error} */ e) => e);
  assert.match(error.message, /./);
});

test('options out of range are refused, each with a sentence, and change nothing', async (t) => {
  const model = await open(t);
  const wrong = [
    { seed: -1 }, { seed: 1.5 }, { seed: 2 ** 53 }, { seed: 2n ** 64n }, { seed: '7' }, { seed: NaN }, { draft: -1 }, { draft: 0.5 }, { temperature: -1 },
    { temperature: 101 }, { temperature: NaN }, { temperature: '1' }, { topK: -1 }, { topK: 1.5 }, { topP: -0.1 }, { topP: 2 }, { minP: -0.1 }, { minP: 2 },
    { repetitionPenalty: 0 }, { borders: 1 }, { document: 'yes' }, { window: null }, { windowLength: 255 }, { sampler: 'best' }, { sampler: 'Margin' }, { steps: 8 },
    { threshold: 0.5 }, { remask: 0.5 }, { entropyBound: 1 }, { sampler: 'parallel', threshold: 0.5, entropyBound: 1 },
    { sampler: 'remask', remask: 2 }, { sampler: 'ancestral', steps: 1 << 21 }, { freeMin: 8, freeMax: 3 }, { freeMin: 0 }, { colour: 'red' },
    { pins: [{ blank: 9, index: 0, id: 300 }] }, { pins: [{ blank: 0, index: 2, id: 300 }] }, { pins: [{ blank: 0, index: 0, id: 0 }] },
    { pins: [{ blank: 0, index: 0, id: 99999 }] }, { pins: [{ blank: 0, index: 0, id: -1 }] }, { pins: [{ blank: 0, index: 0 }] },
  ];
  for (const options of wrong) {
    const error = await model.infill('the [[2]] dog', /** @type {any} */ (options)).result().catch((caught) => caught);
    assert.equal(error.code, 'option', `${JSON.stringify(options, (_, v) => (typeof v === 'bigint' ? `${v}n` : v))}: ${error.code ?? error.text}`);
    assert.ok(error.message.length > 15);
  }
  assert.ok((await model.infill('the [[2]] dog').result()).done);
});

test('a model is not asked for what it cannot do', async (t) => {
  await fails((await open(t, 'tiny-ar')).infill('[[2]]').result(), 'unsupported');
  await fails((await open(t, 'tales-vocab')).infill('[[2]]').result(), 'unsupported');
  await fails((await open(t, 'tales-vocab')).score('a dog'), 'unsupported');
  const odd = await open(t, 'tiny-odd');
  assert.equal(odd.info.freeLength, false);
  const free = await odd.infill('a [[2-3]]').result().catch((/** @type {any} */ caught) => caught);
  assert.match(free.message, /<empty>/);
  assert.ok((await odd.infill('a [[2]] dog').result()).done);
});

test('tokens come back as the text they were, and are those of the command', { skip: noCommand }, async (t) => {
  const model = await open(t, 'tales-vocab');
  const roll = dice(3);
  for (let i = 0; i < 150; i++) {
    const text = randomText(roll);
    const ids = await model.tokenize(text);
    assert.equal(await model.detokenize(ids), text, JSON.stringify(text));
    const inside = await model.tokenize(text, { inside: true });
    assert.equal(await model.detokenize(Int32Array.from(inside), { inside: true }), text);
    if (i % 10 === 0 && !text.includes('\0')) assert.equal(run('tokenize', '-m', modelPath('tales-vocab'), '--ids', '--text', text), ids.join(' '));
  }
  assert.deepEqual(await model.tokenize(''), []);
  assert.equal(await model.detokenize([]), '');
});

test('special pieces match only when asked', async (t) => {
  const model = await open(t);
  const asked = await model.tokenize('<mask>', { special: true, inside: true });
  assert.equal(asked.length, 1);
  assert.ok((await model.tokenize('<mask>', { inside: true })).length > 1);
  assert.equal(await model.detokenize(asked, { special: true }), '<mask>');
  assert.equal(await model.detokenize(asked), '');
  for (const ids of [[-1], [1.5], [NaN], ['5'], [2 ** 31]]) await fails(model.detokenize(/** @type {any} */ (ids)), 'option');
  const beyond = await model.detokenize([model.info.vocabulary]).catch((caught) => caught);
  assert.ok(beyond.name === 'PalimpsestError' && ['option', 'text'].includes(beyond.code));
});

const STORY = 'the dog ran to the house. “Hi,” she said.\n<|endoftext|>\nthe dog was red';

test('a score is that of the command, by every method', { skip: noCommand }, async (t) => {
  const infill = await open(t);
  const ar = await open(t, 'tiny-ar');
  for (const [model, method] of /** @type {[any, string | undefined][]} */ ([[ar, undefined], [ar, 'exact'], [infill, undefined], [infill, 'margin'], [infill, 'entropy'], [infill, 'confidence']])) {
    const score = await model.score(STORY, { seed: 3, standardError: 0.05, ...(method && { method }) });
    const words = ['score', '-m', modelPath(model.info.name), '--text', STORY, '--json', '--seed', 3, '--standard-error', 0.05, ...(method ? ['--method', method] : [])];
    const told = JSON.parse(run(...words));
    const close = (/** @type {number} */ a, /** @type {number} */ b) => Math.abs(a - b) <= 1e-8 * Math.abs(b);
    assert.ok(close(score.bitsPerByte, told.bits_per_byte), `${method}: ${score.bitsPerByte} and ${told.bits_per_byte}`);
    assert.ok(close(score.natsPerToken, told.nats_per_token) && close(score.perplexity, told.perplexity));
    assert.deepEqual([score.tokens, score.bytes, score.method], [told.tokens, told.bytes, method ?? (model === ar ? 'exact' : 'bound')]);
    assert.equal(score.estimated, score.method === 'bound');
    assert.equal(score.standardError > 0, score.estimated);
  }
});

test('a score reports its progress and refuses what it cannot do', async (t) => {
  const model = await open(t);
  const seen = /** @type {any[]} */ ([]);
  const score = await model.score(STORY.repeat(20), { onProgress: (/** @type {any} */ p) => seen.push(p) });
  assert.ok(seen.length >= 1 && seen.every((p, i) => p.evaluations >= (seen[i - 1]?.evaluations ?? 0) && p.evaluations <= score.evaluations));
  await fails(model.score(STORY, { method: /** @type {any} */ ('best') }), 'option');
  await fails(model.score(STORY, { standardError: 0 }), 'option');
  await fails(model.score(STORY, { seed: -1 }), 'option');
  const exact = await model.score(STORY, { method: 'exact' }).catch((caught) => caught);
  assert.ok(exact.name === 'PalimpsestError' && ['option', 'unsupported'].includes(exact.code));
});

test('escape leaves all but brackets alone', () => {
  for (const [text, escaped] of [['', ''], ['a [b] c', 'a [b] c'], ['[[5]]', '\\[[5]]'], ['\\[[', '\\\\\\[['], ['[[[', '[\\[['], ['[[[[', '\\[[\\[['], ['\\', '\\']])
    assert.equal(escape(text), escaped);
});
