// @ts-check
/* Generating text: pieces and results, continuing from any token, stopping, saving, the sequence itself, surprise. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { test } from 'node:test';
import { command, fails, load, modelPath, modelUrl, noCommand, open, run } from './common.mjs';
import { execFileSync } from 'node:child_process';

const timeout = 120_000;
const STORIES = 'stories260K';
/** What llama2.c's README shows for this model at temperature 0. */
const TOLD = 'Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, red ball. She wanted to play with it, but it was too high.\nLily\'s mom said, "Lily, let\'s go to the park." Lily was sad and didn\'t know what to do.';
const GREEDY = /** @type {const} */ ({ temperature: 0, maxTokens: 40 });
const PROMPT = 'One day Tom saw a dog.';

const noGenerate = noCommand || (execFileSync(command, ['--help'], { encoding: 'utf8' }).includes('generate') ? false : 'the command has no generate');

/** The pieces of a generation, all of them. */
async function all(/** @type {AsyncIterable<any>} */ generation) {
  const pieces = [];
  for await (const piece of generation) pieces.push(piece);
  return pieces;
}

test('the greedy text from an empty prompt is the documented one', { timeout }, async (t) => {
  const model = await open(t, STORIES);
  const { text, finish, pieces } = await model.generate('', { temperature: 0, maxTokens: 120 }).result();
  assert.equal(text.slice(0, TOLD.length), TOLD);
  assert.equal(finish, 'length');
  assert.equal(pieces.length, 120);
});

test('the same seed gives the text of the command line', { timeout, skip: noGenerate }, async (t) => {
  const model = await open(t, STORIES);
  /** @type {[string, any][]} */
  const cases = [
    [PROMPT, { seed: 7, temperature: 1, maxTokens: 60 }],
    ['', { seed: 8, temperature: 0.7, topP: 0.9, maxTokens: 60 }],
    ['Lily and ', { seed: 9, temperature: 1.2, topK: 20, minP: 0.02, typicalP: 0.9, maxTokens: 60 }],
    [PROMPT, { seed: 10, temperature: 1, repetitionPenalty: 1.3, frequencyPenalty: 0.2, presencePenalty: 0.1, maxTokens: 60 }],
    [PROMPT, { seed: 11, temperature: 1, mirostat: 2, mirostatTau: 3, mirostatEta: 0.2, maxTokens: 60 }],
  ];
  for (const [prompt, options] of cases) {
    const words = Object.entries(options).flatMap(([name, value]) => [`--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`, value]);
    const told = run('generate', '-m', modelPath(STORIES), '--prompt', prompt, ...words);
    assert.equal(prompt + (await model.generate(prompt, options).result()).text, told, JSON.stringify(options));
  }
});

test('pieces make up the text, in order, with their places and probabilities', { timeout }, async (t) => {
  const model = await open(t, STORIES);
  const generation = model.generate(PROMPT, { seed: 3, temperature: 1, maxTokens: 30, alternatives: 5 });
  const pieces = await all(generation);
  const result = await generation.result();
  assert.equal(pieces.map((piece) => piece.text).join(''), result.text);
  assert.equal(pieces.map((piece) => piece.token).join(''), result.text);
  assert.deepEqual(result.ids, pieces.map((piece) => piece.id));
  assert.equal(await model.detokenize(result.ids, { inside: true }), result.text);
  for (const [i, piece] of pieces.entries()) {
    assert.equal(piece.index, i);
    assert.equal(result.text.slice(piece.start, piece.start + piece.token.length), piece.token);
    assert.equal(piece.alternatives.length, 5);
    const sorted = piece.alternatives.map((/** @type {any} */ one) => one.logprob);
    assert.deepEqual(sorted, [...sorted].sort((a, b) => b - a));
    const same = piece.alternatives.find((/** @type {any} */ one) => one.id === piece.id);
    if (same) assert.equal(same.logprob, piece.logprob);
    assert.ok(piece.probability > 0 && piece.probability <= 1 && piece.logprob <= 0 && !piece.given && !piece.ends);
  }
  const { drawn, known, tokens, evaluated, seconds, firstSeconds, tokensPerSecond, seed, finish } = result;
  assert.deepEqual([drawn, known, evaluated, seed, finish], [30, 0, tokens + 29, 3, 'length']);
  assert.ok(seconds > 0 && firstSeconds > 0 && Number(tokensPerSecond) > 0);
});

