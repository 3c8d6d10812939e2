/** The view Sudoku: a network fills a board cell by cell, and a solver without a network says whether it is right. */
import type { Sampler } from 'palimpsest';
import { announce, announceNow } from '../announce.ts';
import { byId, make, setText } from '../dom.ts';
import type { Engine } from '../engine.ts';
import { complain, explain, isAbort, remedies, settle } from '../errors.ts';
import { counted, percent, seconds } from '../format.ts';
import { Replay } from '../replay.ts';
import { recall, remember } from '../storage.ts';
import { EMPTY, givensOf, nameOf, NO_FRAME, readBoard, textOf, type Board, type Frame } from '../sudoku/board.ts';
import { Grid } from '../sudoku/grid.ts';
import { Orders } from '../sudoku/orders.ts';
import { LEVELS, MOST, Rules, type Verdict } from '../sudoku/rules.ts';
import { faultsOf, ORDERS, outcomeOf, Run, type Plan } from '../sudoku/run.ts';
import { Status } from './status.ts';

/** Shown at a first visit: one solution, singles are enough. */
const FIRST = '53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79';
const GRADE_WORDS = { singles: 'a person needs only single candidates', pairs: 'a person needs pairs, triples or locked candidates', guess: 'a person has to guess and follow the guess' };

const button = (id: string): HTMLButtonElement => byId<HTMLButtonElement>(id);

export class SudokuView {
  private readonly error = byId('sudoku-error');
  private readonly loops = byId<HTMLInputElement>('sudoku-loops');
  private readonly order = byId<HTMLSelectElement>('sudoku-order');
  private readonly grid: Grid;
  private readonly orders: Orders;
  private readonly replay = new Replay(() => this.draw(), 'sudoku-');
  private rules: Rules | null = null;
  private puzzle: Board = kept() ?? (readBoard(FIRST) as Board);
  private verdict: Verdict | null = null;
  private run: Run | null = null;
  private running: AbortController | null = null;
  private judging = new AbortController();
  private making: AbortController | null = null;

  constructor(private readonly engine: Engine) {
    this.grid = new Grid(byId('sudoku-grid'), {
      write: (cell, digit) => this.write(cell, digit),
      choose: () => this.tellCell(),
      paste: (text) => this.take(text),
    });
    this.orders = new Orders(engine, byId('sudoku-orders'), () => this.verdict, () => this.rules);
    new Status(byId('sudoku-progress'), engine, false);
    this.fillForm();
    this.listen();
    engine.onChange(() => this.suit());
    this.suit();
    void this.begin();
  }

  private async begin(): Promise<void> {
    this.draw();
    try {
      this.rules = await Rules.load();
    } catch (error) {
      complain(this.error, { ...explain(error), title: 'The solver could not be loaded: boards are filled, but not judged.' });
    }
    this.judge();
  }

  private fillForm(): void {
    this.order.replaceChildren(...Object.keys(ORDERS).map((name) => make('option', { value: name }, name)));
    byId('sudoku-order-about').textContent = ORDERS.margin!;
    const digits = Array.from({ length: 9 }, (_, i) => make('button', { type: 'button', class: 'key', click: () => this.press(i + 1) }, String(i + 1)));
    byId('sudoku-keys').replaceChildren(...digits, make('button', { type: 'button', class: 'key', 'aria-label': 'Empty the cell', click: () => this.press(0) }, '⌫'));
  }

