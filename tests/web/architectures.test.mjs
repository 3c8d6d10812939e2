// @ts-check
/* The page's own list of architectures, used before an engine is loaded, equals that of the engine. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { architectures } from '../../web/architectures.mjs';
import { load, modelPath, open, root } from './common.mjs';

const known = await architectures(join(root, 'src/network/kinds.h'));

test('the architectures that build.mjs reads are those that the engine names', async (t) => {
  const bytes = await readFile(modelPath('tiny-infill'));
  const at = bytes.indexOf('llada');
  bytes.write('lladx', at); // its keys keep their names: the architecture is what is asked first
  const model = await load(new Uint8Array(bytes), {});
  t.after(() => model.dispose());
  const named = /not one of (.*) \(general\.architecture/.exec(model.info.whyNot ?? '')?.[1];
  assert.ok(named, String(model.info.whyNot));
  assert.deepEqual(named.split(/, | and /), Object.keys(known).filter((name) => known[name].engine === 'text'));
});

for (const name of ['tiny-infill', 'tiny-ar', 'stories260K'])
  test(`${name} reads as its row says`, async (t) => {
    const model = await open(t, name);
    assert.equal(model.info.causal, known[model.info.architecture].causal);
  });
