/** Values as callers give them: texts and seeds. */
import { PalimpsestError } from './errors.ts';

/** Refuses what is no text.  A lone surrogate has no UTF-8 form and would come back as another character. */
export function checkText(text: unknown): asserts text is string {
  if (typeof text !== 'string') throw new PalimpsestError('text', 'the text must be a string');
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0xd800 || unit > 0xdfff) continue;
    const next = text.charCodeAt(i + 1);
    if (unit > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff))
      throw new PalimpsestError('text', 'the text holds half a character (a lone surrogate)', i);
    i++;
  }
}

export function takeSeed(seed: unknown): bigint {
  const valid = typeof seed === 'bigint' ? seed : Number.isSafeInteger(seed) ? BigInt(seed as number) : -1n;
  if (valid < 0n || valid >= 1n << 64n)
    throw new PalimpsestError('option', 'the seed must be a whole number from 0 (above 2^53 - 1 a bigint, below 2^64)');
  return valid;
}

/** Small enough to be typed again. */
export function drawSeed(): bigint {
  return BigInt(crypto.getRandomValues(new Uint32Array(1))[0]!);
}

/** A number where a number can hold it. */
export function asSeed(seed: bigint): number | bigint {
  return seed <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(seed) : seed;
}

/** pal_page_escape, which is too short to ask the worker for. */
export function escape(text: string): string {
  return text.replace(/(\\*)((?:\[\[)+)/g, (_, slashes: string, pairs: string) => slashes + slashes + pairs.replaceAll('[[', '\\[['));
}
