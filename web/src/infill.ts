/** A page being filled, seen from the page: options in, pages out. */
import type { Connection } from './connection.ts';
import { PalimpsestError } from './errors.ts';
import { FILL_OPTIONS } from './fill-options.ts';
import type { Calls, FillDone, PageMessage } from './protocol.ts';
import { stream } from './stream.ts';
import { asSeed, checkText, drawSeed, takeSeed } from './values.ts';
import type { Infill, InfillOptions, InfillResult, Page, PagePart, PageToken, Sampler } from './types.ts';

const WHOLE = new Set(['draft', 'topK', 'steps', 'freeMin', 'freeMax']);
const FLAGS = new Set(['borders', 'document', 'window', 'bytePieces']);
const OTHERS = new Set(['sampler', 'seed', 'pins', 'signal']);
export const SAMPLERS: readonly Sampler[] = ['first-hitting', 'margin', 'entropy', 'confidence', 'ancestral', 'parallel', 'remask'];

function refuse(message: string): never {
  throw new PalimpsestError('option', message);
}

/** One option as the engine takes it.  Ranges are the engine's to check; here only what a number is. */
function asNumber(name: string, value: unknown): number {
  if (value === undefined) return NaN;
  if (FLAGS.has(name)) return typeof value === 'boolean' ? Number(value) : refuse(`${name} must be true or false`);
  if (typeof value !== 'number' || Number.isNaN(value)) return refuse(`${name} must be a number`);
  if (WHOLE.has(name) && (!Number.isInteger(value) || value < 0)) return refuse(`${name} must be a whole number, 0 or more`);
  return value;
}

function toCall(text: string, options: InfillOptions, seed: bigint): Extract<Calls, { call: 'infill' }> {
  checkText(text);
  for (const name of Object.keys(options))
    if (!(FILL_OPTIONS as readonly string[]).includes(name) && !OTHERS.has(name)) refuse(`there is no option ${name}`);
  const { sampler = null, pins = [] } = options;
  if (sampler !== null && !SAMPLERS.includes(sampler)) refuse(`there is no sampler ${sampler}; there are ${SAMPLERS.join(', ')}`);
  const numbers = FILL_OPTIONS.map((name) => (name === 'sampler' ? NaN : asNumber(name, options[name])));
  for (const pin of pins)
    if (![pin.blank, pin.index, pin.id].every((x) => Number.isInteger(x) && x >= 0 && x < 2 ** 31))
      refuse('a pin is { blank, index, id }, whole numbers from 0');
  return { call: 'infill', text, options: numbers, sampler, seed, pins: pins.map(({ blank, index, id }) => ({ blank, index, id })) };
}

/** Puts pages together from what each step changed. */
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

export function infill(connect: () => Promise<Connection>, text: string, options: InfillOptions): Infill {
  return stream<Page, InfillResult>('pages', options.signal, async (push, signal, listen) => {
    const seed = options.seed === undefined ? drawSeed() : takeSeed(options.seed);
    const call = toCall(text, options, seed);
    listen();
    const assembly = new Assembly();
    const connection = await connect();
    const done = await connection.call<FillDone>(call, { page: (message) => push(assembly.next(message)) }, signal);
    return { ...assembly.page!, ...done, sampler: done.sampler as Sampler, seed: asSeed(seed), draft: options.draft ?? 0, threads: 1 };
  });
}
