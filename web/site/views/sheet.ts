/** Draws the page, the line below it, and the drafts. */
import type { InfillResult } from 'palimpsest';
import { type Blank, isBlank, pieces } from '../blanks.ts';
import { byId, setText } from '../dom.ts';
import { type Draft, type Fill, type Pins, type Place, placesOf } from '../fill.ts';
import { counted } from '../format.ts';
import { Reading, type Shape } from '../reading.ts';
import { Cards } from './cards.ts';
import { statistics } from './statistics.ts';

/** All that decides how the page looks. */
export interface Shown {
  text: string;
  fill: Fill | null;
  chosen: number;
  pins: Pins;
  step: number;
  /** The range of lengths of [[?]]. */
  free: Blank;
}

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
    const { text, fill, chosen, pins, step, free } = shown;
    const draft = fill?.drafts[chosen];
    const blanks = pieces(text, free).filter(isBlank);
    const spare = (token: number): boolean => {
      const place = this.places[token];
      return place !== undefined && place.index >= (blanks[place.blank]?.least ?? 0);
    };
    if (fill && draft?.page) {
      this.places = placesOf(fill, draft, pins, step);
      this.reading.show({ parts: draft.page.parts, spare }, this.places);
    } else this.preview(text, free, spare);
    this.cards.show(fill, chosen, spare);
    this.drawBelow(fill, draft, pins);
  }

  /** Shows the text with its blanks as scraped marks, before anything is filled. */
  private preview(text: string, free: Blank, spare: Shape['spare']): void {
    const parts: Shape['parts'][number][] = [];
    this.places = [];
    let blank = 0;
    for (const piece of pieces(text, free)) {
      if (!isBlank(piece)) {
        parts.push({ text: piece });
        continue;
      }
      for (let index = 0; index < piece.most; index++) {
        parts.push({ text: '', token: this.places.length });
        this.places.push(openPlace(this.places.length, blank, index));
      }
      blank++;
    }
    this.reading.show({ parts, spare }, this.places);
  }

  private drawBelow(fill: Fill | null, draft: Draft | undefined, pins: Pins): void {
    byId('below').hidden = !fill;
    byId('replay').hidden = !draft?.lastStep;
    byId('pins').hidden = pins.size === 0;
    setText(byId('pin-count'), `${counted(pins.size, 'word')} pinned`);
    this.drawStatistics(draft);
  }

  private drawStatistics(draft: Draft | undefined): void {
    const line = byId('statistics');
    const { result = null, page = null } = draft ?? {};
    if (result && this.told !== result) line.replaceChildren(...statistics(result, this.reuse));
    if (!result) setText(line, page ? `${counted(page.evaluations, 'evaluation')}, ${counted(page.open, 'place')} still open` : '');
    this.told = result;
  }
}

function openPlace(token: number, blank: number, index: number): Place {
  return { token, blank, index, text: '', open: true, empty: false, pinned: false, probability: 0, id: null, alternatives: [] };
}
