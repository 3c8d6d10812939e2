// @ts-check
/* Models that are split into several files: every kind of source, any order, progress, and what does not belong together. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { fails, load, modelPath, open } from './common.mjs';
import { split } from './split.mjs';

const whole = await readFile(modelPath('tiny-ar'));
const PARTS = split(whole, [3, 9]);
const bytes = PARTS.reduce((sum, part) => sum + part.length, 0);
const nameOf = (/** @type {number} */ i, count = 3) => `m-0000${i + 1}-of-0000${count}.gguf`;
const HOW = { seed: 5, maxTokens: 8 };

/** Loads and continues a text; gives the text and what is known of the model. */
async function used(/** @type {any} */ source, options = {}) {
  const model = await load(source, options);
  const { text } = await model.generate('the', HOW);
  const { info } = model;
  model.dispose();
  return { text, ...info };
}

async function expected(/** @type {import('node:test').TestContext} */ t) {
  return (await (await open(t, 'tiny-ar')).generate('the', HOW)).text;
}

/** A folder with these files. */
async function folder(/** @type {import('node:test').TestContext} */ t, /** @type {Record<string, Buffer>} */ files) {
  const path = await mkdtemp(join(tmpdir(), 'palimpsest-'));
  t.after(() => rm(path, { recursive: true }));
  for (const [name, data] of Object.entries(files)) await writeFile(join(path, name), data);
  return path;
}

const named = (/** @type {Buffer[]} */ parts) => Object.fromEntries(parts.map((part, i) => [nameOf(i, parts.length), part]));

