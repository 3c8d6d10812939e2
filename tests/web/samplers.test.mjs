// @ts-check
/* Samplers of pages in the library: the engine accepts the options that the library lists for a sampler, and refuses
 * all others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { samplers as rows } from '../../web/samplers.mjs';
import { fails, library, open, samplers, scoreSamplers } from './common.mjs';

const timeout = 120_000;
const { samplerProperties } = library;
const OPTIONS = { steps: 3, threshold: 0.5, entropyBound: 1, distance: 4, remask: 0.5, corrections: 2, released: true };

test('the rows are those of the library, all with properties', () => {
  assert.deepEqual(rows().map(({ name }) => name), [...samplers, ...scoreSamplers]);
  for (const { name, ...properties } of rows()) assert.deepEqual(samplerProperties[name], properties);
  assert.ok(samplers.length >= 7 && samplers.includes('margin'));
});

test('an option is taken by the samplers that say so, and refused by the others', { timeout }, async (t) => {
  const model = await open(t);
  let taken = 0;
  for (const sampler of samplers)
    for (const [option, value] of Object.entries(OPTIONS)) {
      const run = model.infill('the [[2]] dog', { sampler, [option]: value, seed: 1 }).result();
      if (samplerProperties[sampler].takes.includes(/** @type {keyof typeof OPTIONS} */ (option))) {
        await run;
        taken++;
      } else assert.match((await fails(run, 'option')).message, /^this sampler does not use the option /);
    }
  assert.ok(taken >= 6);
});

test('time steps are told by samplers that take them, and words are taken back by those that say so', { timeout }, async (t) => {
  const model = await open(t);
  for (const sampler of samplers) {
    let back = false;
    const { takes, reopens } = samplerProperties[sampler];
    for (let seed = 0; seed < 6; seed++) {
      let open = Infinity;
      const options = { sampler, seed, ...(takes.includes('remask') && { remask: 0.5 }), ...(takes.includes('steps') && { steps: 12 }) };
      for await (const page of model.infill('the [[9]] dog', options)) {
        assert.equal(page.steps, takes.includes('steps') ? 12 : null);
        const now = page.tokens.filter((token) => token.open).length;
        back ||= now > open;
        open = now;
      }
    }
    assert.equal(back, reopens, sampler);
  }
});
