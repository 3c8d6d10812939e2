/** Reads a model into the engine's memory: from the network, the kept copy, a file or bytes.  Worker only.
 *
 *  Every byte is written once into its final place, hashed there, and written to the copy if one is kept. */
import { findArchitecture } from './architecture.ts';
import { ask, ofAnswer, reason, STALL_MS, type Need, type Stream } from './download.ts';
import { Engine } from './engine.ts';
import { PalimpsestError } from './errors.ts';
import { Keeping } from './keeping.ts';
import type { Loading } from './loading.ts';
import { megabytes } from './numbers.ts';
import { openFolder, type Writer } from './store.ts';
import type { LoadProgress } from './types.ts';

const LARGEST = 0xf0000000; // the 32-bit address space minus what the engine needs beside the file
const PIECE = 4 << 20;
const REPORT_MS = 100;

export interface Wanted {
  source: string | Blob | Uint8Array;
  sha256: string | null;
  cache: boolean;
  signal: AbortSignal;
  progress(progress: Omit<LoadProgress, 'part'>): void;
  /** The code for large and cut downloads. */
  loading(): Promise<Loading>;
}

export function needOf({ signal, sha256, loading }: Wanted, url: string): Need {
  const need: Need = {
    url, signal, whole: sha256 !== null,
    resuming: async (answer, total) => (await loading()).resuming(answer, total, need),
    stranger: async (answer, head) => (await loading().catch(() => null))?.stranger(answer, head, url),
  };
  return need;
}

/** A file in an engine's memory. */
export interface Image {
  engine: Engine;
  at: number;
  bytes: number;
  sha256: string;
}

/** `whyNot`: why a part of it cannot be used, or null. */
export interface Opened extends Image {
  model: number;
  whyNot: string | null;
}

export interface Taken extends Opened {
  kept: boolean;
  keptWhyNot: string | null;
  updateWhyNot: string | null;
}

/** The worker's engines. */
export interface Engines {
  /** The engine for models of this architecture. */
  choose(architecture: string | null): Promise<Engine>;
  open(image: Image): Opened;
  /** Also frees the image. */
  close(opened: Opened): void;
}

/** Opens adapters: attaches them to a base in the engine's memory.  One that does not fit is refused. */
export function attaching(engine: Engine, base: number): Engines {
  return {
    choose: async () => engine,
    open(image) {
      const model = engine.made(engine.fn('pw_model_attach')(base, image.at, image.bytes, engine.error));
      const { whyNot } = engine.modelTexts(model);
      if (whyNot === null) return { ...image, model, whyNot };
      engine.closeModel(model);
      throw new PalimpsestError('unsupported', whyNot);
    },
    close: closeIn,
  };
}

export function closeIn({ engine, model, at }: Opened): void {
  engine.closeModel(model);
  engine.free(at);
}

export async function takeIn(engines: Engines, wanted: Wanted): Promise<Taken> {
  const { source, signal } = wanted;
  const fresh = async (stream: Stream, keptWhyNot: string | null) =>
    ({ ...(await bring(engines, wanted, stream, null)), kept: false, keptWhyNot, updateWhyNot: null });
  if (typeof source !== 'string') return fresh(source instanceof Uint8Array ? ofBytes(source) : ofBlob(source), null);
  const unkept = async (why: string | null) =>
    fresh(source.startsWith('file:') ? await (await wanted.loading()).ofPath(source) : ofAnswer(await ask(source, {}, signal, STALL_MS), needOf(wanted, source)), why);
  if (!wanted.cache) return unkept(null);
  let folder: FileSystemDirectoryHandle;
  try {
    folder = await openFolder();
  } catch (error) {
    return unkept(reason(error));
  }
  return new Keeping(engines, wanted, source, folder).take();
}

// ---- sources of bytes

async function* piecesOf(blob: Blob) {
  for (let at = 0; at < blob.size; at += PIECE) yield new Uint8Array(await blob.slice(at, at + PIECE).arrayBuffer());
}

export function ofBlob(blob: Blob): Stream {
  return { phase: 'read', total: blob.size, pieces: piecesOf(blob) };
}

function ofBytes(bytes: Uint8Array): Stream {
  return ofBlob(new Blob([bytes as Uint8Array<ArrayBuffer>]));
}

