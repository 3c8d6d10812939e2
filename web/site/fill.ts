/** A fill: one or more drafts of the same blanks, with every step stored for the replay. */
import { samplerProperties, type InfillOptions, type InfillResult, type Model, type Page, type PagePart, type PageToken, type Pin } from 'palimpsest';

/** A page after a step, stored for samplers that mask places again. */
interface Trace {
  step: number;
  /** Text of each place, null while open. */
  texts: (string | null)[];
  /** Text of the open places that can still change (uniform noise). */
  loose: string[];
}

/** Max. number of stored steps for samplers that mask places again; when there are more, every other one is dropped. */
const MAX_TRACES = 512;

const looseOf = ({ open, text }: PageToken): string => (open ? text : '');

export class Draft {
  page: Page | null = null;
  result: InfillResult | null = null;
  /** Only for samplers that mask places again or change their tokens; for all others the step of each place is enough. */
  private traces: Trace[] | null;
  private stride = 1;

  constructor(readonly number: number, takesBack: boolean) {
    this.traces = takesBack ? [] : null;
  }

  advance(page: Page): void {
    this.page = page;
    if (page.tokens.some((token) => token.open && token.text)) this.traces ??= [];
    if (!this.traces || page.step % this.stride) return;
    this.traces.push({ step: page.step, texts: page.tokens.map((token) => (token.open ? null : token.text)), loose: page.tokens.map(looseOf) });
    if (this.traces.length < MAX_TRACES) return;
    this.stride *= 2;
    const kept = this.traces.filter((trace) => trace.step % this.stride === 0);
    this.traces.splice(0, this.traces.length, ...kept);
  }

  get lastStep(): number {
    return this.page?.step ?? 0;
  }

  private traceAt(step: number): Trace | undefined {
    return step < this.lastStep ? this.traces?.filter((one) => one.step <= step).at(-1) : undefined;
  }

  /** The text that an open place had after a step, if it was not final. */
  looseAt(token: PageToken, place: number, step: number): string {
    const trace = this.traceAt(step);
    return trace ? (trace.loose[place] ?? '') : step < this.lastStep ? '' : looseOf(token);
  }

  /** The text of a place after a step, null while it was open. */
  textAt(token: PageToken, place: number, step: number): string | null {
    const trace = this.traceAt(step);
    if (trace) return trace.texts[place] ?? null;
    if (this.traces && step < this.lastStep) return token.pinned ? token.text : null;
    return token.step !== null && token.step <= step ? token.text : null;
  }
}

/** A word that the user chose, with its alternatives. */
export interface Chosen extends Pin {
  /** Kept because another word was erased, and not chosen by the user. */
  kept?: boolean;
  text: string;
  empty: boolean;
  probability: number;
  alternatives: PageToken['alternatives'];
}

export type Pins = ReadonlyMap<string, Chosen>;
export const NO_PINS: Pins = new Map();
export const placeKey = (place: { blank: number; index: number }): string => `${place.blank}.${place.index}`;

export interface Fill {
  /** The text with blanks. */
  text: string;
  /** The pins when the fill began. */
  pins: Pins;
  drafts: Draft[];
}

export function newFill(text: string, pins: Pins, drafts: number, options: InfillOptions): Fill {
  const takesBack = options.sampler !== undefined && samplerProperties[options.sampler].reopens;
  return { text, pins, drafts: Array.from({ length: drafts }, (_, i) => new Draft(i, takesBack)) };
}

/** Runs all drafts at once.  Rejects with the first error after all have ended. */
export async function run(fill: Fill, model: Model, options: InfillOptions, advanced: () => void): Promise<void> {
  const pins = [...fill.pins.values()].map(({ blank, index, id }) => ({ blank, index, id }));
  const ends = await Promise.allSettled(
    fill.drafts.map(async (draft) => {
      const job = model.infill(fill.text, { ...options, pins, draft: draft.number });
      for await (const page of job) {
        draft.advance(page);
        advanced();
      }
      draft.result = await job.result();
      draft.page = draft.result;
      advanced();
    }),
  );
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed) throw failed.reason;
}

