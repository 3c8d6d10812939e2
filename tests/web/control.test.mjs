// @ts-check
/* Stopping, sharing a model, the worker's death, dispose(). */
import assert from 'node:assert/strict';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { test } from 'node:test';
import { fails, load, modelUrl, open } from './common.mjs';

const PAGE = 'the [[?]] dog [[5]]';
/** A call that does not stop fails the test instead of waiting forever. */
const timeout = 120_000;
/** Many steps, so that there is time to stop it. */
const LONG = { sampler: /** @type {const} */ ('remask'), steps: 1 << 20, remask: 1, seed: 1 };

/** The workers that the library creates from now on, so that a test can terminate one. */
function watchWorkers(/** @type {import('node:test').TestContext} */ t) {
  const threads = createRequire(import.meta.url)('node:worker_threads');
  const { Worker } = threads;
  /** @type {import('node:worker_threads').Worker[]} */
  const made = [];
  threads.Worker = class extends Worker {
    constructor(/** @type {any[]} */ ...given) {
      super(...given);
      made.push(/** @type {any} */ (this));
    }
  };
  syncBuiltinESMExports();
  t.after(() => {
    threads.Worker = Worker;
    syncBuiltinESMExports();
  });
  return made;
}

test('two fills at once equal their solo runs', { timeout }, async (t) => {
  const model = await open(t);
  const fill = (/** @type {number} */ seed) => model.infill(PAGE, { seed }).result();
  const solo = [];
  for (const seed of [1, 2, 3]) solo.push((await fill(seed)).text);
  const steps = /** @type {number[]} */ ([]);
  const together = await Promise.all([1, 2, 3].map(async (seed) => {
    const job = model.infill(PAGE, { seed });
    for await (const _ of job) steps.push(seed);
    return (await job.result()).text;
  }));
  assert.deepEqual(together, solo);
  const changes = steps.filter((seed, i) => seed !== steps[i - 1]).length;
  assert.ok(changes > 6, `they take turns: ${steps.join('')}`);
});

test('leaving the loop stops the work, and the next fill works', { timeout }, async (t) => {
  const model = await open(t);
  const job = model.infill('the [[40]] dog', LONG);
  let seen = 0;
  for await (const _ of job) if (++seen === 3) break;
  await assert.rejects(job.result(), { name: 'AbortError' });
  assert.ok((await model.infill(PAGE, { seed: 1 }).result()).done);
});

test('a signal stops a fill before and during it, with its own reason', { timeout }, async (t) => {
  const model = await open(t);
  const reason = new Error('enough');
  await assert.rejects(model.infill(PAGE, { signal: AbortSignal.abort(reason) }).result(), (error) => error === reason);
  const stop = new AbortController();
  let steps = 0;
  await assert.rejects(async () => {
    for await (const _ of model.infill('the [[40]] dog', { ...LONG, signal: stop.signal })) if (++steps === 5) stop.abort();
  }, { name: 'AbortError' });
  assert.ok(steps < 1000, `${steps} steps before it stopped`);
  await assert.rejects(model.infill('the [[40]] dog', { ...LONG, signal: AbortSignal.timeout(100) }).result(), { name: 'TimeoutError' });
  assert.ok((await model.infill(PAGE, { seed: 1 }).result()).done);
});

test('a signal stops one of two fills and leaves the other', { timeout }, async (t) => {
  const model = await open(t);
  const solo = (await model.infill(PAGE, { seed: 4 }).result()).text;
  const stop = new AbortController();
  const [other, mine] = await Promise.allSettled([
    model.infill('the [[40]] dog', { ...LONG, signal: stop.signal }).result(),
    model.infill(PAGE, { seed: 4 }).result().finally(() => stop.abort()),
  ]);
  assert.equal(other.status, 'rejected');
  assert.equal(mine.status === 'fulfilled' && mine.value.text, solo);
});

