/** The counterpart of wasm/generate.c: sequences and generators (surprise.ts has surprise).
 *
 *  All decisions are made in C; this file only copies bytes. */
import { type Engine, type Pointer } from './engine.ts';
import { high, low, withSeed } from './numbers.ts';

const CANDIDATES = 20;

/** In the order of pw_generate_progress. */
const PROGRESS = [
  'prompt', 'kept', 'unread', 'generated', 'tokens', 'room', 'dropped', 'evaluations', 'evaluated', 'textBytes', 'stop', 'finish',
] as const;
export type GeneratorProgress = Record<(typeof PROGRESS)[number], number>;

export const words = (values: readonly number[]) => new Uint8Array(Int32Array.from(values).buffer);

/** Calls a pal_*_save.  It asks for the length first, because the bytes are too many for room(). */
function saved(engine: Engine, write: (at: Pointer, capacity: number) => number): Uint8Array<ArrayBuffer> {
  const length = write(0, 0);
  const at = engine.alloc(length);
  try {
    write(at, length);
    return engine.bytes(at, length).slice();
  } finally {
    engine.free(at);
  }
}

export class Sequence {
  readonly #at: Pointer;
  readonly pointer: Pointer;

  constructor(
    readonly engine: Engine,
    readonly model: Pointer,
    room: number,
    kv: number,
  ) {
    this.#at = engine.made(engine.fn('pw_sequence_start')(model, room, kv, engine.error));
    this.pointer = engine.view(this.#at, 4).getUint32(0, true);
  }

  get length(): number {
    return this.engine.fn('pal_sequence_length')(this.pointer);
  }

  tokens(): number[] {
    const at = this.engine.fn('pal_sequence_tokens')(this.pointer);
    return this.engine.ints(at, this.length);
  }

  append(ids: readonly number[]): void {
    const { engine } = this;
    engine.lend(words(ids), (at) => engine.check(engine.fn('pal_sequence_append')(this.pointer, at, ids.length, engine.error)));
  }

  logits(vocabulary: number): Float32Array<ArrayBuffer> {
    const { engine } = this;
    const at = engine.room(4 * vocabulary);
    engine.check(engine.fn('pal_sequence_logits')(this.pointer, at, engine.error));
    return new Float32Array(engine.bytes(at, 4 * vocabulary).slice().buffer);
  }

  rewind(length: number): void {
    this.engine.fn('pal_sequence_rewind')(this.pointer, length);
  }

  save(): Uint8Array<ArrayBuffer> {
    return saved(this.engine, (at, capacity) => this.engine.fn('pal_sequence_save')(this.pointer, at, capacity));
  }

  restore(data: Uint8Array): void {
    const { engine } = this;
    engine.lend(data, (at, length) => engine.check(engine.fn('pal_sequence_restore')(this.pointer, at, length, engine.error)));
  }

  end(): void {
    this.engine.fn('pw_sequence_end')(this.#at);
  }
}

export interface GeneratorOptions {
  /** In the order of GENERATE. */
  numbers: readonly number[];
  seed: bigint;
  biases: readonly (readonly [id: number, bias: number])[];
  stop: readonly string[];
  grammar: string;
}

/** A generated token, as in pal_generated. */
export interface Generated {
  id: number;
  index: number;
  logprob: number;
  probability: number;
  bytes: number;
  alternatives: { id: number; logprob: number }[];
}

export class Generator {
  readonly #engine: Engine;
  readonly #at: Pointer;
  readonly #pointer: Pointer;

  constructor(sequence: Sequence, options: GeneratorOptions) {
    this.#engine = sequence.engine;
    this.#at = this.#start(sequence, options);
    this.#pointer = this.#engine.view(this.#at, 4).getUint32(0, true);
  }

  #start(sequence: Sequence, { numbers, seed, biases, stop, grammar }: GeneratorOptions): Pointer {
    const engine = this.#engine;
    const texts = stop.map((text) => new TextEncoder().encode(text));
    const offsets = [0];
    for (const text of texts) offsets.push(offsets.at(-1)! + text.length);
    const grown = new Uint8Array(offsets.at(-1)!);
    texts.forEach((text, i) => grown.set(text, offsets[i]));
    return engine.lend(withSeed(numbers, seed), (options) =>
      engine.lend(biasBytes(biases), (biased) =>
        engine.lend(grown, (stopText) =>
          engine.lend(words(offsets), (stops) =>
            engine.lendText(grammar, (rules, length) =>
              engine.made(
                engine.fn('pw_generate_start')(
                  sequence.pointer, options, biased, biases.length, stopText, stops, stop.length, rules, length, engine.error,
                ),
              ),
            ),
          ),
        ),
      ),
    );
  }

  #call(name: string, ...values: number[]): number {
    return this.#engine.fn(name)(this.#pointer, ...values);
  }

