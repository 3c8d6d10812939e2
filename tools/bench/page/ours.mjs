// @ts-check
/* Palimpsest, through the raw exports of its .wasm, without Emscripten and without the library, but for its team of threads. */
import { prompt as promptOf, randomTokens, sample, serve, settle, spread } from './timing.mjs';

const ERROR_WORDS = 3; // pal_error: status, text, offset

/** @typedef {{ memory: WebAssembly.Memory, begin(engine: Engine, module: WebAssembly.Module): void, grown(): void, use(model: number): Promise<void>, step<T>(run: () => T): T }} Team */

/** The library's team of threads (web/src/threads.ts), or null for one thread.
 *  @returns {Promise<Team | null>} */
async function teamOf(/** @type {number} */ threads) {
  if (threads === 1) return null;
  const file = new URL('/library/palimpsest-threads.js', location.href).href;
  await import(file);
  return new /** @type {any} */ (globalThis).palimpsestThreads.Team(file, threads, null, `bench ${Math.random()}`);
}

class Engine {
  /** @type {Team | null} */
  team = null;
  threads = 1;

  /** @param {WebAssembly.Instance} instance */
  constructor(instance, /** @type {WebAssembly.Memory | null} */ shared) {
    this.memory = shared ?? /** @type {WebAssembly.Memory} */ (instance.exports.memory);
    this.exports = /** @type {Record<string, (...values: number[]) => number>} */ (/** @type {unknown} */ (instance.exports));
    this.call('_initialize');
    this.error = this.alloc(4 * ERROR_WORDS);
  }

  static async create(/** @type {string} */ url, /** @type {number} */ threads) {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
    const team = await teamOf(threads);
    const env = { emscripten_notify_memory_growth: () => team?.grown(), ...(team && { memory: team.memory }) };
    const { module, instance } = await WebAssembly.instantiateStreaming(answer, { env });
    const engine = new Engine(instance, team?.memory ?? null);
    engine.team = team;
    team?.begin(engine, module);
    return engine;
  }

  /** As the team calls the engine. */
  fn(/** @type {string} */ name) {
    return (/** @type {number[]} */ ...values) => this.call(name, ...values);
  }

  /** Does something with all threads. */
  step(/** @type {() => number} */ run) {
    return this.team ? this.team.step(run) : run();
  }

  call(/** @type {string} */ name, /** @type {number[]} */ ...values) {
    const call = this.exports[name];
    if (!call) throw new Error(`this build of the engine does not export ${name}`);
    return call(...values);
  }

  /** Calls a function that returns a pal_status and has the error as its last parameter. */
  check(/** @type {string | number} */ name, /** @type {number[]} */ ...values) {
    // The team has called the function itself, and gives the status.
    const status = typeof name === 'number' ? name : this.call(name, ...values, this.error);
    if (status !== 0) this.fail(String(name));
  }

  fail(/** @type {string} */ name) {
    const [status, text] = new Int32Array(this.memory.buffer, this.error, ERROR_WORDS);
    const bytes = new Uint8Array(this.memory.buffer, text);
    throw new Error(`${name}: ${new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0)))} (${status})`);
  }

  alloc(/** @type {number} */ bytes) {
    const at = this.call('pw_alloc', bytes) >>> 0;
    if (!at) throw new Error(`no memory for ${bytes} bytes`);
    return at;
  }

  ints(/** @type {number} */ at, /** @type {number} */ count) {
    return new Int32Array(this.memory.buffer, at, count);
  }

  floats(/** @type {number} */ at, /** @type {number} */ count) {
    return new Float32Array(this.memory.buffer, at, count);
  }

  /** Streams a file to its final place and opens it. */
  async open(/** @type {string} */ url) {
    const answer = await fetch(url);
    if (!answer.ok || !answer.body) throw new Error(`${url}: ${answer.status}`);
    const bytes = Number(answer.headers.get('content-length'));
    const image = this.alloc(bytes);
    let at = image;
    for (const reader = answer.body.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      new Uint8Array(this.memory.buffer, at, value.length).set(value);
      at += value.length;
    }
    const model = this.call('pw_model_open', image, bytes, this.error);
    if (!model) this.fail('pw_model_open');
    return model;
  }
}

