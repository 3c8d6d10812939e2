/** Handles pointer and keyboard on the words of the page. */
import type { Alternatives } from '../alternatives.ts';
import type { Reading } from '../reading.ts';

const HOVER = 140;

const wordAt = (target: EventTarget | null): HTMLElement | null =>
  target instanceof Element ? target.closest<HTMLElement>('[data-token][role]') : null;

const gapAt = (target: EventTarget | null): HTMLElement | null => {
  const place = target instanceof Element ? target.closest<HTMLElement>('.place') : null;
  return place?.dataset.gap === undefined ? null : place;
};

/** `openGap`: a blank was chosen. */
export function listenToWords(page: HTMLElement, reading: Reading, alternatives: Alternatives, openGap: (gap: HTMLElement) => void = () => {}): void {
  let [x, y] = [-1, -1];
  addEventListener('pointermove', (event) => ([x, y] = [event.clientX, event.clientY]), { passive: true });
  page.addEventListener('pointerover', (event) => {
    const word = wordAt(event.target);
    // Ignore a word that moved under a resting pointer, for example when the popover closes.
    const moved = event.clientX !== x || event.clientY !== y;
    if (word && moved && event.pointerType === 'mouse') alternatives.peek(word, HOVER);
  });
  page.addEventListener('pointerout', () => alternatives.closeSoon());
  page.addEventListener('click', (event) => {
    const gap = gapAt(event.target);
    if (gap) return openGap(gap);
    const word = wordAt(event.target);
    if (!word) return;
    reading.focus(word);
    alternatives.open(word);
  });
  page.addEventListener('focusin', (event) => {
    const word = wordAt(event.target);
    if (word?.matches(':focus-visible')) alternatives.peek(word, 0);
  });
  page.addEventListener('focusout', () => alternatives.closeSoon());
  page.addEventListener('keydown', (event) => {
    const word = event.target instanceof Element ? event.target.closest<HTMLElement>('[role=button]') : null;
    if (!word || event.ctrlKey || event.metaKey || event.altKey) return;
    const next = reading.neighbour(word, event.key);
    if (next) reading.focus(next);
    else if (event.key === 'Enter' || event.key === ' ') (word.dataset.gap === undefined ? alternatives.open(word) : openGap(word));
    else return;
    event.preventDefault();
  });
}
