/** Work whose steps can be iterated and whose result can be awaited. */

export interface Stream<Step, Result> extends AsyncIterable<Step> {
  result(): Promise<Result>;
}

/** Does the work: push() hands a step over, `stop` ends it.  listen() makes the caller's signal count: it is called when
 *  the caller's options have been found good, so that a mistake in them is told rather than the abort. */
type Work<Step, Result> = (push: (step: Step) => void, stop: AbortSignal, listen: (signal?: AbortSignal) => void) => Promise<Result>;

/** The work starts when it is first asked for: by iterating, or by result().  `newest`: steps are large, so that those
 *  that came before the first iteration are forgotten but for the last. */
export function stream<Step, Result>(
  steps: string, work: Work<Step, Result>, newest = false,
): Stream<Step, Result> {
  let run: { queue: Queue<Step>; result: Promise<Result> } | null = null;
  const stop = new AbortController();
  const ended = new AbortController();

  function listen(signal?: AbortSignal): void {
    signal?.throwIfAborted();
    signal?.addEventListener('abort', () => stop.abort(signal.reason), { once: true, signal: ended.signal });
  }

  function begin() {
    if (run) return run;
    const queue = new Queue<Step>(newest);
    const result = work((step) => queue.push(step), stop.signal, listen).finally(() => ended.abort());
    result.then(() => queue.close(), (error) => queue.close(error));
    return (run = { queue, result });
  }

  return {
    result: () => begin().result,
    async *[Symbol.asyncIterator]() {
      const { queue, result } = begin();
      result.catch(() => {}); // the loop throws it
      try {
        yield* queue.drain();
      } finally {
        stop.abort(new DOMException(`the loop over the ${steps} was left`, 'AbortError'));
      }
    },
  };
}

/** Values handed over as they come; what is not taken yet waits. */
class Queue<T> {
  #values: T[] = [];
  #end: { error: unknown } | null = null;
  #wake: (() => void) | null = null;

  constructor(private newest: boolean) {}

  push(value: T): void {
    if (this.newest) this.#values = [];
    this.#values.push(value);
    this.#wake?.();
  }

  close(error: unknown = null): void {
    this.#end = { error };
    this.#wake?.();
  }

  async *drain(): AsyncGenerator<T, void> {
    this.newest = false;
    for (;;) {
      while (this.#values.length) yield this.#values.shift()!;
      if (this.#end?.error) throw this.#end.error;
      if (this.#end) return;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