test('a signal stops a score and a load', { timeout }, async (t) => {
  const model = await open(t);
  const stop = new AbortController();
  const score = model.score('the dog ran to the house '.repeat(40), { standardError: 1e-9, signal: stop.signal, onProgress: () => stop.abort() });
  await assert.rejects(score, { name: 'AbortError' });
  await assert.rejects(load(modelUrl('tiny-infill'), { signal: AbortSignal.abort() }), { name: 'AbortError' });
  const late = new AbortController();
  await assert.rejects(load(modelUrl('tales-infill'), { signal: late.signal, onProgress: () => late.abort() }), { name: 'AbortError' });
  assert.ok((await model.infill(PAGE).result()).done);
});

test('a signal stops a surprise, whose memory is then free for the next one', { timeout }, async (t) => {
  const model = await open(t, 'tiny-ar');
  const text = 'the dog saw a cat and it ran. '.repeat(8000);
  const stopped = async () => {
    const stop = new AbortController();
    const call = model.surprise(text, { signal: stop.signal });
    for (let i = 0; i < 3; i++) await model.tokenize('the dog'); // heard between two steps
    stop.abort();
    await assert.rejects(call, { name: 'AbortError' });
  };
  await stopped();
  const { memoryBytes } = model.info;
  for (let i = 0; i < 100; i++) await stopped();
  const { tokens } = await model.surprise('the dog');
  assert.ok(tokens.length > 0 && tokens.every((token) => Number(token.bits) > 0 && token.expected.length === 5));
  assert.ok(model.info.memoryBytes - memoryBytes < 1e6, `${model.info.memoryBytes - memoryBytes} bytes more`);
});

test('Regression: what is asked while a text is read is answered between two steps', { timeout }, async (t) => {
  const model = await open(t, 'tiny-ar'); // Node hands a port a thousand messages before it looks at another one
  const stop = new AbortController();
  let read = false;
  const reading = model.surprise('the dog saw a cat and it ran. '.repeat(40_000), { signal: stop.signal });
  reading.then(() => (read = true), () => {});
  for (let i = 0; i < 100; i++) await model.tokenize('the dog');
  assert.equal(read, false);
  stop.abort();
  await assert.rejects(reading, { name: 'AbortError' });
});

test('a worker that dies is reported, and the next call starts it again', { timeout }, async (t) => {
  const made = watchWorkers(t);
  const model = await open(t);
  assert.equal(made.length, 1);
  const expected = (await model.infill(PAGE, { seed: 5 }).result()).text;
  const running = model.infill('the [[40]] dog', LONG).result();
  const scored = model.score('the dog '.repeat(99), { standardError: 1e-9 });
  void made[0].terminate();
  await Promise.all([fails(running, 'crashed'), fails(scored, 'crashed')]);
  assert.equal((await model.infill(PAGE, { seed: 5 }).result()).text, expected);
  assert.equal(made.length, 2);
  const [dog] = await model.tokenize(' dog', { inside: true });
  assert.equal(await model.detokenize([dog], { inside: true }), ' dog');
});

test('dispose ends what is under way, and every call after it is refused', { timeout }, async (t) => {
  const made = watchWorkers(t);
  const model = await load(modelUrl('tiny-infill'));
  const ended = new Promise((resolve) => made[0].once('exit', resolve));
  const running = model.infill('the [[40]] dog', LONG).result();
  await model.tokenize('the');
  model.dispose();
  await fails(running, 'disposed');
  for (const call of [() => model.infill(PAGE).result(), () => model.tokenize('x'), () => model.detokenize([1]), () => model.score('x')])
    await fails(call(), 'disposed');
  await ended;
  model.dispose();
  assert.equal(model.info.architecture, 'llada', 'info stays readable');
});

test('pages that nobody takes do not hold the program or the other fills up', { timeout }, async (t) => {
  const model = await open(t);
  const idle = model.infill(PAGE, { seed: 1 });
  const lazy = idle[Symbol.asyncIterator]();
  await lazy.next(); // begun, then left alone
  assert.ok((await model.infill(PAGE, { seed: 2 }).result()).done);
  const rest = [];
  for (let next = await lazy.next(); !next.done; next = await lazy.next()) rest.push(next.value.step);
  assert.deepEqual(rest, rest.map((_, i) => i + 1));
});
