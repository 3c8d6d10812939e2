// @ts-check
/* The documented sizes of the engines and of the glue code, measured on the build. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { built, root } from './common.mjs';

const KB = 1024;
const MOST = 120 * KB;
/** Of the code that only moves bytes between JavaScript and the engine: filling and scoring, generating, drawing. */
const LINES_OF_GLUE = { 'engine.ts': 365, 'generator.ts': 250, 'painter.ts': 330, 'scores.ts': 170 };
const LIBRARY = ['palimpsest.js', 'palimpsest-worker.js'];
const DRAWS = 'palimpsest-pictures.js';
/** Continuing texts and scores, and the classes of Unicode: loaded when they are used, with this limit of their own. */
const WRITES = ['palimpsest-texts.js', 'palimpsest-writing.js'];
const MOST_TO_WRITE = 10 * KB;

const THREADS = 'palimpsest-threads.js';

/** One of these is downloaded for texts, networks of discrete diffusion or pictures; those with relaxed SIMD or threads may not
 *  have been built. */
const engines = ['palimpsest', 'palimpsest-scores', 'palimpsest-pictures'].flatMap((name) => ['', '-relaxed', '-threads', '-threads-relaxed'].map((build) => `${name}${build}.wasm`)).filter((name) => existsSync(join(built, name)));

for (const engine of engines) {
  test(`${engine}, glue and library take at most ${MOST / KB} KB together, compressed`, async (t) => {
    let sum = 0;
    for (const name of [...LIBRARY, ...(engine.startsWith('palimpsest-pictures') ? [DRAWS] : []), ...(engine.includes('-threads') ? [THREADS] : []), engine]) {
      const { length } = gzipSync(await readFile(join(built, name)), { level: 9 });
      t.diagnostic(`${name}: ${(length / KB).toFixed(1)} KB`);
      sum += length;
    }
    assert.ok(sum <= MOST, `${(sum / KB).toFixed(1)} KB`);
  });
}

test('what continues and scores texts adds at most 10 KB, compressed', async (t) => {
  let sum = 0;
  for (const name of WRITES) sum += gzipSync(await readFile(join(built, name)), { level: 9 }).length;
  t.diagnostic(`${WRITES.join(' and ')}: ${(sum / KB).toFixed(1)} KB`);
  assert.ok(sum <= MOST_TO_WRITE, `${(sum / KB).toFixed(1)} KB`);
});

test('the files that every page loads import no part at once', async () => {
  for (const name of LIBRARY) assert.doesNotMatch(await readFile(join(built, name), 'utf8'), /\bimport[^(.]{0,200}from|\bimport["'`]/);
});

test('palimpsest/inline takes at most 220 KB, compressed', async (t) => {
  const { length } = gzipSync(await readFile(join(built, 'inline.js')), { level: 9 });
  t.diagnostic(`inline.js: ${(length / KB).toFixed(1)} KB`);
  assert.ok(length <= 220 * KB, `${(length / KB).toFixed(1)} KB`);
});

test('the component adds at most 17 KB, compressed, to what it imports', async (t) => {
  for (const name of ['component.js', 'component-inline.js']) {
    const { length } = gzipSync(await readFile(join(built, name)), { level: 9 });
    t.diagnostic(`${name}: ${(length / KB).toFixed(1)} KB`);
    assert.ok(length <= 17 * KB, `${(length / KB).toFixed(1)} KB`);
  }
});

for (const [file, most] of Object.entries(LINES_OF_GLUE))
  test(`${file} stays small`, async () => {
    const lines = (await readFile(join(root, 'web/src', file), 'utf8')).split('\n').length - 1;
    assert.ok(lines <= most, `${lines} lines`);
  });

for (const engine of engines)
  test(`${engine} asks its host for nothing but to hear of memory`, async (t) => {
    const bytes = await readFile(join(built, engine));
    if (engine.includes('relaxed') && !WebAssembly.validate(bytes)) return t.skip(`Node ${process.version} has no relaxed SIMD`);
    const module = new WebAssembly.Module(bytes);
    const imports = WebAssembly.Module.imports(module).map(({ module: from, name, kind }) => `${kind} ${from}.${name}`);
    assert.deepEqual(imports, ['function env.emscripten_notify_memory_growth', ...(engine.includes('-threads') ? ['memory env.memory'] : [])]);
  });

test('each engine has what the others have not', async () => {
  const all = await Promise.all(['palimpsest.wasm', 'palimpsest-scores.wasm', 'palimpsest-pictures.wasm'].map(async (name) =>
    WebAssembly.Module.exports(new WebAssembly.Module(await readFile(join(built, name)))).map((one) => one.name)));
  const has = (/** @type {string[]} */ names, /** @type {boolean[]} */ where) => names.forEach((name) => assert.deepEqual(all.map((exports) => exports.includes(name)), where, name));
  has(['pw_fill_start', 'pw_score_start', 'pal_tokenize'], [true, true, false]);
  has(['pw_generate_start', 'pw_model_attach'], [true, false, false]);
  has(['pw_image_start', 'pw_likelihood_start'], [false, false, true]);
});

test('the library names no other origin than that of hf: and evaluates no text', async () => {
  for (const name of [...LIBRARY, ...WRITES, DRAWS, THREADS, 'component.js']) {
    const code = await readFile(join(built, name), 'utf8');
    assert.doesNotMatch(code.replace('https://huggingface.co/', ''), /https?:\/\//);
    assert.doesNotMatch(code, /\beval\(|new Function\(/);
  }
});

test('types are shipped for everything that is exported', async () => {
  const types = await readFile(join(built, 'palimpsest.d.ts'), 'utf8');
  for (const name of ['load', 'escape', 'supported', 'cache', 'samplers', 'imageSamplers', 'version', 'PalimpsestError'])
    assert.match(types, new RegExp(`\\b${name}\\b`));
  assert.match(types, /types(\.ts|\.js)?'/);
  assert.match(await readFile(join(built, 'types.d.ts'), 'utf8'), /'\.\/types\/model\.js'/);
});

test('every public name has words of explanation for an editor', async () => {
  const bare = [];
  const files = ['palimpsest', 'supported', 'options', 'errors', 'component', 'notation'];
  for (const folder of ['types', 'component']) files.push(...(await readdir(join(built, folder))).map((file) => `${folder}/${file.split('.')[0]}`));
  assert.ok(files.length > 8, files.join());
  for (const file of files) {
    const lines = (await readFile(join(built, `${file}.d.ts`), 'utf8')).split('\n');
    lines.forEach((line, i) => {
      const named = /^export (declare )?(type|interface|const|function|class) (\w+)|^    (readonly )?\w+\??[:(<]/.test(line);
      if (named && !lines[i - 1]?.trim().endsWith('*/')) bare.push(`${file}: ${line.trim()}`);
    });
  }
  assert.deepEqual(bare, []);
});
