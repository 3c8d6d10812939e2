// @ts-check
/* Measures the memory of a page that loads and uses a model, relative to the blank page. */
import { forgetPeak, inFreshPage, launch, renderers } from './browser.mjs';

const EAGER = [
  '--enable-blink-features=ForceEagerMeasureMemory', // or the browser waits for its next collection of garbage
  '--disable-features=SpareRendererForSitePerProcess', // a renderer in waiting is not of this page
];

/** A new browser for every measurement, so that earlier ones have no effect.
 *  @param {import('./plan.mjs').MemoryCase} one */
async function once(/** @type {string} */ origin, one) {
  const browser = await launch(...EAGER);
  try {
    return await inFreshPage(browser, `${origin}/bench/memory.html`, async (page) => {
      await page.addScriptTag({ type: 'module', url: '/bench/memory.mjs' });
      await page.waitForFunction(() => 'use' in globalThis);
      const blank = await page.evaluate(() => /** @type {any} */ (globalThis).counted());
      const before = await renderers(browser);
      for (const id of before.keys()) await forgetPeak(id);
      await page.evaluate((given) => /** @type {any} */ (globalThis).use(given), one);
      const after = await renderers(browser);
      const counted = (await page.evaluate(() => /** @type {any} */ (globalThis).counted())) - blank;
      // The page's process is the one that grew.
      const grown = [...after].map(([id, { now, peak }]) => ({ peak: peak - (before.get(id)?.now ?? 0), settled: now - (before.get(id)?.now ?? 0), blank: before.get(id)?.now ?? 0 }));
      const { peak, settled, blank: resident } = grown.sort((a, b) => b.peak - a.peak)[0];
      return { peak, settled, blank: resident, counted };
    });
  } finally {
    await browser.close();
  }
}

/** @param {import('./plan.mjs').MemoryCase[]} cases
 *  @returns {Promise<import('./report.mjs').MemoryRow[]>} */
export async function measureMemory(/** @type {string} */ origin, cases, /** @type {number} */ repeat, /** @type {(line: string) => void} */ say) {
  /** @type {import('./report.mjs').MemoryRow[]} */
  const rows = cases.map(({ name }) => ({ name, blank: 0, peak: [], settled: [], counted: [], error: null }));
  for (let i = 0; i < repeat; i++)
    for (const [k, one] of cases.entries()) {
      const row = rows[k];
      try {
        const { peak, settled, counted, blank } = await once(origin, one);
        row.blank = blank;
        row.peak.push(peak);
        row.settled.push(settled);
        row.counted.push(counted);
        say(`memory, ${i + 1} of ${repeat}: ${one.name}: peak ${(peak / 1e6).toFixed(1)} MB, counted ${(counted / 1e6).toFixed(1)} MB`);
      } catch (error) {
        row.error = error instanceof Error ? error.message.split('\n')[0] : String(error);
        say(`memory: ${one.name}: ${row.error}`);
      }
    }
  return rows;
}
