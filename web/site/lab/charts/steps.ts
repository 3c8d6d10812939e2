/** (e) The distance to the data by evaluations, for the samplers of pictures, without random numbers (src/lab/steps.c). */
import { calculate, fieldsOf } from '../calculation.ts';
import { brief, type Chart, type Part, type Result } from '../chart.ts';

const NAMES = ['ddpm, small variance', 'ddpm, large variance', 'analytic-ddpm', 'npr-ddpm', 'sn-ddpm', 'ddim', 'analytic-ddim', 'npr-ddim', 'sn-ddim', 'reverse-sde', 'probability-flow (Heun)', 'dpm-solver++'];
const [EVALUATIONS, PLACE, DATA, DDPM, SN] = [12, 24, 25, 26, 27];
const SHOWN = [0, 1, 2, 4, 5, 8];
const COUNTS = [5, 10, 25, 50];

/** 0 is not yet known. */
const orNull = (value: number | undefined): number | null => value || null;

function resultOf(figures: Float64Array[], done: number): Result {
  const of = (row: number): (number | null)[] => [...figures[row]!].map(orNull);
  const curve = (title: string, rows: readonly number[]): Part => ({
    kind: 'plot',
    title,
    x: { label: 'Evaluations of the network', log: true, from: 4.5, to: 56, ticks: COUNTS },
    y: { label: 'Distance W1', log: true, from: 0.001, to: 3 },
    at: COUNTS,
    series: rows.map((row, i) => ({ label: NAMES[row]!, values: of(row), as: 'line' as const, tone: i })),
  });
  const words =
    done < 1
      ? ''
      : `With 5, 10, 25 and 50 evaluations the distance of ddpm with the small variance is ${of(0).map((v) => brief(v)).join(', ')}; with the optimal variance of each place (sn-ddpm) it is ${of(4).map((v) => brief(v)).join(', ')}. ` +
        `ddim, which adds no noise, has ${of(5).map((v) => brief(v)).join(', ')}, sn-ddim ${of(8).map((v) => brief(v)).join(', ')}; Heun’s method on the probability flow ${of(10).map((v) => brief(v)).join(', ')}, dpm-solver++ ${of(11).map((v) => brief(v)).join(', ')}.`;
  return {
    words,
    parts: [
      curve('Ancestral samplers and their variances', SHOWN),
      curve('Optimal variances compared, and solvers of differential equations', [6, 4, 9, 10, 11]),
      {
        kind: 'table',
        title: 'All samplers',
        columns: ['Sampler', ...COUNTS.map((count) => `W1 with ${count}`), 'evaluations'],
        rows: NAMES.map((name, row) => [name, ...of(row).map((value) => value ?? '–'), [...figures[EVALUATIONS + row]!].filter(Boolean).join(', ')]),
      },
      {
        kind: 'plot',
        title: 'The data, and what two samplers reach with 5 evaluations',
        x: { label: 'Place', from: -4, to: 4 },
        y: { label: 'Probability of a cell', from: 0 },
        at: [...figures[PLACE]!],
        series: [
          { label: 'data', values: figures[DATA]!, as: 'line', tone: 4 },
          { label: NAMES[0]!, values: figures[DDPM]!, as: 'line', tone: 0 },
          { label: NAMES[4]!, values: figures[SN]!, as: 'line', tone: 1 },
        ],
      },
    ],
  };
}

export const steps: Chart = {
  id: 'steps',
  title: 'Distance to the data by evaluations',
  see: 'All samplers of pictures get the exact score of the same two modes, and end the nearer to the data the more often they may look. With few evaluations the amount of noise in a step decides: the optimal variance of each place (sn) is best, at no cost. Nothing here is random: whole distributions are moved on a grid.',
  fields: fieldsOf('steps', {
    weight: { label: 'Weight of the first mode' },
    left: { label: 'First mode at' },
    right: { label: 'Second mode at' },
    left_spread: { label: 'Spread of the first' },
    right_spread: { label: 'Spread of the second' },
  }),
  run: async ({ values, signal, advanced, show }) => {
    await calculate('steps', values, {
      signal,
      so_far: (figures, done) => {
        advanced(done);
        show(resultOf(figures, done));
      },
    });
  },
};
