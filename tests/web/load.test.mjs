// @ts-check
/* Loading: every kind of source, progress, hashes, and every kind of failure. */
import assert from 'node:assert/strict';
import { cp, mkdtemp, open as openFile, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { built, cache, fails, load, modelPath, modelUrl, open, PalimpsestError, supported } from './common.mjs';

const bytes = await readFile(modelPath('tiny-infill'));
const hash = createHash('sha256').update(bytes).digest('hex');
const PAGE = 'the [[2]] dog [[?]]';

async function folder(/** @type {import('node:test').TestContext} */ t) {
  const path = await mkdtemp(join(tmpdir(), 'palimpsest-'));
  t.after(() => rm(path, { recursive: true }));
  return path;
}

/** The model's bytes with a few overwritten. */
function damaged(/** @type {number} */ at, /** @type {number[]} */ ...values) {
  const copy = Uint8Array.from(bytes);
  copy.set(values, at);
  return copy;
}

test('a URL, a path in a URL, a File, a Blob and bytes are all sources, and give the same model', async () => {
  const slice = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  const blob = new Blob([bytes]);
  /** @type {[any, string][]} */
  const sources = [
    [modelUrl('tiny-infill'), modelUrl('tiny-infill').href],
    [modelUrl('tiny-infill').href, modelUrl('tiny-infill').href],
    [new File([bytes], 'own.gguf'), 'own.gguf'],
    [blob, ''],
    [slice, ''],
    [Uint8Array.from(bytes).buffer, ''],
  ];
  const texts = [];
  for (const [source, name] of sources) {
    const model = await load(source, { sha256: hash.toUpperCase() });
    const { info } = model;
    assert.deepEqual([info.sha256, info.fileBytes, info.kept, info.keptWhyNot], [hash, bytes.length, false, info.keptWhyNot]);
    if (name !== '') assert.equal(info.source, name);
    texts.push((await model.infill(PAGE, { seed: 1 }).result()).text);
    model.dispose();
  }
  assert.equal(new Set(texts).size, 1);
  assert.equal(slice.length, bytes.length, "the caller's bytes stay the caller's");
});

// Regression: in Node a path was "not a URL".
test('in Node a path is a source, absolute or from where the program runs', async () => {
  const path = modelPath('tiny-infill');
  for (const source of [path, relative(process.cwd(), path), `./${relative(process.cwd(), path)}`]) {
    const model = await load(source);
    assert.deepEqual([model.info.sha256, model.info.source], [hash, modelUrl('tiny-infill').href]);
    model.dispose();
  }
  const odd = join(await mkdtemp(join(tmpdir(), 'palimpsest-')), 'a b%20#?ü.gguf');
  await writeFile(odd, bytes);
  const model = await load(odd);
  assert.equal(model.info.source, pathToFileURL(odd).href);
  model.dispose();
});

test('info tells what the model is', async (t) => {
  const { info } = await open(t);
  const { architecture, name, context, canInfill, canTokenize, canScore, freeLength, causal, threads, whyNot } = info;
  assert.deepEqual(
    { architecture, name, context, canInfill, canTokenize, canScore, freeLength, causal, threads, whyNot },
    { architecture: 'llada', name: 'tiny-infill', context: 96, canInfill: true, canTokenize: true, canScore: true, freeLength: true, causal: false, threads: 1, whyNot: null },
  );
  assert.match(info.isa, /^(relaxed|simd128)$/);
  assert.ok(info.memoryBytes > bytes.length && info.parameters > 1000 && info.vocabulary > 256 && info.layers >= 1);
  const ar = await open(t, 'tiny-ar');
  assert.deepEqual([ar.info.causal, ar.info.canInfill, ar.info.canScore], [true, false, true]);
  const vocabulary = await open(t, 'tales-vocab');
  assert.deepEqual([vocabulary.info.canTokenize, vocabulary.info.canScore, vocabulary.info.canInfill], [true, false, false]);
  assert.match(String(vocabulary.info.whyNot), /vocabulary/);
});

test('progress goes from nothing to everything', async (t) => {
  /** @type {any[]} */
  const seen = [];
  const model = await open(t, 'tales-infill', { onProgress: (/** @type {any} */ progress) => seen.push(progress) });
  assert.deepEqual([seen[0].loaded, seen.at(-1).loaded, seen[0].phase], [0, model.info.fileBytes, 'read']);
  for (const [i, { loaded, total }] of seen.entries()) assert.ok(total === model.info.fileBytes && (!i || loaded >= seen[i - 1].loaded));
});

test('a file with another hash is refused', async () => {
  const error = await fails(load(modelUrl('tiny-infill'), { sha256: '0'.repeat(64) }), 'integrity');
  assert.match(error.message, new RegExp(hash));
  await fails(load(damaged(bytes.length - 100, 1), { sha256: hash }), 'integrity');
});

test('what is no model is refused, with the byte where that shows', async () => {
  await fails(load(new Uint8Array(0)), 'format', 0);
  await fails(load(new TextEncoder().encode('Once upon a time there was a text file, not a model.')), 'format', 0);
  await fails(load(damaged(0, 0x89, 0x50, 0x4e, 0x47)), 'format', 0);
  const version = await load(damaged(4, 99)).catch((error) => error);
  assert.ok(version instanceof PalimpsestError && ['format', 'unsupported'].includes(version.code) && version.offset === 4, `${version.code} at ${version.offset}`);
  for (const length of [1, 3, 24, 1000, bytes.length - 4096, bytes.length - 64]) {
    const error = await load(bytes.subarray(0, length)).catch((caught) => caught);
    assert.ok(error instanceof PalimpsestError && error.code === 'format' && typeof error.offset === 'number', `${length} bytes: ${error.code}`);
    assert.ok(error.offset >= 0 && error.offset <= bytes.length);
  }
});

test('a file larger than memory is refused before it is read', async (t) => {
  const path = join(await folder(t), 'large.gguf');
  const file = await openFile(path, 'w');
  await file.truncate(2 ** 32); // sparse: takes no room
  await file.close();
  const seen = /** @type {any[]} */ ([]);
  const error = await fails(load(pathToFileURL(path), { onProgress: (/** @type {any} */ p) => seen.push(p) }), 'memory');
  assert.match(error.message, /4295 MB/);
  assert.equal(seen.length, 0);
});

test('files and addresses that are not there are told', async () => {
  await fails(load(pathToFileURL(modelPath('absent'))), 'network');
  await fails(load('http://127.0.0.1:9/absent.gguf'), 'network');
  assert.match((await fails(load('absent.gguf'), 'network')).message, /absent\.gguf cannot be read.*no such file/);
  assert.match((await fails(load(tmpdir()), 'network')).message, /cannot be read/);
  for (const source of ['', undefined, null, 5, {}, [], new Map(), 'http://']) await fails(load(/** @type {any} */ (source)), 'option');
  for (const sha256 of ['', 'abc', 'g'.repeat(64)]) await fails(load(modelUrl('tiny-infill'), { sha256 }), 'option');
});

/** A server whose response each test sets. */
async function serve(/** @type {import('node:test').TestContext} */ t, /** @type {import('node:http').RequestListener} */ answer) {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.after(() => (server.closeAllConnections(), server.close()));
  return `http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}/model.gguf`;
}

test('a model over HTTP: with a length, without one, and with too small a one', async (t) => {
  let lengths = true;
  const url = await serve(t, (_, answer) => {
    answer.writeHead(200, lengths ? { 'content-length': bytes.length } : {});
    for (let at = 0; at < bytes.length; at += 5000) answer.write(bytes.subarray(at, at + 5000));
    answer.end();
  });
  for (lengths of [true, false]) {
    const totals = new Set();
    const model = await load(url, { sha256: hash, onProgress: (/** @type {any} */ p) => totals.add(p.total) });
    assert.deepEqual([...totals], [lengths ? bytes.length : null]);
    assert.match(String(model.info.keptWhyNot), /file system/);
    model.dispose();
  }
});

test('a cut, stalled or refused download is told, and can be given up', async (t) => {
  let way = 'cut';
  const url = await serve(t, (_, answer) => {
    if (way === 'refuse') return answer.writeHead(404).end('no');
    answer.writeHead(200, { 'content-length': bytes.length });
    answer.write(bytes.subarray(0, 10000), () => way === 'cut' && answer.destroy());
  });
  const cut = await fails(load(url), 'network');
  assert.match(cut.message, /interrupted after/);
  way = 'refuse';
  assert.match((await fails(load(url), 'network')).message, /404/);
  way = 'stall';
  const stop = new AbortController();
  const stalled = load(url, { signal: stop.signal, onProgress: () => setTimeout(() => stop.abort(new Error('given up')), 50) });
  await assert.rejects(stalled, /given up/);
});

test('page, worker and engine of different builds do not work together', async (t) => {
  const base = `${pathToFileURL(await folder(t)).href}/`;
  const names = ['palimpsest-worker.js', 'palimpsest.wasm', 'palimpsest-loading.js'];
  for (const name of names) await cp(join(built, name), new URL(name, base));
  const use = () => load(modelUrl('tiny-infill'), { base });
  (await use()).dispose();
  const id = /build ([0-9a-f]{12})/;
  const wasm = new URL(names[1], base);
  const engine = await readFile(wasm);
  await writeFile(wasm, replaced(engine, engine.subarray(-12), 'ffffffffffff'));
  assert.match((await fails(use(), 'version')).message, id);
  await writeFile(wasm, engine);
  const worker = new URL(names[0], base);
  await writeFile(worker, replaced(await readFile(worker), engine.subarray(-12), 'ffffffffffff'));
  assert.match((await fails(use(), 'version')).message, id);
  await rm(worker);
  await fails(use(), 'environment');
});

function replaced(/** @type {Buffer} */ data, /** @type {Uint8Array} */ from, /** @type {string} */ to) {
  const text = data.toString('latin1');
  const old = Buffer.from(from).toString('latin1');
  assert.ok(text.includes(old));
  return Buffer.from(text.replaceAll(old, to), 'latin1');
}

test('without WebAssembly SIMD it says so', async (t) => {
  assert.deepEqual(supported(), { ok: true, why: null });
  t.mock.method(WebAssembly, 'validate', () => false);
  assert.match(String(supported().why), /SIMD/);
  await fails(load(modelUrl('tiny-infill')), 'environment');
});

test('without a private file system there are no copies, and that is told', async () => {
  const { ok, why } = await cache.available();
  assert.equal(ok, false);
  assert.match(String(why), /file system/);
  assert.deepEqual([await cache.list(), await cache.estimate()], [[], null]);
});
