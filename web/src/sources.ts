/** Sources that are more than a file or an address: answers of fetch(), files of a hub, models in several files.  Loaded when
 *  one of them is given.  It imports nothing, because it is a file of its own beside `palimpsest.js`. */
import type { ErrorCode, Source } from './types.ts';

/** What the worker can read: an absolute URL, a file or bytes. */
export type Readable = string | Blob | Uint8Array;

/** A source for the worker, or the parts of a split model in any order, and its name. */
export interface Found {
  source: Readable | Readable[];
  name: string;
}

/** What the module needs of the library.  `plain`: a file, bytes or an address; null if the value is none of these. */
export interface Kit {
  fail(code: ErrorCode, message: string): Error;
  told(value: unknown): string;
  plain(source: unknown): Found | null;
  inNode: boolean;
}

type One = { source: Readable; name: string };

/** `hashed`: a hash of the file was given. */
export async function findSource(source: Source, kit: Kit, hashed: boolean, adapter: boolean): Promise<Found> {
  const list = isList(source) ? Array.from(source as ArrayLike<unknown>) : [source];
  if (!list.length) throw kit.fail('option', 'the list of the parts of a model is empty');
  const found = await Promise.all(list.map((one) => findOne(one, kit)));
  const { name, source: first } = found[0]!;
  if (found.length > 1) checkNames(found.map((one) => one.name), kit);
  const all = found.length > 1 ? found.map((one) => one.source) : typeof first === 'string' ? partsOf(first) : first;
  if (Array.isArray(all) && adapter) throw kit.fail('option', 'an adapter is one file, not several');
  if (Array.isArray(all) && hashed) throw kit.fail('option', 'a hash is that of one file, and this model is split into several');
  return { name, source: all };
}

/** An array, or the FileList of an input. */
const isList = (source: unknown): boolean => Array.isArray(source) || Object.prototype.toString.call(source) === '[object FileList]';

async function findOne(given: unknown, kit: Kit): Promise<One> {
  if (Object.prototype.toString.call(given) === '[object Response]') return received(given as Response, kit);
  const text = typeof given === 'string' || given instanceof URL ? String(given) : '';
  const found = kit.plain(text.startsWith('hf:') ? hub(text, kit) : given);
  if (found) return found as One;
  throw kit.fail('option', `models and adapters are loaded from a URL, ${kit.inNode ? 'a path, ' : ''}a File, a Blob, a Response, bytes, or a list of the parts of one model, not from ${kit.told(given)}`);
}

/** A file from an answer that the caller has fetched. */
async function received(answer: Response, { fail }: Kit): Promise<One> {
  const { ok, status, url, bodyUsed } = answer;
  if (bodyUsed) throw fail('option', 'the Response has been read already');
  if (!ok) throw fail('network', `the server answered ${status} for ${url}`);
  try {
    return { source: await answer.blob(), name: url };
  } catch (error) {
    throw fail('network', `the download of ${url} was interrupted: ${error instanceof Error ? error.message : error}`);
  }
}

const HUB = /^hf:([^/@]+\/[^/@]+)\/([^@]+)(?:@(.+))?$/;

/** The address of `hf:owner/name/file@revision`. */
export function hub(given: string, { fail, told }: Pick<Kit, 'fail' | 'told'>): string {
  const [, repository, file, revision = 'main'] = HUB.exec(given) ?? [];
  if (!file) throw fail('option', `${told(given)} must be hf:owner/name/file.gguf, or hf:owner/name/file.gguf@revision`);
  return `https://huggingface.co/${repository}/resolve/${encodeURIComponent(revision)}/${file}`;
}

const PART = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/;

/** Refuses files whose names, if they are those of parts, do not belong together. */
function checkNames(names: readonly string[], { fail }: Kit): void {
  const parts = names.map((name) => PART.exec(name.replace(/^.*[/\\]|[?#].*$/g, '')));
  const [first] = parts;
  if (!first || parts.includes(null)) return;
  const other = parts.find((part) => part![1] !== first[1] || part![3] !== first[3]);
  if (other) throw fail('option', `${first[0]} and ${other[0]} are not parts of one model`);
  const given = parts.map((part) => Number(part![2]));
  const twice = parts.find((_, i) => given.indexOf(given[i]!) !== i);
  if (twice) throw fail('option', `${twice[0]} was given twice`);
  const missing = Array.from({ length: Number(first[3]) }, (_, i) => i + 1).find((number) => !given.includes(number));
  if (missing) throw fail('option', `${first[1]}-${String(missing).padStart(5, '0')}-of-${first[3]}.gguf is missing: give all ${Number(first[3])} parts of the model`);
}

/** The addresses of all parts of a split model, if this is the address of one of them. */
export function partsOf(address: string): string | string[] {
  const url = new URL(address);
  const [, before, number, count] = PART.exec(url.pathname) ?? [];
  if (!(Number(count) > 1 && Number(number) >= 1 && Number(number) <= Number(count))) return address;
  return Array.from({ length: Number(count) }, (_, i) => {
    url.pathname = `${before}-${String(i + 1).padStart(5, '0')}-of-${count}.gguf`;
    return url.href;
  });
}
