/** A form of options that is kept between visits and shows mistakes beside each field. */
import { byId, make } from './dom.ts';
import { recall, remember } from './storage.ts';

export interface Field<Key extends string> {
  key: Key;
  label: string;
  hint: string;
  initial: number;
  least: number;
  most: number;
  step: number | 'any';
  /** The min. value itself is not allowed. */
  above?: true;
}

export type Switch<Key extends string> = readonly [key: Key, label: string, hint: string, initial: boolean];
type Control = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

interface Places {
  form: string;
  /** The <details> element around the form. */
  details: string;
  /** Prefix of the id of every field. */
  prefix: string;
  /** Key in the storage. */
  memory: string;
  /** Containers of fields that are outside the form. */
  outside?: readonly string[];
}

const MAX_SEED = 2n ** 64n - 1n;

export class Form<Key extends string, Flag extends string> {
  readonly form: HTMLFormElement;
  private readonly details: HTMLDetailsElement;
  private readonly inputs = new Map<string, Control>();
  private readonly problems = new Map<string, HTMLElement>();
  /** Checks beyond those of single fields; false for each field that is wrong. */
  checks: () => boolean[] = () => [];
  changed: () => void = () => {};

  constructor(private readonly places: Places, readonly fields: readonly Field<Key>[], private readonly switches: readonly Switch<Flag>[]) {
    this.form = byId<HTMLFormElement>(places.form);
    this.details = byId<HTMLDetailsElement>(places.details);
    this.form.addEventListener('submit', (event) => event.preventDefault());
  }

  /** Called when all fields have been made. */
  begin(): void {
    this.restore();
    for (const place of [this.form, ...(this.places.outside ?? []).map((id) => byId(id))])
      place.addEventListener('input', () => {
        this.check();
        this.save();
        this.changed();
      });
    this.check();
  }

  // ---- making

  row(key: string, label: string, hint: HTMLElement, input: Control, wide = false): HTMLElement {
    const { prefix } = this.places;
    const problem = make('p', { class: 'problem', id: `${prefix}problem-${key}`, hidden: true });
    input.id = `${prefix}option-${key}`;
    input.setAttribute('aria-describedby', `${prefix}hint-${key} ${problem.id}`);
    hint.id = `${prefix}hint-${key}`;
    this.inputs.set(key, input);
    this.problems.set(key, problem);
    return make('div', { class: wide ? 'field wide' : 'field' }, make('label', { for: input.id }, label), input, hint, problem);
  }

  numbers(): HTMLElement[] {
    return this.fields.map(({ key, label, hint, initial, least, most, step }) => {
      const input = make('input', { type: 'number', min: least, max: most, step, value: initial, inputmode: step === 1 ? 'numeric' : 'decimal' });
      return this.row(key, label, make('span', { class: 'hint' }, hint), input);
    });
  }

  seed(promise = 'the same seed writes the same text'): HTMLElement {
    const input = make('input', { type: 'text', inputmode: 'numeric', placeholder: 'random' });
    return this.row('seed', 'Seed', make('span', { class: 'hint' }, promise), input);
  }

  toggles(): HTMLElement {
    const { prefix } = this.places;
    const rows = this.switches.map(([key, label, hint]) => {
      const input = make('input', { type: 'checkbox', id: `${prefix}option-${key}`, 'aria-describedby': `${prefix}hint-${key}` });
      this.inputs.set(key, input);
      return make('div', { class: 'switch' }, input, make('label', { for: input.id }, label), make('span', { class: 'hint', id: `${prefix}hint-${key}` }, hint));
    });
    return make('fieldset', {}, make('legend', { class: 'unseen' }, 'Rules'), ...rows);
  }

  resetter(): HTMLElement {
    return make('button', { type: 'button', class: 'quiet wide', click: () => this.reset() }, 'Back to the defaults');
  }

  // ---- storage

  input(key: string): HTMLInputElement {
    return this.inputs.get(key) as HTMLInputElement;
  }

