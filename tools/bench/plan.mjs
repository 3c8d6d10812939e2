// @ts-check
/* The plan of the bench: measured cases in groups, and the limits for their results. */

/** @typedef {object} Case
 *  @property {string} name     engine and model, as in the report
 *  @property {'ours' | 'wllama' | 'ort' | 'stream'} engine
 *  @property {string} wasm     URL
 *  @property {string} [file]   in build/bench/models
 *  @property {number} [threads]  1 if absent
 *  @property {number} vocab
 *  @property {number} context  tokens that the sequences need
 *  @property {import('./page/page.mjs').Measure[]} measures
 *
 *  @typedef {{ name: string, cases: Case[] }} Group  measured in turn: slow phases of the machine affect all */

const CONTEXT = 512; // of wllama and of our sequences
const LLAMA = { vocab: 32000, context: CONTEXT };
const ENCODER = { s: { vocab: 4096, context: CONTEXT }, b: { vocab: 50258, context: CONTEXT } };

/** @type {import('./page/page.mjs').Measure} */
const DECODE = { name: 'decode', kind: 'decode', prompt: 16, count: 128 };
/** @type {import('./page/page.mjs').Measure} */
const PREFILL = { name: 'prefill', kind: 'prefill', count: 256 };
const forward = (/** @type {number} */ rows) => /** @type {import('./page/page.mjs').Measure} */ ({ name: rows === 256 ? 'all logits' : `${rows} logits`, kind: 'forward', count: 256, rows });

/** Converts a measure's milliseconds to the unit in the report. */
export const UNITS = {
  decode: { unit: 'tokens/s', more: true, of: (/** @type {number} */ ms, /** @type {number} */ count) => (1000 * count) / ms },
  prefill: { unit: 'tokens/s', more: true, of: (/** @type {number} */ ms, /** @type {number} */ count) => (1000 * count) / ms },
  forward: { unit: 'ms', more: false, of: (/** @type {number} */ ms) => ms },
  stream: { unit: 'GB/s', more: true, of: (/** @type {number} */ ms, /** @type {number} */ count) => count / ms / 1e6 },
};

/** Cases of this project: one per build of the engine.
 *  @param {string[]} builds
 *  @returns {Case[]} */
const ours = (builds, /** @type {string} */ model, /** @type {Omit<Case, 'name' | 'engine' | 'wasm' | 'file'>} */ rest) =>
  builds.map((build) => ({ name: `ours ${build} ${model}`, engine: 'ours', wasm: `/engines/${build}.wasm`, file: `${model}.gguf`, ...rest }));

/** @returns {Case} */
const wllama = (/** @type {string} */ model, /** @type {Case['measures']} */ measures) =>
  ({ name: `wllama ${model}`, engine: 'wllama', wasm: '/npm/@wllama/wllama/esm/wasm/wllama.wasm', file: `${model}.gguf`, ...LLAMA, measures });

/** @returns {Case} */
const ort = (/** @type {string} */ model, /** @type {Omit<Case, 'name' | 'engine' | 'wasm' | 'file'>} */ rest) =>
  ({ name: `ort ${model}`, engine: 'ort', wasm: '', file: `${model}.onnx`, ...rest });

/** 256 MB measures memory, 8 MB the third-level cache of most machines. */
const MB = 1 << 20;
/** @type {Case} */
const STREAM = {
  name: 'streaming read', engine: 'stream', wasm: '/stream.wasm', vocab: 0, context: 0,
  measures: [256, 8].map((size) => ({ name: `${size} MB`, kind: 'stream', count: size * MB })),
};

/** The name of a case with this number of threads. */
export const withThreads = (/** @type {string} */ name, /** @type {number} */ threads) => (threads === 1 ? name : `${name}, ${threads} threads`);

/** Every case with each of these numbers of threads, one after the other.
 *  @returns {Group[]} */
export function groups(/** @type {string[]} */ builds, /** @type {number[]} */ threads = [1]) {
  return groupsOf(builds).map(({ name, cases }) => ({
    name,
    cases: cases.flatMap((one) => threads.map((n) => ({
      ...one, threads: n, name: withThreads(one.name, n), wasm: one.engine === 'ours' && n > 1 ? one.wasm.replace('.wasm', '-threads.wasm') : one.wasm,
    }))),
  }));
}

/** @returns {Group[]} */
function groupsOf(/** @type {string[]} */ builds) {
  const all = [forward(256)];
  return [
    {
      name: 'llama-15m',
      cases: [...ours(builds, 'llama-15m.q8_0', { ...LLAMA, measures: [DECODE] }), wllama('llama-15m.q8_0', [DECODE])],
    },
    {
      name: 'llama-110m-q8_0',
      cases: [
        STREAM, ...ours(builds, 'llama-110m.q8_0', { ...LLAMA, measures: [DECODE, PREFILL] }),
        wllama('llama-110m.q8_0', [DECODE, PREFILL]), wllama('llama-110m.f32', [DECODE, PREFILL]),
      ],
    },
    {
      name: 'llama-110m-q4_0',
      cases: [...ours(builds, 'llama-110m.q4_0', { ...LLAMA, measures: [DECODE] }), wllama('llama-110m.q4_0', [DECODE])],
    },
    { name: 'llama-110m-f32', cases: ours(builds, 'llama-110m.f32', { ...LLAMA, measures: [DECODE] }) },
    {
      name: 'encoder-b',
      cases: [
        ...ours(builds, 'encoder-b.q8_0', { ...ENCODER.b, measures: [forward(256), forward(64)] }),
        ort('encoder-b.int8', { ...ENCODER.b, measures: all }), ort('encoder-b.f32', { ...ENCODER.b, measures: all }),
      ],
    },
    {
      name: 'encoder-s',
      cases: [
        ...ours(builds, 'encoder-s.q8_0', { ...ENCODER.s, measures: [forward(32), forward(256)] }),
        ort('encoder-s.int8', { ...ENCODER.s, measures: all }), ort('encoder-s.f32', { ...ENCODER.s, measures: all }),
      ],
    },
  ];
}

