/** The view Text: a text with blanks, and the page that is made from it. */
import { escape, PalimpsestError } from 'palimpsest';
import { Alternatives } from '../alternatives.ts';
import { announce, announceNow } from '../announce.ts';
import { nothingToFill } from '../blanks.ts';
import { byId, calm, make } from '../dom.ts';
import type { Engine } from '../engine.ts';
import { complain, explain, isAbort, remedies, settle } from '../errors.ts';
import { another, ENGLISH_EXAMPLES, EXAMPLES } from '../examples.ts';
import { asItIs, type Chosen, type Draft, type Fill, newFill, NO_PINS, type Pins, type Place, placeKey, placesOf, run, textOf } from '../fill.ts';
import { History } from '../history.ts';
import { Options } from '../options.ts';
import { Replay } from '../replay.ts';
import { recall, remember } from '../storage.ts';
import type { TextModels } from '../text-models.ts';
import { copyText, insert, pointAt, replaceAll } from '../textbox.ts';
import { ModelChoice, suitExample } from './model-choice.ts';
import { Sheet } from './sheet.ts';
import { listenToWords } from './words.ts';
import { summary } from './statistics.ts';
import { Status } from './status.ts';

/** A state for undo. */
interface State {
  text: string;
  fill: Fill | null;
  /** Index of the draft that is shown as the page. */
  chosen: number;
  pins: Pins;
}

const button = (id: string): HTMLButtonElement => byId<HTMLButtonElement>(id);

export class TextView {
  private readonly box = byId<HTMLTextAreaElement>('text');
  private readonly textError = byId('text-error');
  private readonly fillError = byId('fill-error');
  private readonly history = new History<State>();
  private readonly sheet = new Sheet((draft) => this.choose(draft), (seed) => this.reuse(seed));
  private readonly options = new Options(() => this.draw());
  private readonly replay = new Replay(() => this.draw());
  private readonly alternatives: Alternatives;
  private fillShown: Fill | null = null;
  private chosen = 0;
  private pins: Pins = NO_PINS;
  private running: AbortController | null = null;
  private frame = 0;

  constructor(private readonly engine: Engine, private readonly models: TextModels) {
    const kept = recall('text');
    if (typeof kept === 'string') this.box.value = kept;
    this.alternatives = new Alternatives({
      placeOf: (word) => (this.running ? null : this.sheet.placeOf(word)),
      pin: (place, choice) => this.pin(place, choice),
      unpin: (place) => this.unpin(place),
      wordOf: (place) => this.sheet.reading.word(place.token),
    });
    listenToWords(byId('page'), this.sheet.reading, this.alternatives);
    new ModelChoice(byId('model-choice-text'), 'text', models);
    new Status(byId('engine'), engine, false);
    engine.onChange(() => this.suit());
    this.suit();
    this.listen();
    this.draw();
  }

  private listen(): void {
    const clicks: Record<string, () => void> = {
      fill: () => (this.running ? this.stop() : void this.fill(this.box.value, NO_PINS)),
      again: () => void this.fill(this.fillShown?.text ?? this.box.value, this.pins, true),
      insert: () => this.insertBlank(),
      example: () => this.replaceText(another(this.box.value, this.examples[0])),
      undo: () => this.restore(this.history.undo(this.snapshot()), 'Undone'),
      redo: () => this.restore(this.history.redo(this.snapshot()), 'Done again'),
      copy: () => void this.copy(),
      keep: () => this.keep(),
      unpin: () => this.setPins(NO_PINS, 'All pins removed'),
    };
    for (const [id, act] of Object.entries(clicks)) button(id).addEventListener('click', act);
    this.box.addEventListener('input', () => this.typed());
    document.addEventListener('keydown', (event) => this.onKey(event));
  }

