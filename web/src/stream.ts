/** Work whose steps can be iterated and whose result can be awaited. */

export interface Stream<Step, Result> extends AsyncIterable<Step>, PromiseLike<Result> {
  result(): Promise<Result>;
}

/** Does the work: push() delivers a step, `stop` ends the work.  listen() attaches the caller's signal.  It is called after
 *  the options have been checked, so that an error in them is reported instead of the abort. */
type Work<Step, Result> = (push: (step: Step) => void, stop: AbortSignal, listen: (signal?: AbortSignal) => void) => Promise<Result>;

/** The work starts at the first iteration or at result().  `newest`: steps are large, so only the last of those that came
 *  before the first iteration is kept. */
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

  const result = () => begin().result;
  return {
    result,
    then: (...hear) => result().then(...hear),
    async *[Symbol.asyncIterator]() {
      const { queue, result } = begin();
      result.catch(() => {}); // the loop throws the error
      try {
        yield* queue.drain();
      } finally {
        stop.abort(new DOMException(`the loop over the ${steps} was ended early`, 'AbortError'));
      }
    },
  };
}

/** A queue of values for asynchronous iteration. */
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
