/** The options of a fill: a form that remembers itself and says beside each field what is wrong with it. */
import type { InfillOptions, Sampler } from 'palimpsest';
import { byId, make } from './dom.ts';
import { recall, remember } from './storage.ts';

const SAMPLERS: readonly [Sampler, string][] = [
  ['margin', 'writes first where the first choice is furthest ahead of the second'],
  ['first-hitting', 'writes at random places: the exact law of the model, the reference'],
  ['entropy', 'writes first where the model hesitates least'],
  ['confidence', 'writes first where one word is likeliest'],
  ['ancestral', 'goes through a number of time steps; close to the law when they are many'],
  ['parallel', 'writes several sure words at once: fewer evaluations, an approximation'],
  ['remask', 'may take back what it wrote and write it again'],
];
const TIMED: readonly string[] = ['ancestral', 'remask'];

type Key = 'drafts' | 'temperature' | 'topK' | 'topP' | 'minP' | 'repetitionPenalty' | 'steps' | 'freeMin' | 'freeMax';

interface Field {
  key: Key;
  label: string;
  hint: string;
  initial: number;
  least: number;
  most: number;
  step: number | 'any';
  /** The least value itself is not allowed. */
  above?: true;
}

const FIELDS: readonly Field[] = [
  { key: 'drafts', label: 'Drafts', hint: 'filled side by side', initial: 1, least: 1, most: 4, step: 1 },
  { key: 'temperature', label: 'Temperature', hint: '0 takes the likeliest, 1 is the model’s own', initial: 0.6, least: 0, most: 100, step: 'any' },
  { key: 'topK', label: 'Top-k', hint: 'likeliest words only; 0 is off', initial: 0, least: 0, most: 1e6, step: 1 },
  { key: 'topP', label: 'Top-p', hint: 'likeliest share only; 1 is off', initial: 1, least: 0, most: 1, step: 'any', above: true },
  { key: 'minP', label: 'Min-p', hint: 'share of the likeliest a word must have; 0 is off', initial: 0, least: 0, most: 1, step: 'any' },
  { key: 'repetitionPenalty', label: 'Repetition penalty', hint: '1 is off', initial: 1, least: 0, most: 100, step: 'any', above: true },
  { key: 'steps', label: 'Time steps', hint: 'of ancestral and remask', initial: 64, least: 1, most: 1 << 20, step: 1 },
  { key: 'freeMin', label: 'Length of [[?]], from', hint: 'tokens', initial: 1, least: 1, most: 512, step: 1 },
  { key: 'freeMax', label: 'to', hint: 'tokens', initial: 16, least: 1, most: 512, step: 1 },
];

const SWITCHES = [
  ['borders', 'Border rules', 'words begin and end where the given text lets them', true],
  ['document', 'A whole document', 'the text begins and ends with the page', false],
  ['window', 'Show the model a part', 'where the text is longer than its context', false],
] as const;
type Switch = (typeof SWITCHES)[number][0];

const MOST_SEED = 2n ** 64n - 1n;
const KEY = 'options';

export class Options {
  private readonly form = byId<HTMLFormElement>('options-form');
  private readonly inputs = new Map<string, HTMLInputElement | HTMLSelectElement>();
  private readonly problems = new Map<string, HTMLElement>();
  private readonly about = make('p', { class: 'hint', id: 'hint-sampler' });

  constructor(private readonly changed: () => void) {
    this.build();
    this.restore();
    this.form.addEventListener('submit', (event) => event.preventDefault());
    for (const place of [this.form, byId('drafts-field')]) {
      place.addEventListener('input', () => {
        this.check();
        this.save();
        this.changed();
      });
    }
    this.check();
  }

  private build(): void {
    const [drafts, ...rest] = FIELDS.map((field) => this.number(field));
    const switches = SWITCHES.map(([key, label, hint]) => this.toggle(key, label, hint));
    byId('drafts-field').append(drafts ?? '');
    this.form.append(
      this.samplers(),
      ...rest,
      this.seed(),
      make('fieldset', {}, make('legend', { class: 'unseen' }, 'Rules'), ...switches),
      make('p', { class: 'note wide' }, 'Border rules, temperatures other than 1, and whatever keeps words out (top-k, top-p, min-p, the penalty) leave the model’s exact law on purpose. First-hitting at temperature 1 without border rules is the exact law.'),
      make('button', { type: 'button', class: 'quiet wide', click: () => this.reset() }, 'Back to the defaults'),
    );
  }

  private row(key: string, label: string, hint: HTMLElement, input: HTMLInputElement | HTMLSelectElement, wide = false): HTMLElement {
    const problem = make('p', { class: 'problem', id: `problem-${key}`, hidden: true });
    input.id = `option-${key}`;
    input.setAttribute('aria-describedby', `hint-${key} problem-${key}`);
    hint.id = `hint-${key}`;
    this.inputs.set(key, input);
    this.problems.set(key, problem);
    return make('div', { class: wide ? 'field wide' : 'field' }, make('label', { for: input.id }, label), input, hint, problem);
  }

  private number({ key, label, hint, initial, least, most, step }: Field): HTMLElement {
    const input = make('input', { type: 'number', min: least, max: most, step, value: initial, inputmode: step === 1 ? 'numeric' : 'decimal' });
    return this.row(key, label, make('span', { class: 'hint' }, hint), input);
  }

