// @ts-check
/* Options of a wrong type, in every call: always an error of the library that names the option. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { tables } from '../../web/options.mjs';
import { built, dice, escape, fails, load, modelUrl, open, PalimpsestError } from './common.mjs';

const timeout = 120_000;
const ids = [5, 6];
const signal = () => new AbortController().signal;

/** Values of every JavaScript type, by the kinds of option that accept them. */
const VALUES = /** @type {[any, string][]} */ ([
  [null, 'null'], ['', 'text'], ['5', 'text'], ['odd', 'text'], [NaN, 'nan'], [5, 'number'], [1.5, 'fraction'], [-1, 'negative'],
  [-1.5, 'fraction'], [5n, 'bigint'], [-5n, 'negative'], [1n << 64n, 'negative'], [true, 'flag'], [[], 'empty'], [[5], 'numbers'],
  [['5'], 'texts'], [[null], 'holes'], [[NaN], 'holes'], [new Array(1), 'holes'], [{}, 'object'], [{ length: 1 }, 'object'], [{ 5: 'x' }, 'odd object'],
  [new Map([[5, 1]]), 'map'], [new Set([5]), 'set'], [new Date(), 'date'], [() => 5, 'function'], [Symbol('x'), 'symbol'], [Promise.resolve(5), 'promise'],
  [new Uint8Array([5]), 'numbers'], [new Float64Array([0.5]), 'fractions'], [new BigInt64Array(1), 'holes'], [new DataView(new ArrayBuffer(8)), 'view'],
  [new Proxy({}, {}), 'object'], [Object.create(null), 'object'], [new Number(5), 'boxed'], [new URL('http://a/'), 'url'], [signal(), 'signal'],
]);
/** The values that each kind of option accepts; ranges are not tested here. */
const TAKES = /** @type {Record<string, string[]>} */ ({
  number: ['number', 'fraction', 'negative number'], whole: ['number'], integer: ['number'], flag: ['flag'], word: [], seed: ['number', 'bigint'],
  signal: ['signal'], callback: ['function'], texts: ['text', 'texts', 'empty'], text: ['text'], ids: ['numbers', 'empty'], pins: ['empty'],
  biases: ['object'], labels: ['null', 'number', 'text', 'numbers', 'texts', 'empty'], times: ['numbers', 'fractions', 'empty'], inpaint: [], base: ['text', 'url'],
});
const fits = (/** @type {string} */ kind, /** @type {any} */ value, /** @type {string} */ is) =>
  !!TAKES[kind]?.includes(is) || (typeof value === 'number' && is === 'negative' && ['number', 'integer'].includes(kind)) ||
  (kind === 'labels' && is === 'holes' && Array.isArray(value) && value[0] === null);

/** Every option of every call, with the rows of the engine's table. */
const kindOf = (/** @type {{ kind: string, bound: string, limits: string[] }} */ { kind, bound, limits }) =>
  bound === 'NAMED' || bound === 'WORDS' ? 'word'
    : kind === 'INT' ? (Number(limits[0]) < 0 ? 'integer' : 'whole')
    : /** @type {Record<string, string>} */ ({ FLAG: 'flag', COUNT: 'whole', SEED: 'seed', NUMBER: 'number' })[kind] ?? assert.fail(kind);
const rows = (/** @type {string} */ table, /** @type {string[]} */ ...only) =>
  Object.fromEntries((tables()[table] ?? []).filter(({ name }) => !only.length || only.includes(name)).map((row) => [row.name, kindOf(row)]));
const FILL = { ...rows('INFILL'), pins: 'pins', signal: 'signal' };
const GENERATE = {
  ...rows('GENERATE'), logitBias: 'biases', stop: 'texts', grammar: 'text', begin: 'ids', onReading: 'callback', signal: 'signal',
};
const BOTH = { label: 'labels', times: 'times', signal: 'signal' };
const IMAGE = { ...rows('IMAGE'), ...BOTH, view: 'word', columns: 'whole', inpaint: 'inpaint' };
const LIKELIHOOD = {
  ...rows('IMAGE', 'sampler', 'steps', 'seed', 'grid', 'clipX0', 'eta', 'variance', 'first'), ...rows('LIKELIHOOD'), ...BOTH, onProgress: 'callback',
};
const TOKENIZE = { inside: 'flag', special: 'flag', signal: 'signal' };
const SCORE = { ...rows('SCORE'), onProgress: 'callback', signal: 'signal' };
const LOAD = {
  base: 'base', cache: 'flag', isa: 'word', kv: 'word', onProgress: 'callback', room: 'whole', sha256: 'word', signal: 'signal',
};

