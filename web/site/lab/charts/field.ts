/** (d) The score of two modes in the plane, and paths of samplers (src/lab/field.c). */
import { calculate, fieldsOf } from '../calculation.ts';
import { brief, type Chart, type Result } from '../chart.ts';

const [X, Y, DX, DY, FLOW, LANGEVIN, CLEAN, NOISED] = [0, 1, 2, 3, 5, 11, 17, 19];

function resultOf(figures: Float64Array[], values: Readonly<Record<string, number>>): Result {
  const of = (which: number): Float64Array => figures[which]!;
  const look = brief(values.look);
  const trace = (first: number, label: string, tone: number) => [0, 1, 2].map((i) => ({ label, tone, x: of(first + 2 * i), y: of(first + 2 * i + 1) }));
  const ends = (first: number): string => [0, 1, 2].map((i) => `(${brief(of(first + 2 * i).at(-1), 2)}, ${brief(of(first + 2 * i + 1).at(-1), 2)})`).join(', ');
  const sizes = Array.from(of(DX), (dx, i) => Math.hypot(dx, of(DY)[i]!));
  const words = `At time ${look} the arrows are between ${brief(Math.min(...sizes), 2)} and ${brief(Math.max(...sizes), 2)} long and point to the modes at (±${values.far}, ±${brief(values.far! / 2)}). The three paths of the flow end at ${ends(FLOW)}, those of annealed Langevin at ${ends(LANGEVIN)}.`;
  return {
    words,
    parts: [
      {
        kind: 'field',
        title: `The score at time ${look}, and paths to the data`,
        words,
        arrows: { x: of(X), y: of(Y), dx: of(DX), dy: of(DY) },
        points: [
          { label: 'samples without noise', tone: 5, x: of(CLEAN), y: of(CLEAN + 1) },
          { label: `samples at time ${look}`, tone: 3, x: of(NOISED), y: of(NOISED + 1) },
        ],
        paths: [...trace(FLOW, 'probability flow', 1), ...trace(LANGEVIN, 'annealed Langevin', 0)],
      },
    ],
  };
}

export const field: Chart = {
  id: 'field',
  title: 'The score as a field of arrows',
  see: 'Each arrow says in which direction points become more probable at the time looked at, and how fast. A little after time 0 the arrows lead to the nearest mode; later, when noise has melted the modes together, they lead to the middle. The flow follows them smoothly, Langevin stumbles.',
  fields: fieldsOf('field', {
    weight: { label: 'Weight of the lower mode' },
    far: { label: 'Modes at ±' },
    spread: { label: 'Spread of a mode' },
    look: { label: 'Time looked at' },
    steps: { label: 'Steps', hint: 'of a path' },
    seed: { label: 'Seed' },
  }),
  run: async ({ values, signal, advanced, show }) => {
    await calculate('field', values, {
      signal,
      so_far: (figures, done) => {
        advanced(done);
        if (done === 1) show(resultOf(figures, values));
      },
    });
  },
};
