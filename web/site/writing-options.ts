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
  { key: 'temperature', label: 'Temperature', hint: '0 takes the likeliest, 1 is the model’s own', initial: 0.7, ...RANGES.temperature, step: 'any' },
  { key: 'topP', label: 'Top-p', hint: 'likeliest share only; 1 is off, 0 the likeliest word', initial: 0.95, ...RANGES.topP, step: 'any' },
  { key: 'topK', label: 'Top-k', hint: 'likeliest words only; 0 is off', initial: 0, least: 0, most: 1e6, step: 1 },
  { key: 'minP', label: 'Min-p', hint: 'share of the likeliest a word must have; 0 is off', initial: 0, ...RANGES.minP, step: 'any' },
  { key: 'typicalP', label: 'Typical-p', hint: 'words about as surprising as usual; 1 is off', initial: 1, ...RANGES.typicalP, step: 'any' },
  { key: 'repetitionPenalty', label: 'Repetition penalty', hint: '1 is off', initial: 1, ...RANGES.repetitionPenalty, step: 'any' },
  { key: 'frequencyPenalty', label: 'Frequency penalty', hint: 'for each time a word was used; 0 is off', initial: 0, ...RANGES.frequencyPenalty, step: 'any' },
  { key: 'presencePenalty', label: 'Presence penalty', hint: 'once a word was used; 0 is off', initial: 0, ...RANGES.presencePenalty, step: 'any' },
  { key: 'mirostatTau', label: 'Surprise aimed at', hint: 'of Mirostat, bits a token', initial: 5, ...RANGES.mirostatTau, step: 'any' },
  { key: 'mirostatEta', label: 'How fast', hint: 'of Mirostat', initial: 0.1, ...RANGES.mirostatEta, step: 'any' },
];

const SWITCHES = [
  ['mirostat', 'Mirostat', 'keeps the surprise even, in place of what keeps words out', false],
  ['window', 'Show the model the end', 'where the text is longer than its context', true],
  ['shift', 'Let the beginning go', 'when the context is full, instead of stopping there', false],
  ['ignoreEos', 'Never end by itself', 'tokens that end a text are not drawn', false],
] as const satisfies readonly Switch<string>[];
type Flag = (typeof SWITCHES)[number][0];

const TRUNCATIONS: readonly Key[] = ['topP', 'topK', 'minP', 'typicalP'];

export interface WritingOptions {
  /** As the library takes them; maxTokens is that of one go. */
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
    return this.form.row('stop', 'Stop at', make('span', { class: 'hint' }, 'texts at which it ends, one a line'), input, true);
  }

  private grammar(): HTMLElement {
    const input = make('textarea', { rows: 3, spellcheck: 'false', class: 'short', placeholder: 'root ::= …' });
    return this.form.row('grammar', 'Grammar', make('span', { class: 'hint' }, 'rules in GBNF that the continuation follows'), input, true);
  }

  private check(): boolean[] {
    const on = this.form.input('mirostat').checked;
    for (const key of TRUNCATIONS) this.form.input(key).disabled = on;
    for (const key of ['mirostatTau', 'mirostatEta'] as const) this.form.input(key).disabled = !on;
    return [];
  }

  /** The options, or null (and the first wrong field has the focus). */
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

  /** From now on the older half of a full context is dropped. */
  letGo(): void {
    this.form.input('shift').checked = true;
    this.form.save();
  }

  /** A mistake in the grammar, shown where it is; gives the line. */
  refuseGrammar(problem: string, offset: number): number {
    const box = this.form.show('grammar') as unknown as HTMLTextAreaElement;
    this.form.say('grammar', problem);
    box.focus();
    box.setSelectionRange(offset, Math.min(offset + 1, box.value.length));
    return box.value.slice(0, offset).split('\n').length;
  }
}
