/** What only some loads need: downloads that were cut go on, large ones also at a later visit.  Worker only; a file of its own
 *  (loading-file.ts), because most loads do without it.
 *
 *  A download goes on only if the server says that the file is still the same, by a strong ETag or a date. */
import { ask, drop, reason, saidIn, STALL_MS, totalOf, type Before, type Need, type Rest, type Resuming, type Stream } from './download.ts';
import { PalimpsestError } from './errors.ts';
import { ofBlob, refuseTooLarge } from './intake.ts';
import { fromNode } from './platform.ts';
import { PART, removeQuietly, unfinished, writeObject, Writer, type Part, type Said } from './store.ts';
import { takeParts } from './split.ts';

/** How long to wait before each further try. */
const PAUSES_MS = [500, 1500, 4000];
/** Bytes after which a download counts as going well again. */
const PROGRESS = 1 << 20;
const PIECE = 4 << 20;

/** A large download that goes on where an earlier one was cut, or begins. */
export interface Begun {
  writer: Writer;
  answer: Response;
  before: Before;
}

export interface Loading {
  resuming(answer: Response, total: number | null, need: Need): Resuming;
  begun(folder: FileSystemDirectoryHandle, need: Need): Promise<Begun | null>;
  last(writer: Writer, part: Omit<Part, 'file'>): Promise<void>;
  takeParts: typeof takeParts;
  stranger(answer: Response, head: string, url: string): void;
  /** Node only. */
  ofPath(url: string): Promise<Stream>;
}

// ---- is it the same file?

/** What proves that the bytes are the same: a strong ETag, or the date of the last change. */
const proofOf = ({ etag, date }: Said): string | null => (etag && !etag.startsWith('W/') ? etag : date);

const sameBytes = (now: Said, then: Said): boolean => {
  const proof = proofOf(then);
  return proof !== null && proof === proofOf(now);
};

/** Headers of a request for the rest.  Other origins would have to allow If-Range; of theirs the answer is compared. */
function headersFor(url: string, from: number, said: Said): Record<string, string> {
  const own = !globalThis.location || new URL(url).origin === location.origin;
  return { range: `bytes=${from}-`, ...(own && { 'if-range': proofOf(said)! }) };
}

/** Whether the answer has the rest of the same file.  Content-Range cannot be read from every other origin. */
function isRest(answer: Response, from: number, said: Said, total: number): boolean {
  const range = answer.headers.get('content-range');
  const length = Number(answer.headers.get('content-length'));
  return answer.status === 206 && sameBytes(saidIn(answer), said) && !answer.headers.get('content-encoding') &&
    (range ? range === `bytes ${from}-${total - 1}/${total}` : length === total - from);
}

// ---- in one load

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => (clearTimeout(late), reject(signal.reason)), { once: true });
  });
}

/** Without its first bytes. */
function without(body: ReadableStream<Uint8Array>, bytes: number): ReadableStream<Uint8Array> {
  let left = bytes;
  return body.pipeThrough(new TransformStream<Uint8Array, Uint8Array>({
    transform(piece, out) {
      const rest = piece.subarray(Math.min(left, piece.length));
      left -= piece.length - rest.length;
      if (rest.length) out.enqueue(rest);
    },
  }));
}

