// @ts-check
/* The engine's two builds: the same exports, the same texts, and the choice between them. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { built, fails, load, modelUrl, open } from './common.mjs';

const RELAXED = 'palimpsest-relaxed.wasm';
const DRAWS = 'palimpsest-pictures-relaxed.wasm';
const PLAIN = ['palimpsest-worker.js', 'palimpsest-loading.js', 'palimpsest-texts.js', 'palimpsest-pictures.js', 'palimpsest.wasm', 'palimpsest-scores.wasm', 'palimpsest-pictures.wasm'];
const file = (/** @type {string} */ name) => readFile(join(built, name));
const notBuilt = existsSync(join(built, RELAXED)) ? false : `${RELAXED} was not built`;
const relaxed = notBuilt ? null : await file(RELAXED);
/** Why the faster build cannot run here, or false. */
const notHere = notBuilt || (hasOpcode() ? false : `Node ${process.version} has no relaxed SIMD`);

/** i32x4.relaxed_dot_i8x16_i7x16_add_s of three zeros. */
function hasOpcode() {
  const zero = [65, 0, 253, 15];
  const body = [...zero, ...zero, ...zero, 253, 147, 2, 11];
  return WebAssembly.validate(
    new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, body.length + 3, 1, body.length + 1, 0, ...body]),
  );
}

/** A folder of the library's files, with the relaxed build of an engine as given (null: absent). */
async function folderWith(/** @type {import('node:test').TestContext} */ t, /** @type {Uint8Array | null} */ wasm, named = RELAXED) {
  const folder = await mkdtemp(join(tmpdir(), 'palimpsest-'));
  t.after(() => rm(folder, { recursive: true }));
  for (const name of PLAIN) await copyFile(join(built, name), join(folder, name));
  if (wasm) await writeFile(join(folder, named), wasm);
  return `${pathToFileURL(folder).href}/`;
}

async function textOf(/** @type {import('../../web/src/types.ts').Model} */ model) {
  return (await model.infill('Once [[?]] upon [[4]].', { seed: 5 }).result()).text;
}

for (const builds of [['palimpsest.wasm', RELAXED], ['palimpsest-scores.wasm', 'palimpsest-scores-relaxed.wasm'], ['palimpsest-pictures.wasm', DRAWS],
  ...['', '-scores', '-pictures'].map((name) => [`palimpsest${name}-threads.wasm`, `palimpsest${name}-threads-relaxed.wasm`])])
  test(`${builds.join(' and ')} have the same exports and imports`, { skip: notHere }, async () => {
    const faces = [];
    for (const name of builds) {
      const module = new WebAssembly.Module(await file(name));
      const exported = WebAssembly.Module.exports(module).map((one) => `${one.kind} ${one.name}`);
      faces.push({ exported: exported.sort(), imported: WebAssembly.Module.imports(module), build: section(module) });
    }
    assert.deepEqual(faces[0], faces[1]);
    assert.ok(faces[0]?.exported.includes('function pw_self_check'));
  });

function section(/** @type {WebAssembly.Module} */ module) {
  return WebAssembly.Module.customSections(module, 'palimpsest.build').map((bytes) => Buffer.from(bytes).toString());
}

test('the build with relaxed SIMD is taken where it runs, with the same text', { skip: notHere }, async (t) => {
  const best = await open(t);
  const plain = await open(t, 'tiny-infill', { isa: 'simd128' });
  assert.deepEqual([best.info.isa, plain.info.isa], ['relaxed', 'simd128']);
  assert.equal(await textOf(best), await textOf(plain));
});

test('without the build with relaxed SIMD the other one serves', async (t) => {
  const model = await open(t, 'tiny-infill', { base: await folderWith(t, null) });
  assert.equal(model.info.isa, 'simd128');
  assert.ok(await textOf(model));
});

test('a build that computes wrongly here is not used', { skip: notHere }, async (t) => {
  // Simulates an engine with a wrong instruction: f32x4.sub replaces every f32x4.add.
  const wrong = Buffer.from(/** @type {Buffer} */ (relaxed));
  let changed = 0;
  const ADD = Buffer.from([0xfd, 0xe4, 0x01]);
  for (let at = -1; (at = wrong.indexOf(ADD, at + 1)) >= 0; changed++) wrong[at + 1] = 0xe5;
  assert.ok(changed > 20 && WebAssembly.validate(wrong));
  const model = await open(t, 'tiny-infill', { base: await folderWith(t, wrong) });
  assert.equal(model.info.isa, 'simd128');
  assert.equal(await textOf(model), await textOf(await open(t, 'tiny-infill', { isa: 'simd128' })));
});

async function pictureOf(/** @type {import('../../web/src/types.ts').Model} */ model) {
  return (await model.image({ steps: 3, seed: 5, count: 2 }).result()).image;
}

test('of the engine of pictures, too, the build that runs here and computes what it should is taken', { skip: notHere }, async (t) => {
  const best = await open(t, 'unet-labels');
  const plain = await open(t, 'unet-labels', { isa: 'simd128' });
  assert.deepEqual([best.info.isa, plain.info.isa], ['relaxed', 'simd128']);
  const expected = await pictureOf(plain);
  assert.deepEqual(await pictureOf(best), expected);
  // f32x4.sub for f32x4.add, as above; an empty file; none.
  const wrong = Buffer.from(await file(DRAWS));
  const ADD = Buffer.from([0xfd, 0xe4, 0x01]);
  for (let at = -1; (at = wrong.indexOf(ADD, at + 1)) >= 0; ) wrong[at + 1] = 0xe5;
  for (const other of [wrong, new Uint8Array(), null]) {
    const model = await open(t, 'unet-labels', { base: await folderWith(t, other, DRAWS) });
    assert.equal(model.info.isa, 'simd128');
    assert.deepEqual(await pictureOf(model), expected);
  }
});

test('of all engines one is fetched', async (t) => {
  for (const [name, needed] of [['tiny-infill', 'palimpsest.wasm'], ['unet-plain', 'palimpsest-pictures.wasm']]) {
    const folder = await folderWith(t, null);
    for (const other of PLAIN.filter((one) => one.endsWith('.wasm') && one !== needed)) await rm(new URL(other, folder));
    const model = await open(t, name, { base: folder, isa: 'simd128' });
    assert.equal(model.info.isa, 'simd128');
  }
});

test('a broken build is not used', async (t) => {
  for (const broken of [new Uint8Array(), new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])]) {
    const model = await open(t, 'tiny-infill', { base: await folderWith(t, broken) });
    assert.equal(model.info.isa, 'simd128');
  }
});

test('another instruction set than the two is refused', async () => {
  await fails(load(modelUrl('tiny-infill'), { isa: /** @type {any} */ ('avx2') }), 'option');
});
