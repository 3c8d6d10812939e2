/** The board: a grid whose cells are chosen by arrow keys, a click or a tap, and written by digits. */
import { certainty } from '../../src/component/certainty.ts';
import { make, setText } from '../dom.ts';
import { spokenPercent } from '../format.ts';
import { CELLS, columnOf, EMPTY, nameOf, rowOf, SIZE, type Board, type Frame } from './board.ts';

export interface Shown {
  puzzle: Board;
  frame: Frame;
  /** Digits that another cell of the row, column or box has too. */
  conflicts: readonly boolean[];
  /** Filled digits that are not those of the only solution. */
  wrong: readonly boolean[];
}

export interface Acts {
  /** 0 empties the cell. */
  write(cell: number, digit: number): void;
  choose(cell: number): void;
  paste(text: string): void;
}

/** How far a key moves in rows and columns. */
const MOVES: Record<string, readonly [number, number]> = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], PageUp: [-3, 0], PageDown: [3, 0] };
const EMPTIES = ['Backspace', 'Delete', '0', '.', '_', ' '];
const inside = (index: number): number => Math.max(0, Math.min(SIZE - 1, index));

export class Grid {
  private readonly cells: HTMLElement[];
  /** The cell that has the focus when the grid is entered. */
  chosen = 0;

  constructor(readonly root: HTMLElement, private readonly acts: Acts) {
    this.cells = EMPTY.map((_, cell) =>
      make('div', { role: 'gridcell', class: 'cell', tabindex: cell ? -1 : 0, 'aria-colindex': columnOf(cell), 'aria-describedby': 'sudoku-cell', 'data-cell': cell, focus: () => this.enter(cell) }),
    );
    const rows = Array.from({ length: SIZE }, (_, row) => make('div', { role: 'row', class: 'row', 'aria-rowindex': row + 1 }, ...this.cells.slice(row * SIZE, (row + 1) * SIZE)));
    root.replaceChildren(...rows);
    root.addEventListener('keydown', (event) => this.onKey(event));
    root.addEventListener('paste', (event) => {
      event.preventDefault();
      acts.paste(event.clipboardData?.getData('text/plain') ?? '');
    });
  }

  focus(cell = this.chosen): void {
    this.cells[cell]!.focus();
  }

  private enter(cell: number): void {
    this.cells[this.chosen]!.tabIndex = -1;
    this.cells[this.chosen]!.removeAttribute('aria-selected');
    this.chosen = cell;
    this.cells[cell]!.tabIndex = 0;
    this.cells[cell]!.setAttribute('aria-selected', 'true');
    this.acts.choose(cell);
  }

  private onKey(event: KeyboardEvent): void {
    const { key, ctrlKey, metaKey, altKey } = event;
    const row = rowOf(this.chosen) - 1;
    const column = columnOf(this.chosen) - 1;
    const move = MOVES[key];
    if (altKey) return;
    if (key === 'Home') this.focus(ctrlKey ? 0 : row * SIZE);
    else if (key === 'End') this.focus(ctrlKey ? CELLS - 1 : row * SIZE + SIZE - 1);
    else if (ctrlKey || metaKey) return;
    else if (move) this.focus(inside(row + move[0]) * SIZE + inside(column + move[1]));
    else if (/^[1-9]$/.test(key)) this.acts.write(this.chosen, Number(key));
    else if (EMPTIES.includes(key)) this.acts.write(this.chosen, 0);
    else return;
    event.preventDefault();
  }

  show(shown: Shown): void {
    this.cells.forEach((element, cell) => {
      const look = lookOf(shown, cell);
      setText(element, look.text);
      if (element.className !== look.classes) element.className = look.classes;
      if (element.getAttribute('aria-label') !== look.label) element.setAttribute('aria-label', look.label);
    });
  }
}

interface Look {
  text: string;
  classes: string;
  label: string;
}

export function lookOf({ puzzle, frame, conflicts, wrong }: Shown, cell: number): Look {
  const given = puzzle[cell]!;
  const filled = frame[cell];
  const state = given ? 'given' : filled ? `filled sure-${certainty(filled.probability)}` : 'open';
  const marks = `${conflicts[cell] ? ' conflict' : ''}${wrong[cell] ? ' wrong' : ''}`;
  const said = given ? `${given}, given` : filled ? `${filled.digit}, filled, ${spokenPercent(filled.probability)} sure` : 'open';
  const faults = `${conflicts[cell] ? ', contradicts another cell' : ''}${wrong[cell] ? ', wrong' : ''}`;
  return { text: String(given || (filled?.digit ?? '')), classes: `cell ${state}${marks}`, label: `${nameOf(cell)}: ${said}${faults}` };
}

/** A board that is only looked at. */
export function smallBoard(shown: Shown, label: string): HTMLElement {
  const cells = EMPTY.map((_, cell) => {
    const { text, classes } = lookOf(shown, cell);
    return make('span', { class: classes }, text);
  });
  return make('div', { class: 'board small', role: 'img', 'aria-label': label }, ...cells);
}
