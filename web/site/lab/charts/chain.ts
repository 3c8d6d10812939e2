/** (c) Noise on one token with three states, its reversal, and the score entropy (src/lab/chain.c). */
import { calculate, fieldsOf } from '../calculation.ts';
import { brief, type Chart, type Part, type Result } from '../chart.ts';

const [NOISE, FORWARD, RATES, CHANGE, REVERSE, UNDONE, RATIO, GUESS, ENTROPY, DENOISING, PATH, ENDS] = [0, 1, 5, 6, 7, 8, 9, 10, 11, 15, 19, 25];
const PATHS = 6;
const LETTERS = ['a', 'b', 'c', 'mask'];

/** A matrix whose columns are where a rate comes from, with the change of the probabilities beside it. */
function matrix(title: string, names: string[], rates: Float64Array, change: Float64Array): Part {
  const n = names.length;
  return {
    kind: 'table',
    title,
    columns: ['to', ...names.map((name) => `from ${name}`), 'change of p'],
    rows: names.map((name, to) => [name, ...names.map((_, from) => rates[to * n + from]!), change[to]!]),
  };
}

const lowest = (values: ArrayLike<number>): number => Array.from(values).reduce((best, value, i, all) => (value < all[best]! ? i : best), 0);

function resultOf(figures: Float64Array[], values: Readonly<Record<string, number>>): Result {
  const of = (which: number): Float64Array => figures[which]!;
  const absorbing = values.graph === 1;
  const names = LETTERS.slice(0, absorbing ? 4 : 3);
  const here = absorbing ? 3 : values.state!;
  const others = [0, 1, 2].filter((y) => y !== here);
  const noise = [...of(NOISE)];
  const look = brief(values.look);
  const found = others.map((y) => `for ${LETTERS[y]} at ${brief(of(GUESS)[lowest(of(ENTROPY + y))])}, the true ratio is ${brief(of(RATIO)[y])}`);
  const words =
    `At noise ${look} the noise changes the probabilities of ${names.join(', ')} by ${[...of(CHANGE)].map((v) => brief(v)).join(', ')} per unit of noise, and the reverse rates by ${[...of(UNDONE)].map((v) => brief(v)).join(', ')}: one undoes the other. ` +
    `Of ${values.runs!.toLocaleString('en')} reverse paths the shares ${[...of(ENDS)].slice(0, 3).map((v) => brief(v)).join(', ')} ended in a, b, c. ` +
    `From the state ${LETTERS[here]}, the score entropy is lowest ${found.join('; ')}.`;
  return {
    words,
    parts: [
      {
        kind: 'plot',
        title: 'Probabilities while noise is added',
        x: { label: 'Noise', from: 0 },
        y: { label: 'Probability', from: 0, to: 1 },
        at: noise,
        series: names.map((label, i) => ({ label, values: of(FORWARD + i), as: 'line' as const })),
      },
      matrix('Rates of the noise, per unit of noise', names, of(RATES), of(CHANGE)),
      matrix(`Rates of the reverse process at noise ${look}`, names, of(REVERSE), of(UNDONE)),
      {
        kind: 'plot',
        title: `Six reverse paths, from noise ${brief(values.most)} on the right to none on the left`,
        x: { label: 'Noise', from: 0 },
        y: { label: 'State', from: -0.5, to: names.length - 0.5, ticks: names.map((_, i) => i), names },
        at: noise,
        // Paths that are in the same state are drawn side by side.
        series: Array.from({ length: PATHS }, (_, i) => ({ label: `path ${i + 1}`, values: of(PATH + i), shift: 0.07 * (i - 2.5), as: 'line' as const })),
      },
      {
        kind: 'plot',
        title: `Score entropy from the state ${LETTERS[here]}, at noise ${look}`,
        x: { label: 'Ratio that a network computes', log: true },
        y: { label: 'Loss', from: 0, to: 6 },
        at: [...of(GUESS)],
        series: others.flatMap((y) => [
          { label: `${LETTERS[y]}, with the true ratio`, values: of(ENTROPY + y), as: 'line' as const, tone: 2 * y },
          { label: `${LETTERS[y]}, from noised tokens`, values: of(DENOISING + y), as: 'line' as const, tone: 2 * y + 1 },
        ]),
      },
    ],
  };
}

export const chain: Chart = {
  id: 'chain',
  title: 'Noise on one token, and back',
  see: 'A token that is a, b or c jumps at random; with the ratios of the probabilities the jumps can be undone. Watch the two tables: what the noise changes, the reverse rates change back. In the last plot both losses of a network are lowest at the true ratio: one needs that ratio, the other only noised tokens, and they differ by a constant.',
  fields: fieldsOf('chain', {
    a: { label: 'Weight of a' },
    b: { label: 'Weight of b' },
    c: { label: 'Weight of c' },
    graph: { label: 'Noise', choices: ['uniform: any state', 'absorbing: a mask'] },
    most: { label: 'Most noise' },
    look: { label: 'Noise looked at', hint: 'for rates and losses' },
    state: { label: 'State looked at', hint: 'of uniform noise', choices: ['a', 'b', 'c'] },
    runs: { label: 'Reverse paths' },
    seed: { label: 'Seed' },
  }),
  run: async ({ values, signal, advanced, show }) => {
    await calculate('chain', values, {
      signal,
      so_far: (figures, done) => {
        advanced(done);
        if (done === 1) show(resultOf(figures, values));
      },
    });
  },
};
