/** The other side of pw_surprise in wasm/generate.c. */
import type { Engine, Pointer } from './engine.ts';
import { words } from './generator.ts';

const EXPECTED = 5;
const SURPRISED_BYTES = 72;

/** A token seen with what stands before it: its surprise in bits, and the likeliest tokens in its place. */
export interface Surprised {
  bits: number;
  expected: { id: number; bits: number }[];
}

/** Of `count` tokens of a text from the one at `from` on, which is at least 1. */
export function surprise(engine: Engine, model: Pointer, ids: readonly number[], from: number, count: number): Surprised[] {
  const out = engine.alloc(SURPRISED_BYTES * count);
  try {
    engine.lend(words(ids), (at) => engine.check(engine.fn('pw_surprise')(model, at, from, count, out, engine.error)));
    const view = engine.view(out, SURPRISED_BYTES * count);
    return Array.from({ length: count }, (_, i) => readSurprised(view, SURPRISED_BYTES * i));
  } finally {
    engine.free(out);
  }
}

function readSurprised(view: DataView, at: number): Surprised {
  const count = view.getInt32(at + 8 + 12 * EXPECTED, true);
  const expected = Array.from({ length: count }, (_, i) => ({
    id: view.getInt32(at + 8 + 8 * EXPECTED + 4 * i, true),
    bits: view.getFloat64(at + 8 + 8 * i, true),
  }));
  return { bits: view.getFloat64(at, true), expected };
}
