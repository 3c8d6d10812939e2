/** One fill of a text: all its drafts, and how it is stopped. */
import type { InfillOptions, InfillResult, Model } from '../types.ts';
import { draftOf, keyOf, NO_PINS, openIn, pinsOfAll, type Draft, type Filled, type Pins, type Snapshot } from './fills.ts';
import type { FillDetail } from './types.ts';

export class Run {
  readonly stop = new AbortController();
  done: Promise<FillDetail | null> | null = null;
  /** The text was changed meanwhile: nothing of the run may be shown. */
  abandoned = false;
  #drafts: Draft[] = [];
  /** Words that are kept, and those that the engine gets besides them. */
  #kept: Pins = NO_PINS;
  #pins: Pins = NO_PINS;
  #begun = 0;
  readonly #advanced: (run: Run) => void;

  /** `before`: what is shown when it begins; `advanced`: called after each step. */
  constructor(readonly before: Snapshot, advanced: (run: Run) => void) {
    this.#advanced = advanced;
  }

  /** Rejects when the run is stopped, though the work may go on for others. */
  orStopped<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.stop;
    return new Promise((resolve, reject) => {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      work.then(resolve, reject);
    });
  }

  /** Goes on from a fill that was stopped, or keeps the kept words of one that is complete. */
  prepare(drafts: number): void {
    const { filled } = this.before;
    const draft = draftOf(filled);
    const rest = draft !== null && openIn(draft.tokens) > 0;
    this.#kept = filled?.pins ?? NO_PINS;
    this.#pins = rest ? new Map([...pinsOfAll(draft.tokens), ...this.#kept]) : this.#kept;
    const tokens = (draft?.tokens ?? []).map((token) => (this.#pins.has(keyOf(token)) ? token : { ...token, id: null, text: '', open: true, empty: false }));
    this.#drafts = Array.from({ length: rest ? 1 : drafts }, () => ({ tokens, result: null }));
    this.#begun = this.written;
  }

  /** null: nothing is being written yet. */
  get filled(): Filled | null {
    return this.#drafts.length ? { drafts: this.#drafts, chosen: 0, pins: this.#kept } : null;
  }

  /** What is kept if it is stopped: the first draft. */
  get kept(): Filled {
    return { drafts: this.#drafts.slice(0, 1), chosen: 0, pins: this.#kept };
  }

  /** Whether something was written, so that a stopped run has something to keep. */
  get advanced(): boolean {
    return this.written > this.#begun;
  }

  get total(): number {
    return this.#drafts.reduce((sum, { tokens }) => sum + tokens.length, 0);
  }

  get written(): number {
    return this.total - this.#drafts.reduce((sum, { tokens }) => sum + openIn(tokens), 0);
  }

  /** Writes all drafts at once.  Rejects with the first error after all have ended. */
  async write(model: Model, strict: string, options: InfillOptions): Promise<InfillResult[]> {
    const ending = new AbortController(); // for the other drafts, if one fails
    const { signal } = this.stop;
    const end = () => ending.abort(signal.reason);
    if (signal.aborted) end();
    signal.addEventListener('abort', end, { once: true });
    const pins = [...this.#pins.values()];
    const ends = await Promise.allSettled(this.#drafts.map((_, i) =>
      this.#draft(model, strict, { ...options, pins, draft: (options.draft ?? 0) + i, signal: ending.signal }, i).catch((error) => {
        ending.abort(error);
        throw error;
      }),
    ));
    const failed = ends.find((one) => one.status === 'rejected');
    if (failed) throw failed.reason;
    return ends.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
  }

  async #draft(model: Model, strict: string, options: InfillOptions, i: number): Promise<InfillResult> {
    const job = model.infill(strict, options);
    for await (const { tokens } of job) {
      this.#put(i, { tokens, result: null });
      this.#advanced(this);
    }
    const result = await job.result();
    this.#put(i, { tokens: result.tokens, result });
    return result;
  }

  #put(i: number, draft: Draft): void {
    this.#drafts = this.#drafts.map((one, at) => (at === i ? draft : one));
  }
}
