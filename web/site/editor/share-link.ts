/** A page in a link or a file.
 *
 *  A link is `#t=1.` and the page, compressed, with its length and a checksum, so that a link that was cut is recognised.
 *  A file is the same page as JSON, with `palimpsest` as its version; it may be longer.  Both are foreign: every field is
 *  checked by its name, type and range, and nothing in them is HTML.  Version 1 stays readable. */
import type { InfillOptions } from 'palimpsest';

/** What a link or a file holds. */
export interface Shared {
  /** The text as it was typed. */
  typed: string;
  /** What the model wrote, by blank and place; null: nothing yet. */
  written: WrittenPlace[][] | null;
  /** Options of the fill; the seed is among them. */
  options: SharedOptions;
  /** Name of the model that wrote it, '' if none did. */
  model: string;
}

export interface WrittenPlace {
  text: string;
  id: number;
  step: number;
  probability: number;
  empty: boolean;
}

type SharedOptions = Pick<InfillOptions, 'seed' | 'sampler' | 'temperature' | 'topK' | 'topP' | 'minP' | 'repetitionPenalty' | 'steps' | 'borders' | 'document'>;

const START = '#t=1.';
/** Programs that find links drop a last `-`; this letter is no part of the page. */
const END = 'p';
const MOST_BYTES = 64 << 10;
const MOST_FILE = 1 << 20;
const HEAD = 8;
/** A page has fewer steps and token ids than these. */
const MOST_STEP = 1 << 16;
const MOST_ID = 1 << 24;
const NUMBERS = ['temperature', 'topK', 'topP', 'minP', 'repetitionPenalty', 'steps'] as const;
const FLAGS = ['borders', 'document'] as const;

/** Why a link or a file cannot be opened or made, as a sentence for people. */
export class LinkError extends Error {}

const damaged = (): LinkError => new LinkError('The link is damaged or was cut off on its way. Ask for it again, best as a whole line.');
const tooLong = (): LinkError => new LinkError('This page is too long for a link, which holds at most 64 KB.');
const noPage = (): LinkError => new LinkError('It is not a page that was saved here, or it is damaged.');

export const isShareLink = (hash: string): boolean => hash.startsWith('#t=');

/** CRC-32 (ISO 3309), bit by bit: links are short. */
function checksum(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

const toBase64 = (bytes: Uint8Array): string =>
  btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  if (!/^[\w-]*$/.test(text)) throw damaged();
  try {
    return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (one) => one.charCodeAt(0));
  } catch {
    throw damaged();
  }
}

/** Compresses or decompresses; more than `most` bytes are an error. */
async function through(transform: GenericTransformStream, bytes: Uint8Array<ArrayBuffer>, most: number): Promise<Uint8Array<ArrayBuffer>> {
  const reader = new Blob([bytes]).stream().pipeThrough<Uint8Array<ArrayBuffer>>(transform as ReadableWritablePair<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>).getReader();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > most) {
      await reader.cancel().catch(() => {});
      throw tooLong();
    }
    parts.push(value);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** The fields of a link or file. */
function fieldsOf({ typed, written, options, model }: Shared): object {
  const places = written?.map((blank) => blank.map(({ text, id, step, probability, empty }) => [text, id, step, Math.round(probability * 100) / 100, empty ? 1 : 0]));
  const seed = options.seed === undefined ? undefined : String(options.seed);
  return { t: typed, f: places, o: { ...options, seed }, m: model };
}

export async function makeLink(shared: Shared): Promise<string> {
  const json = new TextEncoder().encode(JSON.stringify(fieldsOf(shared)));
  if (json.length > MOST_BYTES) throw tooLong();
  const packed = await through(new CompressionStream('deflate-raw'), json, MOST_BYTES);
  const all = new Uint8Array(HEAD + packed.length);
  const head = new DataView(all.buffer);
  head.setUint32(0, json.length);
  head.setUint32(4, checksum(json));
  all.set(packed, HEAD);
  return START + toBase64(all) + END;
}

