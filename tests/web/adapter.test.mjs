// @ts-check
/* A base with an adapter: one base in memory fills blanks and continues texts, with the bytes of the command. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { createHash } from 'node:crypto';
import { fails, load, modelPath, modelUrl, noCommand, root, run } from './common.mjs';

const PAGE = 'the [[3]] dog, "[[1]]" he [[2]].';
const base = modelPath('tiny-ar');
const adapter = modelPath('tiny-rows');
const bytes = await readFile(adapter);
const hash = createHash('sha256').update(bytes).digest('hex');

/** The adapter with a text replaced by one of the same length. */
function changed(/** @type {string} */ from, /** @type {string} */ to) {
  const text = bytes.toString('latin1');
  assert.equal(from.length, to.length);
  assert.equal(text.split(from).length, 2, from);
  return Uint8Array.from(Buffer.from(text.replace(from, to), 'latin1'));
}

/** The value of a key that is a text of 64 characters. */
function hashUnder(/** @type {string} */ key) {
  const at = bytes.indexOf(key) + key.length + 4 + 8;
  return bytes.toString('latin1', at, at + 64);
}

/** Loads a base with an adapter for one test. */
async function attached(/** @type {import('node:test').TestContext} */ t, options = {}) {
  const model = await load(modelUrl('tiny-ar'), { adapter: modelUrl('tiny-rows'), ...options });
  t.after(() => model.dispose());
  return model;
}

test('one base fills with its adapter and continues without it, with the bytes of the command', { skip: noCommand }, async (t) => {
  const model = await attached(t);
  for (const seed of [1, 2, 3]) {
    const text = run('infill', '-m', base, '--adapter', adapter, '--text', PAGE, '--seed', seed);
    assert.equal((await model.infill(PAGE, { seed }).result()).text, text);
    const written = run('generate', '-m', base, '--prompt', 'the dog', '--max-tokens', 12, '--seed', seed);
    assert.equal(`the dog${(await model.generate('the dog', { seed, maxTokens: 12 }).result()).text}`, written);
  }
});

test('drafts and generation at the same time do not disturb each other', async (t) => {
  const model = await attached(t);
  const page = (/** @type {number} */ draft) => model.infill(PAGE, { seed: 5, draft }).result();
  const text = () => model.generate('the dog', { seed: 5, maxTokens: 20 }).result();
  const alone = [await page(0), await page(1), await text()].map((one) => one.text);
  const together = (await Promise.all([page(0), page(1), text()])).map((one) => one.text);
  assert.deepEqual(together, alone);
});

// Rows of given text are copied from the fill before; a fresh model has nothing to copy.
test('a page filled again gives what a fresh model gives, with other seeds, options, pins and drafts', async (t) => {
  const model = await attached(t);
  const first = await model.infill(PAGE, { seed: 1 }).result();
  const { blank, index, id } = /** @type {any} */ (first.tokens[1]);
  const other = PAGE.replace('dog', 'cat');
  /** @type {[string, any][]} */
  const fills = [
    [PAGE, { seed: 2 }], [PAGE, { seed: 3, sampler: 'first-hitting', temperature: 1 }], [PAGE, { seed: 2, pins: [{ blank, index, id }] }],
    [PAGE, { seed: 4, document: true }], [other, { seed: 2 }], [PAGE, { seed: 5, draft: 2 }], ['no blank', {}], [PAGE, { seed: 6 }],
  ];
  for (const [page, options] of fills) {
    const fresh = await attached(t);
    const [again, alone] = [await model.infill(page, options).result(), await fresh.infill(page, options).result()];
    fresh.dispose();
    assert.deepEqual([again.text, again.tokens, again.evaluations], [alone.text, alone.tokens, alone.evaluations], JSON.stringify([page, options]));
  }
  for await (const page of model.infill(PAGE, { seed: 7 })) if (page.step === 2) break; // one that is stopped is kept too
  const fresh = await attached(t);
  assert.deepEqual((await model.infill(PAGE, { seed: 8 }).result()).tokens, (await fresh.infill(PAGE, { seed: 8 }).result()).tokens);
});

