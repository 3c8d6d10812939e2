/** The rules of Sudoku: sudoku-rules.wasm (wasm/sudoku.c), a module without a network.  It judges boards and makes puzzles,
 *  and has no part in filling them.  Long work gives way to the page every few milliseconds. */
import { CELLS, type Board } from './board.ts';

interface Module {
  memory: WebAssembly.Memory;
  pr_board(): number;
  pr_conflicts(): number;
  pr_count_start(max: number): void;
  pr_count_step(tries: number): number;
  pr_solutions(): number;
  pr_solution(): number;
  pr_grade(): number;
  pr_make(givens: number, seed: number, attempt: number): number;
}

/** The technique that a person needs, in the order of pal_sudoku_grade. */
export const GRADES = ['singles', 'pairs', 'guess'] as const;
export type Grade = (typeof GRADES)[number];

export interface Verdict {
  /** At most MOST + 1. */
  solutions: number;
  /** False: the count was given up after a second; there may be more. */
  known: boolean;
  /** The only solution, or null. */
  solution: Board | null;
  grade: Grade | null;
}

export const MOST = 1000;
const GIVE_UP_MS = 1000;
const SLICE_TRIES = 4096;
const SLICE_MS = 12;

export interface Level {
  givens: number;
  grade: Grade;
}
export const LEVELS: Record<'easy' | 'medium' | 'hard', Level> = {
  easy: { givens: 38, grade: 'singles' },
  medium: { givens: 28, grade: 'pairs' },
  hard: { givens: 24, grade: 'guess' },
};

const giveWay = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

export class Rules {
  private constructor(private readonly module: Module) {}

  static async load(): Promise<Rules> {
    const answer = await fetch(new URL(`sudoku-rules.wasm?v=${__BUILD__}`, location.href));
    if (!answer.ok) throw new Error(`sudoku-rules.wasm could not be fetched: the server answered ${answer.status}`);
    const module = await WebAssembly.compile(await answer.arrayBuffer());
    // What the compiler's library asks of its host, such as a note that memory has grown, is not needed.
    const imports: WebAssembly.Imports = {};
    for (const { module: from, name } of WebAssembly.Module.imports(module)) (imports[from] ??= {})[name] = () => 0;
    const { exports } = await WebAssembly.instantiate(module, imports);
    return new Rules(exports as unknown as Module);
  }

  private cells(at: number): Uint8Array {
    return new Uint8Array(this.module.memory.buffer, at, CELLS);
  }

  private put(board: Board): void {
    this.cells(this.module.pr_board()).set(board);
  }

  /** Which cells have a digit that another cell of their row, column or box has too. */
  conflicts(board: Board): boolean[] {
    this.put(board);
    return [...this.cells(this.module.pr_conflicts())].map((marked) => marked > 0);
  }

  /** Null if it was stopped. */
  async judge(board: Board, signal: AbortSignal): Promise<Verdict | null> {
    const { module } = this;
    const { known, solutions } = await this.count(board, signal);
    if (signal.aborted) return null;
    const one = known && solutions === 1;
    const solution = one ? [...this.cells(module.pr_solution())] : null;
    this.put(board);
    return { solutions, known: known && solutions <= MOST, solution, grade: one ? GRADES[module.pr_grade()]! : null };
  }

  private async count(board: Board, signal: AbortSignal): Promise<{ known: boolean; solutions: number }> {
    const { module } = this;
    this.put(board);
    module.pr_count_start(MOST + 1);
    const start = performance.now();
    for (let slice = start; ; ) {
      if (module.pr_count_step(SLICE_TRIES)) return { known: true, solutions: module.pr_solutions() };
      if (performance.now() - start > GIVE_UP_MS) return { known: false, solutions: module.pr_solutions() };
      if (performance.now() - slice < SLICE_MS) continue;
      await giveWay();
      if (signal.aborted) return { known: false, solutions: 0 };
      slice = performance.now();
    }
  }

  /** A puzzle with one solution that needs this technique; null if it was stopped. */
  async make({ givens, grade }: Level, signal: AbortSignal): Promise<Board | null> {
    const { module } = this;
    const seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
    for (let attempt = 0; attempt < 65536 && !signal.aborted; attempt++) {
      if (module.pr_make(givens, seed, attempt) && GRADES[module.pr_grade()] === grade) return [...this.cells(module.pr_board())];
      await giveWay();
    }
    return null;
  }
}
