/** The choice of samplers to compare: two to four of those that the model supports. */
import type { ImageInfo } from 'palimpsest';
import { byId, make, setText } from '../dom.ts';
import { lackOf, METHODS, problemOf, type Method } from '../pictures/methods.ts';
import { recall, remember } from '../storage.ts';

const LEAST = 2;
const MOST = 4;
const FIRST = ['ddpm', 'ddim', 'analytic-ddpm', 'sn-ddpm', 'dpm-solver++', 'reverse-sde'];

interface Row {
  method: Method;
  box: HTMLInputElement;
  hint: HTMLElement;
}

export class Comparing {
  private readonly place = byId('comparing');
  private readonly button = byId<HTMLButtonElement>('compare');
  private readonly problem = byId('comparing-problem');
  private readonly rows: readonly Row[];
  private info: ImageInfo | null = null;

  constructor(private readonly changed: () => void, private readonly evaluations: () => number, private readonly begin: (on: boolean) => void) {
    this.rows = METHODS.map((method, i) => {
      const hint = make('span', { class: 'hint', id: `compare-hint-${i}` });
      const box = make('input', { type: 'checkbox', id: `compare-${i}`, value: method.name, 'aria-describedby': hint.id });
      return { method, box, hint };
    });
    byId('comparing-samplers').append(...this.rows.map(({ method, box, hint }) => make('div', { class: 'switch' }, box, make('label', { for: box.id }, method.name), hint)));
    const kept = recall('picture-compare');
    const { on, names } = typeof kept === 'object' && kept !== null ? (kept as { on?: unknown; names?: unknown }) : {};
    for (const { method, box } of this.rows) box.checked = Array.isArray(names) ? names.includes(method.name) : FIRST.slice(0, MOST).includes(method.name);
    this.place.hidden = on !== true;
    this.place.addEventListener('input', () => this.check());
    this.button.addEventListener('click', () => this.toggle());
    this.check();
  }

  get on(): boolean {
    return !this.place.hidden;
  }

  private toggle(): void {
    this.place.hidden = this.on;
    this.begin(this.on);
    this.check();
    this.changed();
  }

  suit(info: ImageInfo | null): void {
    this.info = info;
    this.check();
    const lost = this.rows.some(({ box }) => box.checked && box.disabled);
    for (const { box } of this.rows) if (box.disabled && info) box.checked = false;
    if (lost) this.fillUp();
    this.check();
  }

  /** Replaces samplers that this model does not support. */
  private fillUp(): void {
    for (const name of FIRST) {
      const row = this.rows.find(({ method }) => method.name === name);
      if (this.chosen.length < MOST && row && !row.box.disabled) row.box.checked = true;
    }
  }

  /** Shows which samplers cannot be compared now, and why. */
  check(): void {
    const evaluations = this.evaluations();
    for (const { method, box, hint } of this.rows) {
      const lack = this.info ? lackOf(method, this.info) : null;
      const problem = problemOf(method, evaluations, this.info?.scheduleSteps);
      box.disabled = lack !== null || (problem !== null && !box.checked);
      // The name of the sampler is already there, and the list shows what works.
      setText(hint, (lack ?? problem ?? '').replace(`${method.name} `, '').split(';')[0] ?? '');
    }
    const wrong = this.on && this.problemNow();
    this.problem.hidden = !wrong;
    setText(this.problem, wrong || '');
    this.button.setAttribute('aria-expanded', String(this.on));
    setText(this.button, this.on ? 'Draw with one sampler' : 'Compare samplers');
    remember('picture-compare', { on: this.on, names: this.chosen.map(({ name }) => name) });
  }

  private problemNow(): string {
    const { chosen } = this;
    if (chosen.length < LEAST || chosen.length > MOST) return `Choose two to four samplers; ${chosen.length === 1 ? 'one is' : `${chosen.length} are`} chosen now.`;
    return chosen.flatMap((method) => problemOf(method, this.evaluations(), this.info?.scheduleSteps) ?? [])[0] ?? '';
  }

  private get chosen(): Method[] {
    return this.rows.filter(({ box }) => box.checked).map(({ method }) => method);
  }

  /** The samplers; null if the choice is wrong (the first one then gets the focus). */
  read(): Method[] | null {
    this.check();
    if (!this.problemNow()) return this.chosen;
    (this.rows.find(({ box }) => box.checked) ?? this.rows[0])?.box.focus();
    return null;
  }
}
