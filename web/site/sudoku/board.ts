/** Boards of the view Sudoku: 81 cells row by row, 1 to 9, or 0 for an open one. */
import type { Page } from 'palimpsest';

export type Board = readonly number[];

export const SIZE = 9;
export const CELLS = 81;
export const EMPTY: Board = Array.from({ length: CELLS }, () => 0);

/** What the model put into a cell, and what it thought of the digits when it did. */
export interface Filled {
  digit: number;
  probability: number;
  step: number;
  alternatives: readonly { digit: number; probability: number }[];
}

/** The cells of a board after a step; null: given or open. */
export type Frame = readonly (Filled | null)[];

export const NO_FRAME: Frame = EMPTY.map(() => null);

export const rowOf = (cell: number): number => Math.floor(cell / SIZE) + 1;
export const columnOf = (cell: number): number => (cell % SIZE) + 1;
export const nameOf = (cell: number): string => `row ${rowOf(cell)}, column ${columnOf(cell)}`;

export const textOf = (board: Board): string => board.map((digit) => (digit ? String(digit) : '.')).join('');
export const givensOf = (board: Board): number => board.filter((digit) => digit > 0).length;
/** Givens and filled cells together. */
export const wholeOf = (puzzle: Board, frame: Frame): Board => puzzle.map((digit, cell) => digit || (frame[cell]?.digit ?? 0));

/** Reads a board as people write it; a string says what is wrong, and in which cell. */
export function readBoard(text: string): Board | string {
  const cells: number[] = [];
  for (const character of text) {
    if (/[\s|+-]/.test(character)) continue;
    if (!/[0-9._]/.test(character)) {
      const where = cells.length < CELLS ? `at ${nameOf(cells.length)}` : 'behind the last cell';
      return `“${character}” ${where} is neither a digit nor a sign for an open cell (. or 0 or _).`;
    }
    cells.push(/[1-9]/.test(character) ? Number(character) : 0);
  }
  if (cells.length !== CELLS) {
    const missing = cells.length < CELLS ? ` The first one that is missing is ${nameOf(cells.length)}.` : '';
    return `A board has 81 cells, and this text has ${cells.length}.${missing}`;
  }
  return cells;
}

/** The open cells of a puzzle in order: the places of its page. */
export function frameOf(puzzle: Board, { tokens }: Page): Frame {
  let next = 0;
  return puzzle.map((given) => {
    const token = given ? undefined : tokens[next++];
    if (!token || token.open || token.id === null) return null;
    const alternatives = token.alternatives.map(({ id, probability }) => ({ digit: id, probability }));
    return { digit: token.id, probability: token.probability, step: token.step ?? 0, alternatives };
  });
}
