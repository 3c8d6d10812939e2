/** A filled text: its drafts, the words in its blanks, and which of them are kept.  Without a page, so that Node can test it. */
import type { InfillResult, PageToken, Pin } from '../types.ts';
import type { Understood } from '../notation.ts';

/** Kept tokens by their place. */
export type Pins = ReadonlyMap<string, Pin>;
export const NO_PINS: Pins = new Map();

/** One of several ways to fill a text. */
export interface Draft {
  tokens: readonly PageToken[];
  /** null: the fill was stopped, or the page was restored. */
  result: InfillResult | null;
}

export interface Filled {
  drafts: readonly Draft[];
  chosen: number;
  pins: Pins;
}

/** What undo returns to. */
export interface Snapshot {
  text: string;
  filled: Filled | null;
}

/** A part of a blank: some places without a token, or a word. */
export interface Item {
  blank: number;
  /** Tokens of a word; the places that are open. */
  tokens: PageToken[];
  open: boolean;
  /** White space before the word. */
  lead: string;
  text: string;
  kept: boolean;
}

export const keyOf = ({ blank, index }: { blank: number; index: number }) => `${blank}.${index}`;
const pinOf = ({ blank, index, id }: PageToken): Pin => ({ blank, index, id: id! });

/** The items of every blank.  A token that does not begin with white space belongs to the word before it, unless tokens are
 *  `single`: then each is an item. */
export function itemsOf(tokens: readonly PageToken[], pins: Pins, blanks: number, single = false): Item[][] {
  const items: Item[][] = Array.from({ length: blanks }, () => []);
  for (const token of tokens) {
    const list = items[token.blank];
    if (!list || (!token.open && !token.text)) continue;
    const last = list.at(-1);
    const joins = last && last.open === token.open && (token.open || !last.text || (!single && !/^\s|^$/.test(token.text))) && !/\s$/.test(last.text);
    if (joins) add(last, token);
    else list.push(add({ blank: token.blank, tokens: [], open: token.open, lead: '', text: '', kept: false }, token));
  }
  for (const item of items.flat()) item.kept = !item.open && item.tokens.every((token) => pins.get(keyOf(token))?.id === token.id);
  return items;
}

function add(item: Item, token: PageToken): Item {
  item.tokens.push(token);
  const text = item.text + token.text;
  const word = text.trimStart();
  item.lead += text.slice(0, text.length - word.length);
  item.text = word;
  return item;
}

/** The pins after a word was pressed: kept words are let go, others are kept.  If all words of a blank are kept, so is its
 *  end. */
export function toggled(pins: Pins, item: Item, tokens: readonly PageToken[]): Pins {
  const next = new Map(pins);
  const ofBlank = tokens.filter(({ blank }) => blank === item.blank);
  const end = ofBlank.find(({ empty, open }) => empty && !open);
  if (end) next.delete(keyOf(end));
  for (const token of item.tokens) {
    if (item.kept) next.delete(keyOf(token));
    else next.set(keyOf(token), pinOf(token));
  }
  const all = ofBlank.every((token) => !token.open && (!token.text || next.has(keyOf(token))));
  if (end && all) next.set(keyOf(end), pinOf(end));
  return next;
}

/** The fill with another token at a place of the chosen draft; it is kept.  After the end of a blank there are no words. */
export function replaced(filled: Filled, { blank, index }: PageToken, { id, text, probability, empty }: PageToken['alternatives'][number]): Filled {
  const pins = new Map([...filled.pins].filter(([, pin]) => !(empty && pin.blank === blank && pin.index > index)));
  pins.set(keyOf({ blank, index }), { blank, index, id });
  const put = (token: PageToken): PageToken => {
    if (token.blank !== blank || token.index < index) return token;
    if (token.index === index) return { ...token, id, text, probability, empty };
    return empty ? { ...token, text: '', open: false, empty: true } : token;
  };
  const drafts = filled.drafts.map((draft, i) => (i === filled.chosen ? { ...draft, tokens: draft.tokens.map(put) } : draft));
  return { ...filled, drafts, pins };
}

