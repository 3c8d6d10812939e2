/** Shows a page: given text in the first ink colour, filled words in the second, open places as scraped marks.
 *
 *  Each place has its own node for as long as the page stays the same page, and only places that
 *  changed are written, so that a step of a fill costs the browser next to nothing. */
import type { PagePart } from 'palimpsest';
import { make } from './dom.ts';
import { spokenPercent } from './format.ts';
import type { Place } from './fill.ts';

/** Min. probabilities of `doubtful`, `likely` and `sure`; below the first a word is a guess. */
const STEPS = [0.2, 0.45, 0.75];
export const sureness = (probability: number): number => STEPS.filter((least) => probability >= least).length;

/** The style and the label of a word. */
export interface Look {
  tint: (place: Place) => string;
  said: (place: Place) => string;
}

export const SURENESS: Look = {
  tint: ({ probability }) => `sure-${sureness(probability)}`,
  said: ({ probability, pinned }) => `${spokenPercent(probability)} sure${pinned ? ', pinned' : ''}`,
};

interface Node {
  outer: HTMLElement;
  ink: HTMLElement;
  shown: string;
}

/** `cursor`: where the text continues; `after`: given text after it, which the model does not see. */
export type Part = PagePart & { kind?: 'cursor' | 'after' };

export interface Shape {
  parts: readonly Part[];
  /** Places after the min. length of their blank, which may stay empty. */
  spare: (token: number) => boolean;
}

export class Reading {
  private nodes: Node[] = [];
  private signature: (string | number)[] = [];

  /** `active`: words can be focused and chosen. */
  constructor(readonly root: HTMLElement, private readonly active: boolean) {}

  show(shape: Shape, places: readonly Place[], look: Look = SURENESS): void {
    this.build(shape, places.length);
    places.forEach((place, i) => this.write(place, this.nodes[i], look));
    if (this.active) this.keepOneStop();
  }

  /** Makes new nodes from the first part that differs; the nodes before it stay. */
  private build(shape: Shape, count: number): void {
    const signature = shape.parts.map((part) => part.token ?? `${part.kind ?? ''}=${part.text}`);
    let same = 0;
    while (same < signature.length && signature[same] === this.signature[same]) same++;
    this.nodes.length = count;
    if (same === signature.length && same === this.signature.length) return;
    const late = [...this.root.childNodes].slice(same);
    for (const node of late) node.remove();
    this.root.append(...shape.parts.slice(same).map((part) => this.make(part, shape)));
    this.signature = signature;
  }

  private make(part: Part, shape: Shape): globalThis.Node {
    if (part.kind) return make('span', { class: part.kind }, part.text);
    if (part.token === undefined) return document.createTextNode(part.text);
    const ink = make('span', { 'data-token': part.token });
    const outer = make('span', { class: shape.spare(part.token) ? 'place spare' : 'place' }, ink);
    outer.style.setProperty('--nth', String((part.token * 7) % 11));
    this.nodes[part.token] = { outer, ink, shown: '' };
    return outer;
  }

  private write(place: Place, node: Node | undefined, look: Look): void {
    if (!node) return;
    const tint = look.tint(place);
    const shown = `${place.open} ${place.empty} ${place.pinned} ${place.probability} ${tint} ${place.text}`;
    if (shown === node.shown) return;
    const before = node.shown;
    node.shown = shown;
    const { outer, ink } = node;
    const word = place.text.replace(/^ +/, '');
    const space = place.text.slice(0, place.text.length - word.length);
    outer.classList.toggle('open', place.open);
    // The space before a word is not underlined, focused or chosen.
    outer.replaceChildren(space, ink);
    ink.textContent = place.empty && place.pinned ? '¶' : word;
    const live = !place.open && (word !== '' || (place.empty && place.pinned));
    ink.className = live ? `ink ${tint}${place.pinned ? ' pinned' : ''}` : '';
    if (before.startsWith('true') && live) ink.classList.add('fresh');
    if (this.active) this.describe(place, ink, live, word, look);
  }

  private describe(place: Place, ink: HTMLElement, live: boolean, word: string, look: Look): void {
    if (!live) {
      for (const name of ['role', 'tabindex', 'aria-label', 'aria-haspopup', 'title']) ink.removeAttribute(name);
      return;
    }
    ink.setAttribute('role', 'button');
    ink.setAttribute('aria-haspopup', 'dialog');
    if (!ink.hasAttribute('tabindex')) ink.tabIndex = -1;
    ink.setAttribute('aria-label', `${place.empty ? '(ends here)' : word.trim() || 'new line'}, ${look.said(place)}`);
  }

  /** The words that can be focused, in order. */
  words(): HTMLElement[] {
    return this.nodes.filter((node) => node.ink.hasAttribute('role')).map((node) => node.ink);
  }

  word(token: number): HTMLElement | null {
    return this.nodes[token]?.ink ?? null;
  }

  /** Makes sure that one word is in the tab order. */
  private keepOneStop(): void {
    const words = this.words();
    if (!words.some((word) => word.tabIndex === 0) && words[0]) words[0].tabIndex = 0;
  }

  /** Makes a word the one in the tab order, and focuses it. */
  focus(word: HTMLElement): void {
    for (const other of this.words()) other.tabIndex = other === word ? 0 : -1;
    word.focus();
  }

  /** The next word in a direction, also across lines. */
  neighbour(word: HTMLElement, key: string): HTMLElement | null {
    const words = this.words();
    const at = words.indexOf(word);
    if (key === 'ArrowRight') return words[at + 1] ?? null;
    if (key === 'ArrowLeft') return words[at - 1] ?? null;
    if (key === 'Home') return words[0] ?? null;
    if (key === 'End') return words.at(-1) ?? null;
    if (key === 'ArrowUp' || key === 'ArrowDown') return nearest(word, words, key === 'ArrowUp' ? -1 : 1);
    return null;
  }
}

/** The nearest word on the next line in a direction. */
function nearest(word: HTMLElement, words: readonly HTMLElement[], direction: number): HTMLElement | null {
  const from = word.getBoundingClientRect();
  let best: HTMLElement | null = null;
  let least = Infinity;
  for (const other of words) {
    const box = other.getBoundingClientRect();
    const down = (box.top - from.top) * direction;
    if (down < from.height / 2) continue;
    const distance = down * 100 + Math.abs(box.left - from.left);
    if (distance < least) [best, least] = [other, distance];
  }
  return best;
}