/** The work of a page whose memory is measured.
 *  @typedef {{ name: string, kind: 'ours' | 'wllama', file: string, tokens: number }} MemoryCase
 *  @type {MemoryCase[]} */
export const MEMORY = [
  { name: 'ours llama-110m.q8_0', kind: 'ours', file: 'llama-110m.q8_0.gguf', tokens: 64 },
  { name: 'wllama llama-110m.q8_0', kind: 'wllama', file: 'llama-110m.q8_0.gguf', tokens: 64 },
];

/** The limits of the issue "Kernels at the limit of WASM".  `simd128` and `best` are the required factors of our
 *  speed over the peer's: with the simd128 build, and with any other.
 *  @type {{ what: string, ours: [string, string], peer: [string, string], simd128: number, best: number }[]} */
export const BARS = [
  { what: 'decode 110M Q8_0', ours: ['llama-110m.q8_0', 'decode'], peer: ['wllama llama-110m.q8_0', 'decode'], simd128: 8, best: 8 },
  { what: 'decode 15M Q8_0', ours: ['llama-15m.q8_0', 'decode'], peer: ['wllama llama-15m.q8_0', 'decode'], simd128: 6, best: 6 },
  { what: 'decode 110M Q4_0', ours: ['llama-110m.q4_0', 'decode'], peer: ['wllama llama-110m.q4_0', 'decode'], simd128: 10, best: 10 },
  { what: 'prefill 256, 110M Q8_0', ours: ['llama-110m.q8_0', 'prefill'], peer: ['wllama llama-110m.q8_0', 'prefill'], simd128: 8, best: 8 },
  { what: 'the same, against F32', ours: ['llama-110m.q8_0', 'prefill'], peer: ['wllama llama-110m.f32', 'prefill'], simd128: 1.8, best: 1.8 },
  { what: 'step 768 x 12, all logits', ours: ['encoder-b.q8_0', 'all logits'], peer: ['ort encoder-b.int8', 'all logits'], simd128: 1.0, best: 1.1 },
  { what: 'step 768 x 12, 64 blanks', ours: ['encoder-b.q8_0', '64 logits'], peer: ['ort encoder-b.int8', 'all logits'], simd128: 1.2, best: 1.4 },
  { what: 'step 256 x 6, 32 blanks', ours: ['encoder-s.q8_0', '32 logits'], peer: ['ort encoder-s.int8', 'all logits'], simd128: 1.5, best: 1.5 },
];

/** The limits of the issue "Threads": two threads against one, and against the peer with two.
 *  @type {{ what: string, ours: [string, string], peer: [string, string] | null, least: number }[]} */
export const BARS_OF_TWO = [
  { what: 'prefill 256, 110M Q8_0', ours: ['llama-110m.q8_0', 'prefill'], peer: null, least: 1.7 },
  { what: 'step 768 x 12, 64 blanks', ours: ['encoder-b.q8_0', '64 logits'], peer: null, least: 1.7 },
  { what: 'step 256 x 6, 32 blanks', ours: ['encoder-s.q8_0', '32 logits'], peer: null, least: 1.7 },
  { what: 'decode 110M Q8_0', ours: ['llama-110m.q8_0', 'decode'], peer: ['wllama llama-110m.q8_0', 'decode'], least: 5 },
  { what: 'prefill 256, 110M Q8_0', ours: ['llama-110m.q8_0', 'prefill'], peer: ['wllama llama-110m.q8_0', 'prefill'], least: 8 },
  { what: 'step 768 x 12, 64 blanks', ours: ['encoder-b.q8_0', '64 logits'], peer: ['ort encoder-b.int8', 'all logits'], least: 1.3 },
];
/** The required fraction of a streaming read by two threads. */
export const CEILING_OF_TWO = 0.85;

/** The required fraction of the streaming ceiling: bytes of weights read per token, compared with memory speed. */
export const CEILING_BAR = { ours: 'llama-110m.q8_0', measure: 'decode', against: ['streaming read', '256 MB'], least: 0.7 };
/** Our memory must be at most this part of wllama's. */
export const MEMORY_BAR = 0.5;

/** Whether both engines compute one function: largest difference of logits of float weights, in units of their
 *  deviation.
 *  @type {{ name: string, vocab: number, pairs: [string, string, number | null][] }[]} */
export const CHECKS = [
  { name: 'encoder-s', vocab: 4096, pairs: [['encoder-s.f32.gguf', 'encoder-s.f32.onnx', 1e-3], ['encoder-s.q8_0.gguf', 'encoder-s.f32.onnx', null], ['encoder-s.int8.onnx', 'encoder-s.f32.onnx', null]] },
  { name: 'encoder-b', vocab: 50258, pairs: [['encoder-b.f32.gguf', 'encoder-b.f32.onnx', 1e-3], ['encoder-b.q8_0.gguf', 'encoder-b.f32.onnx', null], ['encoder-b.int8.onnx', 'encoder-b.f32.onnx', null]] },
];
