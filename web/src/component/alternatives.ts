/** The popover of a word: its probability and its alternatives, as a preview or as a list to choose from.  The page and the
 *  component use it. */
import { make } from './make.ts';

/** What could stand in a place instead. */
export interface Alternative {
  id: number;
  text: string;
  probability: number;
  /** The blank ends here. */
  empty: boolean;
}

/** A word as the popover needs it. */
export interface Asked {
  text: string;
  empty: boolean;
  /** Chosen by a person. */
  pinned: boolean;
  probability: number;
  id: number | null;
  alternatives: readonly Alternative[];
}

/** Everything that the popover says. */
export interface Wording<Word> {
  /** Name of the popover. */
  title: (name: string) => string;
  /** Beside the word. */
  figure: (word: Word) => string;
  /** Beside an alternative. */
  share: (probability: number) => string;
  /** Label of the list for screen readers; null: nothing in the list can be chosen. */
  list: string | null;
  /** Below the list. */
  foot: string;
  /** Takes a pin away. */
  unpin: string;
  /** The alternative that ends the blank. */
  ends: string;
}

export interface AlternativesHost<Word> {
  /** The content for a word, or null if the word is not shown any more. */
  placeOf: (word: HTMLElement) => Word | null;
  pin: (place: Word, alternative: Alternative) => void;
  /** Absent if a choice cannot be undone. */
  unpin?: (place: Word) => void;
  /** The word's node after a change. */
  wordOf: (place: Word) => HTMLElement | null;
  wording: () => Wording<Word>;
  /** What else can be done with a word: a button for each. */
  more?: (place: Word, word: HTMLElement) => readonly [text: string, act: () => void][];
}

const GAP = 6;
const MARGIN = 8;
const CLOSE_MS = 250;

export class Alternatives<Word extends Asked> {
  readonly box: HTMLElement;
  readonly #host: AlternativesHost<Word>;
  #word: HTMLElement | null = null;
  #list: HTMLElement | null = null;
  #listening: AbortController | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the focus returns to a word, its alternatives are not shown again. */
  #returning = false;