  private samplers(): HTMLElement {
    const select = make('select', {}, ...SAMPLERS.map(([name]) => make('option', { value: name }, name)));
    return this.row('sampler', 'Sampler', this.about, select, true);
  }

  private seed(): HTMLElement {
    const input = make('input', { type: 'text', inputmode: 'numeric', placeholder: 'drawn' });
    return this.row('seed', 'Seed', make('span', { class: 'hint' }, 'the same seed writes the same text'), input);
  }

  private toggle(key: Switch, label: string, hint: string): HTMLElement {
    const input = make('input', { type: 'checkbox', id: `option-${key}`, 'aria-describedby': `hint-${key}` });
    this.inputs.set(key, input);
    return make('div', { class: 'switch' }, input, make('label', { for: input.id }, label), make('span', { class: 'hint', id: `hint-${key}` }, hint));
  }

  private input(key: string): HTMLInputElement {
    return this.inputs.get(key) as HTMLInputElement;
  }

  private save(): void {
    const values = [...this.inputs].map(([key, input]) => [key, input instanceof HTMLInputElement && input.type === 'checkbox' ? input.checked : input.value]);
    remember(KEY, Object.fromEntries(values));
  }

  private restore(): void {
    this.setDefaults();
    const kept = recall(KEY);
    if (typeof kept !== 'object' || kept === null) return;
    for (const [key, value] of Object.entries(kept)) {
      const input = this.inputs.get(key);
      if (typeof value === 'boolean' && input instanceof HTMLInputElement) input.checked = value;
      else if (typeof value === 'string' && input) input.value = value;
    }
    if (!this.input('sampler').value) this.input('sampler').value = 'margin';
  }

  private setDefaults(): void {
    for (const { key, initial } of FIELDS) this.input(key).value = String(initial);
    for (const [key, , , initial] of SWITCHES) this.input(key).checked = initial;
    this.input('sampler').value = 'margin';
    this.input('seed').value = '';
  }

  private reset(): void {
    this.setDefaults();
    this.check();
    this.save();
    this.changed();
  }

  private say(key: string, problem: string): boolean {
    const place = this.problems.get(key);
    if (place) {
      place.hidden = !problem;
      place.textContent = problem;
    }
    if (problem) this.input(key).setAttribute('aria-invalid', 'true');
    else this.input(key).removeAttribute('aria-invalid');
    return !problem;
  }

  /** Marks every field that is wrong; true when none is. */
  private check(): boolean {
    const sampler = this.input('sampler').value;
    this.about.textContent = SAMPLERS.find(([name]) => name === sampler)?.[1] ?? '';
    this.input('steps').disabled = !TIMED.includes(sampler);
    const good = FIELDS.map((field) => this.say(field.key, this.problemOf(field)));
    if (this.value('freeMin') > this.value('freeMax')) good.push(this.say('freeMax', 'must not be less than the first'));
    good.push(this.say('seed', this.seedValue() === null ? `a whole number from 0 to ${MOST_SEED}` : ''));
    return !good.includes(false);
  }

  private problemOf({ key, least, most, step, above }: Field): string {
    const value = this.value(key);
    if (this.input(key).disabled) return '';
    const inside = above ? value > least && value <= most : value >= least && value <= most;
    if (step === 1) return inside && Number.isInteger(value) ? '' : `a whole number from ${least} to ${most}`;
    return inside ? '' : `a number ${above ? `above ${least}, at most` : `from ${least} to`} ${most}`;
  }

  private value(key: Key): number {
    return this.input(key).valueAsNumber;
  }

  /** undefined: to be drawn; null: not a seed. */
  private seedValue(): bigint | undefined | null {
    const text = this.input('seed').value.trim();
    if (!text) return undefined;
    if (!/^\d{1,20}$/.test(text)) return null;
    const seed = BigInt(text);
    return seed <= MOST_SEED ? seed : null;
  }

  /** The options as the library takes them, or null (and the first wrong field has the focus). */
  read(): InfillOptions | null {
    if (!this.check()) {
      const wrong = [...this.inputs.values()].find((input) => input.hasAttribute('aria-invalid'));
      if (wrong && this.form.contains(wrong)) byId<HTMLDetailsElement>('options').open = true;
      wrong?.focus();
      return null;
    }
    const sampler = this.input('sampler').value as Sampler;
    const numbers = FIELDS.filter(({ key }) => key !== 'drafts' && (key !== 'steps' || TIMED.includes(sampler)));
    const seed = this.seedValue();
    return {
      sampler,
      ...Object.fromEntries(numbers.map(({ key }) => [key, this.value(key)])),
      ...Object.fromEntries(SWITCHES.map(([key]) => [key, this.input(key).checked])),
      ...(typeof seed === 'bigint' && { seed }),
    };
  }

  get drafts(): number {
    return this.value('drafts');
  }

  /** What [[?]] stands for, as far as the fields make sense. */
  get free(): { least: number; most: number } {
    const [least, most] = [this.value('freeMin'), this.value('freeMax')];
    return least >= 1 && most >= least ? { least, most: Math.min(most, 512) } : { least: 1, most: 16 };
  }

  useSeed(seed: number | bigint): void {
    this.input('seed').value = String(seed);
    this.check();
    this.save();
  }
}
