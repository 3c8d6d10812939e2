/** The worker's code for generation: one sequence per model, and the last text on it.  The text is kept so that another call
 *  can continue from any of its tokens. */
import { MORE, type Engine, type Pointer } from './engine.ts';
import { PalimpsestError } from './errors.ts';
import { Generator, Sequence, type Generated, type GeneratorProgress } from './generator.ts';
import type { Calls, GenerateDone, Reply } from './protocol.ts';
import { Surprising } from './surprise.ts';
import type { FinishReason, GeneratedPiece, ScoredToken, Surprise } from './types.ts';

type Call<Name extends Calls['call']> = Extract<Calls, { call: Name }>;
type Tell = (message: Reply) => void;

/** A step returns the result when there is one; end() frees the memory of the work. */
export type Work<Result> = (() => Result | null) & { end?(): void };

const INSIDE = 1; // PAL_TOKENIZE_INSIDE
/** Enough tokens for one character, and some without text. */
const LAST = 8;
/** Tokens that Sequence.append reads before the worker handles messages again. */
const BATCH = 64;

/** A text that was begun, and all pieces that were sent. */
interface Text {
  serial: number;
  /** Prompt and options as a string: texts with different keys are different texts. */
  key: string;
  generator: Generator;
  pieces: GeneratedPiece[];
  /** The bytes of text that each piece released. */
  out: Uint8Array[];
  spelling: Spelling;
}

const decode = (bytes: Uint8Array) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);

/** Decodes tokens one by one; a character of several tokens is the text of the last of them. */
class Spelling {
  #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #units = 0;

  constructor(private readonly spell: (id: number) => Uint8Array) {}

  /** Reads the tokens before the text; the last of them may contain the beginning of a character. */
  goOnFrom(ids: readonly number[]): void {
    for (const id of ids) this.#decoder.decode(this.spell(id), { stream: true });
  }

  /** The token's own text and where it begins.  Only its last `bytes` bytes are in the text. */
  next(id: number, bytes: number): { token: string; start: number } {
    const all = this.spell(id);
    const token = this.#decoder.decode(all.subarray(all.length - Math.min(bytes, all.length)), { stream: true });
    const start = this.#units;
    this.#units += token.length;
    return { token, start };
  }
}

export class Writer {
  #sequence: Sequence | null = null;
  #text: Text | null = null;
  readonly #spelled = new Map<number, Uint8Array>();
  readonly #finishes: string[];

  constructor(
    readonly engine: Engine,
    readonly model: Pointer,
    readonly vocabulary: number,
    readonly room: number,
    readonly kv: number,
    readonly piece: (id: number) => string,
  ) {
    this.#finishes = engine.names('pal_finish_name');
  }

  sequence(): Sequence {
    return (this.#sequence ??= new Sequence(this.engine, this.model, this.room, this.kv));
  }

  /** Drops the kept text, before the sequence is used for something else. */
  forget(): void {
    this.#text?.generator.end();
    this.#text = null;
  }

  #spelling(): Spelling {
    return new Spelling((id) => {
      let bytes = this.#spelled.get(id);
      if (!bytes) this.#spelled.set(id, (bytes = this.engine.detokenizeBytes(this.model, [id], INSIDE)));
      return bytes;
    });
  }

  // ---- generating

