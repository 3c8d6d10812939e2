/** The worker's code for scores: how well a model predicts a text, and how likely fills are.  The counterpart of the functions
 *  of scores in wasm/pages.c; all decisions are made in C. */
import { MORE, type Engine, type Pointer } from './engine.ts';
import { withSeed } from './numbers.ts';
import type { Calls, Reply } from './protocol.ts';
import type { FillScore, ModelInfo, Score, ScoredPlace, ScoreMethod } from './types.ts';

type Call<Name extends Calls['call']> = Extract<Calls, { call: Name }>;
type Tell = (message: Reply) => void;
/** A step makes at most one evaluation of the network, and returns the result if it is the last. */
interface Work<Result> {
  step(): Result | null;
  end(): void;
}

const REPORT_MS = 100;
/** In the order of pw_score_figures and of pw_fills_figures. */
const TEXT = [
  'bitsPerByte', 'natsPerToken', 'perplexity', 'standardError', 'estimated', 'bound', 'tokens', 'bytes', 'evaluations',
  'method', 'expectedEvaluations', 'leftOut',
] as const;
const FILLS = ['nats', 'standardError', 'bound', 'tokens', 'orders', 'windows', 'evaluations'] as const;
/** Sizes of a pal_given_fill, a pal_drawn_place, a pal_fills_options and a pal_fill_nats in bytes. */
const BYTES = { fill: 16, drawn: 8, options: 16, nats: 24 };

/** Counts the time of the steps, and reports between them. */
class Watch {
  seconds = 0;
  #reported = 0;

  /** Runs a step; whether it was the last. */
  ends(step: () => number): boolean {
    const began = performance.now();
    const status = step();
    this.seconds += (performance.now() - began) / 1000;
    return status !== MORE;
  }

  reports(): boolean {
    const now = performance.now();
    if (now - this.#reported < REPORT_MS) return false;
    this.#reported = now;
    return true;
  }
}

// ---- the noise of a model

export function noiseOf(on: Engine, model: Pointer): ModelInfo['noise'] {
  let is = 0;
  const { geometric, ...range } = on.numbers(['geometric', 'sigmaMin', 'sigmaMax', 'states'], (at) => (is = on.fn('pw_noise')(model, at)));
  return is ? { graph: range.states ? 'uniform' : 'absorb', schedule: geometric ? 'geometric' : 'log-linear', ...range } : null;
}

// ---- a text

export function scoreText(engine: Engine, model: Pointer, id: number, { text, options, seed }: Call<'score'>, tell: Tell): Work<Score> {
  const methods = engine.names('pal_score_method_name');
  const scoring = engine.lendText(text, (at, length) =>
    engine.lend(withSeed(options, seed), (given) => engine.made(engine.fn('pw_score_start')(model, at, length, given, engine.error))),
  );
  const watch = new Watch();
  return {
    step() {
      const ends = watch.ends(() => engine.check(engine.fn('pal_scoring_step')(scoring, engine.error)));
      const { expectedEvaluations, estimated, bound, method: used, ...figures } = engine.numbers(TEXT, (at) => engine.fn('pw_score_figures')(scoring, at));
      if (ends) return { ...figures, estimated: estimated !== 0, bound: bound !== 0, method: methods[used] as ScoreMethod, seconds: watch.seconds };
      const { evaluations, bitsPerByte } = figures;
      if (watch.reports()) tell({ id, scoring: { evaluations, expectedEvaluations: expectedEvaluations || null, bitsPerByte: Number.isNaN(bitsPerByte) ? null : bitsPerByte } });
      return null;
    },
    end: () => engine.fn('pal_scoring_end')(scoring),
  };
}

// ---- fills of a page

/** Fills as pal_given_fill[], their ids and texts, the order and pal_fills_options in one block of memory. */
class Block {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #end: number;

