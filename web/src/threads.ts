/** Engines with threads: their shared memory, and their team of workers.  The counterpart of wasm/team.c.
 *
 *  The engine's worker is the first thread.  It starts the others with this same file (threads-file.ts): each has an
 *  instance of the same module on the same memory, waits there for work, and leaves it while memory grows, when there is
 *  nothing to do, and when the page is left.  Allocation, hashing and everything else are the first thread's alone. */
import type { Engine, Shared } from './engine.ts';
import { fromNode, holdLock, isNode } from './platform.ts';

const PAGES = 65536; // of 64 KB: all that 32-bit addresses reach
const FEWEST = 4096;
const FIRST = 256; // --initial-memory of tools/cmake/wasm-relaxed.cmake
const STACK = 256 << 10;
const USUAL = 8; // at most by default; so many can be asked for on any machine
const START_MS = 8000; // a script that never starts tells nobody
const SPIN_MS = 0.03; // between the products of a pass there is less
const IDLE_MS = 300; // then the threads leave the engine
export const NAME = 'palimpsest-thread';

/** What a thread is started with; afterwards it gets its number each time it is to enter. */
interface Beginning {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  stack: number;
  lock: string;
}

interface Link {
  lock: string; // the thread holds it as long as it lives
  post(message: Beginning | number): void;
  end(): void;
}

/** A memory with the largest maximum that this browser accepts: some reserve all of it, and iOS refuses 4 GB. */
function sharedMemory(): WebAssembly.Memory {
  for (let maximum = PAGES; ; maximum /= 2)
    try {
      return new WebAssembly.Memory({ initial: FIRST, maximum, shared: true });
    } catch (error) {
      if (maximum === FEWEST) throw error;
    }
}

const processors = (): number => (isNode ? fromNode('node:os').availableParallelism() : navigator.hardwareConcurrency) || 1;

export class Team implements Shared {
  readonly memory = sharedMemory();
  #links: Link[] = [];
  #engine: Engine | null = null;
  #ready: Promise<unknown> | null = null;
  readonly #count: number;
  #members = 0; // threads that are told to enter
  #resting = false; // they have left because there is nothing to do
  #clock: ReturnType<typeof setTimeout> | undefined;

  /** `file`: the address of palimpsest-threads.js, or its text.  `wanted`: null for `auto`.  `turn`: of the page.  `lock`: the
   *  locks of the threads have this name and a number. */
  constructor(
    readonly file: string,
    readonly wanted: number | null,
    readonly turn: Int32Array | null,
    readonly lock: string,
  ) {
    const half = Math.min(processors() >> 1, USUAL);
    this.#count = wanted === null ? Math.min(processors(), Math.max(half, 2)) : Math.min(wanted, Math.max(processors(), USUAL));
  }

