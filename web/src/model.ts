/** A loaded model: its worker, kept alive across crashes, and the calls on it. */
import { check, is, take, told, type Table } from './check.ts';
import { Connection, page } from './connection.ts';
import { PalimpsestError } from './errors.ts';
import { partsIn, type Parts } from './files.ts';
import { generate, sequence } from './generate.ts';
import { image, imageLikelihood } from './image.ts';
import { infill, NUMBERS } from './infill.ts';
import { numbersOf } from './numbers.ts';
import { fromNode, isNode } from './platform.ts';
import type { Calls, FileMessage } from './protocol.ts';
import { supported } from './supported.ts';
import { checkText, takeSeed } from './values.ts';
import type { Found, Kit } from './sources.ts';
import type {
  ChatMessage, ChatOptions, ErrorCode, FillScore, FillScoreOptions, GenerateOptions, Generation, ImageLikelihood, ImageLikelihoodOptions, ImageOptions, ImageRun, Infill, InfillOptions, LoadOptions,
  LoadProgress, Model, ModelInfo, Picture, Score, ScoreOptions, Sequence, Source, Surprise, TokenizeOptions,
} from './types.ts';

const LOAD: Table = {
  adapter: 'any', adapterSha256: 'hash', base: 'address', cache: 'flag', isa: ['simd128'], kv: ['F32', 'F16', 'Q8_0'], onProgress: 'callback', room: 'least1', sha256: 'hash', signal: 'signal', threads: 'threads',
};
const TOKENIZE: Table = { inside: 'flag', special: 'flag', signal: 'signal' };

/** For parts that are loaded later. */
const fail = (code: ErrorCode, message: string) => new PalimpsestError(code, message);

/** The number of threads for `auto`, once it is known: on some machines it is measured. */
let usual: number | null = null;

/** Loads a model with these parts of the library, unless the options name a folder of others. */
export async function open(parts: Parts, source: Source, given?: LoadOptions): Promise<Model> {
  const { ok, why } = supported();
  if (!ok) throw new PalimpsestError('environment', why!);
  const options: LoadOptions = take('load', given, LOAD);
  const base = options.base === undefined ? parts : partsIn(toBase(options.base));
  const file = await toFile(source, options.sha256);
  const adapter = options.adapter === undefined ? null : await toFile(options.adapter, options.adapterSha256, true);
  return new LoadedModel(base, file, adapter, options).open(options);
}

interface LoadedModel extends Disposable {}
class LoadedModel implements Model {
  readonly #load: Omit<Extract<Calls, { call: 'load' }>, 'files' | 'threads' | 'turn'>;
  readonly #parts: Parts;
  readonly #relaxed: boolean;
  #connection: Promise<Connection> | null = null;
  #live: Connection | null = null;
  #info: ModelInfo | null = null;
  #disposed = false;
  /** 1 where memory cannot be shared; undefined: as the machine has them. */
  #threads: number | undefined;
  #crashes = 0;
  readonly sequence: Sequence;

  constructor(parts: Parts, file: FileMessage, adapter: FileMessage | null, options: LoadOptions) {
    // Not in the declaration: Node's detection of module syntax in a .js file fails on a private method used there.
    this.sequence = sequence(() => this.#connect());
    this.#parts = parts;
    this.#relaxed = __RELAXED__ && !options.isa;
    this.#load = {
      call: 'load',
      file,
      adapter,
      cache: options.cache ?? true,
      lock: '',
      room: options.room ?? null,
      kv: options.kv ?? null,
    };
    const { threads = 1 } = options;
    if (isNode || globalThis.crossOriginIsolated) this.#threads = threads === 'auto' ? undefined : threads;
    else this.#threads = 1;
  }

  async open(options: LoadOptions): Promise<this> {
    options.signal?.throwIfAborted();
    await this.#connect(options.onProgress, options.signal);
    return this;
  }

