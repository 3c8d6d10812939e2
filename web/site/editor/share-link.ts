/** A page in a link: `#t=1.` and the page, compressed, with its length and a checksum, so that a link that was cut is recognised.
 *
 *  A link is foreign: every field is checked by its name and type, and nothing in it is HTML.  Version 1 stays readable. */
import type { InfillOptions } from 'palimpsest';

/** What a link holds. */
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
const HEAD = 8;
const NUMBERS = ['temperature', 'topK', 'topP', 'minP', 'repetitionPenalty', 'steps'] as const;
const FLAGS = ['borders', 'document'] as const;

/** Why a link cannot be opened, as a sentence for people. */
export class LinkError extends Error {}

const damaged = (): LinkError => new LinkError('The link is damaged or was cut off on its way. Ask for it again, best as a whole line.');

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
      throw new LinkError('The page is too long for a link: at most 64 KB.');
    }
    parts.push(value);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

export async function makeLink({ typed, written, options, model }: Shared): Promise<string> {
  const places = written?.map((blank) => blank.map(({ text, id, step, probability, empty }) => [text, id, step, Math.round(probability * 100) / 100, empty ? 1 : 0]));
  const seed = options.seed === undefined ? undefined : String(options.seed);
  const json = new TextEncoder().encode(JSON.stringify({ t: typed, f: places, o: { ...options, seed }, m: model }));
  if (json.length > MOST_BYTES) throw new LinkError('The page is too long for a link: at most 64 KB.');
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
  return read(new TextDecoder().decode(json));
}

function read(text: string): Shared {
  let all: unknown;
  try {
    all = JSON.parse(text);
  } catch {
    throw damaged();
  }
  const { t, f, o, m } = (typeof all === 'object' && all !== null ? all : {}) as Record<string, unknown>;
  if (typeof t !== 'string') throw damaged();
  return { typed: t, written: Array.isArray(f) ? f.map(placesOf) : null, options: optionsOf(o), model: typeof m === 'string' ? m.slice(0, 200) : '' };
}

function placesOf(blank: unknown): WrittenPlace[] {
  if (!Array.isArray(blank)) throw damaged();
  return blank.map((place: unknown) => {
    const [text, id, step, probability, empty] = Array.isArray(place) ? (place as unknown[]) : [];
    if (typeof text !== 'string' || ![id, step].every((n) => Number.isInteger(n) && Number(n) >= 0) || typeof probability !== 'number') throw damaged();
    return { text, id: Number(id), step: Number(step), probability: Math.min(1, Math.max(0, probability)), empty: empty === 1 };
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
