/** Live example: a word in one blank changes the probabilities of another. */
import type { Alternative } from 'palimpsest';
import { make } from '../../src/component/make.ts';
import { type Example, Frame, type Host, percent } from './frame.ts';
import { AT_ONCE, PAIR } from './pairs.ts';
import { type Share, shares } from './shares.ts';
import { given } from './words.ts';

export function chainExample(place: HTMLElement, host: Host): Example {
  let chosen = 0;
  const frame = new Frame(place, host, 'Ask', async (model, signal) => {
    const { tokens } = await model.infill(PAIR, { ...AT_ONCE, seed: 1, signal }).result();
    const [first, second] = tokens;
    const word = first?.alternatives[chosen];
    if (!first || !second || !word) return 'The network gave no answer.';
    const pins = [{ blank: first.blank, index: first.index, id: word.id }];
    const after = (await model.infill(PAIR, { temperature: 1, seed: 1, pins, signal }).result()).tokens[1];
    const name = word.text.trim();
    const choose = (i: number) => (): void => {
      chosen = i;
      void frame.again().then(() => frame.shown.querySelector<HTMLElement>('[aria-pressed=true]')?.focus());
    };
    const left = first.alternatives.map((one, i): Share => ({ name: one.text.trim(), values: [{ share: one.probability }], choose: choose(i), chosen: i === chosen }));
    const likely = after?.alternatives ?? [];
    frame.shown.replaceChildren(make('div', { class: 'columns' },
      shares('First blank: choose a word', ['probability'], left),
      shares(`Second blank, if the first is “${name}”`, ['not known', 'known'], both(second.alternatives, likely))));
    const next = likely[0];
    if (!next) return '';
    return `P(${name} and ${next.text.trim()}) = ${word.probability.toFixed(3)} · ${next.probability.toFixed(3)} = ${percent(word.probability * next.probability)}: the first word, times the second if the first is known. ${told(second.alternatives, next)}`;
  });
  frame.controls.prepend(given(PAIR));
  return frame;
}

const same = (list: readonly Alternative[], { id }: Alternative): Alternative | undefined => list.find((one) => one.id === id);

function told(before: readonly Alternative[], next: Alternative): string {
  const known = same(before, next);
  return known ? `With the first blank open it had ${percent(known.probability)}.` : 'With the first blank open it was not among the five most probable.';
}

/** The most probable words when the first is known, with their probabilities before.  The engine lists five words. */
function both(before: readonly Alternative[], after: readonly Alternative[]): Share[] {
  return after.map((one) => ({ name: one.text.trim(), values: [{ share: same(before, one)?.probability ?? NaN }, { share: one.probability }] }));
}
