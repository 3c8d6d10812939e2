/** Says beside the typed text what was understood as a blank, and what was not. */
import type { BlankPiece, Problem, Understood } from '../../src/notation.ts';
import { make } from '../dom.ts';
import { lengthOf } from './gap-menu.ts';

const MOST = 6;

/** A form that is not the notation itself, once each. */
function read(pieces: Understood['pieces']): BlankPiece[] {
  const seen = new Map<string, BlankPiece>();
  for (const piece of pieces) if (piece.kind === 'blank' && piece.typed !== piece.strict) seen.set(piece.typed, piece);
  return [...seen.values()];
}

export class UnderstoodList {
  private shown = '';

  constructor(private readonly place: HTMLElement, private readonly keep: (problem: Problem) => void, private readonly point: (problem: Problem) => void) {}

  draw({ pieces, problems }: Understood): void {
    const blanks = read(pieces);
    const now = JSON.stringify([blanks.map(({ typed, strict }) => [typed, strict]), problems]);
    if (now === this.shown) return;
    this.shown = now;
    const rows = [...problems.slice(0, MOST).map((problem) => this.problem(problem)), ...blanks.slice(0, MOST).map(row)];
    const rest = problems.length + blanks.length - rows.length;
    if (rest > 0) rows.push(make('li', {}, `and ${rest} more`));
    this.place.replaceChildren(...rows);
    this.place.hidden = !rows.length;
  }

  private problem(problem: Problem): HTMLElement {
    const typed = make('button', { type: 'button', class: 'quiet', click: () => this.point(problem) }, make('code', {}, problem.typed));
    const plain = make('button', { type: 'button', class: 'quiet', click: () => this.keep(problem) }, 'Plain text');
    return make('li', { class: 'problem-row' }, typed, ` is read as text. ${problem.message} `, plain);
  }
}

const row = (piece: BlankPiece): HTMLElement => make('li', {}, make('code', {}, piece.typed), ` is a blank: ${lengthOf(piece)}.`);