  constructor(host: AlternativesHost<Word>, box: HTMLElement) {
    this.#host = host;
    this.box = box;
    box.addEventListener('keydown', (event) => this.#onKey(event));
    box.addEventListener('pointerenter', () => clearTimeout(this.#timer));
    box.addEventListener('pointerleave', () => this.closeSoon());
    box.addEventListener('focusout', ({ relatedTarget }) => {
      if (relatedTarget instanceof Node && !box.contains(relatedTarget) && relatedTarget !== this.#word) this.close();
    });
  }

  /** A press elsewhere closes it.  The document holds no listener of a popover that is closed. */
  #listen(): void {
    if (this.#listening) return;
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    const pressed = (event: Event): void => {
      const [target] = event.composedPath(); // in a shadow root event.target is its host
      if (target instanceof Node && !this.box.contains(target) && target !== this.#word) this.close();
    };
    document.addEventListener('pointerdown', pressed, { signal });
    addEventListener('resize', () => this.close(), { signal });
  }

  get isOpen(): boolean {
    return !this.box.hidden;
  }

  get #focused(): Element | null {
    return (this.box.getRootNode() as Document | ShadowRoot).activeElement;
  }

  /** Shows the alternatives after a moment, without taking the focus. */
  peek(word: HTMLElement, delay: number): void {
    clearTimeout(this.#timer);
    if (this.#returning || this.box.contains(this.#focused)) return;
    this.#timer = setTimeout(() => this.#show(word), delay);
  }

  /** Shows them and moves the focus into the list. */
  open(word: HTMLElement): void {
    clearTimeout(this.#timer);
    if (this.#show(word)) this.#list?.focus({ preventScroll: true });
  }

  closeSoon(): void {
    clearTimeout(this.#timer);
    // Whether the focus is inside is known only after it has moved.
    this.#timer = setTimeout(() => {
      if (!this.box.contains(this.#focused)) this.close();
    }, CLOSE_MS);
  }

  close(giveFocusBack = false): void {
    clearTimeout(this.#timer);
    if (this.box.hidden) return;
    const word = this.#word;
    this.#listening?.abort();
    this.#listening = null;
    this.box.hidden = true;
    word?.classList.remove('asked');
    this.#word = null;
    if (giveFocusBack) this.#giveFocus(word);
  }

  #giveFocus(word: HTMLElement | null): void {
    this.#returning = true;
    if (word?.isConnected) word.focus({ preventScroll: true });
    this.#returning = false;
  }

  #show(word: HTMLElement): boolean {
    const place = this.#host.placeOf(word);
    if (!place) return false;
    if (this.#word !== word) this.close();
    this.#word = word;
    word.classList.add('asked');
    this.#fill(place, word);
    this.box.hidden = false;
    this.#listen();
    this.#put(word);
    return true;
  }

  #fill(place: Word, word: HTMLElement): void {
    const wording = this.#host.wording();
    const name = place.empty ? wording.ends : visible(place.text);
    const choices = choicesOf(place);
    this.box.setAttribute('aria-label', wording.title(name));
    const head = make('p', { class: 'asked-word' }, make('span', {}, name), make('span', { class: 'note' }, wording.figure(place)));
    const { list: label } = wording;
    const list = label === null ? make('ul') : make('ul', { role: 'listbox', tabindex: 0, 'aria-label': label });
    list.append(...choices.map((choice, i) => (label === null ? row(place, choice, wording) : this.#option(place, choice, i, wording))));
    this.#list = label === null ? null : list;
    this.box.replaceChildren(head, list, this.#foot(place, word, wording));
    this.#mark(choices.findIndex((choice) => choice.id === place.id));
  }

  #foot(place: Word, word: HTMLElement, wording: Wording<Word>): HTMLElement {
    const button = (text: string, click: () => void): HTMLElement => make('button', { type: 'button', class: 'quiet', click }, text);
    const { unpin, more } = this.#host;
    const first = place.pinned && unpin ? button(wording.unpin, () => this.#after(place, () => unpin(place))) : make('p', { class: 'note' }, wording.foot);
    const others = (more?.(place, word) ?? []).map(([text, act]) => button(text, () => (this.close(), act())));
    return make('div', { class: 'foot' }, first, ...others);
  }

  #option(place: Word, choice: Alternative, i: number, wording: Wording<Word>): HTMLElement {
    const option = row(place, choice, wording);
    for (const [name, value] of Object.entries({ role: 'option', id: this.#optionId(i), 'aria-selected': 'false' })) option.setAttribute(name, value);
    option.addEventListener('click', () => this.#choose(place, choice));
    return option;
  }

  #optionId(i: number): string {
    return `${this.box.id}-choice-${i}`;
  }

  #options(): HTMLElement[] {
    return this.#list ? ([...this.#list.children] as HTMLElement[]) : [];
  }

  get #marked(): number {
    return this.#options().findIndex((option) => option.getAttribute('aria-selected') === 'true');
  }

  #mark(index: number): void {
    const options = this.#options();
    const at = Math.max(0, Math.min(index, options.length - 1));
    options.forEach((option, i) => option.setAttribute('aria-selected', String(i === at)));
    this.#list?.setAttribute('aria-activedescendant', this.#optionId(at));
  }

  #choose(place: Word, choice: Alternative): void {
    this.#after(place, () => this.#host.pin(place, choice));
  }

  /** Does something, and moves the focus back to the word, whose node may have been replaced. */
  #after(place: Word, act: () => void): void {
    const before = this.#word;
    act();
    const word = this.#host.wordOf(place) ?? before;
    this.close();
    this.#giveFocus(word);
  }

  #onKey(event: KeyboardEvent): void {
    const inList = this.#list !== null && this.#focused === this.#list;
    const place = this.#word && this.#host.placeOf(this.#word);
    const moves: Record<string, number> = { ArrowDown: this.#marked + 1, ArrowUp: this.#marked - 1, Home: 0, End: Infinity };
    const to = moves[event.key];
    if (event.key === 'Escape') this.close(true);
    else if (inList && to !== undefined) this.#mark(to);
    else if (inList && place && (event.key === 'Enter' || event.key === ' ')) {
      const choice = choicesOf(place)[this.#marked];
      if (choice) this.#choose(place, choice);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Below the word, or above it if there is not enough space; always on the screen. */
  #put(word: HTMLElement): void {
    const { box } = this;
    const at = word.getClientRects()[0] ?? word.getBoundingClientRect();
    const { clientWidth, clientHeight } = document.documentElement;
    box.style.left = box.style.top = '0';
    const zero = box.getBoundingClientRect(); // from here it is moved, whatever it is placed in
    const below = at.bottom + GAP + zero.height <= clientHeight || at.top - GAP - zero.height < 0;
    const left = Math.max(MARGIN, Math.min(at.left - 2 * MARGIN, clientWidth - zero.width - MARGIN));
    box.style.left = `${left - zero.left}px`;
    box.style.top = `${(below ? at.bottom + GAP : at.top - GAP - zero.height) - zero.top}px`;
  }
}

function row<Word extends Asked>(place: Word, choice: Alternative, { share, ends }: Wording<Word>): HTMLElement {
  const chosen = place.pinned && choice.id === place.id;
  const bar = make('span', { class: 'bar', 'aria-hidden': 'true' });
  bar.style.setProperty('--share', String(choice.probability));
  const name = make('span', { class: chosen ? 'choice pinned' : 'choice' }, choice.empty ? ends : visible(choice.text));
  if (chosen) name.append(make('span', { class: 'unseen' }, ', pinned'));
  return make('li', {}, name, bar, make('span', { class: 'figure' }, share(choice.probability)));
}

const visible = (text: string): string => text.trimStart().replaceAll('\n', '↵') || (text.includes('\n') ? 'new line' : 'space');

/** The alternatives, and the word itself if it is not among them. */
function choicesOf({ alternatives, id, text, probability, empty }: Asked): readonly Alternative[] {
  if (id === null || alternatives.some((choice) => choice.id === id)) return alternatives;
  return [...alternatives, { id, text, probability, empty }];
}
