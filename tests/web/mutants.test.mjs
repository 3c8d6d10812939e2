// @ts-check
/* The engine's self-check finds a wrong instruction anywhere: in every kernel of every build that this Node can run,
 * one opcode or constant is changed, and pw_self_check() must say no.
 *
 *   node --test tests/web/mutants.test.mjs
 *   MUTANTS=1000 node --test tests/web/mutants.test.mjs      up to this many per function: takes minutes */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { kernelNames, mutantsOf, withMutant } from '../engines/mutants.mjs';
import { sections } from '../../tools/lib/wasm.mjs';

const MOST = Number(process.env.MUTANTS ?? 4);
const HANGS = 10_000;
const root = new URL('../../', import.meta.url);

/** @typedef {import('../engines/mutants.mjs').Mutant} Mutant
 *  @typedef {'seen' | 'unseen' | 'unreached' | 'hangs'} Seen */

/** Mutants that compute the same as the original: function, change, maximum number, reason. */
const SAME = /** @type {[string, string, number, string][]} */ ([
  ['softmax_simd128', 'v128.const', 4, 'the bound above which an exponential is infinite, in four places: scores less their maximum are not above 0'],
  ['pal_expf', 'f32.const', 1, 'that bound again, of the rests of rows; in the engine of pictures it is seen'],
  ['attention_simd128', 'f32.const', 1, 'a number that the compiler sets and never reads'],
]);
/** Compiler-generated code for cases that no model has. */
const NEVER_RUN = /** @type {Record<string, string>} */ ({
  scores_simd128: 'heads without elements', attention_simd128: 'rests of heads, which are multiples of 8',
  add_simd128: 'rests of more than three elements',
  column_sums_simd128: 'pictures of no places', column_squares_simd128: 'pictures of no places', matmul_bf16_simd128: 'matrices without columns',
});

// ---- in a worker: mutants one after the other

function check(/** @type {Uint8Array<ArrayBuffer>} */ bytes) {
  try {
    const engine = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { emscripten_notify_memory_growth: () => {} } });
    const { _initialize, pw_self_check } = /** @type {Record<string, () => number>} */ (engine.exports);
    _initialize?.();
    return pw_self_check?.() !== 0;
  } catch (error) {
    if (error instanceof WebAssembly.CompileError) throw error; // a mistake of this test
    return false;
  }
}

if (!isMainThread) {
  setFlagsFromString('--wasm-lazy-compilation');
  const { wasm, mutants } = /** @type {{ wasm: Uint8Array, mutants: Mutant[] }} */ (workerData);
  for (const mutant of mutants) {
    const passes = check(withMutant(wasm, mutant));
    parentPort?.postMessage(!passes ? 'seen' : check(withMutant(wasm, mutant, true)) ? 'unreached' : 'unseen');
  }
}

// ---- the test

/** The result of each mutant; a worker that hangs is terminated, and another continues after the mutant.
 *  @param {Uint8Array} wasm @param {Mutant[]} mutants @returns {Promise<Seen[]>} */
async function tryAll(wasm, mutants) {
  /** @type {Seen[]} */
  const seen = [];
  while (seen.length < mutants.length)
    await new Promise((/** @type {(value?: unknown) => void} */ resolve, reject) => {
      const worker = new Worker(new URL(import.meta.url), { workerData: { wasm, mutants: mutants.slice(seen.length) } });
      // What it still says belongs to no other mutant.
      const hangs = () => (worker.removeAllListeners('message'), seen.push('hangs'), worker.terminate());
      let timer = setTimeout(hangs, HANGS);
      worker.on('message', (one) => {
        clearTimeout(timer);
        seen.push(one);
        timer = setTimeout(hangs, HANGS);
      });
      worker.on('error', reject);
      worker.on('exit', () => (clearTimeout(timer), resolve()));
    });
  return seen;
}

/** Mutants that the check did not find, except equivalent ones; one line each. */
function missed(/** @type {Mutant[]} */ mutants, /** @type {Seen[]} */ seen) {
  const same = new Map(SAME.map(([name, what, most]) => [name + what, most]));
  return mutants.flatMap(({ name, what, at, moves }, i) => {
    const left = same.get(name + what) ?? 0;
    if (moves || seen[i] === 'seen' || (seen[i] === 'unreached' && NEVER_RUN[name])) return [];
    if (seen[i] === 'unseen' && left) return (same.set(name + what, left - 1), []);
    return [`${seen[i]}: ${name}, ${what}, at ${at}`];
  });
}

/** Code without names, as shipped. */
const code = (/** @type {Uint8Array} */ wasm) => sections(wasm).filter(({ id }) => id !== 0).map(({ begin, end }) => Buffer.from(wasm.subarray(begin, end)).toString('base64'));

/** The engine of networks of discrete diffusion is linked with the kernels of the engine of texts. */
const BUILDS = [
  ['palimpsest.wasm', 'wasm/palimpsest-web.wasm'], ['palimpsest-relaxed.wasm', 'wasm-relaxed/palimpsest-web.wasm'],
  ['palimpsest-pictures.wasm', 'wasm/palimpsest-pictures.wasm'], ['palimpsest-pictures-relaxed.wasm', 'wasm-relaxed/palimpsest-pictures.wasm'],
];

// Regression: the narrow kernels, which the shipped model runs on, and those of cached keys and values were not tested.
for (const [shipped, named] of isMainThread ? BUILDS : []) {
  const folder = process.env.PALIMPSEST_WEB ?? join(root.pathname, 'build/web');
  const [file, from] = [join(folder, /** @type {string} */ (shipped)), new URL(`build/${named}`, root)];
  const wasm = existsSync(file) && existsSync(from) ? await readFile(from) : null;
  const skip = !wasm ? `${shipped} was not built` : !WebAssembly.validate(wasm) && `Node ${process.version} has no relaxed SIMD`;
  test(`a wrong instruction in any kernel of ${shipped} is seen`, { skip, timeout: 300_000 }, async (t) => {
    assert.ok(wasm);
    assert.deepEqual(code(await readFile(pathToFileURL(file))), code(wasm), 'what is shipped is what is tested');
    assert.ok(check(wasm), 'the engine as it is');
    const { names, mutants } = mutantsOf(wasm, await kernelNames(root), MOST);
    const half = mutants.length >> 1;
    const seen = (await Promise.all([mutants.slice(0, half), mutants.slice(half)].map((some) => tryAll(wasm, some)))).flat();
    assert.deepEqual(missed(mutants, seen), []);
    // A function that only loads and calls, like pal_block_scale, has nothing to change.
    const changed = new Set(mutants.map(({ name }) => name));
    const blind = [...changed].filter((name) => !mutants.some((one, i) => one.name === name && seen[i] === 'seen'));
    assert.ok(new Set(names).size - changed.size < 3);
    assert.deepEqual(blind, [], 'functions of which no mutant is seen');
    t.diagnostic(`${names.length} functions, ${mutants.length} mutants, ${seen.filter((one) => one === 'seen').length} seen`);
    assert.ok(names.length > 50 && mutants.length > 150);
  });
}