/** A server of these files. */
async function server(/** @type {import('node:test').TestContext} */ t, /** @type {Record<string, Buffer>} */ files) {
  const asked = /** @type {string[]} */ ([]);
  const one = createServer(({ url, method }, answer) => {
    const [name = ''] = /[^/?]*(?=\?|$)/.exec(url ?? '') ?? [];
    asked.push(`${method} ${url}`);
    const data = files[name];
    if (!data) return void answer.writeHead(404).end();
    answer.writeHead(200, { 'content-length': data.length }).end(method === 'HEAD' ? undefined : data);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => one.once('listening', resolve));
  t.after(() => (one.closeAllConnections(), one.close()));
  return { asked, url: `http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (one.address()).port}/` };
}

test('the parts of a model are one model: by path, URL, files, bytes and answers, in any order', async (t) => {
  const text = await expected(t);
  const path = await folder(t, named(PARTS));
  const { url } = await server(t, named(PARTS));
  const [a, b, c] = /** @type {[Buffer, Buffer, Buffer]} */ (PARTS);
  for (const source of [
    join(path, nameOf(0)), join(path, nameOf(2)), pathToFileURL(join(path, nameOf(1))), url + nameOf(0), `${url}${nameOf(1)}?download=true`,
    [a, b, c], [c, a, b], [new File([b], 'x'), new Blob([c]), a], [url + nameOf(2), url + nameOf(0), url + nameOf(1)],
    () => Promise.all([2, 1, 0].map((i) => fetch(url + nameOf(i)))),
  ]) {
    const told = await used(typeof source === 'function' ? await source() : source);
    assert.deepEqual([told.text, told.fileBytes, told.name], [text, bytes, 'tiny-ar'], String(source));
  }
});

test('progress goes over all parts, and memory holds them once', async (t) => {
  const { url, asked } = await server(t, named(PARTS));
  /** @type {import('../../web/src/types.ts').LoadProgress[]} */
  const seen = [];
  const { memoryBytes } = await used(url + nameOf(0), { onProgress: (/** @type {any} */ p) => seen.push(p) });
  assert.deepEqual([seen[0]?.loaded, seen.at(-1)?.loaded], [0, bytes]);
  assert.ok(seen.every(({ total, part }, i) => total === bytes && part === 'model' && (!i || Number(seen[i]?.loaded) >= Number(seen[i - 1]?.loaded))));
  assert.deepEqual(asked.filter((one) => one.startsWith('GET')).length, 3);
  assert.ok(memoryBytes > bytes);
});

test('a load of parts can be given up', async (t) => {
  const stop = new AbortController();
  const { url } = await server(t, named(PARTS));
  await assert.rejects(load(url + nameOf(0), { signal: stop.signal, onProgress: ({ loaded }) => loaded > (PARTS[0]?.length ?? 0) && stop.abort(new Error('given up')) }), /given up/);
});

test('a part that is missing is told before anything is read', async (t) => {
  const files = named(PARTS);
  delete files[nameOf(1)];
  const { url, asked } = await server(t, files);
  assert.match((await fails(load(url + nameOf(0)), 'network')).message, /part 2 of 3 of the model is missing: the server answered 404 for http.*m-00002-of-00003\.gguf/);
  assert.ok(asked.every((one) => one.startsWith('HEAD')), asked.join());
  const path = await folder(t, files);
  assert.match((await fails(load(join(path, nameOf(0))), 'network')).message, /part 2 of 3 of the model is missing: file:.*m-00002-of-00003\.gguf cannot be read/);
});

test('what does not belong together is told in a sentence', async (t) => {
  const [a, b, c] = /** @type {[Buffer, Buffer, Buffer]} */ (PARTS);
  const other = split(await readFile(modelPath('stories260K')), [3, 9]);
  const wrong = (/** @type {any} */ source) => load(source).then(() => 'nothing', (error) => `${error.code}: ${error.message}`);
  assert.match(await wrong([a, b]), /a part is missing: the model was split into more files/);
  assert.match(await wrong([a, b, b]), /the same part of a split model was given twice/);
  assert.match(await wrong([a, b, other[2]]), /not the parts of one model/);
  assert.match(await wrong([a, b, c, c]), /not the parts of one model: they disagree about their number/);
  assert.match(await wrong([a, b, whole]), /not a part of a split model/);
  // The name says two parts, the files three.
  const path = await folder(t, named([a, b]));
  assert.match(await wrong(join(path, nameOf(0, 2))), /a part is missing: the model was split into more files/);
  assert.match(await wrong([a, b, c.subarray(0, 200)]), /format: .*incomplete or damaged/);
  assert.match(await wrong([a, b, Buffer.from('<!doctype html><title>x</title>')]), /format: .*web page/);
  const alone = await load(a);
  assert.match(String(alone.info.whyNot), /split/);
  alone.dispose();
});

test('files whose names do not belong together are named', async () => {
  const file = (/** @type {number} */ i, /** @type {string} */ name) => new File([/** @type {Buffer} */ (PARTS[i])], name);
  const wrong = (/** @type {any[]} */ ...source) => fails(load(source), 'option').then(({ message }) => message);
  const [a, b, c] = /** @type {[File, File, File]} */ ([0, 1, 2].map((i) => file(i, nameOf(i))));
  assert.match(await wrong(a, c), /m-00002-of-00003\.gguf is missing/);
  assert.match(await wrong(a, b, file(2, 'other-00003-of-00003.gguf')), /m-00001-of-00003\.gguf and other-00003-of-00003\.gguf are not parts of one model/);
  assert.match(await wrong(a, b, file(2, 'm-00003-of-00004.gguf')), /are not parts of one model/);
  assert.match(await wrong(a, b, b), /m-00002-of-00003\.gguf was given twice/);
  (await load([c, a, b])).dispose();
});

test('what cannot be said of several files is refused', async () => {
  assert.match((await fails(load(PARTS, { sha256: '0'.repeat(64) }), 'option')).message, /a hash is that of one file/);
  assert.match((await fails(load(whole, { adapter: /** @type {any} */ (PARTS) }), 'option')).message, /an adapter is one file/);
  await fails(load([]), 'option');
  await fails(load(/** @type {any} */ ([PARTS[0], 5])), 'option');
});

test('the name of a whole file that looks like a part of one is no matter', async (t) => {
  const path = await folder(t, { 'm-00001-of-00001.gguf': whole });
  assert.equal((await used(join(path, 'm-00001-of-00001.gguf'))).text, await expected(t));
});
