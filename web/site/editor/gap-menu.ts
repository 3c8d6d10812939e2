/** The menu of a blank: its length, or the word that was erased put back. */
import { byId, make } from '../dom.ts';

/** What the menu needs to know of a blank. */
export interface Gap {
  blank: number;
  /** Lengths in tokens; null: the model chooses. */
  length: { min: number; max: number } | null;
  /** The text that was erased; null: the blank was typed. */
  erased: string | null;
  /** Whether the model can choose lengths. */
  free: boolean;
  /** Whether the model has written in it. */
  filled: boolean;
}

export interface GapHost {
  setLength(blank: number, inside: string): void;
  putBack(blank: number): void;
  /** Writes only this blank again. */
  again(blank: number): void;
}

/** Tokens per word, at most. */
const PER_WORD = 2;
const MOST_WORDS = 200;

export class GapMenu {
  private readonly box = byId('gap-menu');
  private opener: HTMLElement | null = null;

  constructor(private readonly host: GapHost) {
    this.box.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      this.close(true);
    });
    document.addEventListener('pointerdown', (event) => {
      if (event.target instanceof Node && !this.box.contains(event.target) && !this.opener?.contains(event.target)) this.close();
    });
    addEventListener('resize', () => this.close());
  }

  get isOpen(): boolean {
    return !this.box.hidden;
  }

  open(at: HTMLElement, gap: Gap): void {
    this.opener = at;
    this.box.setAttribute('aria-label', `Blank ${gap.blank + 1}`);
    this.box.replaceChildren(...this.parts(gap));
    this.box.hidden = false;
    this.put(at);
    this.box.querySelector<HTMLElement>('input, button')?.focus({ preventScroll: true });
  }

  close(giveFocusBack = false): void {
    if (this.box.hidden) return;
    this.box.hidden = true;
    if (giveFocusBack) this.opener?.focus({ preventScroll: true });
    this.opener = null;
  }

  private parts(gap: Gap): HTMLElement[] {
    const { min, max } = gap.length ?? { min: 1, max: 2 };
    const guess = Math.max(1, Math.round(max > min ? max / PER_WORD : min));
    const words = make('input', { type: 'number', min: 1, max: MOST_WORDS, step: 1, value: guess, 'aria-label': 'Number of words' });
    const tokens = make('input', { type: 'number', min: 1, max: MOST_WORDS * PER_WORD, step: 1, value: max, 'aria-label': 'Number of tokens' });
    const about = (): void => this.take(words, (n) => this.host.setLength(gap.blank, gap.free ? `${n}-${n * PER_WORD}` : String(n)));
    const exactly = (): void => this.take(tokens, (n) => this.host.setLength(gap.blank, String(n)));
    const rows = [
      make('p', { class: 'asked-word' }, gap.erased === null ? 'Blank' : `“${gap.erased.trim()}” was here`, make('span', { class: 'note' }, lengthOf(gap))),
      this.row('About', words, 'words', about),
      this.row('Exactly', tokens, 'tokens', exactly),
    ];
    if (gap.filled) rows.push(this.button('Write this blank again', () => this.host.again(gap.blank)));
    if (gap.free) rows.push(this.button('The model decides', () => this.host.setLength(gap.blank, '?')));
    rows.push(this.button(gap.erased === null ? 'Remove this blank' : 'Put the text back', () => this.host.putBack(gap.blank)));
    return rows;
  }

  private row(before: string, input: HTMLInputElement, after: string, act: () => void): HTMLElement {
    input.addEventListener('keydown', (event) => {
      if (event.key === 'Enter') act();
    });
    return make('div', { class: 'gap-row' }, make('span', {}, before), input, make('span', {}, after), make('button', { type: 'button', class: 'quiet', click: act }, 'Set'));
  }

  private button(text: string, act: () => void): HTMLElement {
    const click = (): void => {
      this.close();
      act();
    };
    return make('button', { type: 'button', class: 'quiet', click }, text);
  }

  private take(input: HTMLInputElement, act: (n: number) => void): void {
    if (!input.reportValidity() || !Number.isInteger(input.valueAsNumber)) return;
    this.close();
    act(input.valueAsNumber);
  }

  /** Below the blank, or above it if there is not enough space. */
  private put(at: HTMLElement): void {
    const place = at.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = this.box;
    const { clientWidth, clientHeight } = document.documentElement;
    const below = place.bottom + height + 6 <= clientHeight || place.top < height + 6;
    this.box.style.left = `${Math.max(8, Math.min(place.left - 12, clientWidth - width - 8)) + scrollX}px`;
    this.box.style.top = `${(below ? place.bottom + 6 : place.top - height - 6) + scrollY}px`;
  }
}

/** The length of a blank in words. */
export function lengthOf({ length }: Pick<Gap, 'length'>): string {
  if (!length) return 'the model decides the length';
  const { min, max } = length;
  return min === max ? `${min} ${min === 1 ? 'token' : 'tokens'}` : `${min} to ${max} tokens`;
}
