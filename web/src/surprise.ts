/** The counterpart of pal_surprising; windows, probabilities and the most probable tokens are computed in C. */
import type { Engine, Pointer } from './engine.ts';
import { words } from './generator.ts';

/** Size of a pal_surprise_token in bytes, and the offsets of its members. */
const TOKEN = { bytes: 256, alternatives: 4, logprob: 8, ids: 16, logprobs: 96 };

/** A token with its surprise in bits, given the tokens before it (null if there are none), and the most probable tokens at its
 *  position. */
export interface Surprised {
  id: number;
  bits: number | null;
  expected: { id: number; bits: number }[];
}

export class Surprising {
  readonly #job: Pointer;

  constructor(
    readonly engine: Engine,
    model: Pointer,
    ids: readonly number[],
  ) {
    this.#job = engine.lend(words(ids), (at) => engine.made(engine.fn('pw_surprise_start')(model, at, ids.length, engine.error)));
  }

  /** The next few tokens, with at most one evaluation of the network. */
  step(): Surprised[] {
    const { engine } = this;
    engine.check(engine.fn('pal_surprising_step')(this.#job, engine.error));
    const counted = engine.room(4);
    const at = engine.fn('pal_surprising_tokens')(this.#job, counted);
    const count = engine.view(counted, 4).getUint32(0, true);
    const view = engine.view(at, TOKEN.bytes * count);
    return Array.from({ length: count }, (_, i) => readToken(view, TOKEN.bytes * i));
  }

  end(): void {
    this.engine.fn('pal_surprising_end')(this.#job);
  }
}

function readToken(view: DataView, at: number): Surprised {
  const bits = (place: number) => -view.getFloat64(at + place, true) / Math.LN2;
  const own = bits(TOKEN.logprob);
  const expected = Array.from({ length: view.getInt32(at + TOKEN.alternatives, true) }, (_, i) => ({
    id: view.getInt32(at + TOKEN.ids + 4 * i, true),
    bits: bits(TOKEN.logprobs + 8 * i),
  }));
  return { id: view.getInt32(at, true), bits: Number.isNaN(own) ? null : own, expected };
}
