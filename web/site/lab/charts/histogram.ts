/** (g) A histogram and mixtures of discretised logistics, learnt from samples (src/lab/histogram.c). */
import { calculate, fieldsOf } from '../calculation.ts';
import { brief, type Chart, type Result } from '../chart.ts';

const NAMES = ['the true distribution', 'histogram', 'one logistic', 'two logistics', 'three logistics', 'four logistics'];
const [VALUE, TRUTH, SHARES, HISTOGRAM, HELD, LEARNT] = [0, 1, 2, 3, 8, 9];

function resultOf(figures: Float64Array[], values: Readonly<Record<string, number>>, done: number): Result {
  const of = (which: number): Float64Array => figures[which]!;
  const held = of(HELD);
  const best = [1, 2, 3, 4, 5].reduce((a, b) => (held[b]! < held[a]! ? b : a));
  const line = (label: string, which: number, tone: number) => ({ label, values: of(which), as: 'line' as const, tone });
  const words =
    done < 1
      ? ''
      : `On held-out samples the truth costs ${brief(held[0], 4)} nats per sample; ${NAMES.slice(1).map((name, i) => `${name} ${brief(held[i + 1], 4)}`).join(', ')}. The best that was learnt is ${NAMES[best]}. ` +
        `On the ${values.samples!.toLocaleString('en')} samples that it learnt from the histogram costs ${brief(of(LEARNT)[1], 4)}, which says nothing about others.`;
  return {
    words,
    parts: [
      {
        kind: 'plot',
        title: 'Samples, and what was learnt from them',
        x: { label: 'Value' },
        y: { label: 'Probability', from: 0 },
        at: [...of(VALUE)],
        series: [
          { label: 'shares of the samples', values: of(SHARES), as: 'bars', tone: 5 },
          line('the true distribution', TRUTH, 4),
          line('one logistic', HISTOGRAM + 1, 2),
          line('two', HISTOGRAM + 2, 3),
          line('three', HISTOGRAM + 3, 1),
          line('four', HISTOGRAM + 4, 0),
        ],
      },
      {
        kind: 'table',
        title: 'Nats per sample',
        columns: ['', 'held-out samples', 'more than the truth', 'samples learnt from'],
        rows: NAMES.map((name, i) => [name, held[i]!, held[i]! - held[0]!, of(LEARNT)[i]!]),
      },
    ],
  };
}

export const histogram: Chart = {
  id: 'histogram',
  title: 'A histogram against a model',
  see: 'All learn the same distribution from the same few samples. The histogram follows every accident of the samples: it is good at what it has seen and worse at new samples. A model with a few numbers misses details and generalises. With more samples the histogram catches up.',
  fields: fieldsOf('histogram', {
    samples: { label: 'Samples', hint: 'to learn from' },
    held_out: { label: 'Held-out samples', hint: 'to judge by' },
    bins: { label: 'Values' },
    training: { label: 'Training steps' },
    seed: { label: 'Seed' },
  }),
  run: async ({ values, signal, advanced, show }) => {
    await calculate('histogram', values, {
      signal,
      so_far: (figures, done) => {
        advanced(done);
        show(resultOf(figures, values, done));
      },
    });
  },
};