  begin(engine: Engine, module: WebAssembly.Module): void {
    this.#engine = engine;
    // Now, because the model that follows shall be the last block of memory.
    const stacks = Array.from({ length: this.#count - 1 }, () => engine.alloc(STACK) + STACK);
    this.#ready = Promise.all(stacks.map((stack, i) => this.#start({ module, memory: this.memory, stack, lock: `${this.lock} ${i}` })));
  }

  /** Resolves when the thread is ready, and when it has failed or takes too long. */
  #start(beginning: Beginning): Promise<void> {
    return new Promise((resolve) => {
      let link: Link | null = null;
      let open = true;
      const settle = (ready: boolean) => {
        if (!open) return;
        open = false;
        if (ready) this.#links.push(link!);
        else link?.end();
        resolve();
      };
      setTimeout(settle, START_MS, false);
      try {
        link = startThread(this.file, beginning.lock, (build) => settle(build === __BUILD__), () => settle(false));
        link.post(beginning);
      } catch {
        settle(false); // a policy forbids it, or there are no workers in workers
      }
    });
  }

  /** Gives the model its threads.  The team is complete then: threads that have not started by now are not waited for. */
  async use(model: number): Promise<void> {
    const engine = this.#engine!;
    await this.#ready;
    this.#begin(this.#links.length);
    if (this.wanted === null && this.#links.length > 1) this.#choose();
    const threads = this.#links.length + 1;
    engine.check(engine.fn('pal_model_use_threads')(model, threads, engine.error));
    engine.threads = threads;
    this.#restLater();
  }

  /** A thread that sleeps in the engine hears no messages, for which Firefox waits, for example when a service worker begins
   *  to control the page. */
  #restLater(): void {
    this.#clock = setTimeout(() => {
      this.#resting = true;
      this.#engine!.fn('pw_team_rest')();
    }, IDLE_MS);
  }

  #begin(members: number): void {
    this.#engine!.fn('pw_team_begin')(members, members < processors() ? this.#spins() : 0);
    this.#links.splice(members).forEach((link) => link.end());
    this.#members = members;
    this.grown();
  }

  /** How often a thread tests for work in SPIN_MS. */
  #spins(): number {
    const tests = 100_000;
    const began = performance.now();
    this.#engine!.fn('pw_team_spin')(tests);
    return Math.round((SPIN_MS * tests) / Math.max(performance.now() - began, SPIN_MS));
  }

  /** The faster of all these threads and two: on some devices half of the processors are slow. */
  #choose(): void {
    const engine = this.#engine!;
    const all = this.#time();
    engine.fn('pw_team_rest')();
    this.grown(1);
    if (this.#time() > all) return this.grown();
    engine.fn('pw_team_rest')();
    this.#begin(1);
  }

  #time(): number {
    const attempt = () => {
      const began = performance.now();
      for (let i = 0; i < 10; i++) this.#engine!.fn('pw_team_try')();
      return performance.now() - began;
    };
    return Math.min(...Array.from({ length: 5 }, attempt));
  }

  /** Lets the threads in, at first and after they had to leave. */
  grown(members = this.#members): void {
    if (this.#resting) return;
    for (let i = 0; i < members; i++) if (this.#engine!.fn('pw_team_invite')(i + 1)) this.#links[i]!.post(i + 1);
  }

  /** One team of a page computes at a time; the others' first threads work alone meanwhile. */
  step<T>(run: () => T): T {
    const { turn } = this;
    clearTimeout(this.#clock);
    if (this.#resting) {
      this.#resting = false;
      this.grown();
    }
    const free = !turn || Atomics.compareExchange(turn, 0, 0, 1) === 0;
    this.#engine!.fn('pw_team_alone')(free ? 0 : 1);
    try {
      return run();
    } finally {
      if (turn && free) Atomics.store(turn, 0, 0);
      this.#restLater();
    }
  }

  get locks(): string[] {
    return this.#links.map(({ lock }) => lock);
  }

  /** With it the page can end the team although this worker is busy. */
  state(): Int32Array {
    return new Int32Array(this.memory.buffer, this.#engine!.fn('pw_team_state')(), 1);
  }
}

function startThread(file: string, lock: string, ready: (build: string) => void, died: () => void): Link {
  if (!isNode) {
    // Browsers start no worker of another origin, but a module of this one can import it.
    const code = /^https?:/.test(file) ? `import ${JSON.stringify(file)}` : file;
    const address = file.startsWith(`${origin}/`) ? file : URL.createObjectURL(new Blob([code], { type: 'text/javascript' }));
    const worker = new Worker(address, { type: 'module', name: NAME });
    worker.onmessage = ({ data }) => (URL.revokeObjectURL(address), ready(data));
    worker.onerror = (event) => (event.preventDefault(), died());
    return { lock, post: (message) => worker.postMessage(message), end: () => worker.terminate() };
  }
  const { Worker: NodeWorker }: typeof import('node:worker_threads') = fromNode('node:worker_threads');
  const text = !file.startsWith('file:');
  const worker = new NodeWorker(text ? file : new URL(file), { eval: text, workerData: NAME });
  worker.on('message', ready).on('error', died);
  return { lock, post: (message) => worker.postMessage(message), end: () => void worker.terminate() };
}

/** What one of the other threads does. */
export function serve(port: { postMessage(message: string): void }, listen: (hear: (message: Beginning | number) => void) => void): void {
  let call: Record<string, (value?: number) => number> = {};
  listen((message) => {
    if (typeof message !== 'number') {
      const { module, memory, stack, lock } = message;
      const env = { memory, emscripten_notify_memory_growth: () => {} };
      call = new WebAssembly.Instance(module, { env }).exports as typeof call;
      call.stackRestore!(stack);
      return void holdLock(lock).then(() => port.postMessage(__BUILD__));
    }
    try {
      call.pw_team_work!(message);
    } catch {
      call.pw_team_fail!();
    }
  });
}
