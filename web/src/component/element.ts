/** <palimpsest-blanks>: a text with blanks that people fill. */
import type { InfillOptions, InfillResult, LoadProgress, Model } from '../types.ts';
import type { NotationOptions, Understood } from '../notation.ts';
import { asSeed } from '../values.ts';
import { AttributeError, MODEL_ATTRIBUTES } from './attributes.ts';
import { Choosing } from './choosing.ts';
import { ContentWatch, textIn } from './content.ts';
import { BlanksControl } from './control.ts';
import { Editor } from './editor.ts';
import { draftOf, itemsOf, openIn, pack, pinsIn, replaced, textOf, toggled, unpack, wordsOf, type Filled, type Item, type Snapshot } from './fills.ts';
import { History } from './history.ts';
import { actOf } from './keys.ts';
import { make } from './make.ts';
import type { Load } from './models.ts';
import { PageView } from './page.ts';
import { Panel } from './panel.ts';
import { Reader } from './reader.ts';
import { Run } from './run.ts';
import { isAbort, told } from './say.ts';
import { panelState } from './shown.ts';
import { Sight } from './sight.ts';
import { ModelSource } from './source.ts';
import { styleOf } from './styles.ts';
import type { ChangeReason, FillDetail } from './types.ts';
import { words } from './words.ts';

/** A component that is moved in the page is taken out and put in again at once. */
const GRACE_MS = 1000;

let library: Load | null = null;

/** A text with blanks, which a model fills on the device of the reader.
 *
 *      <palimpsest-blanks src="models/tales-infill.gguf">Once there was a ___ who lived in ___.</palimpsest-blanks>
 *
 *  It loads nothing before the first fill, unless it has `autoload` or `autofill`.  In a form, its value is the filled text. */
export class PalimpsestBlanks extends BlanksControl {
  /** Further options of Model.infill(), such as `topK`; attributes come before them. */
  options: InfillOptions = {};

