/** Shows a text: given text, open blanks, and the words in filled ones.  One word or blank is in the tab order; the arrow
 *  keys move between them.  Only blanks that have changed are written again. */
import type { BlankPiece, Understood } from '../notation.ts';
import { certainty } from './certainty.ts';
import { probabilityOf, type Item } from './fills.ts';
import { make } from './make.ts';
import { words } from './words.ts';

export interface PageHost {
  /** A word was clicked, or chosen by key. */
  press(item: Item, word: HTMLElement): void;
  /** An open blank was chosen. */
  fill(): void;
}

/** How words are shown. */
export interface WordLook {
  /** They can be used. */
  active: boolean;
  /** They have tints of certainty. */
  tinted: boolean;
  /** A press opens their alternatives, and does not keep them. */
  asks: boolean;
}

interface Slot {
  piece: BlankPiece;
  element: HTMLElement;
  shown: string;
  items: readonly Item[];
  /** What can be focused: one element per item. */
  targets: HTMLElement[];
}

export class PageView {
  readonly root: HTMLElement;
  readonly #host: PageHost;
  #slots: Slot[] = [];
  #understood: Understood | null = null;
  #current: { slot: number; at: number } = { slot: 0, at: 0 };

  constructor(host: PageHost) {
    this.#host = host;
    this.root = make('div', { part: 'page', class: 'page', role: 'group', dir: 'auto' });
    this.root.addEventListener('click', (event) => this.#onClick(event));
    this.root.addEventListener('keydown', (event) => this.#onKey(event));
    this.root.addEventListener('focusin', (event) => this.#onFocus(event));
  }

  /** `items`: those of every blank, or null if nothing is filled. */
  show(understood: Understood, items: readonly Item[][] | null, look: WordLook): void {
    const { active } = look;
    if (understood !== this.#understood) this.#build(understood);
    this.#slots.forEach((slot, i) => this.#write(slot, items?.[i] ?? [], i, look));
    if (active && this.#slots.length) this.root.setAttribute('aria-describedby', 'keys');
    else this.root.removeAttribute('aria-describedby');
    this.#keepOneStop();
  }

  /** Moves the focus to the current word or blank. */
  focus(): void {
    this.#target()?.focus();
  }

  #build(understood: Understood): void {
    this.#understood = understood;
    this.#slots = [];
    this.#current = { slot: 0, at: 0 };
    this.root.replaceChildren(...understood.pieces.map((piece) => {
      if (piece.kind === 'text') return piece.text;
      const element = make('span', { class: 'slot' });
      this.#slots.push({ piece, element, shown: 'nothing', items: [], targets: [] });
      return element;
    }));
  }

  #write(slot: Slot, items: readonly Item[], number: number, look: WordLook): void {
    slot.items = items;
    const list = items.length ? items : [null];
    const shown = JSON.stringify([look, list.map((item) => item && [item.open, item.lead, item.text, item.kept, item.tokens.length, look.tinted && probabilityOf(item)])]);
    if (shown === slot.shown) return;
    const focused = slot.targets.indexOf(this.#focused() as HTMLElement);
    const had = new Set(slot.targets.filter((one) => one.classList.contains('word')).map((one) => one.textContent));
    const fade = slot.shown !== 'nothing';
    slot.shown = shown;
    slot.targets = [];
    slot.element.replaceChildren(...list.flatMap((item) => {
      const target = !item || item.open ? this.#blank(slot.piece, item, number, look.active) : this.#word(item, look, fade && !had.has(item.text));
      if (item && !item.open && !item.text) return [item.lead]; // nothing but white space
      slot.targets.push(target);
      return item?.lead ? [item.lead, target] : [target];
    }));
    if (focused >= 0) slot.targets[Math.min(focused, slot.targets.length - 1)]?.focus({ preventScroll: true });
  }

  #blank(piece: BlankPiece, item: Item | null, number: number, active: boolean): HTMLElement {
    const name = words.blank(number + 1, this.#slots.length, item ? { length: { min: item.tokens.length, max: item.tokens.length } } : piece);
    // What was typed is there unseen, so that copied text has it.
    const blank = make('span', { part: 'blank', class: 'blank', role: active ? 'button' : 'img', 'aria-label': name }, item ? `[[${item.tokens.length}]]` : piece.typed);
    blank.style.inlineSize = `${widthOf(piece, item)}ch`;
    return blank;
  }

  #word(item: Item, { active, tinted, asks }: WordLook, fresh: boolean): HTMLElement {
    const { text, kept } = item;
    const tint = tinted ? `sure-${certainty(probabilityOf(item))}` : '';
    const word = make('span', { part: ['word', kept && 'kept', tint].filter(Boolean).join(' '), class: ['word', kept && 'kept', fresh && 'fresh', tint].filter(Boolean).join(' ') }, text);
    if (tinted) word.setAttribute('aria-label', `${text}, ${words.share(probabilityOf(item))}`);
    if (!active) return word;
    word.setAttribute('role', 'button');
    word.setAttribute('aria-pressed', String(kept));
    if (asks) word.setAttribute('aria-haspopup', 'dialog');
    return word;
  }

  /** The item of a word; null: the element is not one. */
  itemOf(word: HTMLElement): Item | null {
    const found = this.#find(word);
    const item = found && this.#itemOf(found.slot, found.at);
    return item?.open ? null : item;
  }

  /** The word that has the token of a place. */
  wordAt({ blank, index }: { blank: number; index: number }): HTMLElement | null {
    const slot = this.#slots[blank];
    const at = slot?.items.filter((item) => item.open || item.text).findIndex(({ tokens }) => tokens.some((token) => token.index === index)) ?? -1;
    return slot?.targets[at] ?? null;
  }

  // ---- mouse and keys

  #onClick(event: Event): void {
    const found = this.#find(event.target);
    if (!found || (event.target as Element).getAttribute('role') !== 'button') return;
    this.#current = found;
    this.#press(found);
  }

  #press({ slot, at }: { slot: number; at: number }): void {
    const item = this.#itemOf(slot, at);
    if (!item || item.open) this.#host.fill();
    else this.#host.press(item, this.#slots[slot]!.targets[at]!);
  }

  /** The item of a focusable element: white space alone has none. */
  #itemOf(slot: number, at: number): Item | null {
    return this.#slots[slot]?.items.filter((item) => item.open || item.text)[at] ?? null;
  }

