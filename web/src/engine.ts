/** The counterpart of wasm/exports.c and wasm/pages.c: instantiates the engine and copies bytes into and out of its memory.
 *  Generation is in generator.ts.
 *
 *  The layouts are those of the C files, field by field.  All decisions are made in C. */
import { PalimpsestError } from './errors.ts';
import { callsOf, type Call } from './exports.ts';
import { megabytes, withSeed } from './numbers.ts';
import type { Alternative, ErrorCode, PageToken, Pin } from './types.ts';

export type Pointer = number;

/** pal_status, from palimpsest.h. */
const CODES: Record<number, ErrorCode> = {
  [-1]: 'format', [-2]: 'unsupported', [-3]: 'text', [-4]: 'option', [-5]: 'context', [-6]: 'memory', [-7]: 'network',
};
export const MORE = 1;
const NOWHERE = 0xffffffff; // SIZE_MAX: an error without an offset
const PLACE_WORDS = 19;
const ALTERNATIVES = 5;
const BUILD_SECTION = 'palimpsest.build';

/** Numbers of a model, in the order of pw_model_numbers. */
const MODEL_NUMBERS = [
  'fileBytes', 'parameters', 'vocabulary', 'context', 'width', 'layers', 'heads', 'kvHeads', 'hidden', 'causal',
  'canTokenize', 'canScore', 'canInfill', 'freeLength', 'canGenerate', 'board', 'loops',
] as const;
const MODEL_TEXTS = ['architecture', 'name', 'license', 'weights', 'tokenizer', 'isa', 'whyNot'] as const;

export interface FillProgress {
  step: number; steps: number; evaluations: number; open: number;
  places: number; shown: number; total: number; windowed: boolean; windows: number;
}

/** A page for display: the places, the given text before each place and, last, the given text after all of them. */
export interface Reading {
  given: string[];
  tokens: PageToken[];
}

/** The memory and the threads of an engine with threads (threads.ts). */
export interface Shared {
  memory: WebAssembly.Memory;
  begin(engine: Engine, module: WebAssembly.Module): void;
  grown(): void;
  use(model: Pointer): Promise<void>;
  step<T>(run: () => T): T;
  state(): Int32Array;
  readonly locks: string[];
}

export class Engine {
  /** Threads of the model that is loaded. */
  threads = 1;
  readonly #memory: WebAssembly.Memory;
  readonly #call: Record<string, Call>;
  readonly error: Pointer;
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  readonly #encoder = new TextEncoder();
  #scratch: Pointer = 0;
  #scratchBytes = 0;

  private constructor(readonly module: WebAssembly.Module, { exports }: WebAssembly.Instance, readonly shared?: Shared) {
    this.#memory = shared?.memory ?? (exports.memory as WebAssembly.Memory);
    this.#call = callsOf(exports);
    this.fn('_initialize')();
    this.error = this.alloc(12);
  }

  /** Compiles and starts one of the .wasm files, which must be from the given build. */
  static async create(wasm: Response | BufferSource, build: string, shared?: Shared): Promise<Engine> {
    const module = await compile(wasm);
    const section = WebAssembly.Module.customSections(module, BUILD_SECTION)[0];
    const found = section ? new TextDecoder().decode(section) : 'unknown';
    if (found !== build) throw new PalimpsestError('version', `the engine is from build ${found}, the library from ${build}: reload the page`);
    const env = { emscripten_notify_memory_growth: () => shared?.grown(), memory: shared?.memory! }; // every access makes new views
    return new Engine(module, await WebAssembly.instantiate(module, { env }), shared);
  }

  get memoryBytes(): number {
    return this.#memory.buffer.byteLength;
  }

  fn(name: string): Call {
    const call = this.#call[name];
    if (!call) throw new PalimpsestError('version', `the engine has no function ${name}`);
    return call;
  }

  // ---- memory

  bytes(at: Pointer, length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#memory.buffer as ArrayBuffer, at, length);
  }

