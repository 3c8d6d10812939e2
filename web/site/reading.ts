/** Shows a page: given text in the first ink colour, filled words in the second, open places as scraped marks.
 *
 *  Each place has its own node for as long as the page stays the same page, and only places that
 *  changed are written, so that a step of a fill costs the browser next to nothing. */
import type { PagePart } from 'palimpsest';
import { certainty } from '../src/component/certainty.ts';
import { make } from './dom.ts';
import { spokenPercent } from './format.ts';
import type { Place } from './fill.ts';

/** The style and the label of a word. */
export interface Look {
  tint: (place: Place) => string;
  said: (place: Place) => string;
}

export const SURENESS: Look = {
  tint: ({ probability }) => `sure-${certainty(probability)}`,
  said: ({ probability, pinned, order }) => `${spokenPercent(probability)} sure${order ? `, number ${order} in order` : ''}${pinned ? ', pinned' : ''}`,
};

interface Node {
  outer: HTMLElement;
  ink: HTMLElement;
  shown: string;
}

/** `cursor`: where the text continues; `after`: given text after it, which the model does not see; `word`: a word of the given
 *  text that can be erased, whose `id` says where it is. */
export type Part = PagePart & { kind?: 'cursor' | 'after' | 'word'; id?: string };

export interface Shape {
  parts: readonly Part[];
  /** Places after the min. length of their blank, which may stay empty. */
  spare: (token: number) => boolean;
  /** The label of a blank whose first open place can be chosen; null: it cannot. */
  gap?: (place: Place) => string | null;
}

export class Reading {
  private nodes: Node[] = [];
  private signature: (string | number)[] = [];
  /** The word that had the focus last. */
  private stop: HTMLElement | null = null;

  /** `active`: words can be focused and chosen. */
  constructor(readonly root: HTMLElement, private readonly active: boolean) {}

  show(shape: Shape, places: readonly Place[], look: Look = SURENESS): void {
    this.build(shape, places.length);
    places.forEach((place, i) => this.write(place, this.nodes[i], look));
    if (shape.gap) this.writeGaps(places, shape.gap);
    if (this.active) this.keepOneStop();
  }

  /** Makes new nodes from the first part that differs; the nodes before it stay. */
  private build(shape: Shape, count: number): void {
    const signature = shape.parts.map((part) => part.token ?? `${part.kind ?? ''}=${part.id ?? ''}=${part.text}`);
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
    if (part.kind === 'word') return this.given(part);
    if (part.kind) return make('span', { class: part.kind }, part.text);
    if (part.token === undefined) return document.createTextNode(part.text);
    const ink = make('span', { 'data-token': part.token });
    const outer = make('span', { class: shape.spare(part.token) ? 'place spare' : 'place' }, ink);
    outer.style.setProperty('--nth', String((part.token * 7) % 11));
    this.nodes[part.token] = { outer, ink, shown: '' };
    return outer;
  }

  private given({ text, id = '' }: Part): HTMLElement {
    return make('span', { class: 'given', role: 'button', tabindex: -1, 'data-word': id, 'aria-label': `${text}, erase` }, text);
  }

  /** The first open place of each blank is its button. */
  private writeGaps(places: readonly Place[], gap: (place: Place) => string | null): void {
    const done = new Set<number>();
    places.forEach((place, i) => {
      const outer = this.nodes[i]?.outer;
      if (!outer) return;
      const label = place.open && !done.has(place.blank) ? gap(place) : null;
      if (place.open) done.add(place.blank);
      if (label === null) {
        for (const name of ['role', 'tabindex', 'aria-label', 'aria-haspopup', 'data-gap']) outer.removeAttribute(name);
        return;
      }
      if (!outer.hasAttribute('tabindex')) outer.tabIndex = -1;
      for (const [name, value] of Object.entries({ role: 'button', 'aria-haspopup': 'dialog', 'aria-label': label, 'data-gap': String(place.blank) }))
        outer.setAttribute(name, value);
    });
  }

  private write(place: Place, node: Node | undefined, look: Look): void {
    if (!node) return;
    const tint = look.tint(place);
    const shown = `${place.open} ${place.empty} ${place.pinned} ${place.kept ?? false} ${place.probability} ${place.order ?? ''} ${tint} ${place.text} ${place.loose ?? ''}`;
    if (shown === node.shown) return;
    const before = node.shown;
    node.shown = shown;
    const { outer, ink } = node;
    const text = place.loose || place.text;
    const word = text.replace(/^ +/, '');
    const space = text.slice(0, text.length - word.length);
    outer.classList.toggle('open', place.open && !place.loose);
    outer.classList.toggle('loose', Boolean(place.loose));
    // The space before a word is not underlined, focused or chosen.
    outer.replaceChildren(space, ink);
    const marked = place.empty && place.pinned && !place.kept;
    ink.textContent = marked ? '¶' : word;
    const live = !place.open && (word !== '' || marked);
    ink.className = live ? `ink ${tint}${place.pinned && !place.kept ? ' pinned' : ''}` : '';
    if (before.startsWith('true') && live) ink.classList.add('fresh');
    if (live && place.order) ink.dataset.order = String(place.order);
    else delete ink.dataset.order;
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

  /** The words and blanks that can be focused, in order. */
  words(): HTMLElement[] {
    return [...this.root.querySelectorAll<HTMLElement>('[role=button]')];
  }

  word(token: number): HTMLElement | null {
    return this.nodes[token]?.ink ?? null;
  }

  /** Makes sure that one word is in the tab order: the one that has the focus, otherwise the first one. */
  private keepOneStop(): void {
    const words = this.words();
    const stop = words.find((word) => word === document.activeElement) ?? words.find((word) => word === this.stop) ?? words[0];
    for (const word of words) if (word !== stop && word.tabIndex === 0) word.tabIndex = -1;
    if (stop) stop.tabIndex = 0;
  }

  /** Makes a word the one in the tab order, and focuses it. */
  focus(word: HTMLElement): void {
    this.stop = word;
    for (const other of this.words()) if ((other === word) !== (other.tabIndex === 0)) other.tabIndex = other === word ? 0 : -1;
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
