/** The view Continue: a text, and the words that the model writes at the cursor. */
import { PalimpsestError, type Surprise } from 'palimpsest';
import { Alternatives } from '../alternatives.ts';
import { announce, announceNow } from '../announce.ts';
import { BEGINNINGS, ENGLISH_BEGINNINGS } from '../beginnings.ts';
import { Continuation, promptOf, tooLong } from '../continuation.ts';
import { byId, calm, make, setText } from '../dom.ts';
import type { Engine } from '../engine.ts';
import { complain, explain, isAbort, remedies, settle, type Complaint } from '../errors.ts';
import { another } from '../examples.ts';
import type { Place } from '../fill.ts';
import { counted, countWords, percent, seconds } from '../format.ts';
import { History } from '../../src/component/history.ts';
import { recall, remember } from '../storage.ts';
import { EXPECTED } from '../surprise.ts';
import type { TextModels } from '../text-models.ts';
import { copyText, replaceAll } from '../textbox.ts';
import { WritingForm, type WritingOptions } from '../writing-options.ts';
import { ChatView } from './chat.ts';
import { Continued } from './continued.ts';
import { ModelChoice, suitExample } from './model-choice.ts';
import { Status } from './status.ts';
import { listenToWords } from './words.ts';

/** A state for undo. */
interface State {
  text: string;
  cursor: number;
  continuation: Continuation | null;
}

const button = (id: string): HTMLButtonElement => byId<HTMLButtonElement>(id);
const drawSeed = (): number => crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;

export class ContinueView {
  private readonly box = byId<HTMLTextAreaElement>('prompt');
  private readonly error = byId('continue-error');
  private readonly history = new History<State>();
  private readonly form = new WritingForm();
  private readonly page = new Continued((seed) => this.form.useSeed(seed));
  private readonly alternatives: Alternatives;
  private continuation: Continuation | null = null;
  private surprise: Surprise | null = null;
  private running: AbortController | null = null;
  private cursor: number;
  private frame = 0;

  constructor(private readonly engine: Engine, private readonly models: TextModels) {
    const kept = recall('prompt');
    if (typeof kept === 'string') this.box.value = kept;
    this.cursor = this.box.value.length;
    this.box.setSelectionRange(this.cursor, this.cursor);
    this.alternatives = new Alternatives(
      {
        placeOf: (word) => (this.running ? null : this.page.placeOf(word)),
        pin: (place, choice) => void this.chooseWord(place, choice),
        wordOf: (place) => this.page.reading.word(place.token),
        wording: () => (this.surprise ? EXPECTED : CHOOSING),
      },
      byId('continue-popover'),
    );
    listenToWords(byId('sheet'), this.page.reading, this.alternatives);
    new ModelChoice(byId('model-choice-continue'), 'continue', models);
    new Status(byId('writer'), engine, false);
    new ChatView(engine, this.form, () => this.stop());
    engine.onChange(() => this.suit());
    this.suit();
    this.listen();
    this.draw();
  }

  private listen(): void {
    const clicks: Record<string, () => void> = {
      continue: () => (this.running ? this.stop() : void this.go()),
      'show-surprise': () => (this.surprise ? this.hideSurprise() : void this.showSurprise()),
      beginning: () => this.replaceText(another(this.box.value, this.beginnings[0])),
      retry: () => void this.retry(),
      'undo-writing': () => this.restore(this.history.undo(this.snapshot()), 'Undone'),
      'redo-writing': () => this.restore(this.history.redo(this.snapshot()), 'Done again'),
      'copy-writing': () => void this.copy(),
      'keep-writing': () => this.keep(),
    };
    for (const [id, act] of Object.entries(clicks)) button(id).addEventListener('click', act);
    this.box.addEventListener('input', () => this.typed());
    document.addEventListener('selectionchange', () => this.moved());
    document.addEventListener('keydown', (event) => this.onKey(event));
  }

