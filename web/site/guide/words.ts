/** A filled page with the step of each word, and what the network thought of a place. */
import type { Page, PageToken } from 'palimpsest';
import { make } from '../../src/component/make.ts';
import { percent } from './frame.ts';

const BLANK = '\u2002\u2002\u2002';

const blank = (): HTMLElement => make('span', { class: 'open', role: 'img', 'aria-label': 'blank' }, BLANK);

/** A page as it is given, its blanks of one token drawn as blanks. */
export const given = (page: string): HTMLElement => make('p', { class: 'given' }, ...page.split('[[1]]').flatMap((text, i) => (i ? [blank(), text] : [text])));

/** `choose`: called with a word that is clicked; without it words cannot be chosen. */
export function wordsOf({ parts, tokens }: Page, choose?: (token: PageToken) => void): (Node | string)[] {
  return parts.flatMap((part) => {
    const token = part.token === undefined ? undefined : tokens[part.token];
    if (!token) return [part.text];
    if (token.open) return [blank()];
    if (!part.text) return [];
    const word = part.text.trimStart();
    const inside = [word, make('sup', {}, make('span', { class: 'unseen' }, ', step '), String(token.step))];
    const style = token.fresh ? 'word fresh' : 'word';
    const shown = choose ? make('button', { type: 'button', class: style, click: () => choose(token) }, ...inside) : make('span', { class: style }, ...inside);
    return [part.text.slice(0, part.text.length - word.length), shown];
  });
}

/** One sentence about a word and its alternatives. */
export function thoughtsOf(token: PageToken): string {
  const others = token.alternatives.filter((one) => one.id !== token.id).slice(0, 3);
  const name = (one: { text: string; empty: boolean; probability: number }): string => `“${one.text.trim() || (one.empty ? 'the end' : one.text)}” ${percent(one.probability)}`;
  return `Step ${token.step}: “${token.text.trim()}” had ${percent(token.probability)}.${others.length ? ` Others: ${others.map(name).join(', ')}.` : ''}`;
}