  save(): void {
    const values = [...this.inputs].map(([key, input]) => [key, input instanceof HTMLInputElement && input.type === 'checkbox' ? input.checked : input.value]);
    remember(this.places.memory, Object.fromEntries(values));
  }

  private restore(): void {
    this.setDefaults();
    const kept = recall(this.places.memory);
    if (typeof kept !== 'object' || kept === null) return;
    for (const [key, value] of Object.entries(kept)) {
      const input = this.inputs.get(key);
      if (typeof value === 'boolean' && input instanceof HTMLInputElement) input.checked = value;
      else if (typeof value === 'string' && input) input.value = value;
    }
    for (const input of this.inputs.values()) if (input instanceof HTMLSelectElement && !input.value) input.value = this.firstOf(input);
  }

  private firstOf(select: HTMLSelectElement): string {
    return select.options[0]?.value ?? '';
  }

  private setDefaults(): void {
    for (const input of this.inputs.values()) input.value = input instanceof HTMLSelectElement ? this.firstOf(input) : '';
    for (const { key, initial } of this.fields) this.input(key).value = String(initial);
    for (const [key, , , initial] of this.switches) this.input(key).checked = initial;
  }

  private reset(): void {
    this.setDefaults();
    this.check();
    this.save();
    this.changed();
  }

  // ---- checking

  say(key: string, problem: string): boolean {
    const place = this.problems.get(key);
    if (place) {
      place.hidden = !problem;
      place.textContent = problem;
    }
    if (problem) this.input(key).setAttribute('aria-invalid', 'true');
    else this.input(key).removeAttribute('aria-invalid');
    return !problem;
  }

  /** Marks every wrong field; true if there is none. */
  check(): boolean {
    for (const key of this.inputs.keys()) if (this.problems.has(key)) this.say(key, '');
    const good = [...this.checks(), ...this.fields.map((field) => !this.problemOf(field) || this.say(field.key, this.problemOf(field)))];
    good.push(this.seedValue() !== null || this.say('seed', `a whole number from 0 to ${MAX_SEED}`));
    return !good.includes(false);
  }

  private problemOf({ key, least, most, step, above }: Field<Key>): string {
    const value = this.value(key);
    if (this.input(key).disabled) return '';
    const inside = above ? value > least && value <= most : value >= least && value <= most;
    if (step === 1) return inside && Number.isInteger(value) ? '' : `a whole number from ${least} to ${most}`;
    return inside ? '' : `a number ${above ? `above ${least}, at most` : `from ${least} to`} ${most}`;
  }

  /** True if nothing is wrong; otherwise the first wrong field gets the focus. */
  ready(): boolean {
    if (this.check()) return true;
    const wrong = [...this.inputs.values()].find((input) => input.hasAttribute('aria-invalid'));
    if (wrong && this.form.contains(wrong)) this.details.open = true;
    wrong?.focus();
    return false;
  }

  /** Shows a field with a mistake that only the engine found. */
  show(key: string): HTMLInputElement {
    this.details.open = true;
    return this.input(key);
  }

  // ---- reading

  value(key: Key): number {
    return this.input(key).valueAsNumber;
  }

  flags(): Record<Flag, boolean> {
    return Object.fromEntries(this.switches.map(([key]) => [key, this.input(key).checked])) as Record<Flag, boolean>;
  }

  /** undefined: chosen at random; null: not a seed. */
  seedValue(): bigint | undefined | null {
    const text = this.input('seed').value.trim();
    if (!text) return undefined;
    if (!/^\d{1,20}$/.test(text)) return null;
    const seed = BigInt(text);
    return seed <= MAX_SEED ? seed : null;
  }

  /** Sets a value as if it had been typed. */
  fill(key: string, value: string): void {
    this.input(key).value = value;
    this.check();
    this.save();
    this.changed();
  }

  useSeed(seed: number | bigint): void {
    this.fill('seed', String(seed));
    this.show('seed').focus();
  }
}
