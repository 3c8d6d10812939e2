/** What is below the text: drafts, buttons, progress, errors, and what screen readers hear. */
import { make, setText } from './make.ts';
import { words } from './words.ts';

export interface PanelHost {
  fill(): void;
  undo(): void;
  edit(): void;
  choose(draft: number): void;
  retry(): void;
}

/** What the panel shows. */
export interface PanelState {
  /** The main button: what it says, and whether it stops something. */
  main: string;
  stops: boolean;
  /** Nothing can be changed: readonly or disabled. */
  fixed: boolean;
  canUndo: boolean;
  editable: boolean;
  editing: boolean;
  /** Progress, or null: text and share (null: unknown). */
  progress: { text: string; share: number | null } | null;
  /** The words of each draft, and the chosen one; empty if there is only one. */
  drafts: readonly string[];
  chosen: number;
  hint: boolean;
  hintText: string;
}

/** A second click of a double click does not stop what the first began. */
const DOUBLE_CLICK_MS = 500;

export class Panel {
  readonly root: HTMLElement[];
  readonly #fill: HTMLButtonElement;
  readonly #undo: HTMLButtonElement;
  readonly #edit: HTMLButtonElement;
  readonly #controls: HTMLElement;
  readonly #progress: HTMLElement;
  readonly #bar = make('progress', { part: 'bar' });
  readonly #status = make('span', { part: 'status' });
  readonly #drafts = make('fieldset', { part: 'drafts', class: 'drafts', hidden: true });
  readonly #hint = make('p', { part: 'hint', class: 'hint', hidden: true });
  readonly #error = make('div', { part: 'error', class: 'error', role: 'alert' });
  readonly #said = make('div', { class: 'unseen', role: 'status' });
  readonly #keys = make('p', { id: 'keys', hidden: true });
  readonly #host: PanelHost;
  #changed = -Infinity;
  #shownDrafts = '';

  constructor(host: PanelHost) {
    this.#host = host;
    this.#fill = make('button', { type: 'button', part: 'button fill', class: 'fill', click: () => this.#press() });
    this.#undo = make('button', { type: 'button', part: 'button undo', hidden: true, click: () => host.undo() });
    this.#edit = make('button', { type: 'button', part: 'button edit', hidden: true, click: () => host.edit() });
    this.#progress = make('div', { part: 'progress', class: 'progress', hidden: true }, this.#bar, this.#status);
    this.#controls = make('div', { part: 'controls', class: 'controls' }, this.#fill, this.#undo, this.#edit, this.#progress);
    this.#drafts.addEventListener('change', (event) => host.choose(Number((event.target as HTMLInputElement).value)));
    this.root = [this.#error, this.#drafts, this.#controls, this.#hint, this.#keys, this.#said];
  }

  #press(): void {
    if (this.#fill.classList.contains('stops') && performance.now() - this.#changed < DOUBLE_CLICK_MS) return;
    this.#host.fill();
  }

  show(state: PanelState): void {
    const { stops, progress } = state;
    this.#controls.hidden = state.fixed && !stops;
    if (stops && !this.#fill.classList.contains('stops')) this.#changed = performance.now();
    this.#fill.classList.toggle('stops', stops);
    this.#fill.part.toggle('stops', stops);
    setText(this.#fill, state.main);
    this.#undo.hidden = !state.canUndo;
    this.#edit.hidden = !state.editable;
    this.#edit.setAttribute('aria-expanded', String(state.editing));
    setText(this.#edit, state.editing ? words.done : words.edit);
    setText(this.#undo, words.undo);
    this.#undo.disabled = this.#edit.disabled = stops;
    this.#progress.hidden = !progress;
    if (progress) this.#showProgress(progress);
    this.#showDrafts(state);
    this.#hint.hidden = !state.hint;
    setText(this.#hint, state.hintText);
    setText(this.#keys, words.keys);
  }

  #showProgress({ text, share }: { text: string; share: number | null }): void {
    setText(this.#status, text);
    this.#bar.setAttribute('aria-label', text.replace(/:.*/, ''));
    if (share === null) this.#bar.removeAttribute('value');
    else this.#bar.value = share;
  }

  #showDrafts({ drafts, chosen, fixed, stops }: PanelState): void {
    this.#drafts.hidden = drafts.length < 2;
    this.#drafts.disabled = fixed || stops;
    const shown = JSON.stringify(drafts);
    if (shown !== this.#shownDrafts) {
      this.#shownDrafts = shown;
      const inputs = drafts.map((_, i) => make('input', { type: 'radio', name: 'draft', value: i }));
      const labels = drafts.map((text, i) => make('label', { part: 'draft', class: 'draft' }, inputs[i]!, make('span', { dir: 'auto' }, text || words.nothing)));
      this.#drafts.replaceChildren(make('legend', {}, words.drafts), ...labels);
    }
    this.#drafts.querySelectorAll('input').forEach((input, i) => (input.checked = i === chosen));
  }

  get main(): HTMLElement {
    return this.#fill;
  }

  /** Shows an error, which screen readers say at once. */
  complain(message: string, canRetry: boolean): void {
    const retry = make('button', { type: 'button', part: 'button', class: 'small', click: () => this.#host.retry() }, words.retry);
    this.#error.replaceChildren(make('p', {}, message), ...(canRetry ? [retry] : []));
  }

  calm(): void {
    const focused = this.#error.contains((this.#error.getRootNode() as ShadowRoot).activeElement ?? null);
    this.#error.replaceChildren();
    if (focused) this.#fill.focus();
  }

  /** For screen readers. */
  say(text: string): void {
    // The same words twice are said twice only if they change.
    this.#said.textContent = this.#said.textContent === text ? `${text}\u00a0` : text;
  }
}
