/** (a2) What a race between the mask and all tokens loses if its random numbers have few bits (src/lab/race.c). */
import { calculate, fieldsOf } from '../calculation.ts';
import { brief, type Chart, type Result } from '../chart.ts';

const [RANK, OF_RANK, COUNT, WON, PERPLEXITY, CHOSEN, TRUE_NATS] = [0, 1, 2, 3, 5, 6, 7];
const percent = (value: number): string => `${brief(100 * value)} %`;

function resultOf(figures: Float64Array[], values: Readonly<Record<string, number>>, done: number): Result {
  const of = (which: number): Float64Array => figures[which]!;
  const steps = [...of(COUNT)].filter(Boolean);
  const [won = 0, nats = 0, lost = 0] = of(CHOSEN);
  const truth = of(TRUE_NATS)[0]!;
  const words =
    done < 1
      ? ''
      : `With ${values.steps!.toLocaleString('en')} steps and numbers of ${values.bits} bits, ${percent(won)} of the tokens that are due are revealed. Their entropy is ${brief(nats, 4)} nats instead of ${brief(truth, 4)}, a perplexity of ${brief(Math.exp(nats))} instead of ${brief(Math.exp(truth))}: the rare tokens are missing, and ${percent(lost)} of the vocabulary get less than a hundredth of their due. A sampler that draws the reveal first, and then the token with 53 bits, loses nothing.`;
  return {
    words,
    parts: [
      {
        kind: 'plot',
        title: `What a token gets of its due, with ${values.steps!.toLocaleString('en')} steps`,
        x: { label: 'Rank of the token', log: true, from: 1, to: values.vocabulary! },
        y: { label: 'Share of its due', from: 0 },
        at: [...of(RANK)],
        series: [{ label: 'drawn by the race', values: of(OF_RANK), as: 'line' }],
      },
      {
        kind: 'plot',
        title: 'Tokens revealed, of those that are due',
        x: { label: 'Steps', log: true, from: 64, to: 16384 },
        y: { label: 'Share', from: 0 },
        at: steps,
        series: [{ label: 'revealed', values: of(WON), as: 'line' }],
      },
      {
        kind: 'plot',
        title: 'Perplexity of the revealed tokens',
        x: { label: 'Steps', log: true, from: 64, to: 16384 },
        y: { label: 'Perplexity', from: 0 },
        at: steps,
        series: [
          { label: 'drawn by the race', values: of(PERPLEXITY), as: 'line' },
          { label: 'true', values: steps.map(() => Math.exp(truth)), as: 'line', tone: 1 },
        ],
      },
    ],
  };
}

export const race: Chart = {
  id: 'race',
  title: 'A draw with too few bits',
  see: 'Some samplers let the mask and all tokens race in one draw with random numbers of 24 bits. The mask has nearly all the probability, so most wins of rare tokens fall below the smallest step of the numbers. Fewer tokens are revealed, and the more steps there are, the more the text consists of common words: its perplexity looks better than it is.',
  fields: fieldsOf('race', {
    vocabulary: { label: 'Tokens', hint: '50,257 has GPT-2' },
    zipf: { label: 'Zipf’s exponent', hint: 'p ~ rank^-exponent' },
    steps: { label: 'Steps' },
    bits: { label: 'Bits', hint: 'a float’s uniform number has 24' },
  }),
  run: async ({ values, signal, advanced, show }) => {
    await calculate('race', values, {
      signal,
      so_far: (figures, done) => {
        advanced(done);
        show(resultOf(figures, values, done));
      },
    });
  },
};
