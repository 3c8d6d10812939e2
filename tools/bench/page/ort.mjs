// @ts-check
/* onnxruntime-web, its CPU part. */
// @ts-ignore the package's types are for bundlers
import * as ort from '/npm/onnxruntime-web/dist/ort.wasm.min.mjs';
import { randomTokens, sample, serve, settle, spread } from './timing.mjs';

serve(async ({ model: url, vocab, threads = 1, measures }) => {
  ort.env.wasm.wasmPaths = new URL('/npm/onnxruntime-web/dist/', location.href).href;
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.proxy = false; // this is a worker already
  ort.env.logLevel = 'error';
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  const session = await ort.InferenceSession.create(new Uint8Array(await answer.arrayBuffer()), {
    executionProviders: ['wasm'], graphOptimizationLevel: 'all',
  });
  const evaluate = async (/** @type {Int32Array} */ tokens) => {
    const input = new ort.Tensor('int64', BigInt64Array.from(tokens, BigInt), [1, tokens.length]);
    const start = performance.now();
    const { logits } = await session.run({ tokens: input });
    return { time: performance.now() - start, logits };
  };
  /** @type {Record<string, import('./page.mjs').Sampled>} */
  const results = {};
  for (const { name, kind, count = 0, rows = count } of measures) {
    const tokens = randomTokens(count, vocab);
    if (kind === 'forward') {
      const run = async () => {
        const { time, logits } = await evaluate(tokens);
        logits.dispose();
        return time;
      };
      results[name] = { warm: await settle(run), samples: await sample(run) };
    } else if (kind === 'logits') {
      const all = (await evaluate(tokens)).logits.data;
      results[name] = { values: Array.from(spread(rows, count)).flatMap((row) => Array.from(all.subarray(row * vocab, (row + 1) * vocab))) };
    } else throw new Error(`onnxruntime-web does not support the measure ${kind} here`);
  }
  return { measures: results, notes: { version: ort.env.versions.web } };
});
