/** The view Text: a text with blanks, and the page that is made from it. */
import { escape, PalimpsestError } from 'palimpsest';
import { History } from '../../src/component/history.ts';
import { Alternatives } from '../alternatives.ts';
import { announce, announceNow } from '../announce.ts';
import { byId, calm, make, setText } from '../dom.ts';
import { NO_TEXT, type PageText, retype } from '../editor/erasing.ts';
import { FillProgress } from '../editor/fill-progress.ts';
import { keepPage, keptPage } from '../editor/kept-page.ts';
import { isShareLink, type Shared } from '../editor/share-link.ts';
import { fillOf } from '../editor/shared-page.ts';
import type { Engine } from '../engine.ts';
import { complain, explain, isAbort, remedies, settle } from '../errors.ts';
import { another, ENGLISH_EXAMPLES, EXAMPLES } from '../examples.ts';
import { asItIs, type Chosen, type Draft, type Fill, newFill, NO_PINS, type Pins, type Place, placeKey, placesOf, renumbered, run, textOf, wordsAsPins } from '../fill.ts';
import { Options } from '../options.ts';
import { Replay } from '../replay.ts';
import { recall, recallHere, remember } from '../storage.ts';
import type { TextModels } from '../text-models.ts';
import { copyText } from '../textbox.ts';
import { Editing, HINTS, type Renumber } from './editing.ts';
import { ModelChoice, suitExample } from './model-choice.ts';
import { Sharing } from './sharing.ts';
import { Sheet } from './sheet.ts';
import { listenToWords } from './words.ts';
import { summary } from './statistics.ts';
import { Status } from './status.ts';

/** A state for undo. */
interface State {
  text: PageText;
  fill: Fill | null;
  /** Index of the draft that is shown as the page. */
  chosen: number;
  pins: Pins;
}

/** A second click in this time is a double click, not a wish to stop. */
const DOUBLE_CLICK = 500;
/** Texts before this one that are kept for the next visit. */
const KEPT_TEXTS = 5;
const button = (id: string): HTMLButtonElement => byId<HTMLButtonElement>(id);

const isLetter = ({ key, ctrlKey, metaKey, altKey }: KeyboardEvent): boolean => /^[\p{L}\p{N}_]$/u.test(key) && !ctrlKey && !metaKey && !altKey;

export class TextView {
  private readonly textError = byId('text-error');
  private readonly fillError = byId('fill-error');
  private readonly history = new History<State>();
  private readonly sheet = new Sheet((draft) => this.choose(draft), (seed) => this.reuse(seed));
  private readonly options = new Options(() => this.draw());
  private readonly replay = new Replay(() => this.draw());
  private readonly editing: Editing;
  private readonly alternatives: Alternatives;
  private readonly sharing: Sharing;
  private readonly progress = new FillProgress();
  private readonly numbered = byId<HTMLInputElement>('show-order');
  /** Who wrote the page, if it was shared; it is told until the page is another one. */
  private sharedBy: { typed: string; fill: Fill | null; model: string } | null = null;
  private began = 0;
  private keeping = 0;
  /** Whether the visitor has done anything yet. */
  private touched = false;
  /** Whether the fill is that of the first visit: it is shown when it is done. */
  private showing = false;
  private fillShown: Fill | null = null;
  private chosen = 0;
  private pins: Pins = NO_PINS;
  private running: AbortController | null = null;
  private frame = 0;