/** @returns {Promise<[string, (options: any) => Promise<any>, Record<string, string>][]>} */
async function calls(/** @type {import('node:test').TestContext} */ t) {
  const [fill, write, draw] = [await open(t), await open(t, 'tiny-ar'), await open(t, 'unet-labels')];
  const { width, height } = /** @type {any} */ (draw.info.image);
  const picture = { data: new Uint8Array(4 * width * height), width, height };
  return [
    ['infill', (options) => fill.infill('the [[1]]', options).result(), FILL],
    ['generate', (options) => write.generate(ids, options).result(), GENERATE],
    ['image', (options) => draw.image(options).result(), IMAGE],
    ['imageLikelihood', (options) => draw.imageLikelihood(picture, options), LIKELIHOOD],
    ['tokenize', (options) => fill.tokenize('the', options), TOKENIZE],
    ['detokenize', (options) => fill.detokenize(ids, options), TOKENIZE],
    ['score', (options) => write.score('the', options), SCORE],
    ['surprise', (options) => write.surprise('the', options), { signal: 'signal' }],
    ['append', (options) => write.sequence.append([5], options), { signal: 'signal' }],
    ['load', (options) => load(modelUrl('tiny-infill'), options), LOAD],
    ['escape', async (options) => escape('a', options), { beforeBlank: 'flag' }],
  ];
}

// Regression: `stop: 5` and `null` were plain TypeErrors, and a Map as logitBias was ignored.
test('a value of the wrong kind is refused by the name of its option, in every call', { timeout }, async (t) => {
  let refused = 0;
  for (const [call, run, options] of await calls(t))
    for (const [name, kind] of Object.entries(options))
      for (const [value, is] of VALUES) {
        if (fits(kind, value, is)) continue;
        const error = await fails(run({ [name]: value }), 'option').catch((caught) => assert.fail(`${call}, ${name}: ${is}: ${caught.message}`));
        assert.ok(error.message.startsWith(`${name} must be `) || error.message.startsWith(`unknown ${name} `), `${call}, ${name}: ${is}: ${error.message}`);
        refused++;
      }
  t.diagnostic(`${refused} values`);
  assert.ok(refused > 2500);
});

test('options that are no object are refused, those absent are not', { timeout }, async (t) => {
  for (const [call, run] of await calls(t)) {
    for (const [value, is] of VALUES) {
      if (is === 'object') continue;
      const error = await fails(run(value), 'option').catch((caught) => assert.fail(`${call}: ${is}: ${caught.message}`));
      assert.match(error.message, is === 'odd object' ? /unknown option 5/ : new RegExp(`the options of ${call} must be an object, not `));
    }
    if (!['image', 'imageLikelihood', 'generate'].includes(call)) await run({ signal: undefined, ...(call === 'escape' && { beforeBlank: undefined }) }).then((one) => one?.dispose?.(), (error) => assert.equal(call, 'escape', String(error)));
  }
});

test('an option that does not exist is refused, and the one that is meant is named', { timeout }, async (t) => {
  const near = { top_p: 'topP', maxtokens: 'maxTokens', Temperature: 'temperature', temprature: 'temperature', stops: 'stop', sha265: 'sha256', onprogress: 'onProgress', seeds: 'seed', clipx0: 'clipX0' };
  for (const [call, run, options] of await calls(t)) {
    for (const name of ['frobnicate', '__proto__x', 'constructor', 'toString', 'a'.repeat(10000)])
      assert.match((await fails(run({ [name]: 1 }), 'option')).message, new RegExp(`unknown option ${name.slice(0, 30)}`), call);
    for (const [wrong, right] of Object.entries(near))
      if (right in options) assert.match((await fails(run({ [wrong]: 1 }), 'option')).message, new RegExp(`${wrong}; did you mean ${right}`), call);
  }
});

test('numbers at the ends of what a number can be give a result or an error of the library', { timeout }, async (t) => {
  const numbers = [Infinity, -Infinity, 0, -0, -1, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53, 1e300, -1e300, 5e-324];
  const quick = /** @type {Record<string, any>} */ ({ generate: { maxTokens: 2 }, image: { steps: 2, columns: 1 }, imageLikelihood: { steps: 2, method: 'bound', sampler: 'ddpm' } });
  for (const [call, run, options] of await calls(t))
    for (const [name, kind] of Object.entries(options)) {
      if (!['number', 'whole', 'integer'].includes(kind) || ['maxTokens', 'steps', 'room', 'columns'].includes(name)) continue;
      for (const value of numbers) {
        const slow = call === 'image' && value > 1000 && ['resample', 'iterations', 'correctors'].includes(name);
        if (slow || (name === 'tolerance' && value > 0) || name === 'probes') continue;
        await run({ ...quick[call], [name]: value }).catch((error) => {
          assert.ok(error instanceof PalimpsestError && error.code !== 'crashed', `${call}, ${name}: ${value}: ${error}`);
        });
      }
    }
});

