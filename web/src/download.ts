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

/** The file in an answer.  `whole`: also if it does not begin like a model. */
export function ofAnswer(answer: Response, url: string, signal: AbortSignal, whole: boolean): Stream {
  const { status, body, headers } = answer;
  if ((status !== 200 && status !== 203) || !body) {
    drop(answer);
    throw new PalimpsestError('network', `the server answered ${status} for ${url}`);
  }
  const length = Number(headers.get('content-length'));
  const total = length > 0 && !headers.get('content-encoding') ? length : null;
  return { phase: 'download', total, pieces: models(answer, ofBody(body, total, url, signal), url, whole) };
}

/** The pieces of a model.  An HTML page gives an error of its own; of other files that are not models, the engine sees only
 *  the first piece. */
async function* models(answer: Response, pieces: AsyncGenerator<Uint8Array<ArrayBuffer>>, url: string, whole: boolean) {
  let head = '';
  for await (const piece of pieces) {
    if (head.length < MAGIC.length) {
      head += String.fromCharCode(...piece.subarray(0, 200));
      const model = MAGIC.startsWith(head.slice(0, MAGIC.length));
      if (!model && isPage(answer.headers.get('content-type') ?? '', head)) throw page(answer, url);
      yield piece;
      if (!model && !whole) return;
    } else yield piece;
  }
}

function isPage(type: string, head: string): boolean {
  return /html/i.test(type) || /^\W*<(!doctype|html|head|body|\?xml)/i.test(head);
}

function page({ redirected, url: from, status }: Response, url: string): PalimpsestError {
  return new PalimpsestError('format', `${url} is not a model: the server answered ${status} with an HTML page${redirected ? ` from ${from}` : ''}`, 0);
}

async function* ofBody(body: ReadableStream<Uint8Array>, total: number | null, url: string, signal: AbortSignal) {
  const reader = body.getReader();
  let loaded = 0;
  try {
    for (;;) {
      const { done, value } = await inTime(reader.read(), url);
      if (done) break;
      loaded += value.length;
      yield value as Uint8Array<ArrayBuffer>;
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof PalimpsestError) throw error;
    throw new PalimpsestError('network', `the download of ${url} was interrupted after ${megabytes(loaded)}: ${reason(error)}`);
  } finally {
    reader.cancel().catch(() => {}); // after an error the rest is not needed
  }
  if (total !== null && loaded < total)
    throw new PalimpsestError('network', `the download of ${url} was interrupted after ${megabytes(loaded)} of ${megabytes(total)}`);
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