  private onKey(event: KeyboardEvent): void {
    if (byId('view-continue').hidden || byId('prompt-part').hidden) return;
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !this.running) {
      event.preventDefault();
      void this.go();
    } else if (event.key === 'Escape' && this.alternatives.isOpen) this.alternatives.close();
    else if (event.key === 'Escape' && this.running) this.stop();
  }

  // ---- the text

  private typed(): void {
    remember('prompt', this.box.value);
    settle(this.error);
    this.stop();
    const { continuation } = this;
    const text = this.box.value;
    if (continuation && continuation.around.before + continuation.around.after !== text) {
      // The written words belong to their text: another text removes them, and undo brings them back.
      const { before, after } = continuation.around;
      this.history.before({ text: before + after, cursor: before.length, continuation });
      this.continuation = null;
    }
    this.surprise = null;
    this.cursor = this.box.selectionEnd;
    this.draw();
  }

  /** The text continues at the cursor, unless the model has already written something. */
  private moved(): void {
    if (document.activeElement !== this.box || this.box.selectionEnd === this.cursor) return;
    this.cursor = this.box.selectionEnd;
    if (!this.continuation && !this.surprise) this.later();
  }

  /** The beginnings of the model in use, and those of the other one. */
  private get beginnings(): [mine: readonly string[], others: readonly string[]] {
    return this.models.inUse('continue') === 'english' ? [ENGLISH_BEGINNINGS, BEGINNINGS] : [BEGINNINGS, ENGLISH_BEGINNINGS];
  }

  private suit(): void {
    if (this.running || this.continuation || this.surprise || !suitExample(this.box, ...this.beginnings)) return;
    this.cursor = this.box.value.length;
    this.box.setSelectionRange(this.cursor, this.cursor);
    this.draw();
  }

  private replaceText(text: string, cursor = text.length): void {
    this.stop();
    this.history.before(this.snapshot());
    this.setPage(null);
    replaceAll(this.box, text);
    this.box.setSelectionRange(cursor, cursor);
    this.typed();
  }

  // ---- history

  private snapshot(): State {
    return { text: this.box.value, cursor: this.cursor, continuation: this.continuation };
  }

  private setPage(continuation: Continuation | null): void {
    this.alternatives.close();
    this.surprise = null;
    this.continuation = continuation;
    this.draw();
  }

  private restore(state: State | undefined, said: string): void {
    if (!state) return;
    settle(this.error);
    this.setPage(state.continuation);
    replaceAll(this.box, state.text);
    this.box.setSelectionRange(state.cursor, state.cursor);
    this.cursor = state.cursor;
    remember('prompt', state.text);
    this.draw();
    announce(said);
  }

  // ---- writing

  private stop(): void {
    this.running?.abort();
  }

  /** Continues from the end of the page, or from the cursor. */
  private async go(): Promise<void> {
    const options = this.ask();
    if (!options) return;
    const { continuation } = this;
    if (continuation) return this.write(continuation.upTo(continuation.count, options.generate.seed), options);
    await this.begin(options, options.generate.seed ?? drawSeed());
  }

  private async begin(options: WritingOptions, seed: number | bigint): Promise<void> {
    const [before, after] = [this.box.value.slice(0, this.cursor), this.box.value.slice(this.cursor)];
    await this.write(new Continuation({ before, after, prompt: before, unseen: 0 }, [], seed), options);
  }

  /** Writes the continuation again with another seed. */
  private async retry(): Promise<void> {
    const options = this.ask();
    if (options && this.continuation) await this.write(this.continuation.upTo(0, drawSeed()), options);
  }

  /** Replaces a word and continues from there. */
  private async chooseWord(place: Place, choice: Place['alternatives'][number]): Promise<void> {
    if (this.surprise || !this.continuation) return;
    const options = this.ask();
    if (!options) return;
    const next = this.continuation.choosing(place.index, choice);
    if (!choice.empty) return this.write(next, options);
    this.history.before(this.snapshot());
    this.setPage(next);
    announce('The text ends here');
  }

  /** The options, if everything that is needed is there. */
  private ask(): WritingOptions | null {
    if (this.running) return null;
    settle(this.error);
    if (this.engine.missing) announceNow(this.engine.missing); // what stands on the page says it, too
    return this.engine.missing ? null : this.form.read();
  }

  private async write(next: Continuation, options: WritingOptions): Promise<void> {
    const before = this.snapshot();
    this.running = new AbortController();
    const { signal } = this.running;
    this.setPage(next);
    this.showPage();
    announce(this.engine.model ? 'Writing' : 'The text will be continued as soon as the model is loaded');
    try {
      const model = await this.engine.ready(signal);
      const { around, seed } = next;
      if (!next.count) Object.assign(around, await promptOf(model, around.before, options.generate.maxTokens, options.window));
      await next.run(model, { ...options.generate, seed, signal }, () => this.later());
      this.finish(next, before);
    } catch (error) {
      this.finish(next, before);
      if (isAbort(error)) announce('Stopped');
      else if (error !== this.engine.failure?.error) this.fail(error, next, options);
    }
  }

  /** Keeps what was written, even if it was not finished. */
  private finish(next: Continuation, before: State): void {
    this.running = null;
    if (this.continuation === next) {
      if (next.count || next.result) this.history.before(before);
      else this.continuation = before.continuation;
    }
    this.draw();
    if (next.result) this.tell(next, next.result.finish);
  }

  private tell(next: Continuation, finish: string): void {
    const time = seconds(next.result?.seconds ?? 0);
    announce(`Done: ${counted(countWords(next.text), 'word')} in ${time}`);
    if (finish !== 'context') return;
    const go = (): void => {
      this.form.letGo();
      void this.go();
    };
    const detail = `The model remembers ${counted(next.result?.room ?? 0, 'token')} (words or pieces of words), and that limit is reached. It can continue if it forgets the beginning.`;
    complain(this.error, { title: 'The text has reached the model’s limit.', detail, remedy: null }, [make('button', { type: 'button', class: 'second', click: go }, 'Forget the beginning')]);
  }

  private fail(error: unknown, next: Continuation, options: WritingOptions): void {
    const complaint = explain(error, '');
    if (error instanceof PalimpsestError && error.code === 'text' && options.generate.grammar)
      return this.failGrammar(complaint.detail, error.offset ?? 0);
    if (error instanceof PalimpsestError && error.code === 'context') return void this.failTooLong(complaint, next);
    complain(this.error, complaint, remedies(complaint.remedy, () => void this.write(next.upTo(next.count), options)));
  }

  private failGrammar(detail: string, offset: number): void {
    const line = this.form.refuseGrammar(detail, offset);
    complain(this.error, { title: 'The grammar cannot be read.', detail: `${detail} Line ${line}, where the cursor is now.`, remedy: null });
  }

  /** Says by how much the text is too long, and offers to show the model only its end. */
  private async failTooLong(complaint: Complaint, { around, seed }: Continuation): Promise<void> {
    const { model } = this.engine;
    const count = model ? 1 + (await model.tokenize(around.prompt).catch(() => [])).length : 0;
    const detail = model && count > 1 ? tooLong('Your text', count, model.info.room, countWords(around.prompt)) : complaint.detail;
    const go = (): void => {
      this.form.showEnd();
      const options = this.ask();
      if (options) void this.write(new Continuation({ ...around, unseen: 0 }, [], seed), options);
    };
    const end = make('button', { type: 'button', class: 'second', click: go }, 'Show the model only the end');
    complain(this.error, { ...complaint, detail: `${detail} Shorten it, or let the model see only its end.` }, [end]);
  }

  /** On a narrow screen the page may be below the visible part. */
  private showPage(): void {
    byId('sheet').scrollIntoView({ block: 'nearest', behavior: calm.matches ? 'auto' : 'smooth' });
  }

  // ---- surprise

  private async showSurprise(): Promise<void> {
    const text = this.continuation?.whole ?? this.box.value;
    if (this.running || this.engine.missing) return;
    settle(this.error);
    if (!text) return complain(this.error, { title: 'There is no text yet.', detail: 'Write something, and see which words the model did not expect.', remedy: null });
    this.running = new AbortController();
    const { signal } = this.running;
    this.draw();
    try {
      const model = await this.engine.ready(signal);
      const surprise = await model.surprise(text, { signal });
      this.running = null;
      this.surprise = surprise;
      this.alternatives.close();
      this.showPage();
      announce(`${surprise.bitsPerByte.toFixed(2)} bits per byte`);
    } catch (error) {
      this.running = null;
      const complaint = explain(error, '');
      if (isAbort(error)) announce('Stopped');
      else if (error !== this.engine.failure?.error) complain(this.error, complaint, remedies(complaint.remedy, () => void this.showSurprise()));
    }
    this.draw();
  }

  private hideSurprise(): void {
    this.setPage(this.continuation);
    announce('The text is shown without surprise');
  }

  // ---- actions on a page

  private async copy(): Promise<void> {
    const copied = await copyText(this.continuation?.whole ?? this.box.value);
    button('copy-writing').textContent = copied ? 'Copied' : 'Not allowed';
    announce(copied ? 'Copied' : 'The browser did not allow copying');
    setTimeout(() => (button('copy-writing').textContent = 'Copy'), 2000);
  }

  /** Puts the cursor after the written words. */
  private keep(): void {
    const { continuation } = this;
    if (!continuation) return;
    this.replaceText(continuation.whole, continuation.around.before.length + continuation.text.length);
    announce('The continued text is in the text box');
    this.box.focus();
  }

  // ---- drawing

  /** At most once per frame, because many tokens come per frame. */
  private later(): void {
    this.frame ||= requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const { continuation, surprise, cursor } = this;
    const busy = this.running !== null;
    this.page.draw({ text: this.box.value, cursor, continuation, surprise, busy });
    const main = button('continue');
    main.textContent = busy ? 'Stop' : 'Continue';
    main.classList.toggle('stop', busy);
    byId('sheet').setAttribute('aria-busy', String(busy));
    setText(button('show-surprise'), surprise ? 'Hide surprise' : 'Show surprise');
    button('show-surprise').disabled = busy;
    button('retry').disabled = busy;
    button('undo-writing').disabled = busy || !this.history.canUndo;
    button('redo-writing').disabled = busy || !this.history.canRedo;
    button('copy-writing').disabled = busy || !continuation;
    button('keep-writing').disabled = busy || !continuation;
  }
}

const CHOOSING = {
  figure: (place: Place): string => `${place.pinned ? 'chosen, ' : ''}${percent(place.probability)}`,
  list: 'Words to continue with',
  foot: 'Choosing a word continues from there.',
};