  private onKey(event: KeyboardEvent): void {
    if (byId('view-text').hidden) return;
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !this.running) {
      event.preventDefault();
      void this.fill(this.box.value, NO_PINS);
    } else if (event.key === 'Escape' && this.alternatives.isOpen) this.alternatives.close();
    else if (event.key === 'Escape' && this.running) this.stop();
  }

  // ---- the text

  private typed(): void {
    remember('text', this.box.value);
    this.clearTextError();
    const { fillShown } = this;
    if (fillShown && !this.running && fillShown.text !== this.box.value) {
      // A page belongs to its text: another text removes it, and undo brings it back.
      this.history.before({ ...this.snapshot(), text: fillShown.text });
      this.setPage(null, 0, NO_PINS);
    }
    this.draw();
  }

  private clearTextError(): void {
    this.box.removeAttribute('aria-invalid');
    this.box.setAttribute('aria-describedby', 'notation');
    settle(this.textError);
  }

  private insertBlank(): void {
    const { model } = this.engine;
    insert(this.box, model && !model.info.freeLength ? '[[4]]' : '[[?]]');
  }

  /** The examples of the model in use, and those of the other one. */
  private get examples(): [mine: readonly string[], others: readonly string[]] {
    return this.models.inUse('text') === 'english' ? [ENGLISH_EXAMPLES, EXAMPLES] : [EXAMPLES, ENGLISH_EXAMPLES];
  }

  private suit(): void {
    if (this.running || this.fillShown || !suitExample(this.box, ...this.examples)) return;
    this.draw();
  }

  /** Replaces the text in the box, as one step of the history. */
  private replaceText(text: string): void {
    this.stop();
    this.history.before(this.snapshot());
    this.setPage(null, 0, NO_PINS);
    replaceAll(this.box, text);
    this.typed();
  }

  private hint(): void {
    const offer = (): void => {
      this.clearTextError();
      this.insertBlank();
    };
    const title = this.box.value.trim() ? 'There is no blank in this text yet.' : 'There is no text yet.';
    const detail = 'Put a blank where the model should write: in the middle, at the beginning, anywhere.';
    complain(this.textError, { title, detail, remedy: null }, [make('button', { type: 'button', class: 'second', click: offer }, 'Put one at the cursor')]);
  }

  // ---- history

  private snapshot(): State {
    return { text: this.box.value, fill: this.fillShown, chosen: this.chosen, pins: this.pins };
  }

  private setPage(fill: Fill | null, chosen: number, pins: Pins): void {
    this.alternatives.close();
    this.fillShown = fill;
    this.chosen = chosen;
    this.pins = pins;
    this.replay.restart(this.draft?.lastStep ?? 0);
    this.draw();
  }

  private restore(state: State | undefined, said: string): void {
    if (!state) return;
    this.setPage(state.fill, state.chosen, state.pins);
    replaceAll(this.box, state.text);
    this.typed();
    announce(said);
  }

  // ---- filling

  private stop(): void {
    this.running?.abort();
  }

  /** Fills the blanks of a text around the pins.  `afresh`: with a new seed, even if the options have one. */
  private async fill(text: string, pins: Pins, afresh = false): Promise<void> {
    if (this.running) return;
    this.clearTextError();
    settle(this.fillError);
    if (this.engine.missing) return announceNow(this.engine.missing); // what stands on the page says it, too
    if (nothingToFill(text)) return this.hint();
    const options = this.options.read();
    if (!options) return;
    if (afresh || options.seed === undefined) options.seed = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
    const before = this.snapshot();
    const fill = newFill(text, pins, this.options.drafts, options);
    this.running = new AbortController();
    const { signal } = this.running;
    this.setPage(fill, 0, pins);
    this.showPage();
    announce(this.engine.model ? 'Filling' : 'The blanks will be filled as soon as the model is loaded');
    try {
      await run(fill, await this.engine.ready(signal), { ...options, signal }, () => this.advance());
      this.finish(fill, before);
    } catch (error) {
      this.finish(fill, before);
      if (isAbort(error)) announce('Stopped');
      else if (error !== this.engine.failure?.error) this.fail(error, text, pins);
    }
  }

  private advance(): void {
    this.replay.extend(this.draft?.lastStep ?? 0);
    this.later();
  }

  /** Keeps a fill that has filled anything, even if it was not finished. */
  private finish(fill: Fill, before: State): void {
    this.running = null;
    // If the user has changed the text in the meantime, that text stays.
    if (this.fillShown === fill) {
      if (fill.drafts.some((draft) => draft.page)) this.history.before(before);
      else this.setPage(before.fill, before.chosen, before.pins);
    }
    this.draw();
    if (fill.drafts.every((draft) => draft.result)) announce(summary(fill));
  }

  private fail(error: unknown, text: string, pins: Pins): void {
    const complaint = explain(error);
    if (!(error instanceof PalimpsestError) || error.code !== 'text' || text !== this.box.value)
      return complain(this.fillError, complaint, remedies(complaint.remedy, () => void this.fill(text, pins)));
    complain(this.textError, complaint);
    this.box.setAttribute('aria-invalid', 'true');
    this.box.setAttribute('aria-describedby', 'text-error notation');
    pointAt(this.box, error.offset ?? 0);
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
    if (!draft?.page || !fillShown) return this.box.value;
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
    announce('The filled text is in the text box');
    this.box.focus();
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
    this.sheet.draw({ text: fill?.text ?? this.box.value, fill, chosen, pins, step: this.replay.step, free: this.options.free });
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
    fill.textContent = busy ? 'Stop' : 'Fill the blanks';
    fill.classList.toggle('stop', busy);
    byId('page').setAttribute('aria-busy', String(busy));
    button('undo').disabled = busy || !this.history.canUndo;
    button('redo').disabled = busy || !this.history.canRedo;
    button('copy').disabled = !draft?.page;
    button('keep').disabled = busy || !draft?.page;
  }
}
