/** The worker of the Lab: one calculation of palimpsest-lab.wasm (wasm/lab.c, the other side). */
import type { Answer, Task } from './calculation.ts';

type Call = (...numbers: number[]) => number;

const FIGURES = 32; // PAL_LAB_FIGURES
const BETWEEN = 100; // ms between two reports
const tell = (answer: Answer): void => postMessage(answer);

async function instance(address: string): Promise<Record<string, unknown>> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`the host answered ${response.status}`);
  const module = await WebAssembly.compile(await response.arrayBuffer());
  const { exports } = await WebAssembly.instantiate(module, { env: { emscripten_notify_memory_growth() {} } });
  (exports._initialize as Call | undefined)?.();
  return exports;
}

class Engine {
  constructor(private readonly exports: Record<string, unknown>) {}

  call(name: string, ...numbers: number[]): number {
    return (this.exports[name] as Call)(...numbers);
  }

  get memory(): ArrayBuffer {
    return (this.exports.memory as WebAssembly.Memory).buffer;
  }

  private text(at: number): string {
    const bytes = new Uint8Array(this.memory);
    return new TextDecoder().decode(bytes.subarray(at, bytes.indexOf(0, at)));
  }

  /** Starts a calculation; the pal_error behind `err` is read if there is none. */
  start({ name, options }: Task): number | Answer {
    const letters = new TextEncoder().encode(`${name}\0`);
    const [word, numbers, err] = [this.call('pw_lab_alloc', letters.length), this.call('pw_lab_alloc', 8 * options.length), this.call('pw_lab_alloc', 12)];
    new Uint8Array(this.memory, word).set(letters);
    new Float64Array(this.memory, numbers, options.length).set(options);
    const job = this.call('pw_lab_start', word, numbers, options.length, err);
    if (job) return job;
    const [, text = 0, offset = 0] = new Int32Array(this.memory, err, 3);
    return { error: this.text(text), ...(offset >= 0 && { option: offset }) };
  }

  figures(job: number): Float64Array[] {
    const place = this.call('pw_lab_alloc', 4);
    const all = Array.from({ length: FIGURES }, (_, which) => {
      const count = this.call('pw_lab_figures', job, which, place);
      const [at = 0] = new Uint32Array(this.memory, place, 1);
      return count ? new Float64Array(this.memory, at, count).slice() : new Float64Array();
    });
    this.call('pw_lab_free', place);
    return all;
  }
}

function run(engine: Engine, task: Task): void {
  const job = engine.start(task);
  if (typeof job !== 'number') return tell(job);
  let told = performance.now();
  for (let done = 0; done < 1; ) {
    done = engine.call('pw_lab_step', job);
    if (done < 1 && performance.now() - told < BETWEEN) continue;
    told = performance.now();
    tell({ done, figures: engine.figures(job) });
  }
}

onmessage = async ({ data }: MessageEvent<Task>) => {
  try {
    run(new Engine(await instance(data.engine)), data);
  } catch (error) {
    tell({ error: `The engine of the Lab could not be used: ${error instanceof Error ? error.message : error}`, lost: true });
  }
};
