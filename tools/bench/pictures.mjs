#!/usr/bin/env node
// @ts-check
/* Measures the time for a picture in Chromium, on one thread.
 *
 *   node tools/bench/pictures.mjs [MODEL] [LIBRARY]
 *
 * MODEL: a picture model (models/fashion.gguf); LIBRARY: the folder of the built library (build/web).  One picture with
 * 25 evaluations by some samplers, five times each in one page: prints the first time, in which the engine is still
 * being optimised, and the median of the others; then the part of its time that the page waited for the processor. */
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inFreshPage, launch, waiting } from './browser.mjs';
import { serve } from './server.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');
const [model = join(root, 'models/fashion.gguf'), library = join(root, 'build/web')] = process.argv.slice(2).map((path) => resolve(path));
const SAMPLERS = ['sn-ddpm', 'ddim', 'dpm-solver++'];

const server = await serve({ '/bench/': `${join(here, 'page')}/`, '/web/': `${library}/`, '/model.gguf': model });
const browser = await launch();
try {
  await inFreshPage(browser, `${server.origin}/bench/index.html`, async (page) => {
    const rows = await page.evaluate(async (samplers) => {
      // @ts-ignore served above
      const { load } = await import('/web/palimpsest.js');
      const pictures = await load('/model.gguf');
      const out = [];
      for (const sampler of samplers) {
        const times = [];
        for (let seed = 1; seed <= 5; seed++) {
          const start = performance.now();
          const frame = await pictures.image({ sampler, steps: 25, seed, label: 0 }).result();
          times.push({ ms: performance.now() - start, evaluations: frame.evaluations, isa: frame.isa });
        }
        out.push({ sampler, times });
      }
      return out;
    }, SAMPLERS);
    console.log('| sampler | kernels | evaluations | first, ms | median of four, ms |\n|---|---|---|---|---|');
    for (const { sampler, times } of rows) {
      const [first, ...rest] = times.map(({ ms }) => ms);
      const median = rest.sort((a, b) => a - b).slice(1, 3).reduce((sum, ms) => sum + ms / 2, 0);
      console.log(`| ${sampler} | ${times[0].isa} | ${times[0].evaluations} | ${first.toFixed(0)} | ${median.toFixed(0)} |`);
    }
    console.log(`\nready but waiting for the processor: ${(100 * (await waiting(browser))).toFixed(1)} %`);
  });
} finally {
  await browser.close();
  server.close();
}
