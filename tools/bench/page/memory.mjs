// @ts-check
/* The page that loads a model and uses it once, with each engine's public interface. */
import { GREEDY, open } from './wllama.mjs';
import { prompt } from './timing.mjs';

const CONTEXT = 512;
/** Loaded models stay referenced: memory is read while the page is open. */
const kept = /** @type {unknown[]} */ ([]);

/** The library of this project: loads a model like a visitor's page, and scores a text. */
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

/** The browser's own count for the page and its workers. */
async function counted() {
  // @ts-ignore not in TypeScript's library
  return (await performance.measureUserAgentSpecificMemory()).bytes;
}

Object.assign(globalThis, {
  counted,
  use: (/** @type {import('../plan.mjs').MemoryCase} */ { kind, file, tokens }) => (kind === 'ours' ? ours : wllama)(`/models/${file}`, tokens),
});