  constructor(private readonly call: Call<'fills'>) {
    const { fills, order } = call;
    const contents = fills.map((fill) => (typeof fill === 'string' ? new TextEncoder().encode(fill) : new Uint8Array(Int32Array.from(fill).buffer)));
    const sizes = contents.map(({ length }) => (length + 4) & ~3); // at least 4 bytes: a pointer to no ids is not NULL
    this.#end = BYTES.options + BYTES.fill * fills.length + BYTES.drawn * (order?.length ?? 0);
    this.bytes = new Uint8Array(sizes.reduce((sum, size) => sum + size, this.#end));
    this.#view = new DataView(this.bytes.buffer);
    this.#places = contents.map((content, i) => {
      const at = this.#end;
      this.bytes.set(content, at);
      this.#end += sizes[i]!;
      return [at, content.length];
    });
  }

  readonly #places: [at: number, bytes: number][];

  /** Writes the pointers, for a block at this address. */
  at(base: Pointer): void {
    const { fills, order, orders } = this.call;
    const set = (at: number, ...words: number[]) => words.forEach((word, i) => this.#view.setUint32(at + 4 * i, word, true));
    const drawn = BYTES.options + BYTES.fill * fills.length;
    set(0, order ? base + drawn : 0, order?.length ?? 0, 0, orders);
    order?.forEach(({ blank, index }, i) => set(drawn + BYTES.drawn * i, blank, index));
    this.#places.forEach(([at, bytes], i) =>
      typeof fills[i] === 'string' ? set(BYTES.options + BYTES.fill * i, 0, 0, base + at, bytes) : set(BYTES.options + BYTES.fill * i, base + at, bytes / 4, 0, 0),
    );
  }
}

function startFills(engine: Engine, model: Pointer, call: Call<'fills'>): Pointer {
  const block = new Block(call);
  return engine.lendText(call.text, (page, length) =>
    engine.lend(withSeed(call.options, call.seed), (infill) =>
      engine.lend(block.bytes, (at) => {
        block.at(at);
        engine.bytes(at, block.bytes.length).set(block.bytes);
        return engine.made(engine.fn('pw_fills_start')(model, page, length, infill, at + BYTES.options, call.fills.length, at, engine.error));
      }),
    ),
  );
}

function placesOf(engine: Engine, job: Pointer, piece: (id: number) => string): ScoredPlace[] {
  const count = engine.fn('pal_fills_places')(job, 0, 0);
  const at = engine.room(BYTES.nats * count + 1);
  engine.fn('pal_fills_places')(job, at, count);
  const view = new DataView(engine.bytes(at, BYTES.nats * count).slice().buffer); // piece() may move the scratch block
  return Array.from({ length: count }, (_, i) => {
    const word = (which: number) => view.getInt32(BYTES.nats * i + 4 * which, true);
    const id = word(2);
    return { blank: word(0), index: word(1), id: id < 0 ? null : id, text: id < 0 ? '' : piece(id), nats: view.getFloat64(BYTES.nats * i + 16, true) };
  });
}

export function scoreFills(engine: Engine, model: Pointer, id: number, call: Call<'fills'>, piece: (id: number) => string, tell: Tell): Work<FillScore> {
  const job = startFills(engine, model, call);
  const watch = new Watch();
  return {
    step() {
      const ends = watch.ends(() => engine.check(engine.fn('pal_fills_step')(job, engine.error)));
      const { bound, ...figures } = engine.numbers(FILLS, (at) => engine.fn('pw_fills_figures')(job, at));
      if (!ends) {
        if (watch.reports()) tell({ id, scoring: { evaluations: figures.evaluations, expectedEvaluations: null, bitsPerByte: null } });
        return null;
      }
      const { nats, tokens } = figures;
      return { ...figures, bound: bound !== 0, natsPerToken: tokens && nats / tokens, places: placesOf(engine, job, piece), seconds: watch.seconds };
    },
    end: () => engine.fn('pal_fills_end')(job),
  };
}
