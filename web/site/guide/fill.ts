/** Live example: a page with blanks is filled, so slowly that the order can be seen. */
import type { Sampler } from 'palimpsest';
import { make } from '../../src/component/make.ts';
import { type Example, Frame, type Host, labelled, pause } from './frame.ts';
import { thoughtsOf, wordsOf } from './words.ts';

const ORDERS: readonly (readonly [Sampler, string])[] = [
  ['ascending', 'from the left of each blank'],
  ['margin', 'the place that is most certain'],
  ['first-hitting', 'a random place'],
];
const SLOW = 500;
const calm = matchMedia('(prefers-reduced-motion: reduce)');

export function fillExample(place: HTMLElement, host: Host): Example {
  const text = make('textarea', { rows: 4, spellcheck: 'false' });
  text.value = place.dataset.page ?? '';
  const order = make('select', {}, ...ORDERS.map(([value, name]) => make('option', { value }, name)));
  const page = make('p', { class: 'filled' });
  const detail = make('p', { class: 'detail', role: 'status' });
  const frame = new Frame(place, host, 'Fill', async (model, signal) => {
    detail.textContent = '';
    const run = model.infill(text.value, { sampler: order.value as Sampler, signal });
    for await (const state of run) {
      page.replaceChildren(...wordsOf(state, (token) => (detail.textContent = thoughtsOf(token))));
      if (!calm.matches && !state.done) await pause(SLOW);
    }
    const { seed, evaluations, seconds } = await run.result();
    return `${evaluations} evaluations of the network, ${Math.max(1, Math.round(seconds * 1000))} ms of computing, seed ${seed}. The numbers are the steps, slowed down so that the order can be seen. Choose a word to see what else was possible.`;
  });
  frame.shown.append(page, detail);
  frame.controls.prepend(...labelled('Next: ', order));
  place.prepend(...labelled('A page with blanks', text));
  return frame;
}
