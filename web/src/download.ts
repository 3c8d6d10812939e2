/** Downloads models, and asks hosts whether a file has changed.  Hosts may behave badly. */
import { PalimpsestError } from './errors.ts';
import type { Said } from './store.ts';
import { megabytes } from './numbers.ts';

/** How long a host may take to answer if there is a kept copy. */
export const PATIENCE_MS = 5000;
/** A download ends if no data arrives for this long.  As long as data arrives, it is not stopped. */
export const STALL_MS = 120000;
const MAGIC = 'GGUF';

export function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A stream of bytes, with the total number if that is known. */
export interface Stream {
  phase: 'download' | 'read';
  total: number | null;
  pieces: AsyncIterable<Uint8Array<ArrayBuffer>>;
}

// ---- the state of a file on a host

export function saidIn({ headers }: Response): Said {
  const length = headers.get('content-length');
  return { etag: headers.get('etag'), date: headers.get('last-modified'), length: length === null ? null : Number(length) };
}

/** An ETag without the changes that compression on the way makes. */
const core = (etag: string) => etag.replace(/^W\//, '').replace(/[-;]+(gzip|br|zstd|deflate)(?="$)/, '');

/** Whether the host still has the same file; null if its headers do not say enough. */
export function isSame(now: Said, then: Said | undefined, bytes: number): boolean | null {
  if (!then) return false;
  if (now.etag && then.etag) return core(now.etag) === core(then.etag);
  const lengths = now.length === null || now.length === bytes || then.length === null || now.length === then.length;
  if (now.date && then.date) return now.date === then.date && lengths;
  return lengths && !now.etag && !then.etag && !now.date && !then.date ? null : false;
}

/** Whether a page asks another origin; Node has none. */
const isForeign = (url: string) => globalThis.location !== undefined && new URL(url).origin !== location.origin;

/** Headers of a conditional request, which is answered by 304 if the file is the same.  Other origins would have to allow
 *  them, so for those only the headers of the answer are compared. */
export function conditions(url: string, then: Said | undefined): Record<string, string> {
  if (new URL(url).origin !== globalThis.location?.origin) return {};
  return { ...(then?.etag && { 'if-none-match': then.etag }), ...(then?.date && { 'if-modified-since': then.date }) };
}

/** The answer of a host, whatever its status, as soon as its headers have arrived. */
export async function ask(url: string, init: RequestInit, signal: AbortSignal, patience: number): Promise<Response> {
  const stop = new AbortController();
  const late = setTimeout(() => stop.abort(nothing(url, patience)), patience);
  signal.addEventListener('abort', () => stop.abort(signal.reason)); // also while the body arrives
  try {
    return await fetch(url, { ...init, ...(isForeign(url) && { referrerPolicy: 'no-referrer' }), signal: stop.signal });
  } catch (error) {
    signal.throwIfAborted();
    if (stop.signal.aborted) throw stop.signal.reason;
    throw new PalimpsestError('network', `${url} could not be fetched: ${reason(error)}${isForeign(url) ? '; its server must allow other origins (CORS)' : ''}`);
  } finally {
    clearTimeout(late);
  }
}

/** No answer came; any other failure counts as an answer. */
export class Silence extends PalimpsestError {}

function nothing(url: string, ms: number): Silence {
  return new Silence('network', `no data for ${Math.ceil(ms / 1000)} s from ${url}`);
}

/** Cancels the rest of an answer. */
export function drop(answer: Response): void {
  answer.body?.cancel().catch(() => {});
}

// ---- the file itself

export interface Rest {
  body: ReadableStream<Uint8Array>;
  /** The whole file, from its beginning. */
  again?: boolean;
  total: number | null;
}

/** Goes on with a file whose download was cut; in loading.ts, which is loaded when it is needed. */
export interface Resuming {
  /** What follows the first bytes, or the whole file again.  Throws if there is neither. */
  rest(from: number, cut: PalimpsestError): Promise<Rest>;
}

/** What a download needs to know.  `whole`: also a file that does not begin like a model. */
export interface Need {
  url: string;
  signal: AbortSignal;
  whole: boolean;
  resuming(answer: Response, total: number | null): Promise<Resuming>;
  /** Throws if an answer that is no model is an HTML page. */
  stranger(answer: Response, head: string): Promise<void>;
}

/** The beginning of a file that an earlier download has left. */
export interface Before {
  length: number;
  pieces: Iterable<Uint8Array<ArrayBuffer>>;
}

/** The file in an answer; `before`: its beginning, if the answer has only the rest. */
export function ofAnswer(answer: Response, need: Need, before?: Before): Stream {
  const { status, body, headers } = answer;
  if (!(status === 200 || status === 203 || (before && status === 206)) || !body) {
    drop(answer);
    throw new PalimpsestError('network', `the server answered ${status} for ${need.url}`);
  }
  const length = totalOf(headers);
  const total = length && length + (before?.length ?? 0);
  return { phase: 'download', total, pieces: models(answer, ofBody(answer, body, total, need, before), need) };
}

/** Bytes of the body, if they are known. */
export function totalOf(headers: Headers): number | null {
  const length = Number(headers.get('content-length'));
  return length > 0 && !headers.get('content-encoding') ? length : null;
}

/** In a stream: the file begins again. */
const AGAIN = new Uint8Array(0);

/** The pieces of a model.  An HTML page gives an error of its own; of other files that are not models, the engine sees only
 *  the first piece. */
async function* models(answer: Response, pieces: AsyncGenerator<Uint8Array<ArrayBuffer>>, { whole, stranger }: Need) {
  let head = '';
  for await (const piece of pieces) {
    if (!piece.length) head = '';
    if (head.length < MAGIC.length) {
      head += String.fromCharCode(...piece.subarray(0, 200));
      const model = MAGIC.startsWith(head.slice(0, MAGIC.length));
      if (!model) await stranger(answer, head);
      yield piece;
      if (!model && !whole) return;
    } else yield piece;
  }
}

/** A cut connection is tried again as long as that helps. */
async function* ofBody(answer: Response, body: ReadableStream<Uint8Array>, total: number | null, { url, signal, resuming }: Need, before?: Before) {
  let loaded = before?.length ?? 0;
  let resume: Resuming | null = null;
  const cut = (why: string) => new PalimpsestError('network', `the download of ${url} was interrupted after ${megabytes(loaded)}${total === null ? '' : ` of ${megabytes(total)}`}${why}`);
  if (before) yield* before.pieces;
  for (let end; ; ) {
    const reader = body.getReader();
    try {
      for (;;) {
        const { done, value } = await inTime(reader.read(), url);
        if (done) break;
        if (!value.length) continue;
        loaded += value.length;
        yield value as Uint8Array<ArrayBuffer>;
      }
      if (total === null || loaded >= total) return;
      end = cut('');
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof PalimpsestError) throw error;
      end = cut(`: ${reason(error)}`);
    } finally {
      reader.cancel().catch(() => {}); // after an error the rest is not needed
    }
    resume ??= await resuming(answer, total).catch(() => Promise.reject(end));
    const rest: Rest = await resume!.rest(loaded, end);
    ({ body, total } = rest);
    if (!rest.again) continue;
    loaded = 0;
    yield AGAIN;
  }
}

async function inTime<T>(work: Promise<T>, url: string): Promise<T> {
  let late;
  const stalled = new Promise<never>((_, reject) => (late = setTimeout(() => reject(nothing(url, STALL_MS)), STALL_MS)));
  try {
    return await Promise.race([work, stalled]);
  } finally {
    clearTimeout(late);
  }
}
