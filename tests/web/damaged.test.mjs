// @ts-check
/* Models with a weight that is NaN: an error wherever the network is evaluated, and the model can still be used.
 *
 * Regression: fills and scores were returned as if nothing were wrong. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { fails, load, modelPath } from './common.mjs';

/** The model with NaN in its last tensor, whose weights affect every output. */
async function damaged(/** @type {string} */ name) {
  const bytes = new Uint8Array(await readFile(modelPath(name)));
  const key = new TextEncoder().encode('output_norm.weight');
  let at = 0;
  while (!key.every((byte, i) => bytes[at + i] === byte)) at++;
  const entry = new DataView(bytes.buffer, at + key.length);
  assert.equal(entry.getUint32(0, true), 1); // dimensions
  const size = 4 * Number(entry.getBigUint64(4, true));
  const offset = Number(entry.getBigUint64(16, true));
  const start = bytes.length - Math.ceil((offset + size) / 32) * 32;
  const before = new DataView(bytes.buffer, start + offset);
  assert.ok(Math.abs(before.getFloat32(0, true) - 1) < 1, 'a gain near 1 stands there');
  before.setFloat32(0, NaN, true);
  return bytes;
}

const MESSAGE = /NaN or infinity; the model file is probably damaged/;

test('a damaged model that fills says so, in fills and scores', async (t) => {
  const model = await load(await damaged('tiny-infill'));
  t.after(() => model.dispose());
  for (const options of [{}, { sampler: 'remask' }, { temperature: 0 }])
    assert.match((await fails(model.infill('the [[3]] and [[2]]', /** @type {any} */ (options)).result(), 'format')).message, MESSAGE);
  const both = [model.infill('the [[3]]').result(), model.infill('a [[2]]').result()]; // as one batch
  for (const result of await Promise.allSettled(both)) {
    assert.equal(result.status, 'rejected');
    assert.match(result.reason.message, MESSAGE);
  }
  assert.match((await fails(model.score('the cat'), 'format')).message, MESSAGE);
  assert.match((await fails(model.score('the cat', { method: 'margin' }), 'format')).message, MESSAGE);
  assert.ok((await model.tokenize('the cat')).length > 0, 'the model can still be used');
});

test('a damaged model that continues says so, in texts and scores', async (t) => {
  const model = await load(await damaged('tiny-ar'));
  t.after(() => model.dispose());
  assert.match((await fails(model.generate('the cat', { maxTokens: 4 }).result(), 'format')).message, MESSAGE);
  assert.match((await fails(model.score('the cat'), 'format')).message, MESSAGE);
});
