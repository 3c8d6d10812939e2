/** The page's side of filling blanks: takes options, returns pages. */
import { take } from './check.ts';
import type { Connection } from './connection.ts';
import { numbersOf } from './numbers.ts';
import { INFILL, SAMPLERS } from './options.ts';
import type { Calls, FillDone, PageMessage } from './protocol.ts';
import { stream } from './stream.ts';
import { asSeed, checkText, drawSeed, takeSeed } from './values.ts';
import type { Infill, InfillOptions, InfillResult, Page, PagePart, PageToken, Sampler } from './types.ts';

/** Of the options that are numbers, in the engine's order. */
export const NUMBERS = { ...INFILL, sampler: Object.keys(SAMPLERS) };
const OPTIONS = { ...NUMBERS, pins: 'pins', signal: 'signal' } as const;

function toCall(text: string, options: InfillOptions, seed: bigint): Extract<Calls, { call: 'infill' }> {
  checkText(text);
  const pins = (options.pins ?? []).map(({ blank, index, id }) => ({ blank, index, id }));
  return { call: 'infill', text, options: numbersOf(NUMBERS, options), seed, pins };
}

/** Builds pages from the changes of each step. */
class Assembly {
  #given: string[] = [];
  #tokens: PageToken[] = [];
  page: Page | null = null;

  next(message: PageMessage): Page {
    const { given, changed, steps, ...rest } = message;
    if (given) this.#given = given;
    const tokens = this.#tokens.map((token) => (token.fresh ? { ...token, fresh: false } : token));
    for (const { at, token } of changed) tokens[at] = { ...token, fresh: !token.open && !given };
    this.#tokens = tokens;
    this.page = { ...rest, parts: this.#parts(), tokens, steps: steps || null, done: rest.open === 0 };
    return this.page;
  }

  #parts(): PagePart[] {
    const parts: PagePart[] = [];
    this.#given.forEach((text, token) => {
      if (text) parts.push({ text });
      if (token < this.#tokens.length) parts.push({ text: this.#tokens[token]!.text, token });
    });
    return parts;
  }
}

export function infill(connect: () => Promise<Connection>, text: string, given?: InfillOptions): Infill {
  return stream<Page, InfillResult>('pages', async (push, stop, listen) => {
    const options = take('infill', given, OPTIONS);
    const seed = options.seed === undefined ? drawSeed() : takeSeed(options.seed);
    const call = toCall(text, options, seed);
    listen(options.signal);
    const assembly = new Assembly();
    const connection = await connect();
    const { usual, ...done } = await connection.call<FillDone>(call, { page: (message) => push(assembly.next(message)) }, stop);
    const sampler = options.sampler ?? (Object.keys(SAMPLERS)[usual] as Sampler);
    return { ...assembly.page!, ...done, sampler, seed: asSeed(seed), draft: options.draft ?? 0, threads: connection.threads };
  });
}
