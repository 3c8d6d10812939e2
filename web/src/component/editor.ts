/** The box in which the text is typed; below it what was understood, and what only looks like a blank. */
import { keepAsText, type Problem, type Understood } from '../notation.ts';
import { make } from './make.ts';
import { words } from './words.ts';

/** Longer lists are cut: the box is what matters. */
const SHOWN = 6;

export class Editor {
  readonly root: HTMLElement;
  readonly #box: HTMLTextAreaElement;
  readonly #notes = make('ul', { part: 'notes', class: 'notes' });
  readonly #typed: (text: string) => void;

  constructor(typed: (text: string) => void) {
    this.#typed = typed;
    this.#box = make('textarea', { part: 'text', dir: 'auto', rows: 4, input: () => typed(this.#box.value) });
    this.root = make('div', { class: 'frame', hidden: true }, this.#box, this.#notes);
  }

  get open(): boolean {
    return !this.root.hidden;
  }

  show(open: boolean, text: string, understood: Understood): void {
    this.root.hidden = !open;
    if (!open) return;
    this.#box.setAttribute('aria-label', words.editor);
    if (this.#box.value !== text) this.#box.value = text;
    const blanks = understood.pieces.filter((piece) => piece.kind === 'blank');
    const found = make('li', {}, make('p', {}, words.understood(blanks.length)));
    const seen = new Map(blanks.map((blank) => [blank.typed, words.length(blank)]));
    for (const [typed, length] of [...seen].slice(0, SHOWN)) found.append(make('span', {}, make('code', {}, typed), ` ${length}`));
    if (seen.size > SHOWN) found.append('…');
    this.#notes.replaceChildren(found, ...understood.problems.slice(0, SHOWN).map((problem) => this.#note(problem)));
  }

  focus(): void {
    this.#box.focus();
  }

  #note(problem: Problem): HTMLElement {
    const place = make('button', { type: 'button', part: 'button', class: 'small', click: () => this.#select(problem) }, problem.typed.slice(0, 30));
    const plain = make('button', { type: 'button', part: 'button', class: 'small', click: () => this.#keep(problem) }, words.plain);
    plain.setAttribute('aria-label', `${words.plain}: ${problem.typed.slice(0, 30)}`);
    return make('li', { class: 'note' }, place, make('p', {}, problem.message), plain);
  }

  #select({ start, end }: Problem): void {
    this.#box.focus();
    this.#box.setSelectionRange(start, end);
  }

  /** By the browser's own editing command, so that its undo takes the escape back. */
  #keep(problem: Problem): void {
    const text = keepAsText(this.#box.value, problem);
    this.#box.focus();
    this.#box.setSelectionRange(problem.start, problem.start);
    if (!document.execCommand('insertText', false, '\\') || this.#box.value !== text) {
      this.#box.value = text;
      this.#typed(text);
    }
  }
}
