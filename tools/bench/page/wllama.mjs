// @ts-check
/* wllama.  It makes its own worker; times are those of llama.cpp, without messages between page and
 * worker. */
import { prompt as promptOf } from './timing.mjs';

/** @typedef {import('./page.mjs').Job} Job @typedef {import('./page.mjs').Outcome} Outcome */

export async function open(/** @type {string} */ wasm, /** @type {number} */ context, threads = 1) {
  // @ts-ignore the package's types are for bundlers
  const { Wllama } = await import('/npm/@wllama/wllama/esm/index.js');
  const engine = new Wllama({ default: new URL(wasm, location.href).href }, { suppressNativeLog: true });
  // One sequence, with the context that it needs: the defaults reserve memory for four.
  return { engine, options: { n_threads: threads, n_gpu_layers: 0, n_ctx: context, n_parallel: 1 } };
}

/** Greedy with the shortest chain of samplers, and without a cached prompt from the call before. */
export const GREEDY = { temperature: 0, top_k: 1, samplers: ['top_k'], ignore_eos: true, cache_prompt: false };

/** @returns {Promise<Outcome>} */
export async function wllama(/** @type {Job} */ { wasm, model, context, threads = 1, measures }) {
  const { engine, options } = await open(wasm, context, threads);
  await engine.loadModel([await (await fetch(model)).blob()], options);
  const ask = async (/** @type {number} */ prompt, /** @type {number} */ count, more = {}) => {
    const answer = await engine.createCompletion({ prompt: promptOf(prompt).text, max_tokens: count, ...GREEDY, ...more });
    const { cache_n: kept, prompt_n: read, predicted_n: written } = answer.timings;
    if (kept || read !== prompt || written !== count) throw new Error(`wllama read ${read} of ${prompt} tokens (${kept} were kept) and wrote ${written} of ${count}`);
    return answer;
  };
  // predicted_ms starts with the first token.
  const decode = async (/** @type {number} */ prompt, /** @type {number} */ count) =>
    ((await ask(prompt, count)).timings.predicted_ms * count) / (count - 1);
  const prefill = async (/** @type {number} */ count) => (await ask(count, 1)).timings.prompt_ms;
  /** @type {Outcome['measures']} */
  const results = {};
  for (const { name, kind, prompt = 0, count = 0 } of measures) {
    if (kind === 'decode') {
      const warm = [4 * (await decode(prompt, count / 4))];
      results[name] = { warm, samples: [await decode(prompt, count)] };
    } else if (kind === 'prefill') {
      const warm = [4 * (await prefill(count / 4))];
      results[name] = { warm, samples: [await prefill(count)] };
    } else if (kind === 'greedy') {
      const { choices } = await ask(prompt, count, { n_probs: 1 });
      results[name] = { values: choices[0].logprobs.content.map((/** @type {{ id: number }} */ one) => one.id) };
    } else throw new Error(`wllama does not support the measure ${kind} here`);
  }
  if (engine.getNumThreads() !== threads) throw new Error(`wllama has ${engine.getNumThreads()} threads, not ${threads}`);
  const notes = { threads: engine.getNumThreads(), multithread: engine.isMultithread() };
  await engine.exit();
  return { measures: results, notes };
}
