/** Draws the page, the line below it, and the drafts. */
import type { InfillResult } from 'palimpsest';
import type { BlankPiece, TextPiece, Understood } from '../../src/notation.ts';
import { byId, setText } from '../dom.ts';
import { wordsOf, type Word } from '../editor/erasing.ts';
import { lengthOf } from '../editor/gap-menu.ts';
import { ordersOf, sentenceOf } from '../editor/order.ts';
import { type Draft, type Fill, type Pins, type Place, placeKey, placesOf } from '../fill.ts';
import { counted } from '../format.ts';
import { type Part, Reading } from '../reading.ts';
import { Cards } from './cards.ts';
import { statistics } from './statistics.ts';

/** All that decides how the page looks. */
export interface Shown {
  /** The text with its blanks. */
  understood: Understood;
  fill: Fill | null;
  chosen: number;
  pins: Pins;
  step: number;
  /** The range of lengths of [[?]]. */
  free: { least: number; most: number };
  /** Whether words can be erased. */
  erasing: boolean;
  /** Whether blanks can be changed. */
  changing: boolean;
  /** Whether words have their numbers in the order of writing. */
  numbered: boolean;
  /** Whether the page can be seen; if not, it is not drawn. */
  seen: boolean;
}

type Piece = TextPiece | BlankPiece;

/** Open places that are drawn before a fill; blanks after these have one each.  A short text can ask for millions. */
const MOST_MARKS = 4000;

export class Sheet {
  readonly reading = new Reading(byId('page'), true);
  private readonly cards: Cards;
  private places: Place[] = [];
  /** The numbers for the statistics line. */
  private told: InfillResult | null = null;

  constructor(choose: (draft: number) => void, private readonly reuse: (seed: number | bigint) => void) {
    this.cards = new Cards(choose);
  }

  placeOf(word: HTMLElement): Place | null {
    return this.places[Number(word.dataset.token)] ?? null;
  }

  draw(shown: Shown): void {
    const { understood, fill, chosen, pins, step, free, erasing, changing, numbered } = shown;
    const draft = fill?.drafts[chosen];
    this.drawBelow(fill, draft, pins);
    if (!shown.seen) return;
    const blanks = understood.pieces.filter((piece): piece is BlankPiece => piece.kind === 'blank');
    const least = (blank: number): number => (blanks[blank] ? (blanks[blank].length?.min ?? free.least) : 0);
    const spare = (token: number): boolean => {
      const place = this.places[token];
      return place !== undefined && place.index >= least(place.blank);
    };
    const parts = fill && draft?.page ? this.filled(fill, draft, pins, step) : this.preview(understood.pieces, free, pins);
    byId('not-final').hidden = !this.places.some(({ loose }) => loose);
    if (numbered && draft?.page) ordersOf(draft.page.tokens).forEach((order, i) => Object.assign(this.places[i] ?? {}, { order: this.places[i]?.pinned ? null : order }));
    const gap = (place: Place): string | null => (changing ? `Blank, ${lengthOf(blanks[place.blank] ?? { length: null })}` : null);
    this.reading.show({ parts: erasing ? divide(parts, understood.pieces) : parts, spare, gap }, this.places);
    this.cards.show(fill, chosen, spare);
  }

  private filled(fill: Fill, draft: Draft, pins: Pins, step: number): Part[] {
    this.places = placesOf(fill, draft, pins, step);
    return [...(draft.page?.parts ?? [])];
  }

  /** Shows the text with its blanks as scraped marks, before anything is filled; pinned words are there already. */
  private preview(pieces: readonly Piece[], free: Shown['free'], pins: Pins): Part[] {
    const parts: Part[] = [];
    this.places = [];
    let blank = 0;
    const lastPins = new Map<number, number>();
    for (const { blank: of, index } of pins.values()) lastPins.set(of, Math.max(index, lastPins.get(of) ?? 0));
    for (const piece of pieces) {
      if (piece.kind === 'text') {
        parts.push({ text: piece.text });
        continue;
      }
      let ended = false;
      const marks = Math.max(1, Math.min(piece.length?.max ?? free.most, MOST_MARKS - this.places.length), (lastPins.get(blank) ?? 0) + 1);
      for (let index = 0; index < marks; index++) {
        parts.push({ text: '', token: this.places.length });
        const place = openPlace(this.places.length, blank, index);
        const pin = pins.get(placeKey(place));
        if (pin) Object.assign(place, { ...pin, token: place.token, open: false, pinned: true });
        if (ended) Object.assign(place, { open: false, empty: true });
        ended ||= pin?.empty ?? false;
        this.places.push(place);
      }
      blank++;
    }
    return parts;
  }

  private drawBelow(fill: Fill | null, draft: Draft | undefined, pins: Pins): void {
    byId('below').hidden = !fill;
    byId('replay').hidden = !draft?.lastStep;
    this.drawPins(pins);
    setText(byId('replay-note'), sentenceOf(draft?.result?.sampler));
    this.drawStatistics(draft);
  }

  private drawPins(pins: Pins): void {
    const words = [...pins.values()].filter(({ empty }) => !empty);
    const kept = words.filter((pin) => pin.kept).length;
    const pinned = [...pins.values()].filter((pin) => !pin.kept).length;
    byId('pins').hidden = pins.size === 0;
    setText(byId('pin-count'), [pinned ? `${counted(pinned, 'word')} pinned` : '', kept ? `${counted(kept, 'word')} kept` : ''].filter(Boolean).join(', '));
    setText(byId('unpin'), pinned ? 'Remove all pins' : 'Do not keep them');
  }

  private drawStatistics(draft: Draft | undefined): void {
    const line = byId('statistics');
    const { result = null, page = null } = draft ?? {};
    if (result && this.told !== result) line.replaceChildren(...statistics(result, this.reuse));
    if (!result) setText(line, page ? `${counted(page.evaluations, 'evaluation')}, ${counted(page.open, 'place')} still open` : '');
    this.told = result;
  }
}

/** Divides given text into words that can be erased.  A part whose text is not that of its piece stays whole. */
function divide(parts: readonly Part[], pieces: readonly Piece[]): Part[] {
  const texts = pieces.flatMap((piece, i) => (piece.kind === 'text' ? [{ i, text: piece.text }] : []));
  let at = 0;
  return parts.flatMap((part) => {
    if (part.token !== undefined || part.kind) return [part];
    const piece = texts[at++];
    return piece?.text === part.text ? wordsIn(part.text, piece.i) : [part];
  });
}

function wordsIn(text: string, piece: number): Part[] {
  const parts: Part[] = [];
  let end = 0;
  for (const [from, to] of wordsOf(text)) {
    if (from > end) parts.push({ text: text.slice(end, from) });
    parts.push({ text: text.slice(from, to), kind: 'word', id: `${piece}.${from}.${to}` });
    end = to;
  }
  if (end < text.length) parts.push({ text: text.slice(end) });
  return parts;
}

/** Where a word of the given text is. */
export function wordOf(element: HTMLElement): Word | null {
  const [piece, from, to] = (element.dataset.word ?? '').split('.').map(Number);
  return piece === undefined || from === undefined || to === undefined ? null : { piece, from, to };
}

function openPlace(token: number, blank: number, index: number): Place {
  return { token, blank, index, text: '', open: true, empty: false, pinned: false, probability: 0, id: null, alternatives: [] };
}