  /** Continues the kept text if prompt and options are the same, otherwise begins a new one. */
  begin(call: Call<'generate'>): Text {
    const { prompt, options, biases, stop, grammar, begin, seed } = call;
    const [, draft, maxTokens, ...fixed] = options as [number, number, number, ...number[]]; // these two and the seed may differ
    // The beginning of a restored text is not known here, so no other call can continue it.
    const key = prompt instanceof Uint8Array ? String(call.serial) : JSON.stringify([prompt, fixed, biases, stop, grammar]);
    let text = this.#text?.key === key ? this.#text : null;
    if (text && this.#goBack(text, begin)) {
      text.generator.reseed(seed, Number.isNaN(draft) ? 0 : draft);
      text.generator.limit(Number.isNaN(maxTokens) ? -1 : maxTokens);
    } else text = this.#newText(call, key);
    text.serial = call.serial;
    for (const id of begin.slice(text.pieces.length)) {
      text.generator.push(id);
      text.pieces.push(this.#told(text, text.generator.token(), true));
    }
    return text;
  }

  #newText({ prompt, options, biases, stop, grammar, seed }: Call<'generate'>, key: string): Text {
    const generator = new Generator(this.sequence(), { numbers: options, seed, biases, stop, grammar });
    try {
      if (prompt instanceof Uint8Array) generator.restore(prompt);
      else generator.prompt(prompt);
    } catch (error) {
      generator.end();
      throw error;
    }
    this.forget();
    const spelling = this.#spelling();
    const { generated } = generator.progress();
    if (generated) spelling.goOnFrom(generator.tokens().slice(-Math.min(generated, LAST)));
    return (this.#text = { serial: 0, key, generator, pieces: [], out: [], spelling });
  }

  /** Rewinds to the first difference between the text and `begin`; false if that was dropped from the window. */
  #goBack(text: Text, begin: readonly number[]): boolean {
    let common = 0;
    while (common < begin.length && text.pieces[common]?.id === begin[common] && !text.pieces[common]!.ends) common++;
    try {
      text.generator.rewind(common);
    } catch {
      return false;
    }
    text.pieces.length = text.out.length = common;
    for (const piece of text.pieces) piece.given = true;
    cutTo(text, text.generator.progress().textBytes);
    text.spelling = this.#spelling();
    for (const { id, bytes } of text.pieces) text.spelling.next(id, bytes);
    return true;
  }

  #told(text: Text, token: Generated | null, given: boolean): GeneratedPiece {
    const out = text.generator.text();
    text.out.push(out);
    const { id, logprob, probability, bytes, alternatives } = token ?? { id: -1, logprob: NaN, probability: NaN, bytes: 0, alternatives: [] };
    const ends = !token || (bytes === 0 && text.generator.progress().finish === this.#finishes.indexOf('eos'));
    return {
      text: decode(out),
      id,
      index: text.pieces.length,
      ...text.spelling.next(id, bytes),
      bytes,
      logprob: Number.isNaN(logprob) ? null : logprob,
      probability: Number.isNaN(probability) ? null : probability,
      alternatives: alternatives.map((one) => ({ ...one, text: this.piece(one.id), probability: Math.exp(one.logprob) })),
      given,
      ends,
    };
  }

  generate(id: number, call: Call<'generate'>, isa: string, tell: Tell): () => GenerateDone | null {
    const clock = { began: performance.now(), first: NaN, seconds: 0, atFirst: NaN };
    const text = this.begin(call);
    const { generator, pieces } = text;
    const start = generator.progress();
    const evaluated = start.evaluated;
    const known = start.tokens - start.unread;
    tell({ id, pieces: [...pieces] });
    const given = pieces.length;
    return () => {
      const began = performance.now();
      const status = generator.step();
      const piece = this.#step(text);
      clock.seconds += (performance.now() - began) / 1000;
      const progress = generator.progress();
      if (piece) {
        if (Number.isNaN(clock.first)) [clock.first, clock.atFirst] = [(performance.now() - clock.began) / 1000, clock.seconds];
        tell({ id, pieces: [piece] });
      } else tell({ id, reading: { tokens: progress.tokens, known, unread: progress.unread } });
      if (status === MORE) return null;
      return {
        ...this.#figures(progress), known, evaluated: progress.evaluated - evaluated, tokens: start.tokens,
        drawn: pieces.length - given - Number(pieces.at(-1)?.ends ?? false), seconds: clock.seconds, firstSeconds: clock.first,
        laterSeconds: clock.seconds - clock.atFirst, isa,
      };
    };
  }

