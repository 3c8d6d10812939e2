// @ts-check
/* The host functions of a C program compiled to WebAssembly: arguments, environment, output, clock and exit.  The same
 * in Node and in a browser's worker.
 *
 * The names are those of the WebAssembly System Interface, preview 1, as Emscripten's standalone programs use them. */

const GOOD = 0;
const SPIPE = 70; // not a file that can be positioned

const THREAD_TIME = 3;

/** Processor time of this thread in nanoseconds, if the host has it: Node from 23.9 on. */
const threadTime = globalThis.process?.threadCpuUsage && (() => {
  const { user, system } = process.threadCpuUsage();
  return BigInt(Math.round((user + system) * 1000));
});

/** How a program ends. */
class Exit {
  constructor(/** @type {number} */ code) {
    this.code = code;
  }
}

/** @typedef {{ args?: string[], env?: Record<string, string>, print?: (line: string) => void }} Options */

/** Runs a program to its end; print() gets every complete line.
 *  @param {WebAssembly.Module} module
 *  @param {Options} [options]
 *  @returns {Promise<{ code: number, output: string }>} */
export async function runProgram(module, { args = [], env = {}, print = () => {} } = {}) {
  /** @type {WebAssembly.Memory} */
  let memory;
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  let output = '';
  let line = '';

  const view = () => new DataView(memory.buffer);
  const put = (/** @type {number} */ at, /** @type {number} */ value) => view().setUint32(at, value, true);

  /** Strings, each followed by a zero byte, and their offsets. */
  function lists(/** @type {string[]} */ strings) {
    const all = strings.map((text) => encoder.encode(`${text}\0`));
    return {
      sizes(/** @type {number} */ count, /** @type {number} */ bytes) {
        put(count, all.length);
        put(bytes, all.reduce((sum, one) => sum + one.length, 0));
        return GOOD;
      },
      write(/** @type {number} */ table, /** @type {number} */ at) {
        for (const [i, one] of all.entries()) {
          put(table + 4 * i, at);
          new Uint8Array(memory.buffer).set(one, at);
          at += one.length;
        }
        return GOOD;
      },
    };
  }

  function write(/** @type {string} */ text) {
    output += text;
    const lines = (line + text).split('\n');
    line = /** @type {string} */ (lines.pop());
    for (const one of lines) print(one);
  }

  const words = lists(['program', ...args]);
  const variables = lists(Object.entries(env).map(([name, value]) => `${name}=${value}`));
  const system = {
    args_sizes_get: words.sizes,
    args_get: words.write,
    environ_sizes_get: variables.sizes,
    environ_get: variables.write,
    clock_time_get(/** @type {number} */ clock, /** @type {bigint} */ _precision, /** @type {number} */ at) {
      view().setBigUint64(at, clock === THREAD_TIME && threadTime ? threadTime() : BigInt(Math.round(performance.now() * 1e6)), true);
      return GOOD;
    },
    fd_write(/** @type {number} */ _file, /** @type {number} */ pieces, /** @type {number} */ count, /** @type {number} */ written) {
      let bytes = 0;
      for (let i = 0; i < count; i++) {
        const length = view().getUint32(pieces + 8 * i + 4, true);
        write(decoder.decode(new Uint8Array(memory.buffer, view().getUint32(pieces + 8 * i, true), length), { stream: true }));
        bytes += length;
      }
      put(written, bytes);
      return GOOD;
    },
    fd_close: () => GOOD,
    fd_seek: () => SPIPE,
    proc_exit(/** @type {number} */ code) {
      throw new Exit(code);
    },
  };
  const imports = { wasi_snapshot_preview1: system, env: { emscripten_notify_memory_growth: () => {} } };
  const { exports } = await WebAssembly.instantiate(module, imports);
  memory = /** @type {WebAssembly.Memory} */ (exports.memory);
  let code = 0;
  try {
    /** @type {() => void} */ (exports._start)();
  } catch (error) {
    if (!(error instanceof Exit)) throw error;
    code = error.code;
  }
  if (line) print(line);
  return { code, output };
}

/** The engine's own report of the kernels that it uses here.
 *  @param {WebAssembly.Module} module */
export async function selfCheck(module) {
  const { exports } = await WebAssembly.instantiate(module, { env: { emscripten_notify_memory_growth: () => {} } });
  /** @type {() => void} */ (exports._initialize)();
  const check = /** @type {() => number} */ (exports.pw_self_check);
  const began = performance.now();
  return { good: check() !== 0, milliseconds: performance.now() - began };
}
