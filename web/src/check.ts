/** Checks the arguments of callers, with one table per call.  Only kinds of values are checked here; the engine checks
 *  ranges. */
import { PalimpsestError } from './errors.ts';

export function refuse(message: string): never {
  throw new PalimpsestError('option', message);
}

/** Not by `instanceof`, because objects of other frames are valid too. */
const kindOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1);

/** A value as text for an error message; never throws. */
export function told(value: unknown): string {
  if (typeof value === 'string') return value.length < 40 ? JSON.stringify(value) : 'a long string';
  if (typeof value === 'bigint') return `the bigint ${String(value).slice(0, 40)}`;
  if (value === null || value === undefined || typeof value === 'number' || typeof value === 'boolean') return String(value);
  const kind = typeof value === 'object' ? kindOf(value) : typeof value;
  return `${/^[aeiou]/i.test(kind) ? 'an' : 'a'} ${kind === 'Object' ? 'object' : kind}`;
}

const isWhole = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 0;
const isId = (value: unknown): boolean => isWhole(value) && value < 2 ** 31;
const isNumber = (value: unknown): boolean => typeof value === 'number' && !Number.isNaN(value);
const isObject = (value: unknown): value is Record<string, unknown> => kindOf(value) === 'Object' && typeof value === 'object';

/** Whether it is an array or typed array and every entry is good. */
function isListOf(value: unknown, good: (entry: unknown) => boolean): boolean {
  if (!Array.isArray(value) && !(ArrayBuffer.isView(value) && 'length' in value)) return false;
  const list = value as ArrayLike<unknown>;
  for (let i = 0; i < list.length; i++) if (!good(list[i])) return false; // holes too
  return true;
}

export function isSeed(value: unknown): value is number | bigint {
  return typeof value === 'bigint' ? value >= 0n && value < 1n << 64n : Number.isSafeInteger(value) && (value as number) >= 0;
}

function isSignal(value: unknown): boolean {
  const { aborted, addEventListener, throwIfAborted } = (value ?? {}) as Partial<AbortSignal>;
  return typeof aborted === 'boolean' && typeof addEventListener === 'function' && typeof throwIfAborted === 'function';
}

const isPlace = (place: unknown): place is Record<string, unknown> => isObject(place) && isId(place.blank) && isId(place.index);
const isText = (value: unknown): boolean => typeof value === 'string';
/** The worker checks whether the model has a label of this name. */
const isName = (name: unknown): boolean => typeof name === 'string' || typeof name === 'number';
/** For the rules of parts that are loaded later. */
export const is = { id: isId, list: isListOf, name: isName, number: isNumber, object: isObject, place: isPlace, text: isText, whole: isWhole };

/** Kinds of values: the check, and the words of the error message. */
const KINDS = {
  number: [isNumber, 'a number'],
  positive: [(value: unknown) => isNumber(value) && (value as number) > 0, 'a number above 0'],
  integer: [Number.isInteger, 'a whole number'],
  whole: [isWhole, 'a whole number, 0 or more'],
  least1: [(value: unknown) => isWhole(value) && value > 0, 'a whole number, at least 1'],
  threads: [(value: unknown) => value === 'auto' || (isWhole(value) && value > 0 && value <= 64), "a whole number from 1 to 64, or 'auto'"],
  flag: [(value: unknown) => typeof value === 'boolean', 'true or false'],
  text: [isText, 'a string'],
  hash: [(value: unknown) => typeof value === 'string' && /^[0-9a-f]{64}$/i.test(value), 'a string of 64 hexadecimal digits'],
  address: [(value: unknown) => typeof value === 'string' || kindOf(value) === 'URL', 'a URL, as a string or an object'],
  seed: [isSeed, 'a whole number from 0 (above 2^53 - 1 a bigint, below 2^64)'],
  ids: [(value: unknown) => isListOf(value, isId), 'an array of token ids, which are whole numbers from 0'],
  numbers: [(value: unknown) => isListOf(value, isNumber), 'an array of numbers'],
  pins: [(value: unknown) => Array.isArray(value) && isListOf(value, (pin) => isPlace(pin) && isId(pin.id)), 'an array of { blank, index, id }, whole numbers from 0'],
  name: [isName, 'a name'],
  any: [() => true, ''], // checked elsewhere
  callback: [(value: unknown) => typeof value === 'function', 'a function'],
  signal: [isSignal, 'an AbortSignal'],
} satisfies Record<string, [(value: unknown) => boolean, string]>;

/** A check, and the words of the error message. */
export type Rule = readonly [good: (value: unknown) => boolean, must: string];
/** One of these kinds, a list of allowed words, or a rule. */
export type Kind = keyof typeof KINDS | readonly string[] | Rule;
export type Table = Readonly<Record<string, Kind>>;

/** Throws an `option` error if the value is not of this kind. */
export function check(name: string, value: unknown, kind: Kind): void {
  const [good, must] = typeof kind === 'string' ? KINDS[kind] : typeof kind[0] === 'function' ? (kind as Rule) : [(one: unknown) => (kind as readonly string[]).includes(one as string), `one of ${kind.join(', ')}`];
  if (!good(value)) refuse(`${name} must be ${must}, not ${told(value)}`);
}

/** The checked options of a call.  Unknown options are refused, and undefined ones are left out.  `null` is refused like any
 *  other value that is not an object. */
export function take<Options extends object>(call: string, given: Options | undefined, table: Table): Options {
  const taken: Record<string, unknown> = {};
  if (given === undefined) return taken as Options;
  if (!isObject(given)) refuse(`the options of ${call} must be an object, not ${told(given)}`);
  for (const name of Object.keys(given)) if (!Object.hasOwn(table, name)) refuse(`unknown option ${name}${meant(name, Object.keys(table))}`);
  for (const [name, kind] of Object.entries(table)) {
    const value = given[name];
    if (value === undefined) continue;
    check(name, value, kind);
    taken[name] = value;
  }
  return taken as Options;
}

/** The end of the error for an unknown option: the most similar option, or the list of all. */
function meant(name: string, known: readonly string[]): string {
  const plain = (text: string) => text.toLowerCase().replace(/[-_]/g, '');
  const distances = known.map((one) => apart(plain(name), plain(one)));
  const least = Math.min(...distances);
  return least < 3 ? `; did you mean ${known[distances.indexOf(least)]}?` : `; options: ${known.join(', ')}`;
}

/** Edit distance: letters to be inserted, deleted or changed to make one word the other. */
function apart(a: string, b: string): number {
  let row = [...b, ''].map((_, i) => i);
  for (let i = 0; i < a.length && i < 40; i++)
    row = row.reduce<number[]>((next, above, j) => [...next, j ? Math.min(above + 1, next[j - 1]! + 1, row[j - 1]! + Number(a[i] !== b[j - 1])) : i + 1], []);
  return row[b.length]!;
}