/** A place for display: drawn by the model, chosen by the user, or open. */
export interface Place {
  token: number;
  blank: number;
  index: number;
  text: string;
  open: boolean;
  /** Of an open place: a text that can still change. */
  loose?: string;
  empty: boolean;
  pinned: boolean;
  kept?: boolean;
  probability: number;
  id: number | null;
  alternatives: PageToken['alternatives'];
  /** The step that wrote it; null or absent: none did. */
  step?: number | null;
  /** Its number in the order of writing, where that is shown. */
  order?: number | null;
}

/** The places of a draft after a step, with the pins applied. */
export function placesOf(fill: Fill, draft: Draft, pins: Pins, step: number): Place[] {
  const ended = new Set<number>();
  return (draft.page?.tokens ?? []).map((token, i) => {
    const pin = pins.get(placeKey(token));
    const told = pin ?? (token.pinned ? fill.pins.get(placeKey(token)) : undefined);
    const drawn = draft.textAt(token, i, step);
    const place: Place = {
      token: i,
      blank: token.blank,
      index: token.index,
      text: pin?.text ?? drawn ?? '',
      open: !pin && drawn === null,
      loose: !pin && drawn === null ? draft.looseAt(token, i, step) : '',
      empty: pin ? pin.empty : drawn !== null && drawn === '' && token.empty,
      pinned: pin !== undefined,
      kept: pin?.kept ?? false,
      probability: told?.probability ?? token.probability,
      id: pin?.id ?? token.id,
      alternatives: told?.alternatives ?? token.alternatives,
      step: pin || token.pinned ? null : token.step,
    };
    // A blank that the user ended here ends here, whatever was drawn after it.
    if (ended.has(place.blank)) Object.assign(place, { text: '', open: false, loose: '', empty: true });
    if (pin?.empty) ended.add(place.blank);
    return place;
  });
}

/** All words of a draft as pins, so that they stay. */
export function wordsAsPins(fill: Fill, draft: Draft, pins: Pins): Pins {
  const all = new Map<string, Chosen>();
  const ended = new Set<number>();
  for (const { blank, index, id, text, open, empty, probability, alternatives } of placesOf(fill, draft, pins, draft.lastStep)) {
    if (open || id === null || ended.has(blank)) continue;
    const key = placeKey({ blank, index });
    all.set(key, { blank, index, id, text, empty, probability, alternatives, kept: pins.get(key)?.kept ?? !pins.has(key) });
    if (empty) ended.add(blank);
  }
  return all;
}

/** Pins under the new numbers of their blanks; null: the blank is gone. */
export function renumbered(pins: Pins, renumber: (blank: number) => number | null): Pins {
  const moved = new Map<string, Chosen>();
  for (const pin of pins.values()) {
    const blank = renumber(pin.blank);
    if (blank !== null) moved.set(placeKey({ blank, index: pin.index }), { ...pin, blank });
  }
  return moved;
}

/** The shown text; open places are blanks again. `given` converts given and filled text for a page. */
export function textOf(parts: readonly PagePart[], places: readonly Place[], given: (text: string) => string): string {
  let out = '';
  let words = '';
  let open: { blank: number; length: number } | null = null;
  const close = (): void => {
    if (open) out += `[[${open.length}]]`;
    open = null;
  };
  const flush = (before: boolean): void => {
    const text = given(words);
    // Backslashes directly before a blank, or before one bracket before it, would escape it.
    out += before && given !== asItIs ? text.replace(/(\\+)(\[?)$/, '$1$1$2') : text;
    words = '';
  };
  for (const part of parts) {
    const place = part.token === undefined ? undefined : places[part.token];
    if (place?.open) {
      if (open && open.blank === place.blank) open.length++;
      else {
        close();
        flush(true);
        open = { blank: place.blank, length: 1 };
      }
    } else {
      const text = place ? place.text : part.text;
      if (text) close();
      words += text;
    }
  }
  close();
  flush(false);
  return out;
}

export const asItIs = (text: string): string => text;