/** The probability of an item: the product of those of its tokens. */
export const probabilityOf = ({ tokens }: Item): number => tokens.reduce((product, { probability }) => product * probability, 1);

/** Pins of all words that are there, and of the ends of blanks: what a stopped fill goes on from. */
export function pinsOfAll(tokens: readonly PageToken[]): Pins {
  const pins = new Map<string, Pin>();
  const ended = new Set<number>();
  for (const token of tokens) {
    if (token.open || token.id === null || ended.has(token.blank)) continue;
    if (token.empty) ended.add(token.blank);
    pins.set(keyOf(token), pinOf(token));
  }
  return pins;
}

/** The pins that are words of this draft. */
export function pinsIn(pins: Pins, { tokens }: Draft): Pins {
  const ids = new Map(tokens.map((token) => [keyOf(token), token.id]));
  return new Map([...pins].filter(([key, { id }]) => ids.get(key) === id));
}

export const draftOf = (filled: Filled | null): Draft | null => filled?.drafts[filled.chosen] ?? null;
export const openIn = (tokens: readonly PageToken[]): number => tokens.filter(({ open }) => open).length;

/** The text as it is now.  A blank that is open is as it was typed; what is left of one is `[[n]]`. */
export function textOf({ pieces }: Understood, items: readonly Item[][] | null): string {
  let blank = 0;
  return pieces.map((piece) => (piece.kind === 'text' ? piece.text : textOfBlank(piece.typed, items?.[blank++]))).join('');
}

function textOfBlank(typed: string, items: readonly Item[] | undefined): string {
  if (!items || (items.length === 1 && items[0]!.open)) return typed;
  return items.map(({ open, tokens, lead, text }) => (open ? `[[${tokens.length}]]` : lead + text)).join('');
}

/** The words of a draft, blank by blank. */
export function wordsOf(items: readonly Item[][]): string[] {
  return items.map((list) => list.filter(({ open }) => !open).map(({ lead, text }) => lead + text).join('').trim());
}

// ---- kept by the browser, for a page that is opened again

type Packed = [blank: number, index: number, id: number | null, text: string, state: number, pinned: number];

/** As text, for formStateRestoreCallback(). */
export function pack({ text, filled }: Snapshot): string {
  const draft = draftOf(filled);
  const tokens = draft?.tokens.map((token): Packed => [
    token.blank, token.index, token.id, token.text, token.open ? 0 : token.empty ? 2 : 1, Number(filled!.pins.has(keyOf(token))),
  ]);
  return JSON.stringify({ palimpsest: 1, text, tokens: tokens ?? null });
}

/** null: it was not written by pack(). */
export function unpack(packed: string): Snapshot | null {
  try {
    const { palimpsest, text, tokens } = JSON.parse(packed);
    if (palimpsest !== 1 || typeof text !== 'string') return null;
    if (!Array.isArray(tokens)) return { text, filled: null };
    const pins = new Map<string, Pin>();
    const draft = { result: null, tokens: tokens.map((one: Packed) => unpackToken(one, pins)) };
    return { text, filled: { drafts: [draft], chosen: 0, pins } };
  } catch {
    return null;
  }
}

function unpackToken([blank, index, id, text, state, pinned]: Packed, pins: Map<string, Pin>): PageToken {
  if (![blank, index, state].every(Number.isInteger) || !(id === null || Number.isInteger(id)) || typeof text !== 'string') throw new TypeError();
  const token: PageToken = {
    blank, index, id, text, open: state === 0, empty: state === 2, pinned: pinned === 1, step: null, fresh: false, probability: 1, alternatives: [],
  };
  if (pinned && id !== null) pins.set(keyOf(token), pinOf(token));
  return token;
}
