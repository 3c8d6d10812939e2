/** Texts and seeds of callers: checks and conversions. */
import { check, told } from './check.ts';
import { PalimpsestError } from './errors.ts';

/** Throws if the value is not a text.  A lone surrogate is refused too: it has no UTF-8 form and would be returned as another
 *  character. */
export function checkText(text: unknown, what = 'the text'): asserts text is string {
  if (typeof text !== 'string') throw new PalimpsestError('text', `${what} must be a string, not ${told(text)}`);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0xd800 || unit > 0xdfff) continue;
    const next = text.charCodeAt(i + 1);
    if (unit > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff))
      throw new PalimpsestError('text', `${what} contains half a character (a lone surrogate)`, i);
    i++;
  }
}

export function takeSeed(seed: unknown): bigint {
  check('seed', seed, 'seed');
  return BigInt(seed as number | bigint);
}

/** A random seed, small enough to be typed. */
export function drawSeed(): bigint {
  return BigInt(crypto.getRandomValues(new Uint32Array(1))[0]!);
}

/** The seed as a number if it is safe, otherwise as a bigint. */
export function asSeed(seed: bigint): number | bigint {
  return seed <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(seed) : seed;
}

/** The same as pal_page_escape, which is too short to ask the worker for.  Pairs of brackets are taken from the right; an odd
 *  bracket before them stays plain. */
export function escape(text: string, beforeBlank: boolean): string {
  return text.replace(/\\+\[*|\[+/g, (run: string, at: number) => {
    const slashes = run.slice(0, run.lastIndexOf('\\') + 1);
    const brackets = run.length - slashes.length;
    const pairs = brackets >> 1;
    const doubled = pairs ? brackets % 2 === 0 : beforeBlank && at + run.length === text.length;
    return (doubled ? slashes + slashes : slashes) + (brackets % 2 ? '[' : '') + '\\[['.repeat(pairs);
  });
}