  #onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const found = this.#find(event.target);
    if (!found) return;
    if (event.key === 'Enter' || event.key === ' ') this.#press(found);
    else if (!this.#move(event.key, found)) return;
    event.preventDefault();
  }

  #move(key: string, { slot, at }: { slot: number; at: number }): boolean {
    const all = this.#slots.flatMap(({ targets }, i) => targets.map((_, j) => ({ slot: i, at: j })));
    const here = all.findIndex((one) => one.slot === slot && one.at === at);
    const rtl = getComputedStyle(this.root).direction === 'rtl';
    const to: Record<string, { slot: number; at: number } | undefined> = {
      ArrowRight: all[here + (rtl ? -1 : 1)], ArrowLeft: all[here - (rtl ? -1 : 1)], Home: all[0], End: all.at(-1),
      ArrowDown: all.find((one) => one.slot > slot), ArrowUp: all.find((one) => one.slot === slot - 1),
    };
    if (!(key in to)) return false;
    const next = to[key];
    if (next) this.#slots[next.slot]!.targets[next.at]!.focus();
    return true;
  }

  #onFocus(event: Event): void {
    const found = this.#find(event.target);
    if (found) this.#current = found;
    this.#keepOneStop();
  }

  #find(target: EventTarget | null): { slot: number; at: number } | null {
    for (const [slot, { targets }] of this.#slots.entries()) {
      const at = targets.indexOf(target as HTMLElement);
      if (at >= 0) return { slot, at };
    }
    return null;
  }

  #focused(): Element | null {
    return (this.root.getRootNode() as ShadowRoot).activeElement ?? null;
  }

  #target(): HTMLElement | undefined {
    const { slot, at } = this.#current;
    const targets = this.#slots[slot]?.targets ?? [];
    return targets[Math.min(at, targets.length - 1)] ?? this.#slots.find((one) => one.targets.length)?.targets[0];
  }

  #keepOneStop(): void {
    const stop = this.#target();
    for (const { targets } of this.#slots)
      for (const target of targets) {
        if (target.getAttribute('role') === 'button') target.tabIndex = target === stop ? 0 : -1;
        else target.removeAttribute('tabindex');
      }
  }
}

/** Width of an open blank in characters: about four for a token. */
function widthOf({ length }: BlankPiece, item: Item | null): number {
  const tokens = item ? item.tokens.length : length ? (length.min + length.max) / 2 : 4;
  return Math.min(32, Math.max(3, Math.round(2 + 3.5 * tokens)));
}