  view(at: Pointer, length: number): DataView {
    return new DataView(this.#memory.buffer, at, length);
  }

  ints(at: Pointer, count: number): number[] {
    return Array.from(new Int32Array(this.#memory.buffer, at, count));
  }

  alloc(length: number): Pointer {
    const at = length < 0xffffffc0 ? this.fn('pw_alloc')(length) : 0;
    return at || refuseMemory(length);
  }

  /** Resizes a block of alloc() and keeps its content; if that fails, the block is freed. */
  resize(at: Pointer, length: number, wanted: number): Pointer {
    return this.fn('pw_resize')(at, length, wanted) || refuseMemory(wanted);
  }

  free(at: Pointer): void {
    if (at) this.fn('pw_free')(at);
  }

  /** A scratch block, valid until the next call of room(). */
  room(length: number): Pointer {
    if (length > this.#scratchBytes) {
      this.free(this.#scratch);
      this.#scratch = this.#scratchBytes = 0;
      this.#scratch = this.alloc(2 * length);
      this.#scratchBytes = 2 * length;
    }
    return this.#scratch;
  }

  /** Copies bytes into the engine for the duration of a call. */
  lend<T>(data: Uint8Array, use: (at: Pointer, length: number) => T): T {
    const at = this.alloc(data.length + 1);
    try {
      this.bytes(at, data.length).set(data);
      return use(at, data.length);
    } finally {
      this.free(at);
    }
  }

  lendText<T>(text: string, use: (at: Pointer, length: number) => T): T {
    const data = this.#encoder.encode(text);
    try {
      return this.lend(data, use);
    } catch (error) {
      // Offsets in text are bytes in C, but UTF-16 units in JavaScript.
      if (!(error instanceof PalimpsestError) || error.code !== 'text' || error.offset === null) throw error;
      throw new PalimpsestError('text', error.message, this.#decoder.decode(data.subarray(0, error.offset)).length);
    }
  }

  /** Calls write(pointer, capacity), which returns the length, until the capacity is large enough.  Returns a copy, because
   *  not every browser can decode text in a buffer of more than 2 GiB. */
  collect(write: (at: Pointer, capacity: number) => number): Uint8Array {
    let capacity = 1024;
    for (;;) {
      const at = this.room(capacity);
      const length = write(at, capacity);
      if (length <= capacity) return this.bytes(at, length).slice();
      capacity = length;
    }
  }

  numbers<Name extends string>(names: readonly Name[], write: (at: Pointer) => void): Record<Name, number> {
    const at = this.room(8 * names.length);
    write(at);
    const values = new Float64Array(this.#memory.buffer, at, names.length);
    return Object.fromEntries(names.map((name, i) => [name, values[i]])) as Record<Name, number>;
  }

  cString(at: Pointer): string | null {
    if (!at) return null;
    const all = new Uint8Array(this.#memory.buffer, at);
    return this.#decoder.decode(all.slice(0, all.indexOf(0)));
  }

  // ---- errors

  #fail(): never {
    const view = this.view(this.error, 12);
    const offset = view.getUint32(8, true);
    const code = CODES[view.getInt32(0, true)] ?? 'format';
    throw new PalimpsestError(code, this.cString(view.getUint32(4, true)) ?? 'unknown error', offset === NOWHERE ? null : offset);
  }

  check(status: number): number {
    return status < 0 ? this.#fail() : status;
  }

  made(pointer: Pointer): Pointer {
    return pointer || this.#fail();
  }

  // ---- hashes

  hashStart(): Pointer {
    return this.fn('pw_hash_start')();
  }

  hashAdd(hash: Pointer, at: Pointer, length: number): void {
    this.fn('pw_hash_add')(hash, at, length);
  }

  hashEnd(hash: Pointer): string {
    const at = this.room(32);
    this.fn('pw_hash_end')(hash, at);
    return Array.from(this.bytes(at, 32), (byte) => byte.toString(16).padStart(2, '0')).join('');
  }

  // ---- models

  openModel(image: Pointer, length: number): Pointer {
    return this.made(this.fn('pw_model_open')(image, length, this.error));
  }

  modelNumbers(model: Pointer): Record<(typeof MODEL_NUMBERS)[number], number> {
    return this.numbers(MODEL_NUMBERS, (at) => this.fn('pw_model_numbers')(model, at));
  }

  /** The number of the sampler that fills pages if none is given. */
  defaultSampler(model: Pointer): number {
    return this.fn('pal_default_sampler')(model);
  }

  modelTexts(model: Pointer): Record<(typeof MODEL_TEXTS)[number], string | null> {
    const texts = MODEL_TEXTS.map((name, i) => [name, this.cString(this.fn('pw_model_text')(model, i))]);
    return Object.fromEntries(texts);
  }

  closeModel(model: Pointer): void {
    this.fn('pal_model_close')(model);
  }

  tokenize(model: Pointer, text: string, flags: number): number[] {
    return this.lendText(text, (at, length) => {
      const room = this.room(4 * (length + 2)); // at most length + 1 tokens, after the count
      this.check(this.fn('pal_tokenize')(model, at, length, flags, room + 4, length + 1, room, this.error));
      const count = this.view(room, 4).getUint32(0, true);
      return this.ints(room + 4, count);
    });
  }

  detokenize(model: Pointer, ids: readonly number[], flags: number): string {
    return this.#decoder.decode(this.detokenizeBytes(model, ids, flags));
  }

  detokenizeBytes(model: Pointer, ids: readonly number[], flags: number): Uint8Array {
    return this.lend(new Uint8Array(Int32Array.from(ids).buffer), (at) => {
      const counted = this.alloc(4);
      try {
        return this.collect((out, capacity) => {
          this.check(this.fn('pal_detokenize')(model, at, ids.length, flags, out, capacity, counted, this.error));
          return this.view(counted, 4).getUint32(0, true);
        });
      } finally {
        this.free(counted);
      }
    });
  }

  /** The names of a C enum in its order, from the C function that names its members. */
  names(naming: 'pal_score_method_name' | 'pal_finish_name' | 'pal_kv_type_name' | 'pal_sampler_name' | 'pal_image_sampler_name'): string[] {
    const names: string[] = [];
    for (let name; (name = this.cString(this.fn(naming)(names.length))); ) names.push(name);
    return names;
  }

  // ---- pages

  /** `earlier`: a fill of the same model whose rows may be used again, or 0. */
  fillStart(model: Pointer, text: string, options: readonly number[], seed: bigint, pins: readonly Pin[], earlier: Pointer): Pointer {
    return this.lendText(text, (at, length) =>
      this.lend(withSeed(options, seed), (given) =>
        this.lend(new Uint8Array(Int32Array.from(pins.flatMap((p) => [p.blank, p.index, p.id])).buffer), (pinned) =>
          this.made(this.fn('pw_fill_start')(model, at, length, given, pinned, pins.length, earlier, this.error)),
        ),
      ),
    );
  }

  /** Evaluates the network for all of these fills at once; their next steps use the results. */
  fillTogether(model: Pointer, fills: number[]): void {
    const at = this.room(4 * fills.length);
    new Uint32Array(this.#memory.buffer, at, fills.length).set(fills);
    this.fn('pw_fill_together')(model, at, fills.length);
  }

  fillStep(fill: Pointer): number {
    return this.check(this.fn('pw_fill_step')(fill, this.error));
  }

  fillEnd(fill: Pointer): void {
    this.fn('pw_fill_end')(fill);
  }

  fillText(fill: Pointer): string {
    return this.#decoder.decode(this.collect((at, capacity) => this.fn('pw_fill_text')(fill, at, capacity)));
  }

  fillProgress(fill: Pointer): FillProgress {
    const at = this.room(36);
    this.fn('pw_fill_progress')(fill, at);
    const [step, steps, evaluations, open, places, shown, total, windowed, windows] = new Int32Array(this.#memory.buffer, at, 9);
    return { step, steps, evaluations, open, places, shown, total, windowed: windowed !== 0, windows } as FillProgress;
  }

  fillReading(fill: Pointer, places: number, piece: (id: number) => string): Reading {
    const text = this.collect((at, capacity) => this.fn('pw_fill_reading')(fill, at, capacity));
    const view = new DataView(this.bytes(this.fn('pw_fill_places')(fill), 4 * PLACE_WORDS * places).slice().buffer); // piece() may move the scratch block
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    const given: string[] = [];
    const tokens: PageToken[] = [];
    let end = 0;
    for (let i = 0; i < places; i++) {
      const token = readPlace(view, 4 * PLACE_WORDS * i, piece);
      const from = view.getUint32(4 * (PLACE_WORDS * i + 6), true);
      const length = view.getUint32(4 * (PLACE_WORDS * i + 7), true);
      given.push(decoder.decode(text.subarray(end, from), { stream: from === end }));
      end = from + length;
      // A character of several byte pieces is the text of the last of them.
      if (!token.open) token.text = decoder.decode(text.subarray(from, end), { stream: true });
      tokens.push(token);
    }
    given.push(decoder.decode(text.subarray(end)));
    return { given, tokens };
  }
}

function refuseMemory(bytes: number): never {
  throw new PalimpsestError('memory', `not enough memory: the browser does not allow a block of ${megabytes(bytes)}`);
}

async function compile(wasm: Response | BufferSource): Promise<WebAssembly.Module> {
  if (!(wasm instanceof Response)) return WebAssembly.compile(wasm);
  if (!wasm.ok) throw new PalimpsestError('network', `the server answered ${wasm.status} for the engine`);
  // Streaming compilation needs the right media type, which not every static host sends.
  const type = wasm.headers.get('content-type') ?? '';
  return type.startsWith('application/wasm') ? WebAssembly.compileStreaming(wasm) : WebAssembly.compile(await wasm.arrayBuffer());
}

/** Reads a pal_place; the caller sets its text, unless it is open. */
function readPlace(view: DataView, at: number, piece: (id: number) => string): PageToken {
  const word = (i: number) => view.getInt32(at + 4 * i, true);
  const real = (i: number) => view.getFloat32(at + 4 * i, true);
  const id = word(2);
  const empty = view.getUint8(at + 20) !== 0;
  const spaceGiven = view.getUint8(at + 21) !== 0;
  const written = (text: string) => (spaceGiven && text.startsWith(' ') ? text.slice(1) : text);
  const alternatives: Alternative[] = [];
  for (let i = 0; i < word(8); i++) {
    const text = piece(word(9 + i));
    alternatives.push({ id: word(9 + i), text: written(text), probability: real(9 + ALTERNATIVES + i), empty: text === '' });
  }
  const open = word(3) < 0; // with uniform noise it has a token too, which is not final
  return {
    blank: word(0), index: word(1), id: id < 0 ? null : id, text: open && id >= 0 ? written(piece(id)) : '', open, empty, pinned: word(3) === 0,
    step: open ? null : word(3), fresh: false, probability: open ? 0 : real(4), alternatives,
  };
}
