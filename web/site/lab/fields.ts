/** The fields of a chart: made, checked, kept between visits. */
import { make } from '../dom.ts';
import { recall, remember } from '../storage.ts';
import type { Chart, Field } from './chart.ts';

type Control = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

const range = ({ least, most, whole }: Field): string => `${whole ? 'a whole number' : 'a number'} from ${least} to ${most.toLocaleString('en', { useGrouping: false })}`;

export class Fields {
  private readonly controls = new Map<string, Control>();
  private readonly problems = new Map<string, HTMLElement>();
  readonly rows: HTMLElement[];

  constructor(private readonly chart: Chart) {
    this.rows = chart.fields.map((field) => this.row(field));
    this.restore();
  }

  private control(field: Field): Control {
    if (field.choices) return make('select', {}, ...field.choices.map((choice, i) => make('option', { value: i }, choice)));
    if (field.text !== undefined) return make('textarea', { rows: 3, class: 'short', autocomplete: 'off' });
    return make('input', { type: 'number', min: field.least, max: field.most, step: field.whole ? 1 : 'any', inputmode: field.whole ? 'numeric' : 'decimal', autocomplete: 'off' });
  }

  private row(field: Field): HTMLElement {
    const control = this.control(field);
    const id = `lab-${this.chart.id}-${field.key}`;
    control.id = id;
    control.setAttribute('aria-describedby', `${id}-hint ${id}-problem`);
    const problem = make('p', { class: 'problem', id: `${id}-problem`, hidden: true });
    this.controls.set(field.key, control);
    this.problems.set(field.key, problem);
    const kind = field.text !== undefined ? 'field wide' : field.choices ? 'field menu' : 'field';
    return make('div', { class: kind }, make('label', { for: id }, field.label), control, make('span', { class: 'hint', id: `${id}-hint` }, field.hint ?? ''), problem);
  }

  private get memory(): string {
    return `lab.${this.chart.id}`;
  }

  reset(): void {
    for (const { key, initial, text } of this.chart.fields) this.controls.get(key)!.value = text ?? String(initial);
    this.check();
    remember(this.memory, undefined);
  }

  private restore(): void {
    this.reset();
    const kept = recall(this.memory);
    if (typeof kept !== 'object' || kept === null) return;
    for (const [key, value] of Object.entries(kept)) {
      const control = this.controls.get(key);
      if (control && typeof value === 'string') control.value = value;
    }
    for (const { key, initial, choices } of this.chart.fields) if (choices && !this.controls.get(key)!.value) this.controls.get(key)!.value = String(initial);
    if (!this.check()) this.reset();
  }

  keep(): void {
    remember(this.memory, Object.fromEntries([...this.controls].map(([key, { value }]) => [key, value])));
  }

  private problemOf(field: Field): string {
    if (field.text !== undefined) return '';
    const text = this.controls.get(field.key)!.value.trim();
    const value = Number(text);
    const good = text !== '' && value >= field.least && value <= field.most && (!field.whole || Number.isInteger(value));
    return good ? '' : range(field);
  }

  /** Marks every wrong field; true if there is none. */
  check(): boolean {
    return this.chart.fields.map((field) => this.say(field.key, this.problemOf(field))).every(Boolean);
  }

  private say(key: string, problem: string): boolean {
    const place = this.problems.get(key)!;
    place.hidden = !problem;
    place.textContent = problem;
    if (problem) this.controls.get(key)!.setAttribute('aria-invalid', 'true');
    else this.controls.get(key)!.removeAttribute('aria-invalid');
    return !problem;
  }

  focusWrong(): void {
    [...this.controls.values()].find((control) => control.hasAttribute('aria-invalid'))?.focus();
  }

  get values(): Record<string, number> {
    return Object.fromEntries(this.chart.fields.filter(({ text }) => text === undefined).map(({ key }) => [key, Number(this.controls.get(key)!.value)]));
  }

  get texts(): Record<string, string> {
    return Object.fromEntries(this.chart.fields.filter(({ text }) => text !== undefined).map(({ key }) => [key, this.controls.get(key)!.value]));
  }
}