test('another word in the place of one: what stands before is not read again', { timeout }, async (t) => {
  const model = await open(t, STORIES);
  const options = { ...GREEDY, alternatives: 4 };
  const first = await model.generate(PROMPT, options).result();
  const begin = [...first.ids.slice(0, 9), first.pieces[9].alternatives[1].id];
  const changed = await model.generate(PROMPT, { ...options, begin }).result();
  assert.deepEqual([changed.known, changed.tokens - changed.known, changed.evaluated], [first.tokens + 9, 1, 30]);
  assert.deepEqual(changed.ids.slice(0, 10), begin);
  assert.deepEqual(changed.pieces.map((piece) => piece.given), [...Array(10).fill(true), ...Array(30).fill(false)]);
  assert.equal(changed.pieces.map((piece) => piece.text).join(''), changed.text);
  assert.equal(changed.pieces[3].logprob, first.pieces[3].logprob, 'what is known of a token stays known');
  assert.deepEqual([changed.pieces[9].logprob, changed.pieces[9].probability], [null, 1]);
  const afresh = await open(t, STORIES);
  const same = await afresh.generate(PROMPT, { ...options, begin }).result();
  assert.deepEqual([same.text, same.ids, same.known], [changed.text, changed.ids, 0], 'the same where nothing was kept');
});

test('a text goes on where its length ended it, and equals one that was longer at once', { timeout }, async (t) => {
  const model = await open(t, STORIES);
  const options = { seed: 5, temperature: 1 };
  const first = await model.generate(PROMPT, { ...options, maxTokens: 15 }).result();
  const longer = await model.generate(PROMPT, { ...options, maxTokens: 40, begin: first.ids }).result();
  assert.equal(longer.evaluated, 25);
  const other = await open(t, STORIES);
  const once = await other.generate(PROMPT, { ...options, maxTokens: 40 }).result();
  assert.deepEqual([longer.text, longer.ids], [once.text, once.ids]);
  const again = await model.generate(PROMPT, { ...options, maxTokens: 40 }).result();
  assert.deepEqual([again.text, again.known], [once.text, once.tokens - 1], 'from its prompt again: one token is read');
});

test('other options, and longer prompts, keep what is read of the same beginning', { timeout }, async (t) => {
  const model = await open(t, STORIES);
  const first = await model.generate(PROMPT, GREEDY).result();
  const warmer = await model.generate(PROMPT, { seed: 1, temperature: 1.5, maxTokens: 5, begin: first.ids.slice(0, 12) }).result();
  assert.equal(warmer.known, first.tokens + 11);
  const longer = await model.generate(`${PROMPT} Lily ran`, { ...GREEDY, maxTokens: 5 }).result();
  assert.equal(longer.known, first.tokens);
  const other = await model.generate('Lily', { ...GREEDY, maxTokens: 5 }).result();
  assert.equal(other.known, 1, 'BOS');
  const ids = await model.generate(await model.tokenize(PROMPT), { ...GREEDY, maxTokens: 5 }).result();
  assert.equal(ids.known, 0, 'ids are taken as they are: here without BOS');
});

test('stop strings end a text and are no part of it', { timeout }, async (t) => {
  const model = await open(t, STORIES);
  const whole = (await model.generate(PROMPT, { ...GREEDY, maxTokens: 60 }).result()).text;
  const at = whole.indexOf('. ');
  assert.ok(at > 0);
  const generation = model.generate(PROMPT, { ...GREEDY, maxTokens: 60, stop: ['never said', whole.slice(at, at + 4)] });
  const pieces = await all(generation);
  const result = await generation.result();
  assert.deepEqual([result.text, result.finish, result.stop], [whole.slice(0, at), 'stop', 1]);
  assert.equal(pieces.map((piece) => piece.text).join(''), result.text);
  assert.equal((await model.generate(PROMPT, { ...GREEDY, stop: 'never said' }).result()).finish, 'length');
});

