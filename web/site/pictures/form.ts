/** The options of a drawing: number of pictures, sampler, number of evaluations, and so on. */
import type { ImageInfo, ImageOptions } from 'palimpsest';
import { byId, make } from '../dom.ts';
import { Form, type Field } from '../form.ts';
import { lackOf, METHODS, methodOf, problemOf, type Method } from './methods.ts';

type Key = 'count' | 'evaluations' | 'guidance' | 'tolerance';

/** Evaluations of one sampler, and of several: with few of them the samplers differ most. */
const USUALLY = 12;
const COMPARED = 5;

const FIELDS: readonly Field<Key>[] = [
  { key: 'count', label: 'How many', hint: '', initial: 9, least: 1, most: 16, step: 1 },
  { key: 'evaluations', label: 'Evaluations', hint: 'how often the network looks at each picture: more take longer', initial: USUALLY, least: 1, most: 1000, step: 1 },
  { key: 'guidance', label: 'Guidance', hint: 'above 1, pictures are more typical of the kind; 1 is off and needs half the work', initial: 2, least: 0, most: 20, step: 'any' },
  { key: 'tolerance', label: 'Tolerance', hint: 'for RK45: a smaller tolerance is more exact and takes longer', initial: 1e-3, least: 1e-6, most: 0.1, step: 'any' },
];
const USUAL = [COMPARED, 10, USUALLY, 25, 50, 100];

export const drawSeed = (): number => crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;

export interface Chosen {
  method: Method;
  options: ImageOptions;
}

export class PicturesForm {
  private readonly about = make('p', { class: 'hint' });
  private readonly sampler = make('select', {}, ...METHODS.map(({ name }) => make('option', { value: name }, name)));
  private readonly form = new Form<Key, never>(
    { form: 'picture-form', details: 'picture-options', prefix: 'picture-', memory: 'picture-options', outside: ['picture-count-field'] },
    FIELDS,
    [],
  );
  private info: ImageInfo | null = null;
  private labelled = false;

  constructor() {
    const { form } = this;
    const [count, ...rest] = form.numbers();
    byId('picture-count-field').append(count ?? '');
    const usual = make('datalist', { id: 'picture-usual' }, ...USUAL.map((n) => make('option', { value: n })));
    form.form.append(form.row('sampler', 'Sampler', this.about, this.sampler, true), ...rest, this.seedField(), usual, form.resetter());
    form.input('evaluations').setAttribute('list', usual.id);
    form.checks = () => this.check();
    form.begin();
  }

  private seedField(): HTMLElement {
    const field = this.form.seed('the same seed draws the same pictures; empty: different ones each time');
    const another = make('button', { type: 'button', class: 'quiet', click: () => this.form.fill('seed', String(drawSeed())) }, 'Another seed');
    field.append(another);
    return field;
  }

  /** Sets what the model in use supports; other samplers cannot be chosen. */
  suit(info: ImageInfo | null): void {
    this.info = info;
    for (const option of this.sampler.options) {
      const method = methodOf(option.value);
      const lack = info && method ? lackOf(method, info) : null;
      option.disabled = lack !== null;
      option.textContent = lack ? `${option.value} (not with this file)` : option.value;
    }
    if (this.sampler.selectedOptions[0]?.disabled) this.sampler.value = [...this.sampler.options].find((option) => !option.disabled)?.value ?? '';
    this.form.check();
  }

  /** Sets whether a label is chosen: guidance needs one. */
  label(chosen: boolean): void {
    this.labelled = chosen;
    this.form.check();
  }

  /** Switches the single sampler off, because several are compared. */
  several(comparing: boolean): void {
    if (this.sampler.disabled === comparing) return;
    this.sampler.disabled = comparing;
    this.form.check();
  }

  /** A number of evaluations that nobody has chosen becomes the one that suits the kind of drawing. */
  begin(comparing: boolean): void {
    const [before, now] = comparing ? [USUALLY, COMPARED] : [COMPARED, USUALLY];
    if (this.evaluations === before) this.form.fill('evaluations', String(now));
  }

  private get method(): Method {
    return methodOf(this.sampler.value) ?? (METHODS[0] as Method);
  }

  private check(): boolean[] {
    const { form, method } = this;
    this.about.textContent = method.about;
    form.input('tolerance').disabled = method.steps !== undefined;
    form.input('guidance').disabled = !this.labelled || this.info?.guidance === false;
    if (this.sampler.disabled) return []; // several are compared
    const evaluations = form.value('evaluations');
    const wrong = problemOf(method, evaluations, this.info?.scheduleSteps);
    return wrong ? [form.say('evaluations', wrong)] : [];
  }

  get count(): number {
    return this.form.value('count');
  }

  /** The number of evaluations, for comparisons. */
  get evaluations(): number {
    return this.form.value('evaluations');
  }

  /** The options of the chosen sampler; null if a field is wrong (the first wrong field then gets the focus). */
  read(): Chosen | null {
    return this.form.ready() ? { method: this.method, options: this.optionsFor(this.method) } : null;
  }

  /** The options for any of the samplers. */
  optionsFor(method: Method): ImageOptions {
    const { form } = this;
    const guidance = form.input('guidance').disabled ? 1 : form.value('guidance');
    return {
      sampler: method.sampler,
      ...(method.solver && { solver: method.solver }),
      ...(method.steps ? { steps: method.steps(this.evaluations) } : { tolerance: form.value('tolerance') }),
      ...(guidance !== 1 && { guidance }),
    };
  }

  /** undefined: chosen at random. */
  get seed(): bigint | undefined {
    return this.form.seedValue() ?? undefined;
  }

  useSeed(seed: number | bigint): void {
    this.form.useSeed(seed);
  }
}
