/** The alternatives of a word: a preview while it is hovered or focused, a list to choose from when it is opened. */
import { byId, make } from './dom.ts';
import { percent } from './format.ts';
import type { Place } from './fill.ts';

type Alternative = Place['alternatives'][number];

/** The content of the popover. */
export interface Wording {
  /** Beside the word. */
  figure: (place: Place) => string;
  /** Label of the list for screen readers; null: nothing in the list can be chosen. */
  list: string | null;
  foot: string;
}

const PINNING: Wording = {
  figure: (place) => (place.pinned ? 'pinned' : `${percent(place.probability)} sure`),
  list: 'Words to pin',
  foot: 'Choosing a word pins it.',
};

export interface AlternativesHost {
  /** The content for a word, or null if the word is not shown any more. */
  placeOf: (word: HTMLElement) => Place | null;
  pin: (place: Place, alternative: Alternative) => void;
  /** Absent if a choice cannot be undone. */
  unpin?: (place: Place) => void;
  /** The word's node after a change. */
  wordOf: (place: Place) => HTMLElement | null;
  wording?: () => Wording;
}

const GAP = 6;

export class Alternatives {
  private word: HTMLElement | null = null;
  private list: HTMLElement | null = null;
  private timer = 0;
  /** When the focus returns to a word, its alternatives are not shown again. */
  private returning = false;

  constructor(private readonly host: AlternativesHost, private readonly box = byId('popover')) {
    this.box.addEventListener('keydown', (event) => this.onKey(event));
    this.box.addEventListener('pointerenter', () => clearTimeout(this.timer));
    this.box.addEventListener('pointerleave', () => this.closeSoon());
    this.box.addEventListener('focusout', (event) => {
      if (event.relatedTarget instanceof Node && !this.box.contains(event.relatedTarget) && event.relatedTarget !== this.word) this.close();
    });
    document.addEventListener('pointerdown', (event) => {
      if (event.target instanceof Node && !this.box.contains(event.target) && event.target !== this.word) this.close();
    });
    addEventListener('resize', () => this.close());
  }

  get isOpen(): boolean {
    return !this.box.hidden;
  }

  /** Shows the alternatives after a moment, without taking the focus. */
  peek(word: HTMLElement, delay: number): void {
    clearTimeout(this.timer);
    if (this.returning || this.box.contains(document.activeElement)) return;
    this.timer = window.setTimeout(() => this.show(word), delay);
  }

  /** Shows them and moves the focus into the list. */
  open(word: HTMLElement): void {
    clearTimeout(this.timer);
    if (!this.show(word)) return;
    this.list?.focus({ preventScroll: true });
  }

  closeSoon(): void {
    clearTimeout(this.timer);
    // Whether the focus is inside is known only after it has moved.
    this.timer = window.setTimeout(() => {
      if (!this.box.contains(document.activeElement)) this.close();
    }, 250);
  }

  close(giveFocusBack = false): void {
    clearTimeout(this.timer);
    if (this.box.hidden) return;
    const { word } = this;
    this.box.hidden = true;
    word?.classList.remove('asked');
    this.word = null;
    if (giveFocusBack) this.giveFocus(word);
  }

  private giveFocus(word: HTMLElement | null): void {
    this.returning = true;
    if (word?.isConnected) word.focus({ preventScroll: true });
    this.returning = false;
  }

  private show(word: HTMLElement): boolean {
    const place = this.host.placeOf(word);
    if (!place || place.open) return false;
    if (this.word !== word) this.close();
    this.word = word;
    word.classList.add('asked');
    this.fill(place);
    this.box.hidden = false;
    this.put(word);
    return true;
  }

  private fill(place: Place): void {
    const name = nameOf(place);
    const choices = choicesOf(place);
    const wording = this.host.wording?.() ?? PINNING;
    this.box.setAttribute('aria-label', `Alternatives for “${name}”`);
    const head = make('p', { class: 'asked-word' }, make('span', {}, name), make('span', { class: 'note' }, wording.figure(place)));
    const { list: label } = wording;
    const list = label === null ? make('ul') : make('ul', { role: 'listbox', tabindex: 0, 'aria-label': label });
    list.append(...choices.map((choice, i) => (label === null ? this.row(place, choice) : this.option(place, choice, i))));
    this.list = label === null ? null : list;
    const foot = make('div', { class: 'foot' });
    const { unpin } = this.host;
    if (place.pinned && unpin) foot.append(make('button', { type: 'button', class: 'quiet', click: () => this.unpin(place) }, 'Remove the pin'));
    else foot.append(make('p', { class: 'note' }, wording.foot));
    this.box.replaceChildren(head, list, foot);
    const current = choices.findIndex((choice) => choice.id === place.id);
    this.mark(Math.max(0, current));
  }

