// @ts-check
/* Engines with threads: the same results with any number of threads, and what happens where threads fail. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { built, fails, load, modelUrl, open } from './common.mjs';

/** @typedef {import('../../web/src/types.ts').Model} Model */

const MODEL = 'tales-infill'; // tiny models have too little work to divide
const TEXT = 'Once [[?]] upon [[4]] there was [[?]] and a dog.';
const skip = existsSync(join(built, 'palimpsest-threads.wasm')) ? false : 'the engines with threads were not built';

/** The library's files in a folder of their own, but `name` as `change` makes it (null: absent). */
async function folderWith(/** @type {import('node:test').TestContext} */ t, /** @type {string} */ name, /** @type {(code: string) => string | null} */ change) {
  const folder = await mkdtemp(join(tmpdir(), 'palimpsest-'));
  t.after(() => rm(folder, { recursive: true }));
  for (const file of (await readdir(built)).filter((one) => /^palimpsest.*\.(js|wasm)$/.test(one) && one !== name)) await symlink(join(built, file), join(folder, file));
  const changed = change(await readFile(join(built, name), 'utf8'));
  if (changed !== null) await writeFile(join(folder, name), changed);
  return `${pathToFileURL(folder).href}/`;
}

/** palimpsest-threads.js with something put in the place of a part of it, which must be there. */
const instead = (/** @type {string | RegExp} */ old, /** @type {string} */ next) => (/** @type {string} */ code) => {
  assert.match(code, typeof old === 'string' ? new RegExp(old) : old);
  return code.replace(old, next);
};

/** Everything that a model computes, without the times. */
async function all(/** @type {Model} */ model) {
  const filled = await model.infill(TEXT, { seed: 5 }).result();
  const drafts = await Promise.all([0, 1].map((draft) => model.infill(TEXT, { seed: 6, draft }).result()));
  const { text, pieces } = await model.generate('Once upon a time', { seed: 3, maxTokens: 24 }).result();
  await model.sequence.append(await model.tokenize('The dog was very happy because'));
  const logits = await model.sequence.logits();
  const { bitsPerByte } = await model.score('One day, a girl named Lily found a key.');
  const { tokens } = await model.surprise('One day, a girl named Lily found a key.');
  return { filled: [filled.text, filled.tokens], drafts: drafts.map((one) => [one.text, one.tokens]), text, pieces, logits, bitsPerByte, tokens };
}

test('with 1, 2, 3 and 7 threads everything has the same bits', { skip }, async (t) => {
  const expected = await all(await open(t, MODEL));
  for (const threads of [2, 3, 7])
    for (const isa of /** @type {const} */ ([undefined, 'simd128'])) {
      const model = await load(modelUrl(MODEL), { threads, isa });
      assert.equal(model.info.threads, threads);
      assert.deepEqual(await all(model), expected, `${threads} threads, ${model.info.isa}`);
      const { threads: said } = await model.infill(TEXT, { seed: 5 }).result();
      assert.equal(said, threads);
      model.dispose();
    }
});

test('an adapter uses the threads of its base', { skip }, async (t) => {
  const texts = [];
  for (const threads of [1, 3]) {
    const model = await open(t, 'tiny-ar', { adapter: modelUrl('tiny-rows'), threads });
    const filled = await model.infill('A [[3]] B', { seed: 2 }).result();
    assert.deepEqual([filled.threads, model.info.threads], [threads, threads]);
    texts.push([filled.text, (await model.generate('A', { seed: 1, maxTokens: 8 }).result()).text]);
  }
  assert.deepEqual(texts[1], texts[0]);
});

test('memory grows after the threads have started, and they work on', { skip }, async (t) => {
  const model = await open(t, MODEL, { threads: 2 });
  const before = model.info.memoryBytes;
  await model.generate('Once', { seed: 1, maxTokens: 1 }).result(); // its keys and values
  assert.ok(model.info.memoryBytes > before, `${model.info.memoryBytes} bytes`);
  const { text } = await model.infill(TEXT, { seed: 5 }).result();
  assert.equal(text, (await (await open(t, MODEL)).infill(TEXT, { seed: 5 }).result()).text);
});

test('pictures and networks of discrete diffusion have threads too', { skip }, async (t) => {
  const draw = async (/** @type {number} */ threads) => {
    const model = await open(t, 'unet-labels', { threads });
    const { image, threads: said } = await model.image({ steps: 3, seed: 5, count: 3 }).result();
    assert.equal(said, threads);
    return image;
  };
  const expected = await draw(1);
  for (const threads of [2, 3]) assert.deepEqual(await draw(threads), expected);
});