test('the causal side is that of the base alone', async (t) => {
  const plain = await load(modelUrl('tiny-ar'));
  t.after(() => plain.dispose());
  const model = await attached(t);
  assert.deepEqual(await model.tokenize('the little dog'), await plain.tokenize('the little dog'));
  for (const one of [model, plain]) await one.sequence.append([7, 300, 301, 5]);
  assert.deepEqual(await model.sequence.logits(), await plain.sequence.logits());
  assert.equal((await model.score('the little dog ran.')).bitsPerByte, (await plain.score('the little dog ran.')).bitsPerByte);
});

test('info says what base and adapter are and can', async (t) => {
  const { info } = await attached(t, { adapterSha256: hash.toUpperCase() });
  assert.deepEqual([info.canInfill, info.canGenerate, info.causal, info.name], [true, true, true, 'tiny-ar']);
  assert.deepEqual(info.adapter, {
    source: modelUrl('tiny-rows').href, sha256: hash, fileBytes: bytes.length, note: null, kept: false, keptWhyNot: info.keptWhyNot, updateWhyNot: null,
  });
  const plain = await load(modelUrl('tiny-ar'));
  assert.deepEqual([plain.info.canInfill, plain.info.adapter], [false, null]);
  assert.ok(info.parameters > plain.info.parameters);
  plain.dispose();
});

test('files, blobs and bytes are sources of both', async () => {
  const texts = new Set();
  const file = await readFile(base);
  for (const [model, added] of [[file, bytes], [new Blob([file]), new File([bytes], 'own.gguf')], [base, adapter]]) {
    const loaded = await load(/** @type {any} */ (model), { adapter: /** @type {any} */ (added) });
    texts.add((await loaded.infill(PAGE, { seed: 9 }).result()).text);
    loaded.dispose();
  }
  assert.equal(texts.size, 1);
});

test('progress covers the model first and then the adapter', async (t) => {
  const seen = /** @type {any[]} */ ([]);
  const { info } = await attached(t, { onProgress: (/** @type {any} */ progress) => seen.push(progress) });
  const parts = seen.map((one) => one.part);
  assert.deepEqual([...new Set(parts)], ['model', 'adapter']);
  assert.equal(parts.lastIndexOf('model') + 1, parts.indexOf('adapter'));
  const last = seen.filter((one, i) => parts[i + 1] !== one.part);
  assert.deepEqual(last.map(({ loaded, total }) => [loaded, total]), [[info.fileBytes, info.fileBytes], [bytes.length, bytes.length]]);
});

test('an adapter without its base, or one that does not fit, is refused in the words of the engine', async () => {
  const alone = await load(modelUrl('tiny-rows'));
  assert.equal(alone.info.whyNot?.includes('the file is an adapter (general.type): open its base, and attach the adapter to it'), true, String(alone.info.whyNot));
  await fails(alone.generate('the').result(), 'unsupported');
  alone.dispose();
  const refused = async (/** @type {any} */ model, /** @type {any} */ added, code = 'unsupported') => (await fails(load(model, { adapter: added }), code)).message;
  assert.match(await refused(modelUrl('tiny-infill'), bytes), /causal attention/);
  assert.match(await refused(modelUrl('tales-ar'), bytes), /another vocabulary.*palimpsest\.base_tokens/);
  assert.match(await refused(modelUrl('tiny-ar'), changed('left', 'both')), /only rows of the kind "left".*palimpsest\.rows is "both"/);
  assert.match(await refused(modelUrl('tiny-ar'), changed(hashUnder('palimpsest.base_tokens'), '0'.repeat(64))), /another vocabulary/);
  assert.match(await refused(modelUrl('tiny-ar'), modelUrl('tiny-ar')), /not an adapter/);
  assert.match(await refused(modelPath('unet-plain'), bytes), /draws pictures.*adapter/);
  for (const length of [3, 200, bytes.length - 1]) {
    const error = await load(modelUrl('tiny-ar'), { adapter: bytes.subarray(0, length) }).catch((caught) => caught);
    assert.ok(['format', 'unsupported'].includes(error.code), `${length} bytes: ${error}`);
  }
});

