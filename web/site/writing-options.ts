/** The options of a continuation. */
import type { GenerateOptions } from 'palimpsest';
import { GENERATE_RANGES as RANGES } from '../src/options.ts';
import { make } from './dom.ts';
import { Form, type Field, type Switch } from './form.ts';

type Key =
  | 'maxTokens' | 'temperature' | 'topP' | 'topK' | 'minP' | 'typicalP' | 'repetitionPenalty' | 'frequencyPenalty' | 'presencePenalty'
  | 'mirostatTau' | 'mirostatEta';

const FIELDS: readonly Field<Key>[] = [
  { key: 'maxTokens', label: 'Length', hint: 'tokens (words or pieces of words) at a time', initial: 80, least: 1, most: 4096, step: 1 },
  { key: 'temperature', label: 'Temperature', hint: '0 always takes the most probable word, 1 uses the model’s own distribution', initial: 0.7, ...RANGES.temperature, step: 'any' },
  { key: 'topP', label: 'Top-p', hint: 'only the most probable words, up to this sum of probability; 1 is off', initial: 0.95, ...RANGES.topP, step: 'any' },
  { key: 'topK', label: 'Top-k', hint: 'only this many of the most probable words; 0 is off', initial: 0, least: 0, most: 1e6, step: 1 },
  { key: 'minP', label: 'Min-p', hint: 'min. probability, relative to the most probable word; 0 is off', initial: 0, ...RANGES.minP, step: 'any' },
  { key: 'typicalP', label: 'Typical-p', hint: 'locally typical sampling: words about as surprising as expected; 1 is off', initial: 1, ...RANGES.typicalP, step: 'any' },
  { key: 'repetitionPenalty', label: 'Repetition penalty', hint: '1 is off', initial: 1, ...RANGES.repetitionPenalty, step: 'any' },
  { key: 'frequencyPenalty', label: 'Frequency penalty', hint: 'applied for each time a word was used; 0 is off', initial: 0, ...RANGES.frequencyPenalty, step: 'any' },
  { key: 'presencePenalty', label: 'Presence penalty', hint: 'applied once if a word was used; 0 is off', initial: 0, ...RANGES.presencePenalty, step: 'any' },
  { key: 'mirostatTau', label: 'Target surprise', hint: 'for Mirostat, in bits per token', initial: 5, ...RANGES.mirostatTau, step: 'any' },
  { key: 'mirostatEta', label: 'Learning rate', hint: 'for Mirostat', initial: 0.1, ...RANGES.mirostatEta, step: 'any' },
];

const SWITCHES = [
  ['mirostat', 'Mirostat', 'keeps the surprise constant; replaces the options that exclude words', false],
  ['window', 'Show the model the end', 'if the text is longer than the model’s context', true],
  ['shift', 'Forget the beginning', 'when the context is full, instead of stopping there', false],
  ['ignoreEos', 'Ignore the end of text', 'tokens that end a text are never chosen', false],
] as const satisfies readonly Switch<string>[];
type Flag = (typeof SWITCHES)[number][0];

const TRUNCATIONS: readonly Key[] = ['topP', 'topK', 'minP', 'typicalP'];

export interface WritingOptions {
  /** The options for the library; maxTokens is the number per call. */
  generate: GenerateOptions & { maxTokens: number };
  window: boolean;
}

export class WritingForm {
  private readonly form = new Form<Key, Flag>(
    { form: 'writing-form', details: 'writing-options', prefix: 'writing-', memory: 'writing-options' },
    FIELDS,
    SWITCHES,
  );

  constructor() {
    const { form } = this;
    form.form.append(...form.numbers(), form.seed(), form.toggles(), this.stop(), this.grammar(), form.resetter());
    form.checks = () => this.check();
    form.begin();
  }

  private stop(): HTMLElement {
    const input = make('textarea', { rows: 2, spellcheck: 'false', class: 'short' });
    return this.form.row('stop', 'Stop at', make('span', { class: 'hint' }, 'stop at one of these texts, one per line'), input, true);
  }

  private grammar(): HTMLElement {
    const input = make('textarea', { rows: 3, spellcheck: 'false', class: 'short', placeholder: 'root ::= …' });
    return this.form.row('grammar', 'Grammar', make('span', { class: 'hint' }, 'rules in GBNF that the continuation must match'), input, true);
  }

  private check(): boolean[] {
    const on = this.form.input('mirostat').checked;
    for (const key of TRUNCATIONS) this.form.input(key).disabled = on;
    for (const key of ['mirostatTau', 'mirostatEta'] as const) this.form.input(key).disabled = !on;
    return [];
  }

  /** The options; null if a field is wrong (the first wrong field then gets the focus). */
  read(): WritingOptions | null {
    const { form } = this;
    if (!form.ready()) return null;
    const { mirostat, window, shift, ignoreEos } = form.flags();
    const numbers = FIELDS.filter(({ key }) => !form.input(key).disabled).map(({ key }) => [key, form.value(key)]);
    const stop = form.input('stop').value.split('\n').filter(Boolean);
    const grammar = form.input('grammar').value.trim() ? form.input('grammar').value : '';
    const seed = form.seedValue();
    const generate = {
      ...Object.fromEntries(numbers), mirostat: mirostat ? 2 : 0, shift, ignoreEos, stop, grammar, ...(typeof seed === 'bigint' && { seed }),
    } as WritingOptions['generate'];
    return { generate, window };
  }

  useSeed(seed: number | bigint): void {
    this.form.useSeed(seed);
  }

  /** Switches `shift` on: the older half of a full context is dropped. */
  letGo(): void {
    this.form.input('shift').checked = true;
    this.form.save();
  }

  /** Switches `window` on: of a long text the model sees the end. */
  showEnd(): void {
    this.form.input('window').checked = true;
    this.form.save();
  }

  /** Selects a mistake in the grammar, and returns its line. */
  refuseGrammar(problem: string, offset: number): number {
    const box = this.form.show('grammar') as unknown as HTMLTextAreaElement;
    this.form.say('grammar', problem);
    box.focus();
    box.setSelectionRange(offset, Math.min(offset + 1, box.value.length));
    return box.value.slice(0, offset).split('\n').length;
  }
}
