/** Live example: one page, filled in three orders. */
import type { Sampler } from 'palimpsest';
import { make } from '../../src/component/make.ts';
import { type Example, Frame, type Host, newSeed } from './frame.ts';
import { given, wordsOf } from './words.ts';

const SAMPLERS: readonly (readonly [Sampler, string])[] = [
  ['ascending', 'each blank from its left, the surest blank first'],
  ['entropy', 'the place with the least uncertainty'],
  ['first-hitting', 'a random place'],
];

export function ordersExample(place: HTMLElement, host: Host): Example {
  const page = place.dataset.page ?? '';
  const frame = new Frame(place, host, 'Fill', async (model, signal) => {
    const seed = newSeed();
    const rows = SAMPLERS.map(([name, rule]) => {
      const words = make('p', { class: 'filled' });
      return { name, words, root: make('div', {}, make('p', { class: 'way' }, make('code', {}, name), `: ${rule}`), words) };
    });
    frame.shown.replaceChildren(...rows.map(({ root }) => root));
    let evaluations = 0;
    for (const [i, { name, words }] of rows.entries()) {
      const result = await model.infill(page, { sampler: name, temperature: 1, seed, signal }).result();
      words.replaceChildren(...wordsOf({ ...result, tokens: result.tokens.map((token) => ({ ...token, fresh: false })) }));
      evaluations += result.evaluations;
      frame.advance((i + 1) / rows.length);
    }
    return `The same seed, ${evaluations} evaluations in all. The numbers are the steps. Press again for another seed.`;
  });
  frame.controls.prepend(given(page));
  return frame;
}
