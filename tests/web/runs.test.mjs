// @ts-check
/* Runs that are awaited, models that dispose of themselves, and sources that are fetched: answers, and files of a hub. */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { built, fails, load, modelPath, modelUrl, open } from './common.mjs';

const TEXT = 'the [[2]]';

// Regression: a run was no promise, so `await model.infill()` gave the run, and no error said so.
test('a run that is awaited gives its result', async (t) => {
  const fill = await open(t);
  const { text, done } = await fill.infill(TEXT, { seed: 5 });
  assert.deepEqual([text, done], [(await fill.infill(TEXT, { seed: 5 }).result()).text, true]);
  const write = await open(t, 'tiny-ar');
  const how = { seed: 5, maxTokens: 3 };
  assert.deepEqual((await write.generate('the', how)).ids, (await write.generate('the', how).result()).ids);
  const draw = await open(t, 'unet-plain');
  assert.deepEqual((await draw.image({ seed: 5, steps: 2 })).image, (await draw.image({ seed: 5, steps: 2 }).result()).image);
  await assert.rejects(async () => fill.infill(TEXT, { temperature: -1 }), { code: 'option' });
});

// Regression: info.memoryBytes stayed when the memory was free.
test('the end of a block disposes of a model', { skip: Symbol.dispose ? false : 'no Symbol.dispose' }, async () => {
  const model = await load(modelUrl('tiny-infill'));
  assert.ok(model.info.memoryBytes > 0);
  model[Symbol.dispose]();
  assert.equal(model.info.memoryBytes, 0);
  await fails(model.tokenize('the'), 'disposed');
});

/** A server of the test's; gives its address. */
async function server(/** @type {import('node:test').TestContext} */ t, /** @type {import('node:http').RequestListener} */ answer) {
  const one = createServer(answer).listen(0, '127.0.0.1');
  await new Promise((resolve) => one.once('listening', resolve));
  t.after(() => (one.closeAllConnections(), one.close()));
  return `http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (one.address()).port}`;
}

test('an answer of fetch() is a source', async (t) => {
  const bytes = await readFile(modelPath('tiny-infill'));
  const host = await server(t, ({ url }, answer) => {
    if (url !== '/m.gguf') return void answer.writeHead(404).end('no');
    answer.writeHead(200, { 'content-length': bytes.length }).end(bytes);
  });
  const response = await fetch(`${host}/m.gguf`);
  const model = await load(response);
  assert.deepEqual([model.info.name, model.info.fileBytes], ['tiny-infill', bytes.length]);
  model.dispose();
  assert.match((await fails(load(response), 'option')).message, /read already/);
  assert.match((await fails(load(await fetch(`${host}/other`)), 'network')).message, /answered 404/);
  assert.equal((await fails(load(new Response('<!doctype html><title>x</title>')), 'format', 0)).code, 'format');
});

/** The library, with a worker to which this server is the hub. */
async function withHub(/** @type {import('node:test').TestContext} */ t, /** @type {string} */ host) {
  const folder = await mkdtemp(join(tmpdir(), 'palimpsest-'));
  t.after(() => rm(folder, { recursive: true }));
  for (const name of (await readdir(built)).filter((one) => /\.(js|wasm)$/.test(one))) await cp(join(built, name), join(folder, name));
  const worker = join(folder, 'palimpsest-worker.js');
  const redirect = `{ const old = fetch; globalThis.fetch = (url, init) => old(url.replace('https://huggingface.co', ${JSON.stringify(host)}), init); }\n`;
  await writeFile(worker, redirect + (await readFile(worker, 'utf8')));
  return folder;
}

test('hf: names a file of a hub, which redirects to where it is stored', async (t) => {
  const bytes = await readFile(modelPath('tiny-infill'));
  /** @type {(string | undefined)[]} */
  const asked = [];
  const storage = await server(t, (_, answer) => void answer.writeHead(200, { 'content-length': bytes.length }).end(bytes));
  const base = await withHub(t, await server(t, ({ url }, answer) => {
    asked.push(url);
    answer.writeHead(url?.includes('gated') ? 401 : 302, { location: `${storage}/signed?key=1`, 'content-length': 9 }).end('elsewhere');
  }));
  for (const [given, path] of [
    ['hf:some/model/tiny.gguf', '/some/model/resolve/main/tiny.gguf'],
    ['hf:some/model/q4/tiny.gguf@v1.0', '/some/model/resolve/v1.0/q4/tiny.gguf'],
    ['hf:some/model/tiny.gguf@refs/pr/1', '/some/model/resolve/refs%2Fpr%2F1/tiny.gguf'],
  ]) {
    /** @type {(number | null)[]} */
    const totals = [];
    const model = await load(/** @type {string} */ (given), { base, onProgress: ({ total }) => totals.push(total) });
    assert.equal(asked.pop(), path);
    assert.deepEqual([model.info.source, model.info.fileBytes, totals.at(-1)], [`https://huggingface.co${path}`, bytes.length, bytes.length]);
    model.dispose();
  }
  assert.match((await fails(load('hf:some/gated/tiny.gguf', { base }), 'network')).message, /answered 401/);
  for (const wrong of ['hf:', 'hf:some', 'hf:some/model', 'hf:some/model/', 'hf:some/model@v1/tiny.gguf'])
    assert.match((await fails(load(wrong), 'option')).message, /hf:owner\/name\/file\.gguf/);
});
