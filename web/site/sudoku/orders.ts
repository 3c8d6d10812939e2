/** Orders side by side: the same board filled by several samplers, one after the other. */
import type { Sampler } from 'palimpsest';
import { announce } from '../announce.ts';
import { byId, make } from '../dom.ts';
import type { Engine } from '../engine.ts';
import { counted, seconds } from '../format.ts';
import type { Board } from './board.ts';
import { smallBoard } from './grid.ts';
import type { Rules, Verdict } from './rules.ts';
import { faultsOf, ORDERS, outcomeOf, Run } from './run.ts';

const COMPARED: readonly Sampler[] = ['margin', 'confidence', 'entropy', 'first-hitting'];

export class Orders {
  private work: AbortController | null = null;
  private runs: Run[] = [];

  constructor(private readonly engine: Engine, private readonly place: HTMLElement, private readonly verdict: () => Verdict | null, private readonly rules: () => Rules | null) {}

  get running(): boolean {
    return this.work !== null;
  }

  stop(): void {
    this.work?.abort();
  }

  /** The board has changed. */
  forget(): void {
    this.stop();
    this.runs = [];
    this.draw();
  }

  async go(puzzle: Board, loops: number): Promise<void> {
    const work = (this.work = new AbortController());
    this.runs = [];
    byId('sudoku-compare').textContent = 'Stop';
    try {
      const model = await this.engine.ready(work.signal, true);
      for (const sampler of COMPARED) {
        const run = new Run(puzzle, { sampler, loops: loops || model.info.loops });
        this.runs.push(run);
        await run.go(model, work.signal, () => this.draw());
        this.draw();
      }
      announce(this.runs.map((run) => `${run.plan.sampler}: ${this.outcome(run)}`).join(' '));
    } finally {
      this.work = null;
      byId('sudoku-compare').textContent = 'Compare orders';
      this.draw();
    }
  }

  private outcome(run: Run): string {
    return outcomeOf(faultsOf(this.rules(), run.puzzle, run.last, this.verdict()), this.verdict()).text;
  }

  private draw(): void {
    this.place.hidden = !this.runs.length;
    this.place.replaceChildren(
      ...this.runs.map((run) => {
        const faults = faultsOf(this.rules(), run.puzzle, run.last, this.verdict());
        const words = this.outcome(run);
        const facts = `${words} ${counted(run.evaluations, 'evaluation')}${run.seconds ? `, ${seconds(run.seconds)}` : ''}`;
        const { sampler } = run.plan;
        return make('figure', { class: 'order' },
          make('figcaption', {}, make('b', {}, sampler), `: ${ORDERS[sampler]!}`),
          smallBoard({ puzzle: run.puzzle, frame: run.last, ...faults }, `Board filled by ${sampler}. ${words}`),
          make('p', { class: 'note' }, facts));
      }),
    );
  }
}
