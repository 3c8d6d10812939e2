#!/usr/bin/env node
// @ts-check
/* Measures the time of a fill in Chromium, on one thread: 20 tokens into a page of 200 words.
 *
 *   node tools/bench/fills.mjs [--model FILE] [--adapter FILE] [--library DIR] [--sampler NAME] [--repeat N]
 *
 * Without --model: models/tales-infill.gguf; with --model and --adapter a base and its adapter.  After some fills, in which
 * the engine is still being optimised, N fills (5) of pages that begin differently, so that nothing of them is known,
 * and each time a refill of the same page with another seed.  Printed are medians: of the time until the result, and of
 * the processor time of the worker's thread, which other programs on the machine change less. */
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { inFreshPage, launch, ran, waiting } from './browser.mjs';
import { serve } from './server.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');
const { values } = parseArgs({
  options: {
    model: { type: 'string', default: join(root, 'models/tales-infill.gguf') }, adapter: { type: 'string' },
    library: { type: 'string', default: join(root, 'build/web') }, sampler: { type: 'string' }, repeat: { type: 'string', default: '5' },
  },
});
const WARM = 4;

/** 200 words with a blank of 20 tokens. */
const PAGE = `the days of last summer were long and warm. My sister and I went along the coast for two weeks. We had an old car, a small tent and no plan at all. On the first day we went on until it got dark and slept beside a field of flowers. In the morning an old man came by with his dog, and he gave us eggs and bread. We talked with him for an hour about the rain, his children and the price of milk. Later that week it rained so hard that water came into the tent, so we spent a night in the car and told each other stories. The best day was the one in a little town where we ate fish and listened to a man who played and sang. When we came home again, we [[20]] and our friends could not believe it. My sister still says that it was the best time of her life, and I think that she is right about that, because we never laughed so much before or after it, and we never slept so little. I hope that next summer we can go there again.`;
const FIRST = ['All', 'Most of', 'Some of', 'Many of', 'Yes,', 'And', 'So', 'But', 'Now', 'Then', 'Well,', 'Oh,', 'Both', 'Half of', 'Few of'];

const median = (/** @type {number[]} */ numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? NaN;
const adapter = values.adapter && resolve(values.adapter);
const server = await serve({
  '/bench/': `${join(here, 'page')}/`, '/web/': `${resolve(values.library)}/`, '/model.gguf': resolve(values.model), ...(adapter && { '/adapter.gguf': adapter }),
});
const browser = await launch();
try {
  await inFreshPage(browser, `${server.origin}/bench/index.html`, async (page) => {
    await page.evaluate(async (adapter) => {
      // @ts-ignore served above
      const { load } = await import('/web/palimpsest.js');
      Object.assign(globalThis, { model: await load('/model.gguf', { cache: false, ...(adapter && { adapter }) }) });
    }, adapter && '/adapter.gguf');
    const fill = async (/** @type {string} */ text, /** @type {number} */ seed) => {
      const before = await ran(browser);
      const told = await page.evaluate(async ({ text, options }) => {
        const start = performance.now();
        const { evaluations, shown, sampler, isa } = await /** @type {any} */ (globalThis).model.infill(text, options).result();
        return { seconds: (performance.now() - start) / 1000, evaluations, shown, sampler, isa };
      }, { text, options: { seed, ...(values.sampler && { sampler: values.sampler }) } });
      return { ...told, processor: (await ran(browser)) - before };
    };
    const rows = { cold: /** @type {any[]} */ ([]), again: /** @type {any[]} */ ([]) };
    const repeat = Number(values.repeat);
    for (let i = -WARM; i < repeat; i++) {
      const text = `${FIRST[(i + WARM) % FIRST.length]} ${PAGE}`;
      const [cold, again] = [await fill(text, i + WARM), await fill(text, 100 + i)];
      if (i < 0) continue;
      rows.cold.push(cold);
      rows.again.push(again);
    }
    console.log('| page | sampler | kernels | tokens of the page | evaluations | s | processor time, s |\n|---|---|---|---|---|---|---|');
    for (const [name, all] of [['nothing known', rows.cold], ['filled again', rows.again]]) {
      const [{ sampler, isa, shown, evaluations }] = /** @type {any[]} */ (all);
      const [s, cpu] = ['seconds', 'processor'].map((key) => median(/** @type {any[]} */ (all).map((one) => one[key])).toFixed(3));
      console.log(`| ${name} | ${sampler} | ${isa} | ${shown} | ${evaluations} | ${s} | ${cpu} |`);
    }
    console.log(`\nready but waiting for the processor: ${(100 * (await waiting(browser))).toFixed(1)} %`);
  });
} finally {
  await browser.close();
  server.close();
}