test('the end of the context is told, or the beginning goes', { timeout }, async (t) => {
  const model = await open(t, STORIES, { room: 24 });
  assert.equal(model.info.room, 24);
  const full = await model.generate(PROMPT, { temperature: 0 }).result();
  assert.deepEqual([full.finish, full.ids.length + full.tokens], ['context', 24]);
  const shifted = await model.generate(PROMPT, { temperature: 0, shift: true, maxTokens: 60 }).result();
  assert.deepEqual([shifted.finish, shifted.ids.length], ['length', 60]);
  assert.equal(shifted.text.slice(0, full.text.length), full.text);
  assert.ok(shifted.dropped > 0);
  await fails(model.generate('the dog '.repeat(30)).result(), 'context');
  assert.equal((await model.generate(PROMPT, { temperature: 0 }).result()).text, full.text);
});

test('characters come out whole, whatever tokens they are made of', { timeout }, async (t) => {
  const model = await open(t, STORIES);
  const begin = await model.tokenize('日é😀', { inside: true });
  const pieces = await all(model.generate(PROMPT, { ...GREEDY, begin, maxTokens: begin.length + 2 }));
  assert.equal(pieces.slice(0, begin.length).map((piece) => piece.text).join(''), '日é😀');
  assert.ok(begin.length > 3 && pieces.every((piece) => !piece.text.includes('\ufffd') && !piece.token.includes('\ufffd')));
});

test('a signal stops between two steps, and the text can be gone on with', { timeout }, async (t) => {
  const model = await open(t, STORIES);
  const options = { seed: 2, temperature: 1, maxTokens: 200 };
  const whole = await model.generate(PROMPT, options).result();
  const reason = new Error('enough');
  await assert.rejects(model.generate(PROMPT, { signal: AbortSignal.abort(reason) }).result(), (error) => error === reason);
  const stop = new AbortController();
  const ids = /** @type {number[]} */ ([]);
  await assert.rejects(async () => {
    for await (const piece of model.generate('Lily', { ...options, signal: stop.signal })) {
      ids.push(piece.id);
      if (ids.length === 20) stop.abort();
    }
  }, { name: 'AbortError' });
  const resumed = await model.generate('Lily', { ...options, begin: ids.slice(0, 20) }).result();
  // One more where the worker had begun the next step before it saw the signal: the last token is known then too.
  assert.ok([resumed.tokens - 1, resumed.tokens].includes(resumed.known), `${resumed.known} of ${resumed.tokens} known`);
  let seen = 0;
  const left = model.generate(PROMPT, options);
  for await (const _ of left) if (++seen === 3) break;
  await assert.rejects(left.result(), { name: 'AbortError' });
  assert.equal((await model.generate(PROMPT, options).result()).text, whole.text);
});

test('several texts at once equal their solo runs', { timeout }, async (t) => {
  const model = await open(t, STORIES);
  const go = (/** @type {number} */ seed) => model.generate(PROMPT, { seed, temperature: 1, maxTokens: 40 }).result();
  const solo = [];
  for (const seed of [1, 2, 3]) solo.push((await go(seed)).text);
  assert.equal(new Set(solo).size, 3);
  const score = model.score(PROMPT);
  assert.deepEqual((await Promise.all([1, 2, 3].map(go))).map((result) => result.text), solo);
  assert.ok((await score).bitsPerByte > 0);
});