test('other weights of the same shape are a warning that reaches the caller', async (t) => {
  const model = await attached(t, { adapter: changed(hashUnder('palimpsest.base_vectors'), '0'.repeat(64)) });
  assert.match(String(model.info.adapter?.note), /other weights of the same shape.*predictions can be wrong/);
  assert.ok((await model.infill(PAGE, { seed: 1 }).result()).done);
  const requantised = await attached(t, { adapter: changed(hashUnder('palimpsest.base_matrices'), '0'.repeat(64)) });
  assert.match(String(requantised.info.adapter?.note), /another quantisation.*less accurate/);
});

test('a page can begin with a blank; without a token for ends the option is named', async (t) => {
  const model = await attached(t);
  for (const page of ['[[2]] dog', '[[3]]', '[[1]][[2]] dog']) assert.ok((await model.infill(page, { seed: 1 })).done, page);
  assert.equal(model.info.freeLength, false);
  const error = await fails(model.infill('[[?]] dog', { seed: 1 }).result(), 'unsupported', 0);
  assert.match(error.message, /names no token that ends a blank .*exact lengths.*empty-token/);
  await fails(model.infill('[[?]] dog', { seed: 1, emptyToken: 99999 }).result(), 'option');
  const { text, tokens } = await model.infill('[[?]] dog', { seed: 1, emptyToken: 2 });
  assert.match(text, / dog$/);
  assert.equal(tokens.length, 16);
});

test('what is wrong with the adapter option is told before anything is loaded', async () => {
  for (const wrong of ['', 5, null, {}, []]) await fails(load(modelUrl('tiny-ar'), { adapter: /** @type {any} */ (wrong) }), 'option');
  await fails(load(modelUrl('tiny-ar'), { adapter, adapterSha256: 'abc' }), 'option');
  await fails(load(modelUrl('tiny-ar'), { adapter, adapterSha256: '0'.repeat(64) }), 'integrity');
  await fails(load(modelUrl('tiny-ar'), { adapter: modelPath('absent') }), 'network');
});

test('an adapter whose download is cut is refused, and can be given up', async (t) => {
  let cut = true;
  const server = createServer((_, answer) => {
    answer.writeHead(200, { 'content-length': bytes.length });
    answer.write(bytes.subarray(0, 3000), () => cut && answer.destroy());
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.after(() => (server.closeAllConnections(), server.close()));
  const url = `http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}/adapter.gguf`;
  assert.match((await fails(load(modelUrl('tiny-ar'), { adapter: url }), 'network')).message, /adapter\.gguf was interrupted after/);
  cut = false;
  const stop = new AbortController();
  const onProgress = (/** @type {any} */ { part, loaded }) => part === 'adapter' && loaded > 0 && stop.abort(new Error('given up'));
  await assert.rejects(load(modelUrl('tiny-ar'), { adapter: url, signal: stop.signal, onProgress }), /given up/);
});

test('closing ends both', async () => {
  const model = await load(modelUrl('tiny-ar'), { adapter });
  model.dispose();
  await fails(model.infill(PAGE).result(), 'disposed');
  await fails(model.generate('the').result(), 'disposed');
});

// ---- SmolLM2, where it was fetched

function pathOf(/** @type {string} */ name) {
  try {
    return execFileSync('python3', [join(root, 'tools/models'), 'path', name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return '';
  }
}
const smol = pathOf('smollm2');
const smolAdapter = join(root, 'models/smol-infill.gguf');
const absent = noCommand || (!smol && 'SmolLM2 is absent (tools/models get smollm2)') || (!existsSync(smolAdapter) && 'models/smol-infill.gguf is absent');

test('SmolLM2 fills and continues with the bytes of the command', { skip: absent }, async (t) => {
  const model = await load(smol, { adapter: smolAdapter, room: 256 });
  t.after(() => model.dispose());
  const page = 'Dear Ms Miller, thank you for your [[1]] of last week. I would like to [[4]] on Monday. Yours sincerely, Tom';
  assert.equal((await model.infill(page, { seed: 3 }).result()).text, run('infill', '-m', smol, '--adapter', smolAdapter, '--text', page, '--seed', 3));
  const options = ['--prompt', 'The capital of France is', '--max-tokens', 10, '--temperature', 0];
  assert.equal(`The capital of France is${(await model.generate('The capital of France is', { maxTokens: 10, temperature: 0 }).result()).text}`, run('generate', '-m', smol, ...options));
  assert.equal(model.info.adapter?.note, null);
});
