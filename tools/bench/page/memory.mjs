// @ts-check
/* What a page does that loads a model and puts it to work once, each engine by its public interface. */
import { GREEDY, open } from './wllama.mjs';
import { prompt } from './timing.mjs';

const CONTEXT = 512;
/** What is loaded stays: memory is looked at while the page lives. */
const kept = /** @type {unknown[]} */ ([]);

/** The library of this project: a model loaded as a visitor's page does, and a text scored, which is what it does
 *  with causal models today. */
async function ours(/** @type {string} */ url, /** @type {number} */ tokens) {
  // @ts-ignore built by web/build.mjs
  const { load } = await import('/library/palimpsest.js');
  const model = await load(url);
  kept.push(model);
  const scored = (await model.score(prompt(tokens + 1).text)).tokens; // BOS is not scored
  if (scored !== tokens) throw new Error(`${scored} tokens were scored instead of ${tokens}`);
}

async function wllama(/** @type {string} */ url, /** @type {number} */ tokens) {
  const { engine, options } = await open('/npm/@wllama/wllama/esm/wasm/wllama.wasm', CONTEXT);
  kept.push(engine);
  await engine.loadModelFromUrl(new URL(url, location.href).href, options);
  await engine.createCompletion({ prompt: prompt(tokens).text, max_tokens: 8, ...GREEDY });
}

/** What the browser itself counts, of the page with its workers. */
async function counted() {
  // @ts-ignore not in TypeScript's library
  return (await performance.measureUserAgentSpecificMemory()).bytes;
}

Object.assign(globalThis, {
  counted,
  use: (/** @type {import('../plan.mjs').MemoryCase} */ { kind, file, tokens }) => (kind === 'ours' ? ours : wllama)(`/models/${file}`, tokens),
});
