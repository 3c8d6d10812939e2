/** A shared page as a fill of this page, and the other way round. */
import type { Page, PagePart, PageToken } from 'palimpsest';
import type { Understood } from '../../src/notation.ts';
import { type Draft, type Fill, newFill, NO_PINS, type Pins, placesOf } from '../fill.ts';
import type { WrittenPlace } from './share-link.ts';

/** What is written in the blanks of a draft; null if places are still open. */
export function writtenIn(fill: Fill, draft: Draft, pins: Pins): WrittenPlace[][] | null {
  const blanks: WrittenPlace[][] = [];
  for (const { token, blank, text, id, open, probability, empty } of placesOf(fill, draft, pins, draft.lastStep)) {
    if (open || (id === null && !empty)) return null;
    (blanks[blank] ??= []).push({ text, id: id ?? 0, step: draft.page?.tokens[token]?.step ?? 0, probability, empty });
  }
  return blanks;
}

/** The fill with these words; null if they do not fit the blanks of the text. */
export function fillOf(understood: Understood, written: WrittenPlace[][]): Fill | null {
  const tokens: PageToken[] = [];
  const parts: PagePart[] = [];
  let blank = 0;
  for (const piece of understood.pieces) {
    if (piece.kind === 'text') {
      parts.push({ text: piece.text });
      continue;
    }
    const places = written[blank];
    if (!places || (piece.length && (places.length < piece.length.min || places.length > piece.length.max))) return null;
    places.forEach(({ text, id, step, probability, empty }, index) => {
      parts.push({ text, token: tokens.length });
      tokens.push({ blank, index, id, text, open: false, empty, pinned: false, step, fresh: false, probability, alternatives: [] });
    });
    blank++;
  }
  if (blank !== written.length) return null;
  const step = Math.max(0, ...tokens.map((token) => token.step ?? 0));
  const page: Page = { text: '', parts, tokens, step, steps: null, evaluations: step, open: 0, done: true, shown: 0, total: tokens.length, windowed: false, windows: 1 };
  const fill = newFill(understood.strict, NO_PINS, 1, {});
  fill.drafts[0]!.page = page;
  return fill;
}
