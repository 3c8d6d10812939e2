/** The tool Erase: words of the given text are erased by a click or tap, by dragging, or by the keyboard.
 *
 *  Mouse: a click erases a word, dragging erases several.  Touch: a tap erases a word; a long press and then a drag erases several;
 *  before the long press a finger scrolls as ever, and a second finger ends it.  Keyboard: arrows move, Shift and arrows
 *  choose several, Enter or Space erases, Escape gives up. */
import type { Reading } from '../reading.ts';

const LONG_PRESS = 450;
/** Pixels that a finger may move during a long press. */
const STILL = 8;

export interface Erasing {
  erase(first: HTMLElement, last: HTMLElement): void;
  /** A character was typed at a word. */
  type(word: HTMLElement, character: string): void;
}

const wordAt = (target: EventTarget | null): HTMLElement | null =>
  target instanceof Element ? target.closest<HTMLElement>('[data-word]') : null;

export class Eraser {
  private anchor: HTMLElement | null = null;
  private end: HTMLElement | null = null;
  private dragging = false;
  private timer = 0;
  private from: [x: number, y: number] = [0, 0];
  /** A drag ends with a click on the word that it began at, which must not erase again. */
  private swallow = false;

  constructor(private readonly page: HTMLElement, private readonly reading: Reading, private readonly host: Erasing) {
    page.addEventListener('pointerdown', (event) => this.down(event));
    page.addEventListener('pointermove', (event) => this.move(event));
    page.addEventListener('pointerup', () => this.up());
    page.addEventListener('pointercancel', () => this.giveUp());
    // A drag that chooses words must not scroll; before the long press it may.
    page.addEventListener('touchmove', (event) => this.dragging && event.preventDefault(), { passive: false });
    page.addEventListener('contextmenu', (event) => this.dragging && event.preventDefault());
    page.addEventListener('click', (event) => this.click(event), true);
    page.addEventListener('keydown', (event) => this.key(event));
  }

  // ---- pointer

  private down(event: PointerEvent): void {
    if (!event.isPrimary) return this.giveUp();
    const word = wordAt(event.target);
    this.swallow = false;
    if (!word || event.button !== 0) return;
    this.from = [event.clientX, event.clientY];
    this.anchor = word;
    if (event.pointerType === 'mouse') return;
    this.timer = window.setTimeout(() => this.begin(word), LONG_PRESS);
  }

  private begin(word: HTMLElement): void {
    this.dragging = true;
    this.end = word;
    this.mark();
    navigator.vibrate?.(10);
  }

  private move(event: PointerEvent): void {
    const { anchor } = this;
    if (!anchor) return;
    const [x, y] = this.from;
    const far = Math.hypot(event.clientX - x, event.clientY - y) > STILL;
    if (!this.dragging) {
      if (far && event.pointerType !== 'mouse') return this.giveUp(); // it scrolls
      const over = wordAt(document.elementFromPoint(event.clientX, event.clientY));
      if (!far || !over || over === anchor || event.pointerType !== 'mouse') return;
      this.begin(anchor);
    }
    const over = wordAt(document.elementFromPoint(event.clientX, event.clientY));
    if (!over || over === this.end || !this.page.contains(over)) return;
    this.end = over;
    this.mark();
    event.preventDefault();
  }

  private up(): void {
    const { anchor, end, dragging } = this;
    if (dragging && anchor && end) {
      this.swallow = true;
      this.finish(anchor, end);
    } else this.giveUp();
  }

  private click(event: MouseEvent): void {
    const word = wordAt(event.target);
    if (!word) return;
    event.stopPropagation();
    if (this.swallow) this.swallow = false;
    else if (event.shiftKey && this.anchor?.isConnected) this.finish(this.anchor, word);
    else this.finish(word, word);
  }

  // ---- keyboard

  private key(event: KeyboardEvent): void {
    const word = wordAt(event.target);
    if (!word) return;
    if (event.key === 'Escape' && this.end) {
      this.giveUp();
      event.stopPropagation();
    } else if (event.key === 'Enter' || event.key === ' ') this.finish(this.anchor && this.end ? this.anchor : word, this.end ?? word);
    else if (event.shiftKey && event.key.startsWith('Arrow')) this.extend(word, event.key);
    else if (event.key === 'Process') return this.host.type(word, ''); // an input method composes in the text box
    else if (event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey && !event.isComposing) this.host.type(word, event.key);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  private extend(word: HTMLElement, key: string): void {
    let next = this.reading.neighbour(this.end ?? word, key);
    while (next && !next.dataset.word) next = this.reading.neighbour(next, key);
    if (!next) return;
    if (!this.end) this.anchor = word;
    this.end = next;
    this.reading.focus(next);
    this.mark();
  }

  // ---- what is chosen

  /** The words from one to another, in order. */
  private between(a: HTMLElement, b: HTMLElement): HTMLElement[] {
    const words = this.reading.words().filter((word) => word.dataset.word);
    const [i, j] = [words.indexOf(a), words.indexOf(b)].sort((x, y) => x - y) as [number, number];
    return i < 0 ? [] : words.slice(i, j + 1);
  }

  private mark(): void {
    const chosen = new Set(this.anchor && this.end ? this.between(this.anchor, this.end) : []);
    for (const word of this.reading.words()) word.classList.toggle('chosen-word', chosen.has(word));
    document.getSelection()?.removeAllRanges();
  }

  private finish(a: HTMLElement, b: HTMLElement): void {
    const words = this.between(a, b);
    this.giveUp();
    const [first, last] = [words[0], words.at(-1)];
    if (first && last) this.host.erase(first, last);
  }

  private giveUp(): void {
    clearTimeout(this.timer);
    this.anchor = this.end = null;
    this.dragging = false;
    this.mark();
  }
}
