/** A loaded model: its worker, kept alive across crashes, and the calls on it. */
import { Connection } from './connection.ts';
import { PalimpsestError } from './errors.ts';
import { generate, sequence } from './generate.ts';
import { image, imageLikelihood } from './image.ts';
import { infill } from './infill.ts';
import type { Calls } from './protocol.ts';
import { checkText, takeSeed } from './values.ts';
import type {
  GenerateOptions, Generation, ImageLikelihood, ImageLikelihoodOptions, ImageOptions, ImageRun, Infill, InfillOptions, LoadOptions,
  LoadProgress, Model, ModelInfo, Picture, Score, ScoreOptions, Sequence, Source, Surprise, TokenizeOptions,
} from './types.ts';

const KEY_VALUE_TYPES = ['F32', 'F16', 'Q8_0'];
const METHODS = ['default', 'exact', 'bound', 'margin', 'entropy', 'confidence'];

export class LoadedModel implements Model {
  readonly #load: Extract<Calls, { call: 'load' }>;
  readonly #worker: URL;
  #connection: Promise<Connection> | null = null;
  #live: Connection | null = null;
  #info: ModelInfo | null = null;
  #disposed = false;
  readonly sequence: Sequence;

  constructor(source: Source, options: LoadOptions) {
    const base = new URL(options.base ?? import.meta.url, globalThis.document?.baseURI ?? import.meta.url);
    // Not where it is declared: Node's guess whether a .js is a module trips over a private method used there.
    this.sequence = sequence(() => this.#connect());
    this.#worker = new URL(`palimpsest-worker.js?v=${__BUILD__}`, base);
    this.#load = {
      call: 'load',
      source: toSource(source),
      name: toName(source),
      files: { base: new URL('.', base).href, relaxed: toRelaxed(options.isa) },
      sha256: toHash(options.sha256),
      cache: options.cache ?? true,
      lock: '',
      room: toRoom(options.room),
      kv: toKv(options.kv),
    };
  }

  async open(options: LoadOptions): Promise<this> {
    options.signal?.throwIfAborted();
    await this.#connect(options.onProgress, options.signal);
    return this;
  }

  /** The worker, started again if it died. */
  #connect(onProgress?: (progress: LoadProgress) => void, signal?: AbortSignal): Promise<Connection> {
    if (this.#disposed) return Promise.reject(new PalimpsestError('disposed', 'the model was disposed'));
    this.#connection ??= this.#start(onProgress, signal).catch((error) => {
      this.#connection = this.#live = null;
      throw error;
    });
    return this.#connection;
  }

  async #start(loading?: (progress: LoadProgress) => void, signal?: AbortSignal): Promise<Connection> {
    const died = () => (this.#connection = this.#live = null);
    const connection = await Connection.open(new URL(this.#worker), died, signal);
    this.#live = connection;
    try {
      this.#info = await connection.call<ModelInfo>({ ...this.#load, lock: connection.lock }, { loading }, signal);
    } catch (error) {
      connection.end(error);
      throw error;
    }
    connection.watch();
    return connection;
  }

  get info(): ModelInfo {
    return { ...this.#info!, memoryBytes: this.#live?.memoryBytes || this.#info!.memoryBytes };
  }

  infill(text: string, options: InfillOptions = {}): Infill {
    return infill(() => this.#connect(), text, options);
  }

  async tokenize(text: string, options: TokenizeOptions = {}): Promise<number[]> {
    checkText(text);
    const connection = await this.#connect();
    return connection.call<number[]>({ call: 'tokenize', text, flags: toFlags(options) }, {}, options.signal);
  }

  async detokenize(ids: ArrayLike<number>, options: TokenizeOptions = {}): Promise<string> {
    const list = Array.from(ids);
    if (!list.every((id) => Number.isInteger(id) && id >= 0 && id < 2 ** 31))
      throw new PalimpsestError('option', 'token ids are whole numbers from 0');
    const connection = await this.#connect();
    return connection.call<string>({ call: 'detokenize', ids: list, flags: toFlags(options) }, {}, options.signal);
  }

  async score(text: string, options: ScoreOptions = {}): Promise<Score> {
    checkText(text);
    const { method = 'default', seed = 1, standardError = NaN, onProgress, signal } = options;
    if (!METHODS.includes(method)) throw new PalimpsestError('option', `there is no method ${method}; there are ${METHODS.slice(1).join(', ')}`);
    if (standardError <= 0) throw new PalimpsestError('option', 'standardError must be above 0');
    const taken = takeSeed(seed);
    const connection = await this.#connect();
    return connection.call<Score>({ call: 'score', text, method, seed: taken, standardError }, { scoring: onProgress }, signal);
  }

  generate(prompt: string | readonly number[] | Uint8Array, options: GenerateOptions = {}): Generation {
    return generate(() => this.#connect(), prompt, options);
  }

  async surprise(text: string, { signal }: { signal?: AbortSignal } = {}): Promise<Surprise> {
    checkText(text);
    const connection = await this.#connect();
    return connection.call<Surprise>({ call: 'surprise', text }, {}, signal);
  }

  image(options: ImageOptions = {}): ImageRun {
    return image(() => this.#connect(), options);
  }

  imageLikelihood(pictures: Picture | readonly Picture[], options: ImageLikelihoodOptions = {}): Promise<ImageLikelihood> {
    return imageLikelihood(() => this.#connect(), pictures, options);
  }

  dispose(): void {
    this.#disposed = true;
    this.#live?.end(new PalimpsestError('disposed', 'the model was disposed'));
    this.#connection = this.#live = null;
  }
}

function toSource(source: Source): string | Blob | Uint8Array {
  if (source instanceof Blob) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  if (typeof source !== 'string' && !(source instanceof URL)) throw new PalimpsestError('option', 'a model comes from a URL, a File, a Blob or bytes');
  const base = globalThis.document?.baseURI ?? globalThis.location?.href;
  try {
    return new URL(source, base).href;
  } catch {
    throw new PalimpsestError('option', `this is not a URL: ${source}`);
  }
}

/** A file's name is told apart: a worker of Node's gets a Blob without it. */
function toName(source: Source): string {
  const file = typeof File !== 'undefined' && source instanceof File;
  return file ? source.name : typeof source === 'string' || source instanceof URL ? String(toSource(source)) : '';
}

/** The relaxed builds are left out where they were not built. */
function toRelaxed(isa: string | undefined): boolean {
  if (isa !== undefined && isa !== 'simd128') throw new PalimpsestError('option', `isa is simd128 or absent, not ${isa}`);
  return __RELAXED__ && !isa;
}

function toRoom(room: number | undefined): number | null {
  if (room === undefined) return null;
  if (!Number.isInteger(room) || room < 1) throw new PalimpsestError('option', 'room is a whole number of tokens, at least 1');
  return room;
}

function toKv(kv: string | undefined): string | null {
  if (kv !== undefined && !KEY_VALUE_TYPES.includes(kv)) throw new PalimpsestError('option', `kv is one of ${KEY_VALUE_TYPES.join(', ')}, not ${kv}`);
  return kv ?? null;
}

function toHash(sha256: string | undefined): string | null {
  if (sha256 === undefined) return null;
  if (!/^[0-9a-f]{64}$/i.test(sha256)) throw new PalimpsestError('option', 'sha256 must have 64 hexadecimal digits');
  return sha256.toLowerCase();
}

function toFlags({ inside = false, special = false }: TokenizeOptions): number {
  return Number(inside) | (Number(special) << 1);
}