  /** The piece of a step, or null if it gave none. */
  #step(text: Text): GeneratedPiece | null {
    const token = text.generator.token();
    if (!token && !text.generator.text().length) return null;
    const piece = this.#told(text, token, false);
    text.pieces.push(piece);
    return piece;
  }

  #figures({ prompt, dropped, room, finish, stop, evaluations }: GeneratorProgress) {
    return { prompt, dropped, room, evaluations, finish: this.#finishes[finish] as FinishReason, stop: stop < 0 ? null : stop };
  }

  /** The session of that call as bytes, rewound to the number of pieces that the caller has received. */
  save(serial: number, pieces: number): Uint8Array<ArrayBuffer> {
    const text = this.#text;
    if (text?.serial !== serial) throw new PalimpsestError('option', 'another text has been started on this model since then');
    if (pieces < text.pieces.length) this.#goBack(text, text.pieces.slice(0, pieces).map(({ id }) => id));
    return text.generator.save();
  }

  // ---- the sequence itself

  append(ids: readonly number[]): () => number | null {
    const sequence = this.sequence();
    const before = sequence.length;
    let at = 0;
    this.forget();
    return () => {
      try {
        sequence.append(ids.slice(at, at + BATCH));
      } catch (error) {
        sequence.rewind(before);
        throw error;
      }
      at += BATCH;
      return at < ids.length ? null : sequence.length;
    };
  }

  read({ what, length, data }: Call<'sequence'>): number | number[] | Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer> {
    const sequence = this.sequence();
    if (what === 'tokens') return sequence.tokens();
    if (what === 'logits') return sequence.logits(this.vocabulary);
    if (what === 'save') return sequence.save();
    this.forget();
    if (what === 'rewind') sequence.rewind(length);
    else sequence.restore(data);
    return sequence.length;
  }

  // ---- surprise

  surprise(text: string): Work<Surprise> {
    const { engine, model } = this;
    const ids = engine.tokenize(model, text, 0);
    const bytes = new TextEncoder().encode(text).length;
    const tokens: ScoredToken[] = [];
    const spelling = this.#spelling();
    const job = ids.length ? new Surprising(engine, model, ids) : null;
    let [bits, seconds] = [0, 0];
    const step = () => {
      const began = performance.now();
      for (const one of job?.step() ?? []) {
        const spelled = spelling.next(one.id, Infinity);
        tokens.push({ id: one.id, text: spelled.token, start: 0, bits: one.bits, expected: one.expected.map((other) => ({ id: other.id, text: this.piece(other.id), probability: 2 ** -other.bits })) });
        bits += one.bits ?? 0;
      }
      seconds += (performance.now() - began) / 1000;
      if (tokens.length < ids.length) return null;
      place(tokens, text);
      return { tokens, bits, bytes, bitsPerByte: bytes ? bits / bytes : 0, seconds };
    };
    return Object.assign(step, { end: () => job?.end() });
  }
}

/** Sets where each token begins.  The space that a tokenizer adds before a text is not part of the text, and bytes that the
 * vocabulary lacks are between two tokens. */
function place(tokens: ScoredToken[], text: string): void {
  const [first] = tokens;
  const extra = tokens.reduce((sum, one) => sum + one.text.length, 0) - text.length;
  if (first && (extra > 0 || (first.text.startsWith(' ') && !text.startsWith(first.text)))) first.text = first.text.slice(Math.max(extra, 1));
  let at = 0;
  for (const one of tokens) {
    if (!text.startsWith(one.text, at)) at = Math.max(at, text.indexOf(one.text, at));
    one.start = at;
    at += one.text.length;
  }
}

/** Cuts the text of the pieces to so many bytes in total.  If the end of a text is removed, the text that was released there is
 *  released again later. */
function cutTo({ pieces, out }: Text, bytes: number): void {
  for (const [i, piece] of pieces.entries()) {
    if (out[i]!.length > bytes) piece.text = decode((out[i] = out[i]!.subarray(0, bytes)));
    bytes -= out[i]!.length;
  }
}