test('what is no text, no prompt and no list of ids is refused', { timeout }, async (t) => {
  const [fill, write, draw] = [await open(t), await open(t, 'tiny-ar'), await open(t, 'unet-labels')];
  for (const [value, is] of VALUES) {
    if (is !== 'text') {
      for (const run of [() => fill.infill(value).result(), () => fill.tokenize(value), () => write.score(value), () => write.surprise(value)])
        assert.match((await fails(run(), 'text')).message, /the text must be a string, not /);
      assert.throws(() => escape(value), { name: 'PalimpsestError', code: 'text' });
    }
    if (!['numbers', 'empty'].includes(is)) assert.match((await fails(fill.detokenize(value), 'option')).message, /ids must be an array of token ids/);
    if (!['numbers', 'empty'].includes(is)) await fails(write.sequence.append(value), 'option');
    if (!['numbers', 'empty', 'text'].includes(is))
      await write.generate(value).result().then(
        () => assert.fail(is),
        (error) => assert.ok(error instanceof PalimpsestError && /the prompt must be/.test(error.message), `${is}: ${error}`),
      );
    if (is !== 'number') await fails(write.sequence.rewind(value), 'option');
    if (!(value instanceof Uint8Array)) await fails(write.sequence.restore(value), 'option');
    await fails(draw.imageLikelihood(value), 'option');
  }
});

test('a mistake is told when the result is asked for, by iterating too, and the signal counts after it', { timeout }, async (t) => {
  const model = await open(t);
  const run = model.infill('the [[1]]', /** @type {any} */ (null));
  await assert.rejects(async () => { for await (const _ of run); }, { code: 'option' });
  await fails(model.infill('the [[1]]', /** @type {any} */ ({ draft: 'x', signal: AbortSignal.abort() })).result(), 'option');
  await assert.rejects(model.infill('the [[1]]', { signal: AbortSignal.abort() }).result(), { name: 'AbortError' });
});

/* ---- escape: that of C ---- */

/** pal_page_escape of the engine itself. */
async function ofC() {
  const wasm = await readFile(`${built}/palimpsest.wasm`);
  const { instance } = await WebAssembly.instantiate(wasm, { env: { emscripten_notify_memory_growth: () => {} } });
  const engine = /** @type {Record<string, any>} */ (instance.exports);
  engine._initialize();
  const at = engine.pw_alloc(4096);
  return (/** @type {string} */ text, /** @type {boolean} */ beforeBlank) => {
    const bytes = Buffer.from(text);
    Buffer.from(engine.memory.buffer).set(bytes, at);
    const length = engine.pal_page_escape(at, bytes.length, beforeBlank, at + 1024, 3072);
    return Buffer.from(engine.memory.buffer, at + 1024, length).toString();
  };
}

// Regression: escape('C:\\') + '[[2]]' lost the backslash and the blank without an error.
test('escape is that of C, and any text before a blank comes back as it was', { timeout }, async (t) => {
  const roll = dice(11);
  const c = await ofC();
  const model = await open(t);
  const beforeBlank = true;
  assert.equal(`${escape('C:\\', { beforeBlank })}[[2]]`, 'C:\\\\[[2]]');
  assert.equal(escape('C:\\', { beforeBlank: false }), 'C:\\');
  for (let i = 0; i < 3000; i++) {
    const text = Array.from({ length: roll(10) }, () => ['\\', '\\', '[', '[', '[[', 'a', 'é', ']', '5'][roll(9)]).join('');
    assert.equal(escape(text), c(text, false), JSON.stringify(text));
    assert.equal(escape(text, { beforeBlank }), c(text, true), JSON.stringify(text));
    if (i % 50) continue;
    const page = `${escape(text, { beforeBlank })}[[1]]${escape(text)}`;
    const { parts } = await model.infill(page, { seed: 1 }).result();
    const given = parts.flatMap((part) => (part.token === undefined ? part.text : '|')).join('');
    assert.equal(given.replace('|', ''), text + text, JSON.stringify(text));
  }
});
