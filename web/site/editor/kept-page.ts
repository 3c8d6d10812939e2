/** Keeps the filled page between visits: a reload shows it again. */
import type { InfillResult, Page } from 'palimpsest';
import { type Chosen, type Fill, newFill, placeKey, type Pins } from '../fill.ts';
import { recallHere, rememberHere } from '../storage.ts';
import type { PageText } from './erasing.ts';

/** All that is kept.  Another shape gets another number. */
const VERSION = 1;
const KEY = 'page';
const MOST_CHARACTERS = 1 << 20;

export interface KeptPage {
  text: PageText;
  fill: Fill | null;
  chosen: number;
  pins: Pins;
  /** Texts that undo brings back, the latest last: an opened link or an example may have replaced what was typed. */
  before: readonly PageText[];
}

interface Stored {
  version: number;
  text: PageText;
  chosen: number;
  pins: Chosen[];
  before?: PageText[];
  fill: { text: string; pins: Chosen[]; pages: (Page | InfillResult | null)[] } | null;
}

/** Seeds have 64 bits. */
const toJson = (value: Stored): string => JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? { bigint: String(one) } : one));
const fromJson = (text: string): unknown =>
  JSON.parse(text, (_, one: unknown) => (typeof one === 'object' && one !== null && 'bigint' in one && typeof one.bigint === 'string' ? BigInt(one.bigint) : one));

export function keepPage({ text, fill, chosen, pins, before }: KeptPage): void {
  const pages = fill?.drafts.map((draft) => draft.result ?? draft.page) ?? [];
  const stored = { version: VERSION, text, chosen, pins: [...pins.values()], before: [...before] };
  const json = toJson({ ...stored, fill: fill && { text: fill.text, pins: [...fill.pins.values()], pages } });
  const short = json.length <= MOST_CHARACTERS ? json : toJson({ ...stored, fill: null });
  rememberHere(KEY, short.length <= MOST_CHARACTERS ? short : null);
}

const pinsOf = (list: readonly Chosen[]): Pins => new Map(list.map((pin) => [placeKey(pin), pin]));

/** The kept page; null if there is none, or none that this version of the page understands. */
export function keptPage(): KeptPage | null {
  try {
    const stored = fromJson(String(recallHere(KEY))) as Stored;
    if (stored?.version !== VERSION || typeof stored.text.typed !== 'string') return null;
    const { text, chosen, pins, fill, before = [] } = stored;
    return { text, chosen, pins: pinsOf(pins), fill: fill && restored(fill), before };
  } catch {
    return null;
  }
}

function restored({ text, pins, pages }: NonNullable<Stored['fill']>): Fill {
  const fill = newFill(text, pinsOf(pins), pages.length, {});
  pages.forEach((page, i) => {
    const draft = fill.drafts[i];
    if (!draft || !page) return;
    draft.page = page;
    if ('seconds' in page) draft.result = page;
  });
  return fill;
}
