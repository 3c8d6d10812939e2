/** The page's side of generation: takes options, returns pieces. */
import { check, refuse, take, told } from './check.ts';
import type { Connection } from './connection.ts';
import { numbersOf } from './numbers.ts';
import { GENERATE } from './options.ts';
import type { Calls, GenerateDone } from './protocol.ts';
import { stream } from './stream.ts';
import { asSeed, checkText, drawSeed, takeSeed } from './values.ts';
import type { GeneratedPiece, GenerateOptions, GenerateResult, Generation, Sequence } from './types.ts';

type Call = Extract<Calls, { call: 'generate' }>;
type Connect = () => Promise<Connection>;

const OPTIONS = {
  ...GENERATE, logitBias: 'biases', stop: 'texts', grammar: 'text', begin: 'ids', onReading: 'callback', signal: 'signal',
} as const;
/** How many generations this program has begun; the serial number of each. */
let serials = 0;

function toIds(ids: ArrayLike<number>, what: string): number[] {
  check(what, ids, 'ids');
  return Array.from(ids);
}

function toStops(stop: string | readonly string[]): string[] {
  const stops = typeof stop === 'string' ? [stop] : [...stop];
  stops.forEach((text) => checkText(text, 'stop'));
  return stops;
}

function toPrompt(prompt: unknown): Call['prompt'] {
  if (prompt instanceof Uint8Array) return prompt;
  if (Array.isArray(prompt)) return toIds(prompt, 'the prompt');
  checkText(prompt, 'the prompt');
  return prompt;
}

function toCall(prompt: unknown, options: GenerateOptions, serial: number, seed: bigint): Call {
  const { logitBias = {}, stop = [], grammar = '', begin = [] } = options;
  checkText(grammar, 'grammar');
  return {
    call: 'generate',
    serial,
    prompt: toPrompt(prompt),
    begin: Array.from(begin),
    options: numbersOf(GENERATE, options),
    seed,
    biases: Object.entries(logitBias).map(([id, bias]) => [Number(id), bias]),
    stop: toStops(stop),
    grammar,
  };
}

/** The work starts at the first iteration or at result(). */
export function generate(connect: Connect, prompt: unknown, given?: GenerateOptions): Generation {
  const serial = ++serials;
  /** The pieces that the caller has received, and how many of them a loop took before it was left. */
  const all: GeneratedPiece[] = [];
  let seen = Infinity;
  const work = stream<GeneratedPiece, GenerateResult>('pieces', async (push, stop, listen) => {
    const options = take('generate', given, OPTIONS);
    const seed = options.seed === undefined ? drawSeed() : takeSeed(options.seed);
    const call = toCall(typeof prompt === 'function' ? await prompt() : prompt, options, serial, seed);
    listen(options.signal);
    const pieces = (some: GeneratedPiece[]) => some.forEach((piece) => (all.push(piece), push(piece)));
    const connection = await connect();
    const done = await connection.call<GenerateDone>(call, { pieces, reading: options.onReading }, stop);
    return { ...resultOf(done, all, seed, options.draft ?? 0), threads: connection.threads };
  });
  async function* iterate(): AsyncGenerator<GeneratedPiece, void> {
    let count = 0;
    try {
      for await (const piece of work) {
        count++;
        yield piece;
      }
    } finally {
      seen = count; // the worker may be ahead
    }
  }
  const save = async () => (await connect()).call<Uint8Array<ArrayBuffer>>({ call: 'save', serial, pieces: Math.min(seen, all.length) });
  return { result: work.result, then: work.then, save, [Symbol.asyncIterator]: iterate };
}

function resultOf(done: GenerateDone, pieces: GeneratedPiece[], seed: bigint, draft: number): Omit<GenerateResult, 'threads'> {
  const { prompt: _, evaluations: __, laterSeconds, ...rest } = done;
  return {
    ...rest,
    text: pieces.map((piece) => piece.text).join(''),
    ids: pieces.filter((piece) => !piece.ends).map((piece) => piece.id),
    pieces,
    seed: asSeed(seed),
    draft,
    tokensPerSecond: done.drawn > 1 && laterSeconds > 0 ? (done.drawn - 1) / laterSeconds : null,
  };
}

const CALLS = ['append', 'logits', 'tokens', 'rewind', 'save', 'restore'] as const;

/** The calls of Model.sequence, whose code is loaded at the first of them. */
export function sequence(connect: Connect): Sequence {
  const call = (name: (typeof CALLS)[number]) => async (...given: never[]) => {
    const { sequenceOf } = await import('./sequence.ts');
    return (sequenceOf(connect, { check, refuse, take, told })[name] as (...given: never[]) => Promise<unknown>)(...given);
  };
  return Object.fromEntries(CALLS.map((name) => [name, call(name)])) as unknown as Sequence;
}