test('a worker that dies is reported, and the text goes on in the next one', { timeout }, async (t) => {
  const threads = createRequire(import.meta.url)('node:worker_threads');
  const { Worker } = threads;
  /** @type {any[]} */
  const made = [];
  threads.Worker = class extends Worker {
    constructor(/** @type {any[]} */ ...given) {
      super(...given);
      made.push(this);
    }
  };
  syncBuiltinESMExports();
  t.after(() => {
    threads.Worker = Worker;
    syncBuiltinESMExports();
  });
  const model = await open(t, 'tales-ar');
  const options = { seed: 4, temperature: 1, maxTokens: 60 };
  const whole = await model.generate(PROMPT, options).result();
  const running = model.generate('Lily', { ...options, maxTokens: 400, ignoreEos: true }).result();
  void made[0].terminate();
  await fails(running, 'crashed');
  const again = await model.generate(PROMPT, { ...options, begin: whole.ids.slice(0, 30) }).result();
  assert.deepEqual([again.text, again.known], [whole.text, 0]);
});

test('a saved text goes on in another program as it would have here', { timeout }, async (t) => {
  const model = await open(t, STORIES);
  const options = { seed: 6, temperature: 1, mirostat: /** @type {const} */ (2) };
  const generation = model.generate(PROMPT, { ...options, maxTokens: 20 });
  const first = await generation.result();
  const saved = await generation.save();
  const whole = await model.generate(PROMPT, { ...options, maxTokens: 50, begin: first.ids }).result();
  await fails(generation.save(), 'option');
  const other = await open(t, STORIES);
  const rest = await other.generate(saved, { ...options, maxTokens: 50 }).result();
  assert.deepEqual([rest.ids, first.text + rest.text, rest.evaluated], [whole.ids.slice(20), whole.text, 30]);
  const cut = await other.generate(saved.subarray(0, -1), options).result().catch((error) => error);
  assert.equal(cut.code, 'format');
  const damaged = Uint8Array.from(saved);
  damaged[damaged.length >> 1] ^= 1;
  await fails(other.generate(damaged, options).result(), 'format');
  const stranger = await open(t, 'tales-ar');
  await fails(stranger.generate(saved, options).result(), 'unsupported');
  assert.equal((await other.generate(saved, { ...options, maxTokens: 50 }).result()).text, rest.text, 'as before');
});

test('the sequence itself: any split has the same logits; rewind, save, restore', { timeout }, async (t) => {
  const model = await open(t, STORIES);
  const { sequence, info } = model;
  const ids = await model.tokenize('One day Tom saw a big dog. The dog was happy.');
  assert.equal(await sequence.append(ids), ids.length);
  const logits = await sequence.logits();
  assert.equal(logits.length, info.vocabulary);
  assert.deepEqual(await sequence.tokens(), ids);
  assert.equal(await sequence.rewind(4), 4);
  await fails(sequence.logits(), 'option');
  for (const id of ids.slice(4)) await sequence.append([id]);
  assert.deepEqual(await sequence.logits(), logits);
  const saved = await sequence.save();
  await sequence.rewind(0);
  assert.equal(await sequence.restore(saved), ids.length);
  assert.deepEqual(await sequence.tokens(), ids);
  await sequence.rewind(ids.length - 1);
  await sequence.append(ids.slice(-1));
  assert.deepEqual(await sequence.logits(), logits);
  await fails(sequence.restore(saved.subarray(0, 100)), 'format', 100);
  await fails(sequence.append([info.vocabulary]), 'option', 0);
  await fails(sequence.append(Array(600).fill(1)), 'context');
  assert.equal((await sequence.tokens()).length, ids.length, 'a call that failed changed nothing');
  await fails(sequence.rewind(-1), 'option');
  const next = (await model.generate(ids, { temperature: 0, maxTokens: 1 }).result()).ids[0];
  assert.equal(next, logits.indexOf(Math.max(...logits)));
});

