// @ts-check
/* Memory above 2 GiB: the lower part is reserved and never touched, so that everything else is above it. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { built, dice, fails, load, modelPath, modelUrl, root } from './common.mjs';

const GIB = 2 ** 30;
const RESERVED = 2.2e9;
const timeout = 120_000;

/** Runs before the worker's code: every engine starts with this many bytes allocated, in two blocks. */
const reserving = (/** @type {number} */ bytes) => `
const start = WebAssembly.instantiate;
WebAssembly.instantiate = async (...given) => {
  const { exports } = await start(...given);
  const _initialize = () => {
    exports._initialize();
    for (let i = 0; i < 2; i++) if (!exports.pw_alloc(${bytes / 2})) throw new Error('not enough memory to reserve');
  };
  return { exports: { ...exports, _initialize } };
};
`;

/** A folder of the library whose engines use memory above the reserved part. */
async function above(/** @type {import('node:test').TestContext} */ t, bytes = RESERVED) {
  const folder = await mkdtemp(join(tmpdir(), 'palimpsest-'));
  t.after(() => rm(folder, { recursive: true }));
  for (const name of (await readdir(built)).filter((one) => /\.(js|wasm)$/.test(one))) await cp(join(built, name), join(folder, name));
  const worker = join(folder, 'palimpsest-worker.js');
  await writeFile(worker, reserving(bytes) + (await readFile(worker, 'utf8')));
  return `${pathToFileURL(folder).href}/`;
}

/** Removes what differs: seconds of computing, and the model's address. */
function sober(/** @type {unknown} */ value) {
  const volatile = ['seconds', 'firstSeconds', 'tokensPerSecond', 'memoryBytes'];
  return JSON.parse(JSON.stringify(value, (key, one) => (volatile.includes(key) ? 0 : typeof one === 'bigint' ? String(one) : ArrayBuffer.isView(one) ? [.../** @type {any} */ (one)] : one)));
}

async function all(/** @type {AsyncIterable<unknown>} */ steps) {
  const seen = [];
  for await (const step of steps) seen.push(step);
  return seen;
}

/** The result of a call, or its error. */
const outcome = (/** @type {() => any} */ call) =>
  Promise.resolve().then(call).catch((error) => [error.name, error.code, error.message, error.offset]);

/** Every call of the library, including errors with text from the engine. */
const FLOWS = {
  'tiny-infill': async (/** @type {any} */ model) => [
    model.info,
    await all(model.infill('Once [[?]] upon [[4]].', { seed: 5 })),
    await Promise.all([0, 1, 2].map((draft) => model.infill('Once [[3]] upon [[?]] é.', { seed: 5, draft, bytePieces: true }).result())),
    await model.infill('a [[2]]', { seed: 1, pins: [{ blank: 0, index: 1, id: 300 }] }).result(),
    await model.score('Once upon a time.', { method: 'margin' }),
    await model.tokenize('Once “upon” 日本 😀'),
    await model.detokenize([300, 301, 302]),
    await outcome(() => model.infill('a [[0]]').result()),
    await outcome(() => model.infill('a [[2]]', { temperature: -1 }).result()),
    await outcome(() => model.infill('a [[9000]]').result()),
    await outcome(() => model.detokenize([99999])),
    await outcome(() => model.generate('a').result()),
  ],
  'tiny-ar': async (/** @type {any} */ model) => {
    const generation = model.generate('Once', { seed: 4, maxTokens: 12, alternatives: 3, logitBias: { 300: 2 }, stop: ['zzz', '日'] });
    const pieces = await all(generation);
    const saved = await generation.save();
    return [
      model.info, pieces, saved,
      await model.generate(saved, { seed: 4, maxTokens: 20 }).result(),
      await model.generate('Once', { seed: 4, maxTokens: 8, grammar: 'root ::= " " [a-z]+' }).result(),
      await outcome(() => model.generate('Once', { grammar: 'root ::= "a' }).result()),
      await outcome(() => model.generate(new Uint8Array([1, 2, 3])).result()),
      await model.surprise('Once upon a time.'),
      await model.score('Once upon a time.'),
      await model.sequence.append([1, 300, 301]),
      await model.sequence.logits(),
      await model.sequence.tokens(),
      await model.sequence.rewind(1),
      await model.sequence.restore(await model.sequence.save()),
    ];
  },
  'unet-labels': async (/** @type {any} */ model) => {
    const drawn = await all(model.image({ count: 3, steps: 3, seed: 5, label: 0, view: 'both' }));
    const { pictures } = /** @type {any} */ (drawn.at(-1));
    const mask = new Uint8Array(pictures[0].width * pictures[0].height).fill(1, 20);
    return [
      model.info, drawn,
      await model.image({ steps: 2, seed: 5, inpaint: { image: pictures[0], mask } }).result(),
      await model.imageLikelihood(pictures, { method: 'bound', steps: 3 }),
      await outcome(() => model.image({ steps: 100000 }).result()),
      await outcome(() => model.image({ label: 'none' }).result()),
    ];
  },
};

