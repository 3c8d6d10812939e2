// @ts-check
/* Checks that the compared engines compute the same function. */
import { inFreshPage, launch } from './browser.mjs';
import { CHECKS } from './plan.mjs';

const TOKENS = 48;
const ROWS = 6;
const WRITTEN = 24;
/** Causal models in float weights: greedy tokens of ours and of wllama. */
const GREEDY = ['llama-15m.f32.gguf', 'llama-110m.f32.gguf'];
/** Required number of equal tokens.  wllama stores keys and values in 16 bits, so near ties may have another result. */
const SAME = 8;

/** @typedef {(job: import('./page/page.mjs').Job) => Promise<number[]>} Ask  values of the single measure */

/** Largest difference, in units of the deviation of b. */
function distance(/** @type {number[]} */ a, /** @type {number[]} */ b) {
  if (a.length !== b.length || !a.length) return Infinity;
  const mean = b.reduce((sum, x) => sum + x, 0) / b.length;
  const deviation = Math.sqrt(b.reduce((sum, x) => sum + (x - mean) ** 2, 0) / b.length);
  return a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i])), 0) / deviation;
}

async function logits(/** @type {Ask} */ ask, /** @type {string} */ file, /** @type {number} */ vocab, /** @type {string} */ build) {
  const ours = file.endsWith('.gguf');
  return ask({
    engine: ours ? 'ours' : 'ort', wasm: ours ? `/engines/${build}.wasm` : '', model: `/models/${file}`, vocab, context: TOKENS,
    measures: [{ name: 'all', kind: 'logits', count: TOKENS, rows: ROWS }],
  });
}

async function compareLogits(/** @type {Ask} */ ask, /** @type {string} */ build, /** @type {string} */ only, /** @type {(files: string[]) => void} */ needed) {
  let good = true;
  for (const { vocab, pairs } of CHECKS.filter((one) => one.name.includes(only)))
    for (const [a, b, most] of pairs) {
      needed([a, b]);
      const difference = distance(await logits(ask, a, vocab, build), await logits(ask, b, vocab, build));
      const met = most === null || difference <= most;
      good &&= met;
      console.log(`${build}: ${a} and ${b}: logits differ by ${difference.toExponential(1)} of their deviation${most === null ? ' (rounding of the weights)' : met ? ', as it should be' : `: more than ${most}`}`);
    }
  return good;
}

async function compareGreedy(/** @type {Ask} */ ask, /** @type {string} */ build, /** @type {string} */ only, /** @type {(files: string[]) => void} */ needed) {
  let good = true;
  for (const file of GREEDY.filter((name) => name.includes(only))) {
    needed([file]);
    const job = (/** @type {'ours' | 'wllama'} */ engine, /** @type {string} */ wasm) => ask({
      engine, wasm, model: `/models/${file}`, vocab: 32000, context: 128, measures: [{ name: 'all', kind: 'greedy', prompt: 16, count: WRITTEN }],
    });
    const [own, theirs] = [await job('ours', `/engines/${build}.wasm`), await job('wllama', '/npm/@wllama/wllama/esm/wasm/wllama.wasm')];
    const first = own.findIndex((token, i) => token !== theirs[i]);
    const same = first < 0 ? own.length : first;
    const met = same >= SAME && new Set(own.slice(0, same)).size >= SAME / 2; // one token again and again says little
    good &&= met;
    console.log(`${build}: ${file}: the first ${same} of ${WRITTEN} greedy tokens are wllama's, ${new Set(own).size} different ones${met ? '' : ': too few'}`);
  }
  return good;
}

/** Prints a line for each comparison; true if all hold.
 *  @param {(files: string[]) => void} needed  throws when files are missing */
export async function check(/** @type {string} */ origin, /** @type {string[]} */ builds, /** @type {string} */ only, needed) {
  const browser = await launch();
  /** @type {Ask} */
  const ask = (job) => inFreshPage(browser, `${origin}/bench/index.html`, async (page) => {
    await page.waitForFunction(() => 'measure' in globalThis);
    const outcome = await page.evaluate((given) => /** @type {any} */ (globalThis).measure(given), job);
    return /** @type {number[]} */ (outcome.measures.all.values);
  });
  try {
    let good = true;
    for (const build of builds) {
      good = (await compareLogits(ask, build, only, needed)) && good;
      good = (await compareGreedy(ask, build, only, needed)) && good;
    }
    return good;
  } finally {
    await browser.close();
  }
}
