// @ts-check
/* Warm-up, samples and the same random tokens for every engine. */

const PAUSE = 20; // ms: V8 compiles on another thread and puts the better code in at the next call

/** Random ids of ordinary tokens; the same for every engine. */
export function randomTokens(/** @type {number} */ count, /** @type {number} */ vocab, seed = 1) {
  const first = 300; // behind the special and the byte pieces
  let state = seed;
  return Int32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0; // Numerical Recipes' generator: order does not matter here
    return first + Math.floor((state / 2 ** 32) * (vocab - first));
  });
}

/** A prompt of `count` tokens for the Llama models, as text for engines that take nothing else: BOS, which they add
 *  themselves, and words of two letters, each a piece with its space (make_models.py, pieces()). */
export function prompt(/** @type {number} */ count, seed = 1) {
  const firstWord = 259 + 1 + 2 * 26; // behind the special and byte pieces, the space mark, words of one letter
  const words = Array.from(randomTokens(count - 1, 300 + 26 * 26, seed), (id) => id - 300);
  const letter = (/** @type {number} */ i) => String.fromCharCode(97 + i);
  return {
    text: words.map((word) => letter(Math.floor(word / 26)) + letter(word % 26)).join(' '),
    tokens: Int32Array.of(1, ...words.map((word) => firstWord + 2 * word + 1)),
  };
}

/** The run times of `run`, repeated until it gets no faster: two runs in a row within 3 % of the best before, or
 *  `patience` milliseconds are over.
 *  @param {() => Promise<number> | number} run  gives its milliseconds */
export async function settle(run, patience = 6000, most = 40) {
  /** @type {number[]} */
  const times = [];
  const end = performance.now() + patience;
  for (let calm = 0, best = Infinity; calm < 2 && times.length < most; ) {
    const time = await run();
    calm = time > 0.97 * best ? calm + 1 : 0;
    best = Math.min(best, time);
    times.push(time);
    if (performance.now() > end && times.length > 1) break;
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
  return times;
}

/** At least one run, then more until `patience` milliseconds are over, at most `most`.
 *  @param {() => Promise<number> | number} run */
export async function sample(run, patience = 2000, most = 7) {
  const samples = [];
  const end = performance.now() + patience;
  do samples.push(await run());
  while (performance.now() < end && samples.length < most);
  return samples;
}

/** The main function of a dedicated worker: receives one job, returns one outcome.
 *  @param {(job: import('./page.mjs').Job) => Promise<import('./page.mjs').Outcome>} perform */
export function serve(perform) {
  onmessage = async ({ data }) => {
    try {
      postMessage(await perform(data));
    } catch (error) {
      postMessage({ failed: error instanceof Error ? `${error.message}` : String(error) });
    }
  };
}

/** The rows of a sequence whose logits are computed, evenly spread. */
export function spread(/** @type {number} */ rows, /** @type {number} */ count) {
  return Int32Array.from({ length: rows }, (_, i) => Math.floor((i * count) / rows));
}
