/** A model on its way into the engine's memory: from the network, the kept copy, a file or bytes.  Worker only.
 *
 *  Every byte is written once into its final place, hashed there, and written to the copy if one is kept. */
import { findArchitecture } from './architecture.ts';
import { Engine, megabytes } from './engine.ts';
import { PalimpsestError } from './errors.ts';
import { findCopy, openFolder, removeCopy, sweep, Writer } from './store.ts';
import type { LoadProgress } from './types.ts';

const LARGEST = 0xf0000000; // 32-bit memory less what the engine needs beside the file
const PIECE = 4 << 20;
const REPORT_MS = 100;

export interface Wanted {
  source: string | Blob | Uint8Array;
  sha256: string | null;
  cache: boolean;
  signal: AbortSignal;
  progress(progress: LoadProgress): void;
}

/** The engine for models of this architecture. */
export type Choose = (architecture: string | null) => Promise<Engine>;

export interface Taken {
  engine: Engine;
  at: number;
  bytes: number;
  sha256: string;
  kept: boolean;
  keptWhyNot: string | null;
}

/** Bytes as they come, with how many there will be if that is known. */
interface Stream {
  phase: LoadProgress['phase'];
  total: number | null;
  pieces: AsyncIterable<Uint8Array<ArrayBuffer>>;
}

export async function takeIn(choose: Choose, wanted: Wanted): Promise<Taken> {
  const { source } = wanted;
  if (typeof source !== 'string') {
    const stream = source instanceof Uint8Array ? ofBytes(source) : ofBlob(source);
    const taken = await receive(choose, wanted, stream, null);
    return { ...taken, kept: false, keptWhyNot: null };
  }
  if (!wanted.cache) return download(choose, wanted, source, null, null);
  let folder: FileSystemDirectoryHandle;
  try {
    folder = await openFolder();
  } catch (error) {
    return download(choose, wanted, source, null, reason(error));
  }
  return alone(`palimpsest-load ${source}`, wanted, () => fromStore(choose, wanted, source, folder));
}

/** Two loads of one file, in one tab or two, are one download: the second finds the copy. */
async function alone<T>(name: string, wanted: Wanted, work: () => Promise<T>): Promise<T> {
  if (!navigator.locks) return work();
  let result: { value: T } | null = null;
  await navigator.locks.request(name, { ifAvailable: true }, async (lock) => {
    if (lock) result = { value: await work() };
  });
  if (result) return (result as { value: T }).value;
  wanted.progress({ phase: 'waiting', loaded: 0, total: null });
  return navigator.locks.request(name, { signal: wanted.signal }, work) as Promise<T>;
}

async function fromStore(choose: Choose, wanted: Wanted, url: string, folder: FileSystemDirectoryHandle): Promise<Taken> {
  const copy = await findCopy(folder, { sha256: wanted.sha256, url });
  if (copy && (wanted.sha256 || (await isCurrent(url, copy.validator, wanted.signal)))) {
    try {
      const taken = await receive(choose, { ...wanted, sha256: copy.card.sha256 }, ofBlob(copy.file), null);
      return { ...taken, kept: true, keptWhyNot: null };
    } catch (error) {
      const damaged = error instanceof PalimpsestError && error.code === 'integrity';
      if (!damaged && !(error instanceof DOMException && error.name !== 'AbortError')) throw error;
      await removeCopy(folder, copy.card); // damaged or unreadable: fetch it again
    }
  }
  await sweep(folder);
  try {
    return await download(choose, wanted, url, await Writer.create(folder), null);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return download(choose, wanted, url, null, error.message);
  }
}

/** The copy could not be written; the download itself is sound. */
class StoreError extends Error {}

/** Whether the server still has the file of the copy.  Offline the copy is what there is. */
async function isCurrent(url: string, validator: string | null, signal: AbortSignal): Promise<boolean> {
  try {
    const answer = await fetch(url, { method: 'HEAD', cache: 'no-store', signal });
    return answer.ok && validator !== null && validatorOf(answer) === validator;
  } catch (error) {
    if (signal.aborted) throw error;
    return true;
  }
}

function validatorOf({ headers }: Response): string | null {
  const etag = headers.get('etag');
  const date = headers.get('last-modified');
  return etag ?? (date ? `${date} ${headers.get('content-length') ?? ''}` : null);
}

async function download(choose: Choose, wanted: Wanted, url: string, writer: Writer | null, whyNot: string | null): Promise<Taken> {
  let kept = false;
  try {
    const { stream, validator } = await open(url, wanted.signal, writer !== null);
    const taken = await receive(choose, wanted, stream, writer);
    if (writer) {
      await writer.keep(taken.sha256, taken.bytes, { url, validator }).then(
        () => (kept = true),
        (error) => (whyNot = reason(error)),
      );
      writer = null;
    }
    return { ...taken, kept, keptWhyNot: kept ? null : whyNot };
  } finally {
    await writer?.discard();
  }
}