export async function openLink(hash: string): Promise<Shared> {
  if (!hash.startsWith(START)) throw new LinkError('The link was made by a later version of this page. Reload the page, or ask for another link.');
  if (!hash.endsWith(END)) throw damaged();
  const all = fromBase64(hash.slice(START.length, -END.length));
  if (all.length <= HEAD) throw damaged();
  const head = new DataView(all.buffer);
  let json: Uint8Array<ArrayBuffer>;
  try {
    json = await through(new DecompressionStream('deflate-raw'), all.slice(HEAD), MOST_BYTES);
  } catch (error) {
    throw error instanceof LinkError ? error : damaged();
  }
  if (json.length !== head.getUint32(0) || checksum(json) !== head.getUint32(4)) throw damaged();
  return sharedOf(jsonOf(json, damaged), damaged);
}

export const makeFile = (shared: Shared): Blob => new Blob([JSON.stringify({ palimpsest: 1, ...fieldsOf(shared) })], { type: 'application/json' });

/** Whether a file begins as makeFile() begins it; openFile() checks the rest. */
export const isPageFile = async (file: Blob): Promise<boolean> => /^\uFEFF?\s*\{\s*"palimpsest"\s*:/.test(await file.slice(0, 64).text());

export async function openFile(file: Blob): Promise<Shared> {
  if (file.size > MOST_FILE) throw new LinkError('It is longer than 1 MB, which no page is that was saved here.');
  const fields = jsonOf(new Uint8Array(await file.arrayBuffer().catch(() => new ArrayBuffer(0))), noPage);
  if (typeof fields.palimpsest === 'number' && fields.palimpsest > 1) throw new LinkError('It was saved by a later version of this page. Reload the page and try again.');
  if (fields.palimpsest !== 1) throw noPage();
  return sharedOf(fields, noPage);
}

type Fields = Record<string, unknown>;
type Refuse = () => LinkError;

function jsonOf(bytes: Uint8Array, refuse: Refuse): Fields {
  try {
    const all: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (typeof all === 'object' && all !== null) return all as Fields;
  } catch {
    // not JSON
  }
  throw refuse();
}

function sharedOf({ t, f, o, m }: Fields, refuse: Refuse): Shared {
  if (typeof t !== 'string') throw refuse();
  const written = Array.isArray(f) ? f.map((blank) => placesOf(blank, refuse)) : null;
  return { typed: t, written, options: optionsOf(o), model: typeof m === 'string' ? m.slice(0, 200) : '' };
}

const isCount = (n: unknown, most: number): n is number => Number.isInteger(n) && Number(n) >= 0 && Number(n) <= most;

function placesOf(blank: unknown, refuse: Refuse): WrittenPlace[] {
  if (!Array.isArray(blank)) throw refuse();
  return blank.map((place: unknown) => {
    const [text, id, step, probability, empty] = Array.isArray(place) ? (place as unknown[]) : [];
    if (typeof text !== 'string' || !isCount(id, MOST_ID) || !isCount(step, MOST_STEP) || typeof probability !== 'number') throw refuse();
    return { text, id, step, probability: Math.min(1, Math.max(0, probability)), empty: empty === 1 };
  });
}

function optionsOf(given: unknown): SharedOptions {
  const found = (typeof given === 'object' && given !== null ? given : {}) as Record<string, unknown>;
  const options: SharedOptions = {};
  for (const key of NUMBERS) if (typeof found[key] === 'number' && Number.isFinite(found[key])) options[key] = found[key];
  for (const key of FLAGS) if (typeof found[key] === 'boolean') options[key] = found[key];
  if (typeof found.seed === 'string' && /^\d{1,20}$/.test(found.seed)) options.seed = BigInt(found.seed);
  if (typeof found.sampler === 'string' && /^[a-z-]{1,40}$/.test(found.sampler)) options.sampler = found.sampler as SharedOptions['sampler'];
  return options;
}
