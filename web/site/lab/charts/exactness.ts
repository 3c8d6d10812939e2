/** (a) The probabilities of a language of 27 texts, and what each sampler draws (src/lab/exactness.c). */
import { calculate, fieldsOf } from '../calculation.ts';
import { brief, type Chart, type Result } from '../chart.ts';

const SAMPLERS = [
  ['first-hitting', 'a random place'],
  ['left to right', 'the first open place'],
  ['confidence', 'where the best token is most probable'],
  ['margin', 'where best and second differ most'],
  ['entropy', 'where the entropy is smallest'],
  ['ancestral', 'several at once, in time steps'],
  ['remask', 'the same, with places masked again'],
  ['parallel', 'all that are no neighbours'],
  ['all at once', 'one step, every place by itself'],
  ['by the drawn token', 'a trap: keeps the luckiest draw'],
] as const;
const [TRAP, AT_ONCE] = [9, 8];
const DISTANCE = 11;
const TEXTS = Array.from({ length: 27 }, (_, i) => [i % 3, Math.floor(i / 3) % 3, Math.floor(i / 9)].map((symbol) => 'abc'[symbol]).join(''));

/** Whether this row is complete when this share of the work is done. */
const known = (row: number, done: number): boolean => row + 1 <= done * SAMPLERS.length + 1e-9;

function resultOf(figures: Float64Array[], values: Readonly<Record<string, number>>, done: number): Result {
  const shown = values.compared ?? TRAP;
  const of = (row: number): string => SAMPLERS[row]![0];
  const distance = figures[DISTANCE]!.map((value, row) => (known(row, done) ? value : NaN));
  const chance = figures[DISTANCE + 1]![0]!;
  const exact = figures[0]!;
  const order = [...exact.keys()].sort((a, b) => exact[b]! - exact[a]!);
  const sorted = (which: number): number[] => order.map((i) => figures[which]![i]!);
  const drawn = known(0, done) ? sorted(1) : order.map(() => null);
  const words = done < 1 ? '' :
    `An exact sampler that draws ${values.draws!.toLocaleString('en')} texts is ${brief(chance)} away from the true probabilities by chance alone. ` +
    `The samplers that choose the place without looking at the drawn token are as near: first-hitting ${brief(distance[0])}, left to right ${brief(distance[1])}, confidence ${brief(distance[2])}, margin ${brief(distance[3])}, entropy ${brief(distance[4])}. ` +
    `Time steps reveal several places at once and are off: ancestral ${brief(distance[5])} with ${values.steps} steps, all at once ${brief(distance[AT_ONCE])}. ` +
    `The order by the probability of the drawn token is off by ${brief(distance[TRAP])}, although it writes one place at a time.`;
  return {
    words,
    parts: [
      {
        kind: 'bars',
        title: 'Distance from the true distribution',
        name: 'Sampler',
        value: 'Distance',
        rows: SAMPLERS.map(([name, note], i) => ({ name, note, value: distance[i]! })),
        mark: { value: chance, label: 'What an exact sampler has by chance' },
      },
      {
        kind: 'plot',
        title: `The 27 texts: true, by first-hitting, and by “${of(shown)}”`,
        x: { label: 'Text, the most probable first' },
        y: { label: 'Probability', from: 0 },
        at: order.map((_, i) => i),
        names: order.map((i) => TEXTS[i]!),
        series: [
          { label: 'true', values: sorted(0), as: 'bars', tone: 5 },
          { label: 'first-hitting', values: drawn, as: 'points', tone: 1 },
          { label: of(shown), values: known(shown, done) ? sorted(1 + shown) : order.map(() => null), as: 'points', tone: 0 },
        ],
      },
    ],
  };
}

export const exactness: Chart = {
  id: 'exactness',
  title: 'Which samplers are exact',
  see: 'A language of 27 texts (three places, letters a, b, c) is known completely, so each sampler can be compared with the truth. One place at a time is exact if the place is chosen before its token is drawn. It is not if the order looks at the drawn tokens, or if several places are drawn at once.',
  fields: [
    { key: 'compared', label: 'Compare the texts with', initial: TRAP, least: 0, most: SAMPLERS.length - 1, whole: true, choices: SAMPLERS.map(([name]) => name) },
    ...fieldsOf('exactness', {
      draws: { label: 'Texts drawn', hint: 'by each sampler' },
      steps: { label: 'Time steps', hint: 'of ancestral and remask' },
      evenness: { label: 'Evenness', hint: 'small: few texts are likely' },
      language: { label: 'Language', hint: 'seed of the probabilities' },
      seed: { label: 'Seed', hint: 'of the draws' },
    }),
  ],
  run: async ({ values, signal, advanced, show }) => {
    await calculate('exactness', values, {
      signal,
      so_far: (figures, done) => {
        advanced(done);
        show(resultOf(figures, values, done));
      },
    });
  },
};