  private row(place: Place, choice: Alternative): HTMLElement {
    const chosen = place.pinned && choice.id === place.id;
    const bar = make('span', { class: 'bar', 'aria-hidden': 'true' });
    bar.style.setProperty('--share', String(choice.probability));
    const name = make('span', { class: chosen ? 'choice pinned' : 'choice' }, labelOf(choice));
    if (chosen) name.append(make('span', { class: 'unseen' }, ', pinned'));
    return make('li', {}, name, bar, make('span', { class: 'figure' }, percent(choice.probability)));
  }

  private option(place: Place, choice: Alternative, i: number): HTMLElement {
    const option = this.row(place, choice);
    for (const [name, value] of Object.entries({ role: 'option', id: this.optionId(i), 'aria-selected': 'false' })) option.setAttribute(name, value);
    option.addEventListener('click', () => this.choose(place, choice));
    return option;
  }

  private optionId(i: number): string {
    return `${this.box.id}-choice-${i}`;
  }

  private options(): HTMLElement[] {
    return this.list ? ([...this.list.children] as HTMLElement[]) : [];
  }

  private get marked(): number {
    return this.options().findIndex((option) => option.getAttribute('aria-selected') === 'true');
  }

  private mark(index: number): void {
    const options = this.options();
    const at = Math.max(0, Math.min(index, options.length - 1));
    options.forEach((option, i) => option.setAttribute('aria-selected', String(i === at)));
    this.list?.setAttribute('aria-activedescendant', this.optionId(at));
  }

  private choose(place: Place, choice: Alternative): void {
    this.host.pin(place, choice);
    this.back(place);
  }

  private unpin(place: Place): void {
    this.host.unpin?.(place);
    this.back(place);
  }

  /** Moves the focus back to the word, whose node may have been replaced. */
  private back(place: Place): void {
    const word = this.host.wordOf(place) ?? this.word;
    this.close();
    this.giveFocus(word);
  }

  private onKey(event: KeyboardEvent): void {
    const inList = document.activeElement === this.list;
    const place = this.word && this.host.placeOf(this.word);
    const moves: Record<string, number> = { ArrowDown: this.marked + 1, ArrowUp: this.marked - 1, Home: 0, End: Infinity };
    const to = moves[event.key];
    if (event.key === 'Escape') this.close(true);
    else if (inList && to !== undefined) this.mark(to);
    else if (inList && place && (event.key === 'Enter' || event.key === ' ')) {
      const choice = choicesOf(place)[this.marked];
      if (choice) this.choose(place, choice);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Below the word, or above it if there is not enough space; always on the screen. */
  private put(word: HTMLElement): void {
    const at = word.getClientRects()[0] ?? word.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = this.box;
    const below = at.bottom + GAP + height <= document.documentElement.clientHeight || at.top - GAP - height < 0;
    const left = Math.max(8, Math.min(at.left - 16, document.documentElement.clientWidth - width - 8));
    this.box.style.left = `${left + scrollX}px`;
    this.box.style.top = `${(below ? at.bottom + GAP : at.top - GAP - height) + scrollY}px`;
  }
}

const labelOf = (choice: Alternative): string => (choice.empty ? '(ends here)' : visible(choice.text));
const nameOf = (place: Place): string => (place.empty ? '(ends here)' : visible(place.text));
const visible = (text: string): string => text.trimStart().replaceAll('\n', '↵') || (text.includes('\n') ? 'new line' : 'space');

/** The alternatives, and the word itself if it is not among them. */
function choicesOf(place: Place): Alternative[] {
  const { alternatives, id } = place;
  if (id === null || alternatives.some((choice) => choice.id === id)) return alternatives;
  return [...alternatives, { id, text: place.text, probability: place.probability, empty: place.empty }];
}