for (const [name, flow] of Object.entries(FLOWS))
  for (const isa of /** @type {const} */ (['simd128', undefined]))
    test(`Regression: ${name} above 2 GiB gives what it gives below, ${isa ?? 'the best build'}`, { timeout }, async (t) => {
      const base = await above(t);
      const given = await Promise.all([undefined, base].map(async (where) => {
        const model = await load(modelUrl(name), { base: where, isa });
        t.after(() => model.dispose());
        const told = sober(await flow(model));
        return { told, memory: model.info.memoryBytes };
      }));
      assert.ok(given[0] && given[1] && given[0].memory < 200e6 && given[1].memory > RESERVED, given.map((one) => one.memory).join());
      assert.deepEqual(given[1]?.told, given[0]?.told);
    });

test('Regression: a model that does not fit beside what there is is told before its download', { timeout }, async (t) => {
  const bytes = await readFile(modelPath('tiny-infill'));
  let sent = 0;
  const server = createServer((_, answer) => {
    answer.writeHead(200, { 'content-length': 2.3e9 });
    answer.write(bytes.subarray(0, (sent = 20_000))); // and no more until the other side gives up
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.after(() => (server.closeAllConnections(), server.close()));
  const url = `http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}/model.gguf`;
  const error = await fails(load(url, { base: await above(t) }), 'memory');
  assert.match(error.message, /2300 MB/);
  assert.equal(sent, 20_000);
});

// ---- the engine itself

const engines = ['palimpsest', 'palimpsest-scores', 'palimpsest-pictures'].flatMap((name) => [`${name}.wasm`, `${name}-relaxed.wasm`]).filter((name) => existsSync(join(built, name)));

/** An engine's exports, or null if this Node cannot run it. */
async function engineOf(/** @type {string} */ name) {
  const bytes = await readFile(join(built, name));
  if (!WebAssembly.validate(bytes)) return null;
  const { instance } = await WebAssembly.instantiate(bytes, { env: { emscripten_notify_memory_growth() {} } });
  const exports = /** @type {any} */ (instance.exports);
  exports._initialize();
  const unsigned = (/** @type {string} */ call) => (/** @type {number[]} */ ...values) => exports[call](...values) >>> 0;
  return { memory: exports.memory, alloc: unsigned('pw_alloc'), resize: unsigned('pw_resize'), free: exports.pw_free };
}

for (const name of engines)
  test(`Regression: ${name} gives a block of 2 GiB and more`, { timeout }, async (t) => {
    for (const bytes of [2 * GIB - 300, 2 * GIB - 64, 2 * GIB, 3 * GIB, 0xf0000000]) {
      const engine = await engineOf(name);
      if (!engine) return t.skip(`Node ${process.version} has no relaxed SIMD`);
      const at = engine.alloc(bytes);
      assert.ok(at && at % 64 === 0 && at + bytes <= engine.memory.buffer.byteLength, `${bytes} at ${at}`);
      engine.free(at);
      assert.equal(engine.alloc(bytes), at, 'and again');
      assert.ok(engine.memory.buffer.byteLength < bytes + 20e6);
      assert.equal(engine.alloc(0xf0000000), 0, 'but not both');
    }
  });

for (const name of engines)
  test(`${name}: a block grows where it lies, beyond 2 GiB too`, { timeout }, async (t) => {
    const engine = await engineOf(name);
    if (!engine) return t.skip(`Node ${process.version} has no relaxed SIMD`);
    let at = engine.alloc(4 << 20);
    const first = at;
    new Uint8Array(engine.memory.buffer, at, 4).set([1, 2, 3, 4]);
    let bytes = 4 << 20;
    while (bytes < 3 * GIB) {
      at = engine.resize(at, bytes, Math.min(2 * bytes, 0xf0000000));
      bytes = Math.min(2 * bytes, 0xf0000000);
      assert.equal(at, first, String(bytes));
    }
    assert.equal(engine.resize(at, bytes, 1000), first);
    const behind = engine.alloc(1000);
    assert.ok(behind < first + 10_000, 'what is not needed is given back');
    const moved = engine.resize(first, 1000, 500_000);
    assert.ok(moved !== first && moved % 64 === 0, 'with something behind it, it moves');
    assert.deepEqual([...new Uint8Array(engine.memory.buffer, moved, 4)], [1, 2, 3, 4]);
    assert.equal(engine.resize(moved, 500_000, 0xfff00000), 0);
  });

for (const name of engines)
  test(`${name}: blocks keep their contents and overlap nothing, and freed memory is used again`, { timeout }, async (t) => {
    const engine = await engineOf(name);
    if (!engine) return t.skip(`Node ${process.version} has no relaxed SIMD`);
    const all = () => new Uint8Array(engine.memory.buffer);
    const whole = engine.alloc(14e6); // most of the memory that there is at first
    engine.free(whole);
    for (let seed = 1; seed <= 5; seed++) {
      const below = dice(seed);
      const size = () => [0, 1, below(100), below(5000), below(300_000), below(2_000_000)][below(6)] ?? 0;
      /** @type {{ at: number, bytes: number, mark: number }[]} */
      const blocks = [];
      const fill = (/** @type {typeof blocks[0]} */ { at, bytes, mark }) => all().fill(mark, at, at + bytes);
      const check = (/** @type {typeof blocks[0]} */ { at, mark }, /** @type {number} */ bytes) => {
        for (const byte of all().subarray(at, at + bytes)) if (byte !== mark) assert.fail(`seed ${seed}: a block was written to`);
      };
      for (let i = 0; i < 600; i++) {
        const one = blocks[below(blocks.length + 1)];
        const bytes = size();
        if (!one || blocks.length < 20) {
          blocks.push({ at: engine.alloc(bytes), bytes, mark: 1 + below(255) });
          fill(/** @type {typeof blocks[0]} */ (blocks.at(-1)));
        } else if (below(2)) {
          one.at = engine.resize(one.at, one.bytes, bytes);
          check(one, Math.min(one.bytes, bytes));
          one.bytes = bytes;
          fill(one);
        } else {
          check(one, one.bytes);
          engine.free(one.at);
          blocks.splice(blocks.indexOf(one), 1);
        }
        for (const { at } of blocks) assert.ok(at && at % 64 === 0, `seed ${seed}: address ${at}`);
      }
      for (const one of blocks) {
        check(one, one.bytes);
        engine.free(one.at);
      }
      const had = engine.memory.buffer.byteLength;
      assert.ok(had < 60e6, `seed ${seed}: ${had} bytes`);
      assert.equal(engine.alloc(had - 2e6), whole, 'what was freed is one block again');
      assert.equal(engine.memory.buffer.byteLength, had);
      engine.free(whole);
      engine.free(0);
    }
    assert.equal(engine.alloc(0xffffffc0), 0);
  });

test('Regression: every function that gives a pointer or a size is one by the rule of exports.ts', async () => {
  const rule = new RegExp(/UNSIGNED = \/(.*)\/;/.exec(await readFile(join(root, 'web/src/exports.ts'), 'utf8'))?.[1] ?? '');
  const sources = ['src/palimpsest.h', ...['exports', 'pages', 'generate', 'surprise', 'pictures'].map((name) => `wasm/${name}.c`)];
  const code = (await Promise.all(sources.map((file) => readFile(join(root, file), 'utf8').catch(() => '')))).join('\n');
  let unsigned = 0;
  for (const engine of engines)
    for (const { name, kind } of WebAssembly.Module.exports(new WebAssembly.Module(await plain(engine)))) {
      if (kind !== 'function' || !/^p[aw]l?_/.test(name)) continue;
      const given = new RegExp(`^((?:\\w+[ ]+)+\\**)${name}\\(`, 'm').exec(code)?.[1];
      assert.ok(given, `${name} is declared`);
      assert.equal(rule.test(name), /\*|size_t|uint32_t/.test(given), `${given}${name}`);
      unsigned += Number(rule.test(name));
    }
  assert.ok(unsigned > 30);
});

/** The build whose exports any Node can list: both builds have the same, as engines.test.mjs makes sure. */
const plain = (/** @type {string} */ name) => readFile(join(built, name.replace('-relaxed', '')));