/** A causal sequence with cached keys. */
class Sequence {
  constructor(/** @type {Engine} */ engine, /** @type {number} */ model, /** @type {number} */ context, /** @type {number} */ vocab) {
    const made = engine.call('pw_sequence_start', model, context, 0, engine.error); // keys and values in F32
    if (!made) engine.fail('pw_sequence_start');
    this.engine = engine;
    this.at = engine.ints(made, 1)[0]; // its first field is the pal_sequence
    this.room = engine.alloc(4 * context);
    this.logits = engine.alloc(4 * vocab);
    this.vocab = vocab;
  }

  rewind() {
    this.engine.call('pal_sequence_rewind', this.at, 0);
  }

  append(/** @type {ArrayLike<number>} */ tokens) {
    this.engine.ints(this.room, tokens.length).set(tokens);
    this.engine.check('pal_sequence_append', this.at, this.room, tokens.length);
  }

  /** The most probable next token. */
  greedy() {
    this.engine.check('pal_sequence_logits', this.at, this.logits);
    const logits = this.engine.floats(this.logits, this.vocab);
    let best = 0;
    for (let i = 1; i < logits.length; i++) if (logits[i] > logits[best]) best = i;
    return best;
  }

  /** Reads the prompt, then `count` tokens one by one; returns the milliseconds of the latter. */
  decode(/** @type {ArrayLike<number>} */ prompt, /** @type {number} */ count, /** @type {number[]} */ out = []) {
    this.rewind();
    this.append(prompt);
    let token = this.greedy();
    out.push(token);
    const start = performance.now();
    for (let i = 0; i < count; i++) {
      this.append([token]);
      token = this.greedy();
      out.push(token);
    }
    return performance.now() - start;
  }

  prefill(/** @type {ArrayLike<number>} */ prompt) {
    this.rewind();
    const start = performance.now();
    this.append(prompt);
    this.greedy();
    return performance.now() - start;
  }
}

/** One evaluation with logits at `rows` positions: a function that returns its milliseconds, and the logits' address. */
function forward(/** @type {Engine} */ engine, /** @type {number} */ model, /** @type {Int32Array} */ tokens, /** @type {number} */ rows, /** @type {number} */ vocab) {
  const text = engine.alloc(4 * tokens.length);
  const at = engine.alloc(4 * rows);
  const logits = engine.alloc(4 * rows * vocab);
  engine.ints(text, tokens.length).set(tokens);
  engine.ints(at, rows).set(spread(rows, tokens.length));
  const run = () => {
    const start = performance.now();
    engine.check('pal_logits', model, text, tokens.length, at, rows, logits);
    return performance.now() - start;
  };
  return { run, values: () => engine.floats(logits, rows * vocab) };
}

serve(async ({ wasm, model: url, vocab, context, threads = 1, measures }) => {
  const engine = await Engine.create(wasm, threads);
  const model = await engine.open(url);
  await engine.team?.use(model);
  if (engine.threads !== threads) throw new Error(`the engine has ${engine.threads} threads, not ${threads}`);
  /** @type {Sequence | null} */
  let made = null;
  const sequence = () => (made ??= new Sequence(engine, model, context, vocab));
  /** @type {Record<string, import('./page.mjs').Sampled>} */
  const results = {};
  for (const { name, kind, prompt = 0, count = 0, rows = count } of measures) {
    if (kind === 'decode') {
      const given = promptOf(prompt).tokens;
      // Short runs reach full speed sooner; their time is scaled to the number of tokens of the samples.
      const decode = (/** @type {number} */ some) => engine.step(() => sequence().decode(given, some));
      const warm = await settle(() => (decode(count / 8) * count) / (count / 8));
      results[name] = { warm, samples: await sample(() => decode(count)) };
    } else if (kind === 'prefill') {
      const run = () => engine.step(() => sequence().prefill(promptOf(count).tokens));
      results[name] = { warm: await settle(run), samples: await sample(run) };
    } else if (kind === 'forward') {
      const once = forward(engine, model, randomTokens(count, vocab), rows, vocab).run;
      const run = () => engine.step(once);
      results[name] = { warm: await settle(run), samples: await sample(run) };
    } else if (kind === 'logits') {
      const { run, values } = forward(engine, model, randomTokens(count, vocab), rows, vocab);
      run();
      results[name] = { values: Array.from(values()) };
    } else if (kind === 'greedy') {
      /** @type {number[]} */
      const out = [];
      sequence().decode(promptOf(prompt).tokens, count - 1, out);
      results[name] = { values: out };
    }
  }
  return { measures: results, notes: { memoryBytes: engine.memory.buffer.byteLength, threads } };
});
