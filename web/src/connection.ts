/** The page's connection to a worker that holds a model, and the running calls. */
import { PalimpsestError } from './errors.ts';
import type { Parts } from './files.ts';
import { fromDisk, startWorker, type WorkerLink } from './platform.ts';
import { fromMessage, type Calls, type FrameMessage, type PageMessage, type Reply, type Result } from './protocol.ts';
import type { GeneratedPiece, ImageProgress, LoadProgress, Reading, ScoreProgress } from './types.ts';

/** Handlers for the messages of a call before its result. */
export interface Hears {
  loading?: (progress: LoadProgress) => void;
  scoring?: (progress: ScoreProgress) => void;
  page?: (page: PageMessage) => void;
  pieces?: (pieces: GeneratedPiece[]) => void;
  reading?: (reading: Reading) => void;
  frame?: (frame: FrameMessage) => void;
  measured?: (progress: ImageProgress) => void;
}

const TEAM_END = 0x200; // PAL_TEAM_END
/** `turn`: 1 while the threads of a model compute, so that one team of a page computes at a time. */
export const page: { turn: Int32Array | null } = { turn: null };

interface Pending extends Hears {
  resolve(result: Result): void;
  reject(error: unknown): void;
}

export class Connection {
  readonly lock = `palimpsest-worker ${crypto.randomUUID?.() ?? Math.random()}`;
  memoryBytes = 0;
  threads = 1;
  #team: Int32Array | null = null;
  #link: WorkerLink | null = null;
  #pending = new Map<number, Pending>();
  #nextId = 1;
  #dead: PalimpsestError | null = null;
  #onReady: (() => void) | null = null;
  #watch = new AbortController();
  readonly #onDeath: (thread: boolean) => void;

  private constructor(onDeath: (thread: boolean) => void) {
    this.#onDeath = onDeath;
  }

  /** onDeath is called once if the worker, or one of its threads, crashes or is killed. */
  static async open(parts: Parts, onDeath: (thread: boolean) => void, signal?: AbortSignal): Promise<Connection> {
    const connection = new Connection(onDeath);
    await connection.#start(parts, signal);
    return connection;
  }

  async #start(parts: Parts, signal?: AbortSignal): Promise<void> {
    const ready = new Promise<void>((resolve, reject) => {
      this.#onReady = resolve;
      this.#pending.set(0, { resolve: () => resolve(), reject });
    });
    ready.catch(() => {}); // it may reject while the worker is still being created
    try {
      this.#link = startWorker(parts, { message: (reply) => this.#hear(reply), died: (why) => this.#die(why) });
    } catch (error) {
      this.#die(error instanceof Error ? error.message : String(error));
    }
    const abort = () => this.end(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    await ready.finally(() => signal?.removeEventListener('abort', abort));
  }

  #hear(reply: Reply): void {
    if ('ready' in reply) return this.#welcome(reply.ready);
    if ('crash' in reply) return this.#die(reply.crash);
    if ('team' in reply) return this.#lead(reply.team, reply.locks);
    const pending = this.#pending.get(reply.id);
    if (!pending) return; // cancelled in the meantime
    if ('page' in reply) return pending.page?.(reply.page);
    if ('pieces' in reply) return pending.pieces?.(reply.pieces);
    if ('reading' in reply) return pending.reading?.(reply.reading);
    if ('loading' in reply) return pending.loading?.(reply.loading);
    if ('scoring' in reply) return pending.scoring?.(reply.scoring);
    if ('frame' in reply) return pending.frame?.(reply.frame);
    if ('measured' in reply) return pending.measured?.(reply.measured);
    this.#settle(reply.id);
    if ('error' in reply) return pending.reject(fromMessage(reply.error));
    this.memoryBytes = reply.memoryBytes;
    pending.resolve(reply.result);
  }

  #welcome(build: string): void {
    if (build !== __BUILD__)
      return this.end(new PalimpsestError('version', `the worker is from build ${build}, the library from ${__BUILD__}: reload the page`));
    this.#pending.delete(0);
    this.#onReady?.();
  }

  /** Detects a worker that ends without a message, for example if the browser kills it: then its lock is released. */
  watch(): void {
    this.#miss(this.lock, () => this.#die('the browser stopped it'));
  }

  #miss(lock: string, ended: () => void): void {
    void globalThis.navigator?.locks?.request(lock, { signal: this.#watch.signal }, ended).catch(() => {});
  }

  /** Parked threads can outlive a page in Safari, until there is no memory left: they leave the engine with it.  The worker
   *  cannot miss a thread, because it sleeps until all threads have computed their part: the page does. */
  #lead(team: Int32Array, locks: string[]): void {
    this.#team = team;
    for (const lock of locks) this.#miss(lock, () => this.#die('one of its threads ended', true));
    const { signal } = this.#watch;
    globalThis.addEventListener?.('pagehide', () => this.#rest(), { signal });
    globalThis.addEventListener?.('pageshow', () => this.#link?.post({ id: 0, call: 'wake' }), { signal });
  }

  #rest(): void {
    if (!this.#team) return;
    Atomics.or(this.#team, 0, TEAM_END);
    Atomics.notify(this.#team, 0);
    Atomics.store(page.turn!, 0, 0); // this worker may have ended in its turn
  }

  #settle(id: number): void {
    this.#pending.delete(id);
    if (!this.#pending.size) this.#link?.hold(false);
  }

  /** Sends a call.  If aborted, it rejects at once with the signal's reason, and the worker stops at its next step. */
  call<T extends Result>(request: Calls, hears: Hears = {}, signal?: AbortSignal): Promise<T> {
    if (this.#dead) return Promise.reject(this.#dead);
    if (signal?.aborted) return Promise.reject(signal.reason);
    const id = this.#nextId++;
    return new Promise<T>((resolve, reject) => {
      const abort = () => {
        if (!this.#pending.has(id)) return;
        this.#settle(id);
        this.#link?.post({ id, call: 'cancel' });
        reject(signal?.reason);
      };
      const quiet = () => signal?.removeEventListener('abort', abort);
      this.#pending.set(id, {
        ...hears,
        resolve: (result) => (quiet(), resolve(result as T)),
        reject: (error) => (quiet(), reject(error)),
      });
      signal?.addEventListener('abort', abort, { once: true });
      this.#link?.hold(true);
      try {
        this.#link?.post({ id, ...request });
      } catch (error) {
        quiet();
        this.#settle(id); // some objects cannot be sent to a worker, such as a Blob in Node that refers to a file
        reject(new PalimpsestError('option', `this cannot be sent to the worker: ${error instanceof Error ? error.message : error}`));
      }
    });
  }

  #die(why: string, thread = false): void {
    if (this.#dead) return;
    const starting = this.#pending.has(0);
    const error = starting
      ? new PalimpsestError('environment', `the worker could not be started: ${why}${fromDisk() && `; ${fromDisk()}`}`)
      : new PalimpsestError('crashed', `the worker crashed (${why}); the next call starts it again`);
    this.end(error);
    if (!starting) this.#onDeath(thread);
  }

  end(error: unknown): void {
    this.#dead = error instanceof PalimpsestError ? error : new PalimpsestError('disposed', 'the model was disposed');
    this.#watch.abort();
    this.#rest();
    this.#link?.end();
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of pending) reject(error);
  }
}