  constructor(private readonly engine: Engine, private readonly models: TextModels) {
    const kept = recallHere('text');
    this.editing = new Editing(this.sheet.reading, {
      busy: () => this.running !== null,
      model: () => engine.model,
      typed: (before) => this.typed(before),
      changed: (act, renumber) => this.changed(act, renumber),
      fill: () => void this.fill(this.pins),
      isFilled: (blank) => this.draft?.page?.tokens.some((token) => token.blank === blank && !token.open) ?? [...this.pins.values()].some((pin) => pin.blank === blank),
      draw: () => {
        this.alternatives.close();
        this.draw();
      },
    });
    if (typeof kept === 'string') this.editing.box.value = kept;
    this.editing.takeBox();
    this.alternatives = new Alternatives({
      placeOf: (word) => (this.running ? null : this.sheet.placeOf(word)),
      pin: (place, choice) => this.pin(place, choice),
      unpin: (place) => this.unpin(place),
      wordOf: (place) => this.sheet.reading.word(place.token),
      more: (place, word) => [['Change this blank', () => this.editing.openGap(word, place.blank)]],
    });
    this.sharing = new Sharing({
      page: () => ({ typed: this.editing.text.typed, fill: this.fillShown, draft: this.draft, pins: this.pins }),
      options: () => this.options.read(),
      model: () => engine.name,
      take: (shared) => this.takeShared(shared),
    });
    listenToWords(byId('page'), this.sheet.reading, this.alternatives, (gap) => this.editing.openGap(gap));
    new ModelChoice(byId('model-choice-text'), 'text', models);
    new Status(byId('engine'), engine, false);
    engine.onChange(() => this.suit());
    this.suit();
    this.listen();
    this.numbered.checked = recall('numbered') === true;
    this.restoreKept();
    this.draw();
    for (const event of ['pointerdown', 'keydown'] as const) byId('view-text').addEventListener(event, () => (this.touched = true), { once: true, capture: true });
    if (isShareLink(location.hash)) this.sharing.openHash();
    else void this.showOnce();
  }

  private listen(): void {
    const clicks: Record<string, () => void> = {
      fill: () => (this.running ? this.stopIfMeant() : void this.fill(this.pins)),
      again: () => void this.fill(this.pins, true),
      insert: () => this.editing.insertBlank(),
      example: () => this.replaceText(another(this.editing.text.typed, this.examples[0])),
      undo: () => this.restore(this.history.undo(this.snapshot()), 'Undone'),
      redo: () => this.restore(this.history.redo(this.snapshot()), 'Done again'),
      copy: () => void this.copy(),
      keep: () => this.keep(),
      unpin: () => this.setPins(NO_PINS, 'All pins removed'),
      share: () => void this.sharing.share(),
    };
    for (const [id, act] of Object.entries(clicks)) button(id).addEventListener('click', act);
    document.addEventListener('keydown', (event) => this.onKey(event));
    this.numbered.addEventListener('change', () => {
      remember('numbered', this.numbered.checked);
      this.draw();
    });
    // Also what a fill has written so far is there again when the page is.
    addEventListener('pagehide', () => this.keepNow());
    document.addEventListener('visibilitychange', () => document.hidden && this.keepNow());
  }

  /** On the first visit the example is filled by itself, and replayed so that the order is seen. */
  private async showOnce(): Promise<void> {
    if (!this.isFirstVisit()) return;
    try {
      await this.engine.ready(new AbortController().signal);
    } catch {
      return; // the state of the model says why
    }
    if (!this.isFirstVisit() || this.running || byId('view-text').hidden) return;
    remember('shown', true);
    this.showing = true;
    await this.fill(NO_PINS);
    this.showing = false;
    if (this.draft?.result) this.replay.playSlowly();
  }

  /** Whether nothing was done on this page yet, and nothing speaks against moving things and computing. */
  private isFirstVisit(): boolean {
    const saves = (navigator as { connection?: { saveData?: boolean } }).connection?.saveData ?? false;
    const untouched = !this.touched && !this.fillShown && !this.pins.size && recall('shown') !== true && recallHere('text') === undefined;
    return untouched && !calm.matches && !saves && this.editing.tool === 'erase';
  }