  /** The connection to the worker, which is started again if it has died. */
  #connect(onProgress?: (progress: LoadProgress) => void, signal?: AbortSignal): Promise<Connection> {
    if (this.#disposed) return Promise.reject(new PalimpsestError('disposed', 'the model was disposed'));
    this.#connection ??= this.#start(onProgress, signal).catch((error) => {
      this.#connection = this.#live = null;
      throw error;
    });
    return this.#connection;
  }

  async #start(loading?: (progress: LoadProgress) => void, signal?: AbortSignal): Promise<Connection> {
    const died = (thread: boolean) => {
      this.#connection = this.#live = null;
      if (++this.#crashes > 1 || thread) this.#threads = 1; // perhaps the threads are the reason
    };
    const files = await this.#parts.files();
    if (!this.#relaxed) for (const kind of ['text', 'pictures', 'scores'] as const) files[kind] = [files[kind][0], undefined, files[kind][2]];
    const connection = await Connection.open(this.#parts, died, signal);
    this.#live = connection;
    const threads = this.#threads ?? usual;
    const turn = threads === 1 ? null : (page.turn ??= new Int32Array(new SharedArrayBuffer(4)));
    try {
      this.#info = await connection.call<ModelInfo>({ ...this.#load, files, threads, turn, lock: connection.lock }, { loading }, signal);
    } catch (error) {
      connection.end(error);
      if (threads === 1 || (error as PalimpsestError).code !== 'memory') throw error;
      this.#threads = 1; // shared memory can be smaller
      return this.#start(loading, signal);
    }
    connection.threads = this.#info.threads;
    if (threads === null) usual = connection.threads;
    connection.watch();
    return connection;
  }

  get info(): ModelInfo {
    return { ...this.#info!, memoryBytes: this.#disposed ? 0 : this.#live?.memoryBytes || this.#info!.memoryBytes };
  }

  infill(text: string, options?: InfillOptions): Infill {
    return infill(() => this.#connect(), text, options);
  }

  async tokenize(text: string, options?: TokenizeOptions): Promise<number[]> {
    checkText(text);
    const { signal, ...flags } = take('tokenize', options, TOKENIZE);
    const connection = await this.#connect();
    return connection.call<number[]>({ call: 'tokenize', text, flags: toFlags(flags) }, {}, signal);
  }

  async detokenize(ids: ArrayLike<number>, options?: TokenizeOptions): Promise<string> {
    check('ids', ids, 'ids');
    const { signal, ...flags } = take('detokenize', options, TOKENIZE);
    const connection = await this.#connect();
    return connection.call<string>({ call: 'detokenize', ids: Array.from(ids), flags: toFlags(flags) }, {}, signal);
  }

  async score(page: string, options: FillScoreOptions): Promise<FillScore>;
  async score(text: string, options?: ScoreOptions): Promise<Score>;
  async score(text: string, options?: ScoreOptions | FillScoreOptions): Promise<Score | FillScore> {
    checkText(text);
    return (await import('./writing.ts')).scoreOf(() => this.#connect(), text, options, NUMBERS, { check, checkText, is, numbersOf, take, takeSeed });
  }

  generate(prompt: string | readonly number[] | Uint8Array, options?: GenerateOptions): Generation {
    return generate(() => this.#connect(), prompt, options);
  }

  chat(messages: readonly ChatMessage[], { date, ...options }: ChatOptions = {}): Generation {
    return generate(() => this.#connect(), () => this.#chatPrompt(messages, date), options);
  }

  async #chatPrompt(messages: readonly ChatMessage[], date?: Date): Promise<number[]> {
    const given = Array.isArray(messages) ? messages.map((one) => ({ role: one?.role, content: one?.content })) : messages; // later changes do not matter
    const [connection, { promptOf }] = await Promise.all([this.#connect(), import('./writing.ts')]);
    return promptOf(connection, given, date, { told, fail });
  }

  async surprise(text: string, options?: { signal?: AbortSignal }): Promise<Surprise> {
    checkText(text);
    const { signal } = take('surprise', options, { signal: 'signal' });
    const connection = await this.#connect();
    return connection.call<Surprise>({ call: 'surprise', text }, {}, signal);
  }

  image(options?: ImageOptions): ImageRun {
    return image(() => this.#connect(), options);
  }

  imageLikelihood(pictures: Picture | readonly Picture[], options?: ImageLikelihoodOptions): Promise<ImageLikelihood> {
    return imageLikelihood(() => this.#connect(), pictures, options);
  }

  dispose(): void {
    this.#disposed = true;
    this.#live?.end(new PalimpsestError('disposed', 'the model was disposed'));
    this.#connection = this.#live = null;
  }
}

// Not every browser has it.
if (Symbol.dispose) LoadedModel.prototype[Symbol.dispose] = LoadedModel.prototype.dispose;

/** The base of relative URLs in a browser. */
const here = (): string | undefined => globalThis.document?.baseURI ?? globalThis.location?.href;

/** The absolute URL, or null if it is not valid.  In Node a string without a scheme is the path of a file. */
function addressOf(given: string | URL): string | null {
  try {
    if (isNode && typeof given === 'string' && !/^[a-z][a-z0-9+.-]+:/i.test(given))
      return given && fromNode('node:url').pathToFileURL(given).href;
    return new URL(given, here()).href;
  } catch {
    return null;
  }
}

function toBase(base: string | URL): URL {
  const url = addressOf(base);
  if (url === null) throw new PalimpsestError('option', `base must be a URL, not ${told(base)}`);
  return new URL(url);
}

/** A file, bytes or an address, and its name; null if it is something else.  The name is sent separately, because a worker in
 *  Node receives a File as a Blob without a name. */
function plain(source: unknown): Found | null {
  if (source instanceof Blob) return { source, name: (source as File).name ?? '' };
  if (source instanceof ArrayBuffer) return { source: new Uint8Array(source), name: '' };
  if (ArrayBuffer.isView(source)) return { source: new Uint8Array(source.buffer as ArrayBuffer, source.byteOffset, source.byteLength), name: '' };
  if (typeof source !== 'string' && !(source instanceof URL)) return null;
  const url = addressOf(source);
  if (!url) throw new PalimpsestError('option', `not a URL of a file: ${told(source)}`);
  return { source: url, name: url };
}

/** Addresses that stand for others: of a hub, or of a part of a split model. */
const MORE = /^hf:|-\d{5}-of-\d{5}\.gguf/;

async function toFile(source: Source, sha256?: string, adapter = false): Promise<FileMessage> {
  let found = (typeof source === 'string' || source instanceof URL) && MORE.test(String(source)) ? null : plain(source);
  if (!found) {
    const kit: Kit = { fail, told, plain, inNode: isNode };
    found = await (await import('./sources.ts')).findSource(source, kit, sha256 !== undefined, adapter);
  }
  return { ...found, sha256: sha256?.toLowerCase() ?? null };
}

function toFlags({ inside = false, special = false }: TokenizeOptions): number {
  return Number(inside) | (Number(special) << 1);
}