test('probabilities are those of the logits', { timeout }, async (t) => {
  const model = await open(t, STORIES);
  const { pieces } = await model.generate(PROMPT, { ...GREEDY, maxTokens: 1, alternatives: 3 }).result();
  const ids = await model.tokenize(PROMPT);
  await model.sequence.rewind(0);
  await model.sequence.append([1, ...ids]);
  const logits = await model.sequence.logits();
  const most = Math.max(...logits);
  const whole = Math.log(logits.reduce((sum, x) => sum + Math.exp(x - most), 0)) + most;
  for (const { id, logprob, probability } of pieces[0].alternatives) {
    assert.ok(Math.abs(logprob - (logits[id] - whole)) < 1e-12, 'sums in another order');
    assert.equal(probability, Math.exp(logprob));
  }
});

test('a grammar is followed, and a mistake in it is told with its place', { timeout }, async (t) => {
  const model = await open(t, STORIES);
  const grammar = 'root ::= " " ("yes" | "no") "." [0-9] [0-9]';
  for (const seed of [1, 2, 3, 4]) {
    const { text, finish } = await model.generate(PROMPT, { grammar, seed, temperature: 1 }).result();
    assert.match(text, /^ (yes|no)\.[0-9][0-9]$/);
    assert.equal(finish, 'eos');
  }
  const wrong = await model.generate(PROMPT, { grammar: '# é\nroot ::= "a" )' }).result().catch((error) => error);
  assert.deepEqual([wrong.name, wrong.code, wrong.offset], ['PalimpsestError', 'text', 17]);
  assert.equal((await model.generate(PROMPT, GREEDY).result()).finish, 'length');
});

test('biases and bans', { timeout }, async (t) => {
  const model = await open(t, STORIES);
  const { ids } = await model.generate(PROMPT, GREEDY).result();
  const banned = await model.generate(PROMPT, { ...GREEDY, logitBias: { [ids[0]]: -Infinity } }).result();
  assert.ok(!banned.ids.includes(ids[0]));
  const [cat] = (await model.tokenize(' b', { inside: true })).slice(-1);
  const forced = await model.generate(PROMPT, { ...GREEDY, maxTokens: 3, logitBias: { [cat]: 1e6 } }).result();
  assert.deepEqual(forced.ids, [cat, cat, cat]);
});

test('a text that is begun from nothing needs no prompt', { timeout }, async (t) => {
  const model = await open(t, 'tales-ar');
  const { text, tokens } = await model.generate('', { temperature: 0, maxTokens: 8 }).result();
  assert.equal(tokens, 1);
  assert.ok(text.length > 5 && !text.startsWith(' '), 'the space before the first word is none of it');
});

test('a long prompt tells how far it is read', { timeout }, async (t) => {
  const model = await open(t, 'tales-ar');
  /** @type {any[]} */
  const seen = [];
  const { tokens } = await model.generate('The dog saw a cat. '.repeat(60), { ...GREEDY, maxTokens: 2, onReading: (/** @type {any} */ one) => seen.push(one) }).result();
  assert.ok(tokens > 300 && seen.length >= 1);
  for (const [i, one] of seen.entries()) assert.ok(one.tokens === tokens && one.known === 0 && one.unread < (seen[i - 1]?.unread ?? tokens));
});

test('options that are none are refused before anything is begun', { timeout }, async (t) => {
  const model = await open(t, STORIES);
  /** @type {any[]} */
  const wrong = [
    { temprature: 1 }, { temperature: 'hot' }, { temperature: -1 }, { temperature: NaN }, { topK: 1.5 }, { topP: -1 }, { minP: 2 }, { typicalP: 1.5 },
    { maxTokens: -2 }, { repetitionPenalty: 0 }, { mirostat: 1 }, { alternatives: 21 }, { alternatives: -1 }, { seed: -1 }, { shift: 1 },
    { logitBias: { x: 1 } }, { logitBias: { 5: 'a' } }, { logitBias: { 99999: 1 } }, { begin: [1.5] }, { begin: [-1] }, { begin: [99999] }, { stop: [''] },
  ];
  for (const options of wrong) await fails(model.generate(PROMPT, options).result(), 'option', options.stop || options.logitBias?.[99999] ? 0 : null);
  await fails(model.generate(/** @type {any} */ (5)).result(), 'text');
  await fails(model.generate('half \ud83d').result(), 'text', 5);
  await fails(model.generate([99999]).result(), 'option', 0);
  await fails(model.generate([]).result(), 'option');
  for (const options of /** @type {any[]} */ ([{ room: 0 }, { room: 1.5 }, { kv: 'F64' }])) await fails(load(modelUrl(STORIES), options), 'option');
  assert.equal((await model.generate(PROMPT, { ...GREEDY, maxTokens: 3 }).result()).ids.length, 3);
});

