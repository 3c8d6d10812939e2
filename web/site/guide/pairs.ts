/** Live example: two blanks that should be the same word, filled at once and one after another. */
import type { InfillOptions, Model } from 'palimpsest';
import { make } from '../../src/component/make.ts';
import { type Example, Frame, type Host, newSeed } from './frame.ts';
import { counted } from './draws.ts';
import { given } from './words.ts';

export const PAIR = 'Sam had a big red [[1]]. One day the [[1]] was gone.';
const DRAFTS = 60;
const SHOWN = 4;

/** All places are drawn from one evaluation. */
export const AT_ONCE: InfillOptions = { sampler: 'parallel', threshold: 1e-6, temperature: 1 };
const IN_TURN: InfillOptions = { sampler: 'ascending', temperature: 1 };

export function pairsExample(place: HTMLElement, host: Host): Example {
  const frame = new Frame(place, host, `Fill ${DRAFTS} pages each way`, async (model, signal) => {
    const seed = newSeed();
    const ways = [['At once', AT_ONCE], ['One after another', IN_TURN]] as const;
    const columns = ways.map(([name]) => ({ root: make('div'), name }));
    frame.shown.replaceChildren(make('div', { class: 'columns' }, ...columns.map(({ root }) => root)));
    const same: number[] = [];
    for (const [i, [name, options]] of ways.entries()) same.push(await fill(model, { ...options, seed, signal }, columns[i]!.root, name, (part) => frame.advance((i + part) / 2)));
    return `The same word twice: ${same[0]} of ${DRAFTS} pages filled at once, ${same[1]} of ${DRAFTS} filled one word after another.`;
  });
  frame.controls.prepend(given(PAIR));
  return frame;
}

/** Returns the number of pages with the same word twice. */
async function fill(model: Model, options: InfillOptions, root: HTMLElement, name: string, advance: (part: number) => void): Promise<number> {
  const list = make('ul', { class: 'pages' });
  const sum = make('p', { class: 'detail' });
  root.replaceChildren(make('p', { class: 'way' }, name), list, sum);
  let same = 0;
  for (let draft = 0; draft < DRAFTS; draft++) {
    const { tokens } = await model.infill(PAIR, { ...options, draft }).result();
    const [a = '', b = ''] = tokens.map(({ text }) => text.trim());
    same += Number(a === b);
    if (draft < SHOWN) list.append(make('li', {}, make('b', {}, a), ' … ', make('b', {}, b)));
    const { share, error } = counted(same, draft + 1);
    sum.textContent = `Same word: ${same} of ${draft + 1}, ${Math.round(share * 100)} ± ${(error * 100).toFixed(0)} %`;
    advance((draft + 1) / DRAFTS);
  }
  return same;
}