async function open(url: string, signal: AbortSignal, keeping: boolean): Promise<{ stream: Stream; validator: string | null }> {
  if (url.startsWith('file:')) return { stream: await ofPath(url), validator: null };
  let answer: Response;
  try {
    // What is kept here need not be kept by the browser a second time.
    answer = await fetch(url, { signal, cache: keeping ? 'no-store' : 'default' });
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw new PalimpsestError('network', `${url} could not be fetched: ${reason(error)}`);
  }
  if (!answer.ok || !answer.body) throw new PalimpsestError('network', `the server answered ${answer.status} for ${url}`);
  const length = Number(answer.headers.get('content-length'));
  const total = length > 0 && !answer.headers.get('content-encoding') ? length : null;
  return { stream: { phase: 'download', total, pieces: ofBody(answer.body, total, url, signal) }, validator: validatorOf(answer) };
}

// ---- where bytes come from

async function* ofBody(body: ReadableStream<Uint8Array>, total: number | null, url: string, signal: AbortSignal) {
  const reader = body.getReader();
  let loaded = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      loaded += value.length;
      yield value as Uint8Array<ArrayBuffer>;
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw new PalimpsestError('network', `the download of ${url} was cut after ${megabytes(loaded)}: ${reason(error)}`);
  } finally {
    reader.cancel().catch(() => {}); // after an error the rest is not wanted
  }
  if (total !== null && loaded < total)
    throw new PalimpsestError('network', `the download of ${url} was cut after ${megabytes(loaded)} of ${megabytes(total)}`);
}

async function* piecesOf(blob: Blob) {
  for (let at = 0; at < blob.size; at += PIECE) yield new Uint8Array(await blob.slice(at, at + PIECE).arrayBuffer());
}

function ofBlob(blob: Blob): Stream {
  return { phase: 'read', total: blob.size, pieces: piecesOf(blob) };
}

function ofBytes(bytes: Uint8Array): Stream {
  return ofBlob(new Blob([bytes as Uint8Array<ArrayBuffer>]));
}

/** Node only. */
async function ofPath(url: string): Promise<Stream> {
  try {
    const { openAsBlob, statSync } = await import('node:fs');
    const { fileURLToPath } = await import('node:url');
    const path = fileURLToPath(url);
    const found = statSync(path);
    if (!found.isFile()) throw new Error('it is not a file');
    refuseTooLarge(found.size); // openAsBlob counts in 32 bits
    return ofBlob(await openAsBlob(path));
  } catch (error) {
    if (error instanceof PalimpsestError) throw error;
    throw new PalimpsestError('network', `${url} cannot be read: ${reason(error)}`);
  }
}

// ---- where they go

type Image = Pick<Taken, 'engine' | 'at' | 'bytes' | 'sha256'>;

async function receive(choose: Choose, wanted: Wanted, stream: Stream, writer: Writer | null): Promise<Image> {
  if (stream.total !== null) refuseTooLarge(stream.total);
  const pieces = stream.pieces[Symbol.asyncIterator]();
  try {
    const first: Uint8Array<ArrayBuffer>[] = [];
    const engine = await choose(await findArchitecture(pieces, first));
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
  const hash = engine.hashStart();
  const image = new Growing(engine, stream.total ?? PIECE); // the last block, so that it can grow where it lies
  let sha256 = '';
  let reported = -1;
  const report = () => {
    if (reported !== image.length) wanted.progress({ phase: stream.phase, loaded: (reported = image.length), total: stream.total });
  };
  const clock = setInterval(report, REPORT_MS);
  try {
    report();
    for await (const piece of stream.pieces) {
      wanted.signal.throwIfAborted();
      const at = image.append(piece);
      engine.hashAdd(hash, at, piece.length);
      keep(writer, piece);
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

function keep(writer: Writer | null, piece: Uint8Array<ArrayBuffer>): void {
  try {
    writer?.write(piece);
  } catch (error) {
    throw new StoreError(reason(error));
  }
}

function refuseTooLarge(bytes: number): void {
  if (bytes <= LARGEST) return;
  throw new PalimpsestError('memory', `the model has ${megabytes(bytes)}; a page can hold at most ${megabytes(LARGEST)}`);
}

/** A block in the engine's memory that grows when the size was not known, or not true. */
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

  /** Where the piece was put. */
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
    this.at = 0; // should there be no memory, the block is gone
    this.at = this.engine.resize(at, this.#room, room);
    this.#room = room;
  }

  /** Gives back what is not needed. */
  fit(): void {
    if (this.length < this.#room) this.#resize(Math.max(this.length, 1));
  }

  free(): void {
    this.engine.free(this.at);
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
