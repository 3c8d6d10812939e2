/** A text going on, seen from the page: options in, pieces out. */
import type { Connection } from './connection.ts';
import { PalimpsestError } from './errors.ts';
import { GENERATE_OPTIONS } from './generate-options.ts';
import type { Calls, GenerateDone } from './protocol.ts';
import { stream } from './stream.ts';
import { asSeed, checkText, drawSeed, takeSeed } from './values.ts';
import type { GeneratedPiece, GenerateOptions, GenerateResult, Generation, Sequence } from './types.ts';

type Call = Extract<Calls, { call: 'generate' }>;
type Connect = () => Promise<Connection>;

const WHOLE = new Set(['draft', 'maxTokens', 'topK', 'repeatLastN', 'mirostat', 'keep', 'alternatives']);
const FLAGS = new Set(['ignoreEos', 'shift']);
const OTHERS = new Set(['seed', 'logitBias', 'stop', 'grammar', 'begin', 'onReading', 'signal']);
/** One a text that was begun, in this program. */
let serials = 0;

function refuse(message: string): never {
  throw new PalimpsestError('option', message);
}

/** Ranges are the engine's to check; here only what a number is. */
function asNumber(name: string, value: unknown): number {
  if (value === undefined) return NaN;
  if (FLAGS.has(name)) return typeof value === 'boolean' ? Number(value) : refuse(`${name} must be true or false`);
  if (typeof value !== 'number' || Number.isNaN(value)) return refuse(`${name} must be a number`);
  if (WHOLE.has(name) && !Number.isInteger(value)) return refuse(`${name} must be a whole number`);
  return value;
}

function toIds(ids: ArrayLike<number>, what: string): number[] {
  const list = Array.from(ids);
  return list.every((id) => Number.isInteger(id) && id >= 0 && id < 2 ** 31) ? list : refuse(`${what}: token ids are whole numbers from 0`);
}

function toBiases(biases: Readonly<Record<number, number>>): [number, number][] {
  return Object.entries(biases).map(([id, bias]) => {
    if (!/^\d{1,9}$/.test(id) || typeof bias !== 'number' || Number.isNaN(bias)) refuse('logitBias gives token ids a number each');
    return [Number(id), bias];
  });
}

function toStops(stop: string | readonly string[]): string[] {
  const stops = typeof stop === 'string' ? [stop] : [...stop];
  stops.forEach(checkText);
  return stops;
}

function toPrompt(prompt: unknown): Call['prompt'] {
  if (prompt instanceof Uint8Array) return prompt;
  if (Array.isArray(prompt)) return toIds(prompt, 'the prompt');
  checkText(prompt);
  return prompt;
}

function toCall(prompt: unknown, options: GenerateOptions, serial: number, seed: bigint): Call {
  for (const name of Object.keys(options))
    if (!(GENERATE_OPTIONS as readonly string[]).includes(name) && !OTHERS.has(name)) refuse(`there is no option ${name}`);
  const { logitBias = {}, stop = [], grammar = '', begin = [] } = options;
  checkText(grammar);
  return {
    call: 'generate',
    serial,
    prompt: toPrompt(prompt),
    begin: toIds(begin, 'begin'),
    options: GENERATE_OPTIONS.map((name) => asNumber(name, options[name])),
    seed,
    biases: toBiases(logitBias),
    stop: toStops(stop),
    grammar,
  };
}

/** The work starts when it is first asked for: by iterating, or by result(). */
export function generate(connect: Connect, prompt: unknown, options: GenerateOptions): Generation {
  const serial = ++serials;
  const work = stream<GeneratedPiece, GenerateResult>('pieces', options.signal, async (push, signal, listen) => {
    const seed = options.seed === undefined ? drawSeed() : takeSeed(options.seed);
    const call = toCall(prompt, options, serial, seed);
    listen();
    const all: GeneratedPiece[] = [];
    const pieces = (some: GeneratedPiece[]) => some.forEach((piece) => (all.push(piece), push(piece)));
    const connection = await connect();
    const done = await connection.call<GenerateDone>(call, { pieces, reading: options.onReading }, signal);
    return resultOf(done, all, seed, options.draft ?? 0);
  });
  const save = async () => (await connect()).call<Uint8Array<ArrayBuffer>>({ call: 'save', serial });
  return Object.assign(work, { save });
}

function resultOf(done: GenerateDone, pieces: GeneratedPiece[], seed: bigint, draft: number): GenerateResult {
  const { prompt: _, evaluations: __, laterSeconds, ...rest } = done;
  return {
    ...rest,
    text: pieces.map((piece) => piece.text).join(''),
    ids: pieces.filter((piece) => !piece.ends).map((piece) => piece.id),
    pieces,
    seed: asSeed(seed),
    draft,
    tokensPerSecond: done.drawn > 1 && laterSeconds > 0 ? (done.drawn - 1) / laterSeconds : null,
    threads: 1,
  };
}

/** The calls on what the model has read. */
export function sequence(connect: Connect): Sequence {
  const none = { ids: [], length: 0, data: new Uint8Array() };
  type What = Extract<Calls, { call: 'sequence' }>;
  const ask = async <T extends number | number[] | Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>>(call: Pick<What, 'what'> & Partial<What>, signal?: AbortSignal): Promise<T> =>
    (await connect()).call<T>({ call: 'sequence', ...none, ...call }, {}, signal);
  return {
    append: async (ids, { signal } = {}) => ask({ what: 'append', ids: toIds(ids, 'append') }, signal),
    logits: () => ask<Float32Array<ArrayBuffer>>({ what: 'logits' }),
    tokens: () => ask({ what: 'tokens' }),
    rewind: async (length) => (Number.isInteger(length) && length >= 0 ? ask({ what: 'rewind', length }) : refuse('a length is a whole number from 0')),
    save: () => ask<Uint8Array<ArrayBuffer>>({ what: 'save' }),
    restore: async (data) => (data instanceof Uint8Array ? ask({ what: 'restore', data }) : refuse('what is restored is a Uint8Array')),
  };
}
