/** What the bench measures: the models of the site, and the work that each does. */
import { load, type LoadProgress, type Model } from 'palimpsest';

/** One kind of work. */
export interface Measure {
  name: string;
  unit: 'tokens/s' | 'ms';
  /** Does the work once, the `turn`-th time, and returns its figure. */
  run(model: Model, turn: number, signal: AbortSignal): Promise<number>;
}

export interface Group {
  file: string;
  measures: readonly Measure[];
}

const READ = 256;
const WRITTEN = 64;
const STEPS = 5; // of a picture
const STORY =
  'Once upon a time there was a little girl who lived near the sea. Every morning she took her dog to the beach, and they looked for shells. One day the dog began to dig, and soon there was a deep hole in the sand. ';
/** A page that was not filled before: rows of known text would be copied. */
const page = (turn: number): string => `Story number ${turn + 1}. ${STORY}In it lay [[8]]. The girl [[6]] and said, “[[6]]”.`;

const TEXTS: readonly Measure[] = [
  {
    name: `Reading ${READ} tokens`,
    unit: 'tokens/s',
    async run(model, turn, signal) {
      const { sequence } = model;
      const ids = (await model.tokenize(`${turn} ${STORY.repeat(6)}`, { signal })).slice(0, READ);
      await sequence.rewind(0);
      const began = performance.now();
      await sequence.append(ids, { signal });
      await sequence.logits();
      return (1000 * ids.length) / (performance.now() - began);
    },
  },
  {
    name: `Writing ${WRITTEN} tokens`,
    unit: 'tokens/s',
    run: async (model, turn, signal) => (await model.generate(`${turn} ${STORY}`, { seed: 1, maxTokens: WRITTEN, signal }).result()).tokensPerSecond ?? NaN,
  },
  {
    name: 'Filling 20 tokens in a page',
    unit: 'ms',
    run: async (model, turn, signal) => 1000 * (await model.infill(page(turn), { seed: 1, signal }).result()).seconds,
  },
];

const MASKED: readonly Measure[] = [
  {
    name: 'A step of masked diffusion',
    unit: 'ms',
    async run(model, turn, signal) {
      const { seconds, evaluations } = await model.infill(page(turn), { seed: 1, signal }).result();
      return (1000 * seconds) / evaluations;
    },
  },
];

const pictures = (count: number, name: string): Measure => ({
  name,
  unit: 'ms',
  run: async (model, turn, signal) => 1000 * (await model.image({ count, steps: STEPS, seed: turn, signal }).result()).seconds,
});

export const GROUPS: readonly Group[] = [
  { file: 'models/tales-infill.gguf', measures: TEXTS },
  { file: 'models/tales-masked.gguf', measures: MASKED },
  { file: 'models/fashion.gguf', measures: [pictures(1, `Drawing a picture, ${STEPS} steps`), pictures(16, `Drawing 16 pictures, ${STEPS} steps`)] },
];

/** Numbers of threads: 1, 2, 4 and 8, as far as there are processors; only 1 where memory cannot be shared. */
export const counts = (): number[] => (crossOriginIsolated ? [1, 2, 4, 8].filter((n) => n === 1 || n <= navigator.hardwareConcurrency) : [1]);

export function open({ file }: Group, threads: number, signal: AbortSignal, onProgress: (progress: LoadProgress) => void): Promise<Model> {
  return load(new URL(file, location.href), { threads, signal, onProgress, base: new URL(`.?v=${__BUILD__}`, location.href) });
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