// ---- the engine's memory

/** Reads a file and opens it.  `opening` is called before it is opened, which may take a while. */
export async function bring(engines: Engines, wanted: Wanted, stream: Stream, writer: Writer | null, opening = () => {}): Promise<Opened> {
  const image = await receive(engines, wanted, stream, writer);
  opening();
  try {
    return engines.open(image);
  } catch (error) {
    if (error instanceof PalimpsestError) image.engine.free(image.at); // any other error is a trap: the state of the memory is unknown
    throw error;
  }
}

async function receive(engines: Engines, wanted: Wanted, stream: Stream, writer: Writer | null): Promise<Image> {
  if (stream.total !== null) refuseTooLarge(stream.total);
  const pieces = stream.pieces[Symbol.asyncIterator]();
  try {
    const first: Uint8Array<ArrayBuffer>[] = [];
    const engine = await engines.choose(await findArchitecture(pieces, first));
    return await store(engine, wanted, { ...stream, pieces: chain(first, pieces) }, writer);
  } finally {
    await pieces.return?.();
  }
}

async function* chain<T>(first: T[], rest: AsyncIterator<T>): AsyncGenerator<T, void> {
  yield* first.splice(0);
  yield* { [Symbol.asyncIterator]: () => rest };
}

async function store(engine: Engine, wanted: Wanted, stream: Stream, writer: Writer | null): Promise<Image> {
  let hash = engine.hashStart();
  const image = new Growing(engine, stream.total ?? PIECE); // the last block of memory, so that it can grow in place
  let sha256 = '';
  let reported = -1;
  const report = () => {
    if (reported === image.length) return;
    const total = (stream.total ?? 0) < image.length ? null : stream.total; // the total was that of the compressed file
    wanted.progress({ phase: stream.phase, loaded: (reported = image.length), total });
  };
  const clock = setInterval(report, REPORT_MS);
  try {
    report();
    for await (const piece of stream.pieces) {
      wanted.signal.throwIfAborted();
      if (!piece.length) {
        image.length = 0;
        engine.hashEnd(hash);
        hash = engine.hashStart();
        writer?.again();
      }
      const at = image.append(piece);
      engine.hashAdd(hash, at, piece.length);
      writer?.write(piece);
    }
    wanted.signal.throwIfAborted();
  } catch (error) {
    image.free();
    throw error;
  } finally {
    clearInterval(clock);
    sha256 = engine.hashEnd(hash);
  }
  if (wanted.sha256 && sha256 !== wanted.sha256) {
    image.free();
    throw new PalimpsestError('integrity', `the file is not the expected one: its sha256 is ${sha256}, not ${wanted.sha256}`);
  }
  image.fit();
  report();
  return { engine, at: image.at, bytes: image.length, sha256 };
}

export function refuseTooLarge(bytes: number): void {
  if (bytes <= LARGEST) return;
  throw new PalimpsestError('memory', `the model has ${megabytes(bytes)}; a page can hold at most ${megabytes(LARGEST)}`);
}

/** A block in the engine's memory that grows if the size was unknown or wrong. */
class Growing {
  at: number;
  length = 0;
  #room: number;

  constructor(
    readonly engine: Engine,
    expected: number,
  ) {
    this.#room = Math.max(expected, 1);
    this.at = engine.alloc(this.#room);
  }

  /** Returns the address of the piece. */
  append(piece: Uint8Array): number {
    if (this.length + piece.length > this.#room) this.#grow(this.length + piece.length);
    const at = this.at + this.length;
    this.engine.bytes(at, piece.length).set(piece);
    this.length += piece.length;
    return at;
  }

  #grow(needed: number): void {
    refuseTooLarge(needed);
    this.#resize(Math.min(Math.max(needed, 2 * this.#room), LARGEST));
  }

  #resize(room: number): void {
    const { at } = this;
    this.at = 0; // if there is not enough memory, the block is freed
    this.at = this.engine.resize(at, this.#room, room);
    this.#room = room;
  }

  /** Frees the unused end of the block. */
  fit(): void {
    if (this.length < this.#room) this.#resize(Math.max(this.length, 1));
  }

  free(): void {
    this.engine.free(this.at);
  }
}
