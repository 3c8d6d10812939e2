// @ts-check
/* Models whose keys and values are larger than memory: an error that says so, never a trap, and the library still
 * works. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fails, load, root } from './common.mjs';
import { hostile, shapes } from './hostile.mjs';

const program = join(root, 'build/wasm/palimpsest.js');

/** Regression: the number of their keys is 0 in 32 bits, and the engine trapped at the first token. */
for (const [name, { tokens, ...shape }] of Object.entries(shapes)) {
  test(`${name}: ${tokens} tokens do not fit into memory, 16 do`, async (t) => {
    const file = hostile(shape);
    const model = await load(file, { room: tokens });
    t.after(() => model.dispose());
    const error = await fails(model.generate('a', { seed: 1, maxTokens: 2 }).result(), 'memory');
    assert.match(error.message, /memory/);
    await model.tokenize('a a'); // the worker is the same and well
    await fails(model.generate('a', { seed: 1, maxTokens: 2 }).result(), 'memory');
    const small = await load(file, { room: 16 });
    t.after(() => small.dispose());
    assert.equal((await small.generate('a', { seed: 1, maxTokens: 2, logitBias: { 3: 100 } }).result()).text, 'aa');
  });
}

test('wide: unless told otherwise the library remembers 4096 tokens, which do not fit', async (t) => {
  const model = await load(hostile(shapes.wide));
  t.after(() => model.dispose());
  await fails(model.generate('a', { seed: 1, maxTokens: 2 }).result(), 'memory');
});

test('the command as WebAssembly ends with 1 and says why', { skip: existsSync(program) ? false : 'build/wasm/palimpsest.js is absent' }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'palimpsest-'));
  t.after(() => rm(folder, { recursive: true }));
  for (const [name, shape] of Object.entries(shapes)) {
    const path = join(folder, `${name}.gguf`);
    await writeFile(path, hostile(shape));
    const words = [program, 'generate', '-m', path, '--prompt', 'a', '--max-tokens', '2'];
    const { status, stderr } = spawnSync(process.execPath, [...words, '--context', String(shape.tokens)], { encoding: 'utf8' });
    assert.equal(status, 1, stderr);
    assert.match(stderr, /^palimpsest: generate: not enough memory for the key-value cache/);
    assert.equal(spawnSync(process.execPath, [...words, '--context', '16', '--seed', '1']).status, 0);
  }
});