function resuming(answer: Response, length: number | null, { url, signal }: Need): Resuming {
  let tries = 0;
  let reached = 0;
  let said = saidIn(answer);
  let total = length;
  const all = (next: Response): Rest => {
    if (next.status !== 200 || !next.body) throw refused(next);
    const same = sameBytes(saidIn(next), said);
    said = saidIn(next);
    total = totalOf(next.headers);
    return { body: next.body, total, again: !same };
  };
  const once = async (from: number): Promise<Rest> => {
    const whole = total === null || proofOf(said) === null || from === 0;
    const next = await ask(url, { cache: 'no-store', headers: whole ? {} : headersFor(url, from, said) }, signal, STALL_MS);
    if (!whole && next.body && isRest(next, from, said, total!)) return { body: next.body, total };
    const rest = all(next.status === 206 || next.status === 416 ? (drop(next), await ask(url, { cache: 'no-store' }, signal, STALL_MS)) : next);
    return rest.again ? rest : { ...rest, body: without(rest.body, from) };
  };
  return {
    async rest(from, cut) {
      if (from > reached + PROGRESS) tries = 0;
      reached = Math.max(reached, from);
      let why = '';
      while (tries < PAUSES_MS.length) {
        await pause(PAUSES_MS[tries++]!, signal);
        try {
          return await once(from);
        } catch (error) {
          signal.throwIfAborted();
          why = `; then ${reason(error)}`;
        }
      }
      throw new PalimpsestError('network', `${cut.message}; ${tries} more tries did not help${why}`);
    },
  };
}

function refused(answer: Response): PalimpsestError {
  drop(answer);
  return new PalimpsestError('network', `the server answered ${answer.status}`);
}

// ---- at a later visit

/** Opens what an earlier download of this file has left, and asks the host for the rest.  If it is of no use, it is deleted. */
async function begun(folder: FileSystemDirectoryHandle, need: Need): Promise<Begun | null> {
  for (const part of (await unfinished(folder)).filter((one) => one.url === need.url)) {
    const writer = await Writer.create(folder, part.file);
    let answer: Response | null = null;
    try {
      const length = writer.access?.getSize() ?? 0;
      if (length > 0 && length < part.total) answer = await ask(need.url, { cache: 'no-store', headers: headersFor(need.url, length, part.said) }, need.signal, STALL_MS);
      if (answer && isRest(answer, length, part.said, part.total)) return { writer, answer, before: oldOf(writer, length) };
    } catch (error) {
      await writer.end(false, true);
      throw error;
    }
    if (answer) drop(answer);
    await writer.end(false, writer.whyNot !== null); // in use by another tab: not ours to delete
  }
  return null;
}

function oldOf(writer: Writer, length: number): Before {
  const access = writer.access!;
  writer.old = length;
  function* pieces() {
    for (let at = 0; at < length; ) {
      const piece = new Uint8Array(Math.min(PIECE, length - at));
      at += access.read(piece, { at });
      yield piece;
    }
  }
  return { length, pieces: pieces() };
}

/** Notes what is being downloaded, so that a download that does not end can go on later. */
async function last(writer: Writer, part: Omit<Part, 'file'>): Promise<void> {
  if (proofOf(part.said) === null || writer.whyNot !== null) return;
  const { folder, file } = writer;
  try {
    await writeObject(folder, file + PART, { file, ...part });
    writer.lasting = true;
  } catch {
    await removeQuietly(folder, file + PART);
  }
}

// ---- files in Node

async function ofPath(url: string): Promise<Stream> {
  try {
    const { openAsBlob, statSync }: typeof import('node:fs') = fromNode('node:fs');
    const path = new URL(url);
    const found = statSync(path);
    if (!found.isFile()) throw new Error('it is not a file');
    refuseTooLarge(found.size); // openAsBlob counts in 32 bits
    return ofBlob(await openAsBlob(path));
  } catch (error) {
    if (error instanceof PalimpsestError) throw error;
    throw new PalimpsestError('network', `${url} cannot be read: ${reason(error)}`);
  }
}

// ---- what is not a model

/** Throws if the answer is an HTML page; the engine says what other files are. */
function stranger({ headers, redirected, url: from, status }: Response, head: string, url: string): void {
  if (!/html/i.test(headers.get('content-type') ?? '') && !/^\W*<(!doctype|html|head|body|\?xml)/i.test(head)) return;
  throw new PalimpsestError('format', `${url} is not a model: the server answered ${status} with an HTML page${redirected ? ` from ${from}` : ''}`, 0);
}

export const loading: Loading = { resuming, begun, last, takeParts, stranger, ofPath };