  readonly #root: ShadowRoot;
  readonly #page = new PageView({ press: (item, word) => this.#press(item, word), fill: () => this.#fillByHand() });
  readonly #choosing = new Choosing(this.#page, {
    choose: ({ tokens: [token] }, alternative) => this.#refill(replaced(this.#filled!, token!, alternative), alternative.id === token!.id ? 'keep' : 'choose'),
    release: (item) => this.#toggle(item),
  });
  readonly #editor = new Editor((text) => this.#typed(text));
  readonly #panel: Panel;
  #text = '';
  #default = '';
  #filled: Filled | null = null;
  readonly #reader = new Reader();
  readonly #history = new History<Snapshot>();
  #editing = false;
  /** The text was typed since the editor was opened. */
  #hasTyped = false;
  readonly #source = new ModelSource(() => this.#update(), (progress, first) => this.#heard(progress, first));
  readonly #sight = new Sight();
  #run: Run | null = null;
  /** Fills of this text so far, which are counted up from `seed`. */
  #fills = 0;
  #complained: unknown = null;
  #formDisabled = false;
  #leaving: ReturnType<typeof setTimeout> | undefined;
  #frame = 0;

  /** @internal */
  constructor() {
    super();
    this.#root = this.attachShadow({ mode: 'open', delegatesFocus: true }); // delegates, or Firefox does not say in forms what is missing
    this.#panel = new Panel({
      fill: () => (this.#run ? this.cancel() : this.#fillByHand()),
      undo: () => this.undo(), edit: () => this.#edit(), choose: (draft) => this.#choose(draft), retry: () => this.#fillByHand(),
    });
    // A click on plain text focuses the frame; without a tabindex it would go to the first blank and scroll there.
    const frame = make('div', { part: 'frame', class: 'frame', tabindex: -1 }, this.#page.root, this.#editor.root, ...this.#panel.root, this.#choosing.box);
    frame.addEventListener('focus', () => frame.matches(':focus-visible') && this.focus());
    this.#root.append(frame);
    this.#root.addEventListener('keydown', (event) => this.#onKey(event as KeyboardEvent));
    this.addEventListener('click', (event) => event.composedPath()[0] === this && this.focus()); // of a label
  }

  // ---- text and value

  /** The text with blanks, as it was typed.  Setting it forgets the fill. */
  get text(): string {
    return this.#text;
  }
  set text(text: string) {
    this.#abandon();
    this.#text = String(text ?? '');
    this.#filled = null;
    this.#history.clear();
    this.#fills = 0;
    this.#update();
  }

  /** The text as it is now: filled, with open blanks as they were typed.  Setting it sets `text`. */
  get value(): string {
    return textOf(this.understood, this.#items());
  }
  set value(value: string) {
    if (value !== this.value) this.text = value;
  }

  /** How the text was understood: its blanks, and what only looks like one. */
  get understood(): Understood {
    const info = this.#source.model?.info;
    const options: NotationOptions = { notation: this.notation, ...(info && { free: info.freeLength }) };
    return this.#reader.read(this.#text, options);
  }

  /** The drafts of the last fill, with tokens, probabilities and alternatives. */
  get results(): InfillResult[] {
    return (this.#filled?.drafts ?? []).flatMap(({ result }) => result ?? []);
  }

  /** Whether no blank is open. */
  get complete(): boolean {
    const draft = draftOf(this.#filled);
    return draft?.tokens.length ? openIn(draft.tokens) === 0 : this.#blanks === 0;
  }

  /** Whether a model is loaded for a fill, or the text is being filled. */
  get busy(): boolean {
    return this.#run !== null;
  }

  /** A model of one's own instead of `src`.  The component never disposes of it. */
  get model(): Model | null {
    return this.#source.given;
  }
  set model(model: Model | null) {
    this.#forgetModel();
    this.#source.given = model ?? null;
    if (this.isConnected) this.#watch();
    this.#update();
  }

  // ---- forms

  /** @internal */
  formResetCallback(): void {
    this.text = this.#default;
  }

  /** @internal */
  formDisabledCallback(disabled: boolean): void {
    this.#formDisabled = disabled;
    this.#update();
  }

  /** @internal Called by the browser when it opens a page again. */
  formStateRestoreCallback(state: string | File | FormData): void {
    const kept = typeof state === 'string' ? unpack(state) : null;
    if (!kept) return;
    this.text = kept.text;
    const tokens = draftOf(kept.filled)?.tokens;
    if (tokens?.every(({ blank }) => blank < this.#blanks)) this.#filled = kept.filled;
    this.#update();
  }

  // ---- life

  /** @internal */
  connectedCallback(): void {
    clearTimeout(this.#leaving);
    this.upgrade(['text', 'value', 'model', 'seed', 'temperature', 'sampler', 'drafts', 'notation']);
    this.#root.adoptedStyleSheets = [styleOf(this.ownerDocument)];
    this.#content.begin(this);
    this.#readContent();
    this.#watch();
    this.#update();
  }

  /** @internal */
  disconnectedCallback(): void {
    this.#sight.end();
    this.#content.end();
    this.#leaving = setTimeout(() => (this.cancel(), this.#forgetModel()), GRACE_MS);
  }

  /** @internal */
  adoptedCallback(): void {
    this.#root.adoptedStyleSheets = [styleOf(this.ownerDocument)];
  }

  /** @internal */
  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (before === after) return;
    if (MODEL_ATTRIBUTES.has(name)) this.#forgetModel();
    if (name === 'notation' && this.#filled) this.text = this.#text;
    if (this.isConnected) {
      this.#watch();
      this.#update();
    }
  }

  readonly #content = new ContentWatch(() => (this.#readContent(), this.#update()));

  /** The text between the tags, until it was changed by hand or by a program. */
  #readContent(): void {
    const text = textIn(this);
    if (text === this.#default) return;
    const untouched = this.#text === this.#default;
    this.#default = text;
    if (untouched) this.text = text;
  }

  /** Starts `autoload` and `autofill` when the component comes into sight. */
  #watch(): void {
    if (!(this.autoload || this.autofill) || !(this.#source.given || this.src)) return;
    this.#sight.wait(this, () => {
      if (this.autofill && !this.#filled && !this.#editing && !this.#fixed && this.#blanks) this.#fillByHand();
      else if (!this.#run) this.load().catch(() => {}); // the error is shown
    });
  }

  // ---- the model

  /** Loads the model, unless it is there.  Components of a page with the same `src` share it. */
  async load(): Promise<Model> {
    try {
      return await this.#load();
    } catch (error) {
      if (!isAbort(error)) this.#complain(error);
      throw error;
    }
  }

  async #load(): Promise<Model> {
    if (this.#source.model) return this.#source.model;
    const wanted = this.wanted();
    if (!wanted) throw new AttributeError(words.noSource);
    if (!library) throw new AttributeError('The library is missing: import palimpsest/component.');
    return this.#source.load(library, wanted);
  }

  #heard(progress: LoadProgress, first: boolean): void {
    if (first && progress.phase === 'download') this.#panel.say(words.loading(progress));
    this.#emit('palimpsest-progress', { stage: 'load', ...progress });
    this.#updateSoon();
  }

  /** For another model. */
  #forgetModel(): void {
    this.#abandon();
    this.#source.release();
  }

  // ---- filling

  /** Fills the blanks; kept words stay.  Resolves to null if it was stopped, and rejects with the error that is shown. */
  fill(): Promise<FillDetail | null> {
    return this.#run?.done ?? this.#begin();
  }

  #fillByHand(): void {
    if (!this.#fixed && !this.#run) this.fill().catch(() => {}); // the error is shown
  }

  async #begin(): Promise<FillDetail | null> {
    const run = new Run(this.#snapshot, ({ written, total }) => {
      this.#emit('palimpsest-progress', { stage: 'fill', written, total });
      this.#updateSoon();
    });
    run.done = this.#play(run);
    return run.done;
  }

  async #play(run: Run): Promise<FillDetail | null> {
    this.#run = run;
    this.#panel.calm();
    this.#editing = false;
    this.#update();
    try {
      await null; // so that `done` is set
      const settings = this.settings(this.options, this.#fills);
      if (!this.#blanks) throw new AttributeError(words.noBlank);
      const model = await run.orStopped(this.#load());
      return await this.#write(run, model, settings);
    } catch (error) {
      return this.#failed(run, error);
    } finally {
      if (this.#run === run) this.#run = null;
      this.#update();
    }
  }

  async #write(run: Run, model: Model, { seed, ...options }: InfillOptions & { seed: bigint }): Promise<FillDetail | null> {
    run.prepare(this.drafts);
    this.#filled = run.filled;
    this.#update();
    const drafts = await run.write(model, this.understood.strict, { ...options, seed });
    if (run.abandoned) return null;
    this.#fills++;
    this.#remember(run.before);
    this.#filled = run.filled;
    const detail = { value: this.value, drafts, seed: asSeed(seed) };
    this.#panel.say(words.written(this.#words(), drafts.length));
    this.#emit('palimpsest-fill', detail);
    this.#changed('fill');
    return detail;
  }

  /** A fill that was stopped keeps what is written; one that has failed changes nothing. */
  #failed(run: Run, error: unknown): null {
    if (run.abandoned) return null;
    const stopped = run.stop.signal.aborted;
    this.#filled = stopped && run.advanced ? run.kept : run.before.filled;
    if (stopped && !this.#source.model) this.#source.release(); // the download was cancelled
    if (stopped && run.advanced) {
      this.#remember(run.before);
      this.#panel.say(words.stopped);
      this.#changed('fill');
    }
    if (stopped) return null;
    this.#complain(error);
    throw error;
  }

  /** Stops a download or a fill; what is written stays. */
  cancel(): void {
    this.#run?.stop.abort(new DOMException('the fill was stopped', 'AbortError'));
  }

  /** Stops a fill whose text or model is another one now. */
  #abandon(): void {
    if (!this.#run) return;
    this.#run.abandoned = true;
    this.#filled = this.#run.before.filled;
    this.cancel();
    this.#run = null;
  }

  // ---- what people do

  #press(item: Item, word: HTMLElement): void {
    if (this.#fixed || this.#run || !this.#filled) return;
    if (this.alternatives) this.#choosing.open(word);
    else this.#toggle(item);
  }

  #toggle(item: Item): void {
    const filled = this.#filled!;
    this.#refill({ ...filled, pins: toggled(filled.pins, item, draftOf(filled)!.tokens) }, 'keep');
  }

  #refill(filled: Filled, reason: ChangeReason): void {
    this.#remember();
    this.#filled = filled;
    this.#update();
    this.#changed(reason);
  }

  #choose(chosen: number): void {
    if (!this.#filled || this.#run) return;
    this.#refill({ ...this.#filled, chosen, pins: pinsIn(this.#filled.pins, this.#filled.drafts[chosen]!) }, 'draft');
    this.#panel.say(words.written(this.#words(), 1));
  }

  /** Takes the last change back: a fill, another draft, a kept word, a typed text.  False if there is none. */
  undo(): boolean {
    const last = this.#run ? undefined : this.#history.undo(this.#snapshot);
    if (!last) return false;
    [this.#text, this.#filled] = [last.text, last.filled];
    this.#editing = false;
    this.#update();
    this.#panel.say(words.undone);
    this.#changed('undo');
    return true;
  }

  #edit(): void {
    this.#editing = !this.#editing;
    this.#hasTyped = false;
    this.#update();
    if (this.#editing) return this.#editor.focus();
    this.#panel.say(words.understood(this.#blanks));
    this.dispatchEvent(new Event('change', { bubbles: true }));
  }

  #typed(text: string): void {
    if (!this.#hasTyped) this.#remember();
    this.#hasTyped = true;
    this.#text = text;
    this.#filled = null;
    this.#fills = 0;
    this.#update();
    this.#changed('edit');
  }

  get #snapshot(): Snapshot {
    return { text: this.#text, filled: this.#filled };
  }

  #remember(state: Snapshot = this.#snapshot): void {
    this.#history.before(state);
  }

  #onKey(event: KeyboardEvent): void {
    const act = actOf(event, this.#run !== null);
    if (!act || (act === 'undo' && this.#fixed)) return;
    event.preventDefault();
    if (act !== 'nothing') event.stopPropagation();
    if (act === 'stop') this.cancel();
    else if (act === 'fill') this.#fillByHand();
    else if (act === 'undo') this.undo();
  }

  /** Moves the focus to the text, or to the button. */
  override focus(options?: FocusOptions): void {
    if (this.#editing) this.#editor.focus();
    else if (this.#filled || !this.#panel.main.checkVisibility?.()) this.#page.focus();
    else this.#panel.main.focus(options);
  }

  // ---- showing

  get #fixed(): boolean {
    return this.readOnly || this.disabled || this.#formDisabled;
  }

  get #blanks(): number {
    return this.understood.pieces.filter(({ kind }) => kind === 'blank').length;
  }

  #items(): Item[][] | null {
    const draft = draftOf(this.#filled);
    return draft?.tokens.length ? itemsOf(draft.tokens, this.#filled!.pins, this.#blanks, this.alternatives) : null;
  }

  #words(): string[] {
    return wordsOf(this.#items() ?? []);
  }

  /** Once per frame; a page that is not seen has no frames. */
  #updateSoon(): void {
    if (document.visibilityState === 'hidden') this.#update();
    else this.#frame ||= requestAnimationFrame(() => this.#update());
  }

  #update(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const focused = this.#root.activeElement;
    if (this.#run?.filled) this.#filled = this.#run.filled;
    const { understood, alternatives } = this;
    const items = this.#items();
    const fixed = this.#fixed;
    if (this.#run) this.#choosing.close();
    this.#page.root.hidden = this.#editing;
    this.#page.root.setAttribute('aria-label', this.accessibleName(words.page));
    this.#page.root.setAttribute('aria-busy', String(this.#run?.filled != null));
    this.#page.show(understood, items, { active: !fixed, tinted: this.certainty, asks: alternatives });
    this.#editor.show(this.#editing, this.#text, understood);
    this.#panel.show(panelState({
      run: this.#run, source: this.#source, filled: this.#filled, blanks: this.#blanks, complete: this.complete, fixed,
      canUndo: this.#history.canUndo, editable: this.editable, editing: this.#editing, hintText: alternatives ? words.hintAlternatives : words.hint,
    }));
    this.#sync();
    // What had the focus may be hidden now.
    if (focused && (!this.#root.activeElement || focused.matches('[hidden], [hidden] *, :disabled'))) this.focus();
  }

  /** Tells form and styles of the state. */
  #sync(): void {
    const { complete } = this;
    const missing = this.required && !complete ? words.missing : '';
    this.tell(this.value, pack(this.#snapshot), missing, this.#panel.main);
    this.state('loading', this.#source.loading !== null);
    this.state('filling', this.#run?.filled != null);
    this.state('complete', complete && this.#filled !== null);
  }

  #complain(error: unknown): void {
    if (error === this.#complained) return; // of a load that a fill waited for, too
    this.#complained = error;
    const { code, message, passing } = told(error);
    if (this.#emit('palimpsest-error', { code, message, error }, true)) this.#panel.complain(message, passing);
  }

  #changed(reason: ChangeReason): void {
    const { value, complete } = this;
    this.#sync();
    this.#emit('palimpsest-change', { value, complete, reason });
    if (reason === 'keep') return;
    this.dispatchEvent(new Event('input', { bubbles: true, composed: true }));
    if (reason !== 'edit') this.dispatchEvent(new Event('change', { bubbles: true }));
  }

  /** False if a listener has prevented the default. */
  #emit(name: string, detail: unknown, cancelable = false): boolean {
    return this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true, cancelable }));
  }
}

/** @internal Defines <palimpsest-blanks> with this library, unless another copy has done so. */
export function define(load: Load): void {
  library ??= load;
  if (typeof customElements !== 'undefined' && !customElements.get('palimpsest-blanks')) customElements.define('palimpsest-blanks', PalimpsestBlanks);
}