test('two models with threads compute at once', { skip }, async (t) => {
  const models = await Promise.all([open(t, MODEL, { threads: 2 }), open(t, MODEL, { threads: 3 })]);
  const texts = await Promise.all(models.map(async (model) => (await model.infill(TEXT, { seed: 5 }).result()).text));
  const alone = await open(t, MODEL);
  assert.deepEqual([...new Set(texts)], [(await alone.infill(TEXT, { seed: 5 }).result()).text]);
});

test('a number of threads that cannot be is refused', async () => {
  for (const threads of [0, -1, 1e9, NaN, 65, 1.5, '2', null, Infinity])
    assert.match((await fails(load(modelUrl('tiny-infill'), { threads: /** @type {any} */ (threads) }), 'option')).message, /threads must be a whole number from 1 to 64, or 'auto', not /);
});

test("'auto' is 2 threads where there are 2 or 3 processors, and at most half of more", { skip }, async (t) => {
  const model = await open(t, MODEL, { threads: 'auto' });
  const processors = availableParallelism();
  const fewest = Math.min(processors, 2), most = Math.min(Math.max(processors >> 1, fewest), 8);
  assert.ok(model.info.threads >= fewest && model.info.threads <= most, `${model.info.threads} of ${processors}`);
  const { text } = await model.infill(TEXT, { seed: 5 }).result();
  assert.equal(text, (await (await open(t, MODEL)).infill(TEXT, { seed: 5 }).result()).text);
});

test('more threads than 8 and than the machine has processors: info says how many there are', { skip }, async (t) => {
  const model = await open(t, 'tiny-infill', { threads: 64 });
  assert.equal(model.info.threads, Math.min(64, Math.max(8, availableParallelism())));
});

test('without the files for threads one thread serves', { skip }, async (t) => {
  const expected = await (await open(t, 'tiny-infill')).infill('A [[3]] B', { seed: 2 }).result();
  for (const name of ['palimpsest-threads.js', 'palimpsest-threads.wasm']) {
    const model = await open(t, 'tiny-infill', { threads: 2, isa: 'simd128', base: await folderWith(t, name, () => null) });
    assert.deepEqual([model.info.threads, (await model.infill('A [[3]] B', { seed: 2 }).result()).text], [1, expected.text]);
  }
});

/** Code that changes how memory is made, to put before that of palimpsest-threads.js. */
const memories = (/** @type {string} */ rule) =>
  `{ const Real = WebAssembly.Memory; WebAssembly.Memory = function (wanted) { ${rule}; return new Real(wanted); }; }\n`;

test('where memory cannot be shared, or less of it, the model is loaded all the same', { skip }, async (t) => {
  const rules = /** @type {const} */ ([
    ['throw new RangeError()', 1], // never
    ['if (wanted.maximum > 9000) throw new RangeError()', 2], // iOS
    ['wanted.maximum = 260', 1], // too little for this file
  ]);
  const large = new Uint8Array(20 << 20); // what follows the last tensor is ignored
  large.set(await readFile(modelUrl(MODEL)));
  for (const [rule, threads] of rules) {
    const base = await folderWith(t, 'palimpsest-threads.js', (code) => memories(rule) + code);
    const model = await load(large, { threads: 2, base });
    t.after(() => model.dispose());
    assert.equal(model.info.threads, threads, rule);
    assert.ok((await model.infill(TEXT, { seed: 5 }).result()).text.endsWith('and a dog.'));
  }
});

test('threads that do not start, or not in time, are done without', { skip }, async (t) => {
  const broken = [
    instead(/\.postMessage\((?=[`'"][0-9a-f]{12}[`'"])/, '.postMessage("another build"+'),
    instead(/8e3/, '0'),
  ];
  for (const change of broken) {
    const model = await open(t, MODEL, { threads: 3, base: await folderWith(t, 'palimpsest-threads.js', change) });
    assert.equal(model.info.threads, 1);
    assert.ok((await model.infill(TEXT, { seed: 5 }).result()).text.endsWith('and a dog.'));
  }
});

test('a thread that ends in the middle of its work: the call fails, the next one works, at last without threads', { skip }, async (t) => {
  // A stack at the beginning of the memory: the thread traps in the first function that needs one.
  const base = await folderWith(t, 'palimpsest-threads.js', instead(/\.stackRestore\(\w+\)/, '.stackRestore(16)'));
  const model = await open(t, MODEL, { threads: 2, base });
  assert.equal(model.info.threads, 2);
  for (let crash = 0; crash < 2; crash++) await fails(model.infill(TEXT, { seed: 5 }).result(), 'crashed');
  const { text, threads } = await model.infill(TEXT, { seed: 5 }).result();
  assert.deepEqual([threads, model.info.threads], [1, 1]);
  assert.equal(text, (await (await open(t, MODEL)).infill(TEXT, { seed: 5 }).result()).text);
});