  private listen(): void {
    const clicks: Record<string, () => void> = {
      'sudoku-fill': () => (this.running ? this.running.abort() : void this.fill()),
      'sudoku-new': () => (this.making ? this.making.abort() : void this.generate()),
      'sudoku-clear': () => this.use(EMPTY, 'The board is empty'),
      'sudoku-again': () => this.reset(),
      'sudoku-take': () => this.take(byId<HTMLTextAreaElement>('sudoku-text').value),
      'sudoku-longer': () => this.longer(),
      'sudoku-remask': () => this.remask(),
      'sudoku-compare': () => void this.compare(),
    };
    for (const [id, act] of Object.entries(clicks)) button(id).addEventListener('click', act);
    this.order.addEventListener('change', () => setText(byId('sudoku-order-about'), ORDERS[this.order.value as Sampler] ?? ''));
    document.addEventListener('keydown', (event) => {
      if (byId('view-sudoku').hidden) return;
      if (event.key === 'Escape') this.stop();
      else if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !this.running) void this.fill();
    });
  }

  private stop(): void {
    for (const work of [this.running, this.making]) work?.abort();
    this.orders.stop();
  }

  /** The model has changed. */
  private suit(): void {
    const info = this.engine.model?.info;
    this.loops.placeholder = info ? String(info.loops) : '';
    this.draw();
  }

  // ---- the puzzle

  private press(digit: number): void {
    this.write(this.grid.chosen, digit);
    this.grid.focus();
  }

  private write(cell: number, digit: number): void {
    if (this.running || this.puzzle[cell] === digit) return;
    this.use(this.puzzle.map((old, at) => (at === cell ? digit : old)));
  }

  private take(text: string): void {
    const board = readBoard(text);
    const problem = byId('sudoku-problem');
    problem.hidden = typeof board !== 'string';
    setText(problem, typeof board === 'string' ? board : '');
    if (typeof board !== 'string') this.use(board, `The board has ${counted(givensOf(board), 'given digit')}`);
    else byId<HTMLDetailsElement>('sudoku-paste').open = true;
  }

  private use(board: Board, said = ''): void {
    if (this.running) return;
    this.puzzle = board;
    this.run = null;
    remember('sudoku', textOf(board));
    this.orders.forget();
    settle(this.error);
    this.judge();
    if (said) announce(said);
  }

  private reset(): void {
    this.run = null;
    this.draw();
    this.grid.focus();
    announce('The filled digits are taken back');
  }

  private judge(): void {
    this.judging.abort();
    this.judging = new AbortController();
    const { signal } = this.judging;
    this.verdict = null;
    this.draw();
    void this.rules?.judge(this.puzzle, signal).then((verdict) => {
      if (!verdict || signal.aborted) return;
      this.verdict = verdict;
      this.draw();
    });
  }

  private async generate(): Promise<void> {
    if (this.running || !this.rules) return;
    this.making = new AbortController();
    const label = button('sudoku-new');
    label.textContent = 'Stop';
    const level = byId<HTMLSelectElement>('sudoku-level').value as keyof typeof LEVELS;
    const board = await this.rules.make(LEVELS[level], this.making.signal);
    this.making = null;
    label.textContent = 'New puzzle';
    if (board) this.use(board, `A new puzzle with ${counted(givensOf(board), 'given digit')}`);
  }

  // ---- filling

  private plan(): Plan | null {
    const loops = this.loops.value === '' ? (this.engine.model?.info.loops ?? 0) : this.loops.valueAsNumber;
    const wrong = this.loops.value !== '' && !(Number.isInteger(loops) && loops >= 1 && loops <= 64);
    this.loops.toggleAttribute('aria-invalid', wrong);
    setText(byId('sudoku-loops-problem'), wrong ? 'A whole number from 1 to 64.' : '');
    if (wrong) this.loops.focus();
    return wrong ? null : { sampler: this.order.value as Sampler, loops };
  }

  private async fill(): Promise<void> {
    settle(this.error);
    if (this.engine.missing) return announceNow(this.engine.missing);
    if (!this.plan()) return;
    if (givensOf(this.puzzle) === 81) return announceNow('The board has no open cell: there is nothing to fill.');
    const controller = (this.running = new AbortController());
    announce(this.engine.model ? 'Filling' : 'It will be filled as soon as the model is loaded');
    this.draw();
    try {
      const model = await this.engine.ready(controller.signal, true);
      const plan = this.plan()!;
      const run = (this.run = new Run(this.puzzle, { ...plan, loops: plan.loops || model.info.loops }));
      this.replay.restart(0);
      await run.go(model, controller.signal, () => {
        this.replay.extend(run.frames.length - 1);
        this.draw();
      });
      this.running = null;
      this.replay.restart(run.frames.length - 1);
      announce(outcomeOf(this.faults(run.last), this.verdict).text);
    } catch (error) {
      this.running = null;
      if (this.run) this.replay.restart(this.run.frames.length - 1);
      if (isAbort(error)) announce('Stopped');
      else if (error !== this.engine.failure?.error) this.fail(error);
    }
    this.draw();
  }

  private fail(error: unknown): void {
    const complaint = explain(error);
    complain(this.error, { ...complaint, title: complaint.title.replace('your text is', 'your board is') }, remedies(complaint.remedy, () => void this.fill()));
  }

  private longer(): void {
    const now = this.run?.plan.loops ?? this.engine.model?.info.loops ?? 8;
    this.loops.value = String(Math.min(64, 2 * now));
    void this.fill();
  }

  private remask(): void {
    this.order.value = 'remask';
    this.order.dispatchEvent(new Event('change'));
    void this.fill();
  }

  private async compare(): Promise<void> {
    const plan = this.plan();
    if (this.orders.running) return this.orders.stop();
    if (!plan || this.running) return;
    settle(this.error);
    try {
      await this.orders.go(this.puzzle, plan.loops);
    } catch (error) {
      if (!isAbort(error) && error !== this.engine.failure?.error) this.fail(error);
    }
  }

  // ---- showing

  private get frame(): Frame {
    if (!this.run) return NO_FRAME;
    return this.run.frames[Math.min(this.replay.step, this.run.frames.length - 1)] ?? NO_FRAME;
  }

  private faults(frame: Frame): ReturnType<typeof faultsOf> {
    return faultsOf(this.rules, this.puzzle, frame, this.verdict);
  }

  private draw(): void {
    const { frame, run } = this;
    const faults = this.faults(frame);
    this.grid.show({ puzzle: this.puzzle, frame, ...faults });
    setText(byId('sudoku-verdict'), this.wordsOfVerdict(faults.conflicts));
    const fill = button('sudoku-fill');
    fill.textContent = this.running ? 'Stop' : 'Fill the board';
    fill.classList.toggle('stop', this.running !== null);
    byId('sudoku-replay').hidden = !run || run.frames.length < 2;
    button('sudoku-again').disabled = !run || this.running !== null;
    for (const id of ['sudoku-clear', 'sudoku-new']) button(id).disabled = this.running !== null;
    const done = run && !this.running ? outcomeOf(this.faults(run.last), this.verdict) : null;
    byId('sudoku-outcome').hidden = !done;
    byId('sudoku-outcome').classList.toggle('solved', done?.solved ?? false);
    setText(byId('sudoku-outcome-text'), done?.text ?? '');
    byId('sudoku-reconsider').hidden = !done || done.solved;
    setText(byId('sudoku-statistics'), run ? `${run.plan.sampler}, ${counted(run.plan.loops, 'loop')}, ${counted(run.evaluations, 'evaluation')}${run.seconds ? `, ${seconds(run.seconds)}` : ''}` : '');
    this.tellCell();
  }

  private wordsOfVerdict(conflicts: readonly boolean[]): string {
    const givens = counted(givensOf(this.puzzle), 'given digit');
    const clash = this.puzzle.findIndex((digit, cell) => digit > 0 && conflicts[cell]);
    const twice = clash >= 0 && this.puzzle.some((digit, cell) => cell !== clash && digit === this.puzzle[clash] && conflicts[cell]);
    if (twice) return `${givens}. The given digits contradict each other: ${this.puzzle[clash]} at ${nameOf(clash)} stands twice. There is no solution.`;
    const { verdict } = this;
    if (!verdict) return this.rules ? `${givens}. Counting solutions…` : givens;
    if (verdict.solution) return `${givens}, one solution; ${GRADE_WORDS[verdict.grade!]}.`;
    if (verdict.known) return `${givens}, ${verdict.solutions ? counted(verdict.solutions, 'solution') : 'no solution'}.`;
    if (verdict.solutions > MOST) return `${givens}, more than 1,000 solutions.`;
    return `${givens}. ${verdict.solutions ? 'There is a solution; how many there are' : 'Whether there is a solution'} is not known after a second.`;
  }

  /** The chosen cell: what is in it, and what the network thought of its digits. */
  private tellCell(): void {
    const cell = this.grid.chosen;
    const filled = this.frame[cell];
    setText(byId('sudoku-cell-name'), nameOf(cell)[0]!.toUpperCase() + nameOf(cell).slice(1));
    const rows = filled?.alternatives ?? [];
    byId('sudoku-cell').replaceChildren(
      make('p', { class: 'note' }, filled ? `Filled in step ${filled.step}. The network gave` : this.puzzle[cell] ? 'A given digit.' : 'Open. When the cell is filled, the probabilities of its digits are shown here.'),
      ...(filled
        ? [make('ul', { class: 'chances' }, ...rows.map(({ digit, probability }) =>
            make('li', { class: digit === filled.digit ? 'taken' : '' },
              make('span', { class: 'digit' }, String(digit)),
              make('span', { class: 'gauge', style: `--part: ${probability}` }),
              make('span', { class: 'share' }, percent(probability)))))]
        : []),
    );
  }
}

/** The board of the last visit. */
function kept(): Board | null {
  const text = recall('sudoku');
  const board = typeof text === 'string' ? readBoard(text) : null;
  return typeof board === 'string' ? null : board;
}
