/** Values as callers give them: texts and seeds. */
import { check, told } from './check.ts';
import { PalimpsestError } from './errors.ts';

/** Refuses what is no text.  A lone surrogate has no UTF-8 form and would come back as another character. */
export function checkText(text: unknown, what = 'the text'): asserts text is string {
  if (typeof text !== 'string') throw new PalimpsestError('text', `${what} must be a string, not ${told(text)}`);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0xd800 || unit > 0xdfff) continue;
    const next = text.charCodeAt(i + 1);
    if (unit > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff))
      throw new PalimpsestError('text', `${what} holds half a character (a lone surrogate)`, i);
    i++;
  }
}

export function takeSeed(seed: unknown): bigint {
  check('seed', seed, 'seed');
  return BigInt(seed as number | bigint);
}

/** Small enough to be typed again. */
export function drawSeed(): bigint {
  return BigInt(crypto.getRandomValues(new Uint32Array(1))[0]!);
}

/** A number where a number can hold it. */
export function asSeed(seed: bigint): number | bigint {
  return seed <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(seed) : seed;
}

/** pal_page_escape, which is too short to ask the worker for: pairs of brackets are taken from the right, and an odd one
 *  stays plain before them. */
export function escape(text: string, beforeBlank: boolean): string {
  return text.replace(/\\+\[*|\[+/g, (run: string, at: number) => {
    const slashes = run.slice(0, run.lastIndexOf('\\') + 1);
    const brackets = run.length - slashes.length;
    const pairs = brackets >> 1;
    const doubled = pairs ? brackets % 2 === 0 : beforeBlank && at + run.length === text.length;
    return (doubled ? slashes + slashes : slashes) + (brackets % 2 ? '[' : '') + '\\[['.repeat(pairs);
  });
}