  private onKey(event: KeyboardEvent): void {
    if (byId('view-text').hidden) return;
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !this.running) {
      event.preventDefault();
      void this.fill(this.pins);
    } else if (event.key === 'Escape' && this.alternatives.isOpen) this.alternatives.close();
    else if (event.key === 'Escape' && this.running) this.stop();
    else if (isLetter(event) && document.activeElement === document.body && this.editing.tool === 'erase' && !this.running) {
      event.preventDefault();
      this.editing.typeAtEnd(event.key);
    }
  }

  // ---- the text

  /** Another text was typed: what the model wrote into the old one goes, and undo brings it back. */
  private typed(before: PageText): void {
    const { fillShown } = this;
    this.clearTextError();
    if (!this.running && (fillShown || this.pins.size) && fillShown?.text !== this.editing.understood.strict) {
      this.history.before({ ...this.snapshot(), text: before });
      this.setPage(null, 0, NO_PINS);
    }
    this.draw();
  }

  private clearTextError(): void {
    this.editing.box.removeAttribute('aria-invalid');
    this.editing.box.setAttribute('aria-describedby', 'tool-hint notation');
    settle(this.textError);
  }

  /** A tool changed the text; words in blanks that stay become pins. */
  private changed(act: () => void, renumber: Renumber): void {
    this.history.before(this.snapshot());
    const { draft, fillShown } = this;
    const pins = renumbered(draft?.page && fillShown ? wordsAsPins(fillShown, draft, this.pins) : this.pins, renumber);
    act();
    this.clearTextError();
    this.setPage(null, 0, pins);
  }

  /** The examples of the model in use, and those of the other one. */
  private get examples(): [mine: readonly string[], others: readonly string[]] {
    return this.models.inUse('text') === 'english' ? [ENGLISH_EXAMPLES, EXAMPLES] : [EXAMPLES, ENGLISH_EXAMPLES];
  }

  private suit(): void {
    const { model } = this.engine;
    if (model) this.options.suit(model.info.samplers);
    if (!this.running && !this.fillShown && suitExample(this.editing.box, ...this.examples)) this.editing.takeBox();
    if (!this.running) this.draw();
  }

  /** Replaces the text in the box, as one step of the history. */
  private replaceText(text: string): void {
    this.stop();
    this.history.before(this.snapshot());
    this.setPage(null, 0, NO_PINS);
    this.editing.text = retype(NO_TEXT, text);
    this.clearTextError();
    this.draw();
  }

  private hint(): void {
    const offer = (): void => {
      this.clearTextError();
      this.editing.insertBlank();
    };
    const title = this.editing.text.typed.trim() ? 'There is no blank in this text yet.' : 'There is no text yet.';
    const detail = 'Erase a word, or put a blank where the model should write: in the middle, at the beginning, anywhere.';
    complain(this.textError, { title, detail, remedy: null }, [make('button', { type: 'button', class: 'second', click: offer }, 'Put one at the cursor')]);
  }

  // ---- history

  /** The page of the last visit, if the text is still the same. */
  private restoreKept(): void {
    const kept = keptPage();
    for (const text of kept?.before ?? []) this.history.before({ text, fill: null, chosen: 0, pins: NO_PINS });
    if (!kept || kept.text.typed !== this.editing.text.typed) return;
    this.editing.text = kept.text;
    if (kept.fill && kept.fill.text !== this.editing.understood.strict) return;
    this.setPage(kept.fill, kept.chosen, kept.pins);
  }

  private keepSoon(): void {
    clearTimeout(this.keeping);
    this.keeping = window.setTimeout(() => !this.running && this.keepNow(), 300);
  }

  private keepNow(): void {
    clearTimeout(this.keeping);
    const texts = [...this.history.last(50).map(({ text }) => text), this.editing.text];
    const before = texts.slice(0, -1).filter(({ typed }, i) => typed !== texts[i + 1]?.typed);
    keepPage({ ...this.snapshot(), before: before.slice(-KEPT_TEXTS) });
  }

  private snapshot(): State {
    return { text: this.editing.text, fill: this.fillShown, chosen: this.chosen, pins: this.pins };
  }

  private setPage(fill: Fill | null, chosen: number, pins: Pins): void {
    this.alternatives.close();
    this.fillShown = fill;
    this.chosen = chosen;
    this.pins = pins;
    this.replay.restart(this.draft?.lastStep ?? 0);
    this.keepSoon();
    this.draw();
  }

  private restore(state: State | undefined, said: string): void {
    if (!state) return;
    this.editing.text = state.text;
    this.clearTextError();
    this.setPage(state.fill, state.chosen, state.pins);
    announce(said);
  }

  // ---- filling

  private stop(): void {
    this.running?.abort();
  }

  private stopIfMeant(): void {
    if (performance.now() - this.began > DOUBLE_CLICK) this.stop();
  }

  /** Fills the blanks of the text around the pins.  `afresh`: with a new seed, even if the options have one. */
  private async fill(pins: Pins, afresh = false): Promise<void> {
    if (this.running) return;
    const { strict: text, pieces } = this.editing.understood;
    this.editing.closeMenu();
    this.clearTextError();
    settle(this.fillError);
    if (this.engine.missing) return announceNow(this.engine.missing); // what stands on the page says it, too
    if (!pieces.some(({ kind }) => kind === 'blank')) return this.hint();
    const options = this.options.read();
    if (!options) return;
    if (afresh || options.seed === undefined) options.seed = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
    const before = this.snapshot();
    const fill = newFill(text, pins, this.options.drafts, options);
    this.running = new AbortController();
    this.began = performance.now();
    if (this.editing.tool === 'type') this.editing.take('erase');
    const { signal } = this.running;
    this.setPage(fill, 0, pins);
    this.showPage();
    if (!this.showing) announce(this.engine.model ? 'Filling' : 'The blanks will be filled as soon as the model is loaded');
    try {
      const model = await this.engine.ready(signal);
      if (!this.showing) this.progress.begin(fill);
      await run(fill, model, { ...options, signal }, () => this.advance());
      this.finish(fill, before);
    } catch (error) {
      this.finish(fill, before);
      if (isAbort(error)) announce('Stopped');
      else if (error !== this.engine.failure?.error) this.fail(error, text, pins);
    }
  }

  private advance(): void {
    if (this.showing) return;
    this.replay.extend(this.draft?.lastStep ?? 0);
    this.later();
  }

  /** Keeps a fill that has filled anything, even if it was not finished. */
  private finish(fill: Fill, before: State): void {
    this.running = null;
    this.progress.end();
    if (this.showing) this.replay.restart(this.draft?.lastStep ?? 0);
    // If the user has changed the text in the meantime, that text stays.
    if (this.fillShown === fill) {
      if (fill.drafts.some((draft) => draft.page)) this.history.before(before);
      else this.setPage(before.fill, before.chosen, before.pins);
    }
    this.keepSoon();
    this.draw();
    if (fill.drafts.every((draft) => draft.result)) announce(summary(fill));
  }

  private fail(error: unknown, text: string, pins: Pins): void {
    const complaint = explain(error);
    if (!(error instanceof PalimpsestError) || error.code !== 'text' || text !== this.editing.understood.strict)
      return complain(this.fillError, complaint, remedies(complaint.remedy, () => void this.fill(pins)));
    complain(this.textError, complaint);
    this.editing.box.setAttribute('aria-invalid', 'true');
    this.editing.box.setAttribute('aria-describedby', 'text-error tool-hint notation');
    this.editing.pointAtStrict(error.offset ?? 0);
  }

  /** On a narrow screen the page may be below the visible part. */
  private showPage(): void {
    byId('page').scrollIntoView({ block: 'nearest', behavior: calm.matches ? 'auto' : 'smooth' });
  }

  // ---- actions on a page

  private get draft(): Draft | null {
    return this.fillShown?.drafts[this.chosen] ?? null;
  }

  private choose(draft: number): void {
    if (!this.running) this.history.before(this.snapshot());
    this.setPage(this.fillShown, draft, this.pins);
    announce(`Draft ${draft + 1} is the page`);
  }

  private setPins(pins: Pins, said: string): void {
    this.history.before(this.snapshot());
    this.pins = pins;
    this.replay.restart(this.draft?.lastStep ?? 0);
    this.keepSoon();
    this.draw();
    announce(said);
  }

  private pin(place: Place, choice: Place['alternatives'][number]): void {
    const pins = new Map(this.pins);
    const { blank, index, alternatives } = place;
    const chosen: Chosen = { blank, index, alternatives, ...choice };
    // After the end of a blank there are no words.
    if (choice.empty) for (const [key, pin] of pins) if (pin.blank === blank && pin.index > index) pins.delete(key);
    pins.set(placeKey(place), chosen);
    this.setPins(pins, `Pinned: ${choice.empty ? 'the blank ends here' : choice.text.trim()}`);
  }

  private unpin(place: Place): void {
    const pins = new Map(this.pins);
    pins.delete(placeKey(place));
    this.setPins(pins, 'Pin removed');
  }

  /** The text after the last step. */
  private wholeText(given: (text: string) => string): string {
    const { draft, fillShown } = this;
    if (!draft?.page || !fillShown) return this.editing.text.typed;
    return textOf(draft.page.parts, placesOf(fillShown, draft, this.pins, draft.lastStep), given);
  }

  private async copy(): Promise<void> {
    const copied = await copyText(this.wholeText(asItIs));
    button('copy').textContent = copied ? 'Copied' : 'Not allowed';
    announce(copied ? 'Copied' : 'The browser did not allow copying');
    setTimeout(() => (button('copy').textContent = 'Copy'), 2000);
  }

  private keep(): void {
    this.replaceText(this.wholeText(escape));
    announce('The filled text is the text now');
  }

  // ---- sharing

  private takeShared({ typed, written, options, model }: Shared): void {
    this.stop();
    this.editing.take('erase');
    this.history.before(this.snapshot());
    this.setPage(null, 0, NO_PINS);
    this.editing.text = retype(NO_TEXT, typed);
    this.clearTextError();
    this.options.use(options);
    const fill = written && fillOf(this.editing.understood, written);
    this.sharedBy = { typed, fill, model };
    this.setPage(fill, 0, NO_PINS);
    announce(this.sharedNote());
    if (fill && !calm.matches) this.replay.playSlowly();
  }

  /** What is said of a shared page, while it is the one that is shown. */
  private sharedNote(): string {
    const { sharedBy, engine } = this;
    if (!sharedBy || sharedBy.fill !== this.fillShown || sharedBy.typed !== this.editing.text.typed) return '';
    const { fill, model } = sharedBy;
    const other = fill && engine.model && engine.name !== model ? ` “Fill again” uses ${engine.name}.` : '';
    return `${fill ? `A shared page, written by ${model || 'a model'}.${other}` : 'A shared text.'} Undo brings your own text back.`;
  }

  // ---- drawing

  /** At most once per frame, because a fill makes many steps per frame. */
  private later(): void {
    this.frame ||= requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const { fillShown: fill, chosen, pins } = this;
    const { understood, tool } = this.editing;
    const atEnd = this.replay.step >= this.replay.last;
    const erasing = tool === 'erase' && !this.running;
    setText(byId('tool-hint'), HINTS[tool]);
    const note = this.sharedNote();
    setText(byId('shared-note'), note);
    byId('shared-note').hidden = !note;
    const shown = { understood, fill, chosen, pins, step: this.replay.step, free: this.options.free };
    this.sheet.draw({ ...shown, erasing, changing: erasing && atEnd, numbered: this.numbered.checked, seen: tool === 'erase' });
    this.progress.draw();
    this.editing.draw();
    this.drawButtons(this.draft);
  }

  private reuse(seed: number | bigint): void {
    this.options.useSeed(seed);
    byId<HTMLDetailsElement>('options').open = true;
    byId('option-seed').focus();
  }

  private drawButtons(draft: Draft | null): void {
    const busy = this.running !== null;
    const fill = button('fill');
    fill.textContent = busy ? 'Stop' : this.pins.size ? 'Fill the rest' : draft?.result ? 'Fill again' : 'Fill the blanks';
    fill.classList.toggle('stop', busy);
    byId('page').setAttribute('aria-busy', String(busy));
    button('again').hidden = byId<HTMLInputElement>('option-seed').value === '';
    button('undo').disabled = busy || !this.history.canUndo;
    button('redo').disabled = busy || !this.history.canRedo;
    button('copy').disabled = !draft?.page;
    button('keep').disabled = busy || !draft?.page;
  }
}