  #check(name: string, ...values: number[]): number {
    const status = this.#call(name, ...values, this.#engine.error);
    this.#engine.check(status);
    return status;
  }

  prompt(text: string | readonly number[]): void {
    if (typeof text === 'string') this.#engine.lendText(text, (at, length) => this.#check('pal_generator_prompt', at, length, 0));
    else this.#engine.lend(words(text), (at) => this.#check('pal_generator_prompt_tokens', at, text.length));
  }

  /** Returns MORE, or 0 if the text is finished. */
  step(): number {
    return this.#check('pal_generator_step');
  }

  /** The token of the last step or push. */
  token(): Generated | null {
    const at = this.#call('pal_generator_token');
    if (!at) return null;
    const view = this.#engine.view(at, 120 + 8 * CANDIDATES);
    const alternatives = Array.from({ length: view.getInt32(32, true) }, (_, i) => ({
      id: view.getInt32(36 + 4 * i, true),
      logprob: view.getFloat64(120 + 8 * i, true),
    }));
    const [id, index, bytes] = [view.getInt32(0, true), view.getInt32(4, true), view.getUint32(28, true)];
    return { id, index, bytes, logprob: view.getFloat64(8, true), probability: view.getFloat64(16, true), alternatives };
  }

  /** The text that the last step or push released. */
  text(): Uint8Array<ArrayBuffer> {
    const counted = this.#engine.room(4);
    const at = this.#call('pal_generator_text', counted);
    return this.#engine.bytes(at, this.#engine.view(counted, 4).getUint32(0, true)).slice();
  }

  /** The tokens of the window, including the prompt. */
  tokens(): number[] {
    const counted = this.#engine.room(4);
    const at = this.#call('pal_generator_tokens', counted);
    return this.#engine.ints(at, this.#engine.view(counted, 4).getInt32(0, true));
  }

  progress(): GeneratorProgress {
    return this.#engine.numbers(PROGRESS, (at) => this.#call('pw_generate_progress', at));
  }

  rewind(generated: number): void {
    this.#check('pal_generator_rewind', generated);
  }

  push(id: number): void {
    this.#check('pal_generator_push', id);
  }

  reseed(seed: bigint, draft: number): void {
    this.#call('pw_generate_reseed', low(seed), high(seed), draft);
  }

  limit(maxTokens: number): void {
    this.#call('pal_generator_limit', maxTokens);
  }

  save(): Uint8Array<ArrayBuffer> {
    return saved(this.#engine, (at, capacity) => this.#call('pal_generator_save', at, capacity));
  }

  restore(data: Uint8Array): void {
    this.#engine.lend(data, (at, length) => this.#check('pal_generator_restore', at, length));
  }

  end(): void {
    this.#engine.fn('pw_generate_end')(this.#at);
  }
}

/** An array of pal_logit_bias: an id, four bytes of padding, a double. */
function biasBytes(biases: readonly (readonly [number, number])[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(16 * biases.length));
  biases.forEach(([id, bias], i) => {
    view.setInt32(16 * i, id, true);
    view.setFloat64(16 * i + 8, bias, true);
  });
  return new Uint8Array(view.buffer);
}
