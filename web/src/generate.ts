/** The page's side of generation: takes options, returns pieces.  The options are in writing.ts. */
import { check, is, refuse, take, told } from './check.ts';
import type { Connection } from './connection.ts';
import { numbersOf } from './numbers.ts';
import type { GenerateDone } from './protocol.ts';
import { stream } from './stream.ts';
import { asSeed, checkText, drawSeed, takeSeed } from './values.ts';
import type { GeneratedPiece, GenerateOptions, GenerateResult, Generation, Sequence } from './types.ts';

type Connect = () => Promise<Connection>;

/** How many generations this program has begun; the serial number of each. */
let serials = 0;

/** The work starts at the first iteration or at result(). */
export function generate(connect: Connect, prompt: unknown, given?: GenerateOptions): Generation {
  const serial = ++serials;
  /** The pieces that the caller has received, and how many of them a loop took before it was left. */
  const all: GeneratedPiece[] = [];
  let seen = Infinity;
  const work = stream<GeneratedPiece, GenerateResult>('pieces', async (push, stop, listen) => {
    const { generating, toGenerate, resultOf } = await import('./writing.ts');
    const options: GenerateOptions = take('generate', given, generating(is));
    const seed = options.seed === undefined ? drawSeed() : takeSeed(options.seed);
    const call = toGenerate(typeof prompt === 'function' ? await prompt() : prompt, options, serial, seed, { check, checkText, numbersOf });
    listen(options.signal);
    const pieces = (some: GeneratedPiece[]) => some.forEach((piece) => (all.push(piece), push(piece)));
    const connection = await connect();
    const done = await connection.call<GenerateDone>(call, { pieces, reading: options.onReading }, stop);
    return { ...resultOf(done, all, asSeed(seed), options.draft ?? 0), threads: connection.threads };
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

const CALLS = ['append', 'logits', 'tokens', 'rewind', 'save', 'restore'] as const;

/** The calls of Model.sequence, whose code is loaded at the first of them. */
export function sequence(connect: Connect): Sequence {
  const call = (name: (typeof CALLS)[number]) => async (...given: never[]) => {
    const { sequenceOf } = await import('./sequence.ts');
    return (sequenceOf(connect, { check, refuse, take, told })[name] as (...given: never[]) => Promise<unknown>)(...given);
  };
  return Object.fromEntries(CALLS.map((name) => [name, call(name)])) as unknown as Sequence;
}
