/** One fill of a board: every step of it, and what became of it. */
import type { InfillOptions, Model, Sampler } from 'palimpsest';
import { frameOf, NO_FRAME, textOf, wholeOf, type Board, type Frame } from './board.ts';
import type { Rules, Verdict } from './rules.ts';

/** The orders that the page offers, and what they are. */
export const ORDERS: Partial<Record<Sampler, string>> = {
  margin: 'the cell first whose likeliest digit leads the second one most',
  confidence: 'the cell first whose likeliest digit is most probable',
  entropy: 'the cell first whose digits are least open',
  'first-hitting': 'cells in random order',
  remask: 'many cells in a step, some of them taken back and filled again',
};

export interface Plan {
  sampler: Sampler;
  loops: number;
}

export class Run {
  /** The board after each step; the first one is the puzzle. */
  readonly frames: Frame[] = [NO_FRAME];
  evaluations = 0;
  seconds = 0;
  seed: number | bigint | null = null;

  constructor(readonly puzzle: Board, readonly plan: Plan) {}

  get last(): Frame {
    return this.frames.at(-1)!;
  }

  async go(model: Model, signal: AbortSignal, stepped: () => void): Promise<void> {
    // The likeliest digit is taken in every cell; what is random is the order of some samplers.
    const options: InfillOptions = { sampler: this.plan.sampler, loops: this.plan.loops, temperature: 0, signal };
    const fill = model.infill(textOf(this.puzzle), options);
    for await (const page of fill) {
      if (page.step > 0) this.frames.push(frameOf(this.puzzle, page)); // the first page is the puzzle
      this.evaluations = page.evaluations;
      stepped();
    }
    const { seconds, seed } = await fill.result();
    this.seconds = seconds;
    this.seed = seed;
  }
}

/** What is wrong on a board after a step. */
export interface Faults {
  conflicts: boolean[];
  wrong: boolean[];
  full: boolean;
}

export function faultsOf(rules: Rules | null, puzzle: Board, frame: Frame, verdict: Verdict | null): Faults {
  const whole = wholeOf(puzzle, frame);
  const none = whole.map(() => false);
  const solution = verdict?.solution;
  return {
    conflicts: rules?.conflicts(whole) ?? none,
    wrong: solution ? frame.map((filled, cell) => filled !== null && filled.digit !== solution[cell]) : none,
    full: whole.every((digit) => digit > 0),
  };
}

const count = (flags: readonly boolean[]): number => flags.filter(Boolean).length;

/** One sentence about the end of a run. */
export function outcomeOf({ conflicts, wrong, full }: Faults, verdict: Verdict | null): { solved: boolean; text: string } {
  const cells = (n: number): string => `${n} ${n === 1 ? 'cell' : 'cells'}`;
  const clash = count(conflicts);
  const off = count(wrong);
  if (full && !clash && !off) return { solved: true, text: verdict?.solution ? 'Solved: this is the only solution.' : 'Solved: the rows, columns and boxes are right.' };
  const parts = [off ? `${cells(off)} ${off === 1 ? 'is' : 'are'} wrong` : '', clash ? `${cells(clash)} ${clash === 1 ? 'contradicts' : 'contradict'} another` : ''].filter(Boolean);
  return { solved: false, text: full ? `Not solved: ${parts.join(', ')}.` : parts.length ? `So far ${parts.join(', ')}.` : 'So far nothing is wrong.' };
}
