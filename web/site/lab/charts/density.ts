/** (d) A density with two modes: noise, score, networks that learn it, samplers that follow it (src/lab/density.c). */
import { calculate, fieldsOf } from '../calculation.ts';
import { brief, type Chart, type Part, type Result } from '../chart.ts';

const [PLACE, DENSITY, SCORE, LEARNT, ERRORS, TIME, FLOW, SDE, BIN, DRAWN, LEFT, TRUTH] = [0, 1, 4, 5, 7, 8, 9, 13, 17, 18, 22, 23];
const SAMPLERS = [
  ['Langevin', 'noise of one level only'],
  ['annealed Langevin', 'from much noise to little'],
  ['probability flow', 'an ODE: no noise is added'],
  ['reverse SDE', 'noise is added at every step'],
] as const;
const line = (label: string, values: ArrayLike<number | null>, tone?: number) => ({ label, values, as: 'line' as const, ...(tone !== undefined && { tone }) });

function learning(of: (which: number) => Float64Array, values: Readonly<Record<string, number>>): Part[] {
  const at = [...of(PLACE)];
  return [
    {
      kind: 'plot',
      title: 'The density while noise is added',
      x: { label: 'Place' },
      y: { label: 'Density', from: 0 },
      at,
      series: [line('without noise', of(DENSITY)), line(`at time ${brief(values.look)}`, of(DENSITY + 1)), line('at time 1', of(DENSITY + 2))],
    },
    {
      kind: 'plot',
      title: `The score at time ${brief(values.look)}: exact, and learnt from samples`,
      x: { label: 'Place' },
      y: { label: 'Score' },
      at,
      series: [line('exact', of(SCORE), 4), line('denoising', of(LEARNT), 1), line('sliced', of(LEARNT + 1), 0)],
    },
  ];
}

/** A path to the ends of the times that are known. */
const path = (values: Float64Array, count: number): (number | null)[] => [...values].map((value, i) => (i < count ? value : null));

function sampling(of: (which: number) => Float64Array, done: number): Part[] {
  // The engine counts time from 1, noise, to 0; the plot shows it from left to right.
  const times = [...of(TIME)].map((time) => 1 - time);
  const known = done === 1 ? times.length : 0;
  const paths = (first: number, name: string) => Array.from({ length: 4 }, (_, i) => line(`${name} ${i + 1}`, path(of(first + i), known), i));
  const drawn = SAMPLERS.map(([name], i) => line(name, of(DRAWN + i)));
  return [
    { kind: 'plot', title: 'Four paths of the flow, from noise to data', x: { label: 'Time, from noise (0) to data (1)', from: 0, to: 1 }, y: { label: 'State' }, at: times, series: paths(FLOW, 'flow') },
    { kind: 'plot', title: 'Four paths of the SDE, from the same noise', x: { label: 'Time, from noise (0) to data (1)', from: 0, to: 1 }, y: { label: 'State' }, at: times, series: paths(SDE, 'SDE') },
    { kind: 'plot', title: 'What the samplers drew', x: { label: 'Place' }, y: { label: 'Density', from: 0 }, at: [...of(BIN)], series: drawn },
    {
      kind: 'bars',
      title: 'Share that was drawn left of the middle',
      name: 'Sampler',
      value: 'Share',
      rows: SAMPLERS.map(([name, note], i) => ({ name, note, value: done === 1 ? of(LEFT)[i]! : NaN })),
      mark: { value: of(TRUTH)[0]!, label: 'The true share' },
    },
  ];
}

function resultOf(figures: Float64Array[], values: Readonly<Record<string, number>>, done: number): Result {
  const of = (which: number): Float64Array => figures[which]!;
  const [denoising, sliced, size] = of(ERRORS);
  const left = of(LEFT);
  const words =
    done < 1
      ? ''
      : `The mean square of the score is ${brief(size)}; the network that learnt by denoising is off by ${brief(denoising)} in mean square, the one that learnt by sliced score matching by ${brief(sliced)}. ` +
        `Left of the middle should be ${brief(of(TRUTH)[0])} of the draws: Langevin with one level of noise drew ${brief(left[0])} there, annealed Langevin ${brief(left[1])}, the probability flow ${brief(left[2])}, the reverse SDE ${brief(left[3])}.`;
  return { words, parts: [...learning(of, values), ...(done === 1 ? sampling(of, done) : [])] };
}

export const density: Chart = {
  id: 'density',
  title: 'Noise, score, and the way back',
  see: 'Noise melts two modes into one bell. The score says at each place in which direction the density grows, and networks learn it from samples alone. Langevin dynamics with little noise cannot cross from one mode to the other, so it gets their weights wrong; from much noise to little it gets them right. The flow has smooth paths and the SDE rough ones, and both end in the same density.',
  fields: fieldsOf('density', {
    weight: { label: 'Weight of the left mode' },
    far: { label: 'Modes at ±' },
    spread: { label: 'Spread of a mode' },
    look: { label: 'Time looked at', hint: 'for score and networks' },
    steps: { label: 'Steps', hint: 'of flow and SDE' },
    runs: { label: 'Draws' },
    training: { label: 'Training steps', hint: 'of 64 samples' },
    seed: { label: 'Seed' },
  }),
  run: async ({ values, signal, advanced, show }) => {
    await calculate('density', values, {
      signal,
      so_far: (figures, done) => {
        advanced(done);
        show(resultOf(figures, values, done));
      },
    });
  },
};