test('keys and values of other types, and what they take', { timeout }, async (t) => {
  const [plain, half, eighth] = await Promise.all(/** @type {const} */ (['F32', 'F16', 'Q8_0']).map((kv) => open(t, 'tales-ar', { kv, room: 256 })));
  assert.ok(plain.info.roomBytes > half.info.roomBytes && half.info.roomBytes > eighth.info.roomBytes && eighth.info.roomBytes > 1000);
  const texts = await Promise.all([plain, half, eighth].map(async (model) => (await model.generate(PROMPT, { temperature: 0, maxTokens: 12 }).result()).text));
  assert.equal(texts[0], texts[1]);
  assert.ok(texts[2].length > 10);
});

// Regression: the library refused to generate with a model that cannot be scored because it has no begin token.
test('a model without a token that texts begin with continues a prompt', { timeout }, async (t) => {
  const bytes = await readFile(modelPath('tiny-ar'));
  bytes.set(new TextEncoder().encode('Bos'), bytes.indexOf('tokenizer.ggml.bos_token_id') + 'tokenizer.ggml.'.length);
  const model = await load(bytes);
  t.after(() => model.dispose());
  assert.deepEqual([model.info.canGenerate, model.info.canScore], [true, false]);
  const { pieces } = await model.generate('the dog', { temperature: 0, maxTokens: 3 }).result();
  assert.equal(pieces.length, 3);
});

test('a model that fills blanks does not continue, and says so', { timeout }, async (t) => {
  const model = await open(t, 'tiny-infill');
  assert.deepEqual([model.info.canGenerate, model.info.room, model.info.roomBytes], [false, 0, 0]);
  for (const call of [() => model.generate('the').result(), () => model.surprise('the'), () => model.sequence.tokens()]) await fails(call(), 'unsupported');
});

test('surprise adds up to the score, token by token as the logits have it', { timeout }, async (t) => {
  const model = await open(t, STORIES);
  const text = `${PROMPT} “É” 日本 was a good dog.\n`;
  const { tokens, bits, bytes, bitsPerByte } = await model.surprise(text);
  const score = await model.score(text);
  assert.equal(bytes, score.bytes);
  assert.ok(Math.abs(bitsPerByte - score.bitsPerByte) < 1e-9, 'sums in another order');
  assert.equal(tokens.map((token) => token.text).join(''), text);
  assert.ok(Math.abs(tokens.reduce((sum, token) => sum + Number(token.bits), 0) - bits) < 1e-9);
  for (const token of tokens) {
    assert.equal(text.slice(token.start, token.start + token.text.length), token.text);
    assert.equal(token.expected.length, 5);
    const own = token.expected.find((one) => one.id === token.id);
    if (own) assert.ok(Math.abs(-Math.log2(own.probability) - Number(token.bits)) < 1e-9);
  }
  const long = 'The dog saw a cat. '.repeat(200); // longer than the context: windows
  assert.ok(Math.abs((await model.surprise(long)).bitsPerByte - (await model.score(long)).bitsPerByte) < 1e-9);
  const { seconds: _, ...nothing } = await model.surprise('');
  assert.deepEqual(nothing, { tokens: [], bits: 0, bytes: 0, bitsPerByte: 0 });
  await assert.rejects(model.surprise(long, { signal: AbortSignal.abort() }), { name: 'AbortError' });
});
