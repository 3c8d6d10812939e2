// @ts-check
/* Measures how fast a simd128 loop reads memory, which limits any work that reads weights once. */
import { sample, serve, settle } from './timing.mjs';

const PAGE = 65536;
const LEAST = 64 << 20; // bytes a sample reads, so that small sizes are read often enough for the clock

serve(async ({ wasm, measures }) => {
  const { instance } = await WebAssembly.instantiateStreaming(fetch(wasm));
  const { memory, sum } = /** @type {{ memory: WebAssembly.Memory, sum: (at: number, bytes: number) => number }} */ (/** @type {unknown} */ (instance.exports));
  const largest = Math.max(...measures.map((one) => one.count ?? 0));
  const at = memory.grow(largest / PAGE) * PAGE;
  new Uint8Array(memory.buffer, at, largest).fill(1); // pages that were never written are all the same page
  /** @type {Record<string, import('./page.mjs').Sampled>} */
  const results = {};
  for (const { name, count = 0 } of measures) {
    const times = Math.max(1, Math.ceil(LEAST / count));
    const run = () => {
      const start = performance.now();
      for (let i = 0; i < times; i++) if (sum(at, count) !== ((0x01010101 * (count / 4)) | 0)) throw new Error('the sum is wrong');
      return (performance.now() - start) / times;
    };
    results[name] = { warm: await settle(run), samples: await sample(run, 1000, 15) };
  }
  return { measures: results, notes: {} };
});
