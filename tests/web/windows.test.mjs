// @ts-check
/* Pages longer than a window: filled in windows, as by the command, with the given text untouched. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fails, modelPath, noCommand, open, run } from './common.mjs';

const PART = 'the dog ran and the cat saw [[2]] the dog and “ran”\t. ';
const LONG = `${PART.repeat(12)}and [[1-4]] the end`; // tiny-infill has a context of 96

test('a long page is filled in windows and says so', async (t) => {
  const model = await open(t);
  const fill = model.infill(LONG, { seed: 5 });
  let open_ = Infinity;
  for await (const page of fill) {
    assert.ok(page.open < open_ && page.windows > 1 && page.windowed);
    open_ = page.open;
  }
  const result = await fill.result();
  assert.deepEqual([result.shown, result.done, result.open], [model.info.context, true, 0]);
  assert.ok(result.total > 2 * result.shown && result.windows > 1);
  const given = result.parts.filter((part) => part.token === undefined).map((part) => part.text);
  assert.deepEqual(given, LONG.split(/\[\[[-\d]+\]\]/), 'given text');
  assert.deepEqual([...new Set(result.tokens.map((token) => token.blank))], [...Array(13).keys()]);
  const whole = await model.infill('the [[2]] dog', { seed: 5 }).result();
  assert.deepEqual([whole.windows, whole.windowed], [1, false]);
});

test('the text is that of the command', { skip: noCommand }, async (t) => {
  const model = await open(t);
  const { text } = await model.infill(LONG, { seed: 5, sampler: 'ancestral', steps: 9 }).result();
  assert.equal(text, run('infill', '-m', modelPath('tiny-infill'), '--text', LONG, '--seed', 5, '--sampler', 'ancestral', '--steps', 9));
});

test('without windows a page that is too long is refused', async (t) => {
  const model = await open(t);
  await fails(model.infill(LONG, { window: false }).result(), 'context', 293);
  const short = await Promise.all([true, false].map((window) => model.infill('the [[2]] dog', { seed: 1, window }).result()));
  assert.equal(short[0]?.text, short[1]?.text);
  await fails(model.infill(LONG, { windowLength: 255 }).result(), 'option');
});

test('a fill in windows is cancelled, and a pin in a late window holds', async (t) => {
  const model = await open(t);
  for await (const page of model.infill(LONG, { seed: 5 })) if (page.step === 3) break;
  const { tokens } = await model.infill(LONG, { seed: 5, pins: [{ blank: 11, index: 1, id: 300 }] }).result();
  assert.deepEqual(tokens.filter((token) => token.step === 0).map(({ blank, index, id }) => [blank, index, id]), [[11, 1, 300]]);
});
