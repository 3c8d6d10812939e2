/** The view Lab: a list of charts, and the chosen one.  chart.ts says what a chart is and how to add one. */
import '../styles/lab.css';
import { announce } from '../announce.ts';
import { byId, make, setText } from '../dom.ts';
import { complain, explain, isAbort, remedies, settle } from '../errors.ts';
import { Pace, timeLeft } from '../pace.ts';
import type { Chart, Page, Result } from './chart.ts';
import { charts } from './charts.ts';
import { Fields } from './fields.ts';
import { PartView } from './parts.ts';

export class LabView {
  private readonly place = byId('lab-chart');
  private readonly menu = make('select', { id: 'lab-menu', change: () => (location.hash = `lab/${this.menu.value}`) });
  private open: OpenChart | null = null;

  constructor(private readonly page: Page) {
    const links = charts.map(({ id, title }) => make('li', {}, make('a', { href: `#lab/${id}` }, title)));
    this.menu.append(...charts.map(({ id, title }) => make('option', { value: id }, title)));
    byId('lab-charts').replaceChildren(make('ul', {}, ...links), make('label', { for: 'lab-menu' }, 'Chart'), this.menu);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.open?.redraw());
  }

  /** Shows a chart; '' is the last one, or the first. */
  enter(id: string): void {
    const chart = charts.find((one) => one.id === id) ?? this.open?.chart ?? charts[0]!;
    this.menu.value = chart.id;
    for (const link of byId('lab-charts').querySelectorAll('a')) {
      if (link.getAttribute('href') === `#lab/${chart.id}`) link.setAttribute('aria-current', 'true');
      else link.removeAttribute('aria-current');
    }
    if (chart === this.open?.chart) return;
    this.open?.close();
    this.open = new OpenChart(chart, this.place, this.page);
    if (id) this.open.heading.focus({ preventScroll: true });
  }
}

/** The chart that is shown. */
class OpenChart {
  readonly heading = make('h3', { id: 'lab-title', tabindex: -1 });
  private readonly fields: Fields;
  private readonly button = make('button', { class: 'main', type: 'submit' }, 'Compute');
  private readonly state = make('div', { class: 'engine', 'data-part': 'lab-progress' });
  private readonly bar = make('progress', { max: 1, 'aria-label': 'Calculation' });
  private readonly stateWords = make('span');
  private readonly error = make('div', { class: 'complaint', 'data-part': 'lab-chart-error', hidden: true });
  private readonly parts = make('div', { class: 'lab-parts' });
  private readonly words = make('p', { class: 'lab-words', 'data-part': 'lab-words' });
  private shown: PartView[] = [];
  private running: AbortController | null = null;
  private result: Result | null = null;
  private frame = 0;

  constructor(readonly chart: Chart, place: HTMLElement, private readonly page: Page) {
    this.fields = new Fields(chart);
    this.heading.textContent = chart.title;
    const defaults = make('button', { type: 'button', class: 'quiet', click: () => this.reset() }, 'Back to the defaults');
    const form = make('form', { class: 'lab-form', autocomplete: 'off', novalidate: true, submit: (event) => this.submitted(event) });
    form.append(make('div', { class: 'lab-fields' }, ...this.fields.rows), make('div', { class: 'actions' }, this.button, ...(chart.fields.length ? [defaults] : []), this.state));
    form.addEventListener('change', () => this.changed());
    form.addEventListener('input', () => this.fields.check());
    place.replaceChildren(this.heading, make('p', { class: 'lab-see' }, chart.see), form, this.error, this.parts, this.words);
    if (chart.waits) setText(this.words, chart.waits);
    else void this.run();
  }

  close(): void {
    this.running?.abort();
    this.running = null;
    cancelAnimationFrame(this.frame);
    for (const part of this.shown) part.remove();
  }

  redraw(): void {
    for (const part of this.shown) part.redraw();
  }

  private submitted(event: Event): void {
    event.preventDefault();
    if (this.running) return this.cancel();
    void this.run();
  }

  private cancel(): void {
    this.running?.abort();
    this.running = null;
    this.rest(this.result ? 'Cancelled: what was computed so far is shown.' : 'Cancelled.');
    announce('Cancelled.');
  }

  private changed(): void {
    this.fields.keep();
    if (!this.fields.check()) return;
    if (this.chart.waits) return;
    void this.run();
  }

  private reset(): void {
    this.fields.reset();
    if (!this.chart.waits) void this.run();
  }

  /** One run; an earlier one is ended. */
  private async run(): Promise<void> {
    this.running?.abort();
    if (!this.fields.check()) {
      this.running = null;
      this.rest('');
      return this.fields.focusWrong();
    }
    const running = (this.running = new AbortController());
    const mine = (): boolean => this.running === running;
    const left = (share: number): string => {
      const seconds = pace.left(share);
      return seconds === null ? '' : timeLeft(seconds);
    };
    settle(this.error);
    this.begin();
    const began = performance.now();
    const pace = new Pace();
    pace.begin();
    try {
      await this.chart.run({
        values: this.fields.values,
        texts: this.fields.texts,
        signal: running.signal,
        page: this.page,
        advanced: (share, words) => mine() && this.advance(share, words ?? left(share)),
        show: (result) => mine() && this.soon(result),
      });
      if (mine()) this.finish((performance.now() - began) / 1000);
    } catch (error) {
      if (mine()) this.fail(error);
    }
    if (mine()) this.running = null;
  }

  private begin(): void {
    this.button.textContent = 'Cancel';
    this.button.classList.add('stop');
    this.bar.removeAttribute('value');
    this.parts.setAttribute('aria-busy', 'true');
    setText(this.stateWords, 'Computing');
    this.state.replaceChildren(this.bar, this.stateWords);
  }

  private advance(share: number, words: string): void {
    this.bar.value = share;
    setText(this.stateWords, words || `${Math.floor(100 * share)} %`);
  }

  private rest(words: string): void {
    this.button.textContent = this.chart.waits ? 'Compute' : 'Compute again';
    this.button.classList.remove('stop');
    this.parts.removeAttribute('aria-busy');
    setText(this.stateWords, words);
    this.state.replaceChildren(this.stateWords);
  }

  private finish(seconds: number): void {
    if (this.result) this.draw(this.result);
    this.rest(`Computed in ${seconds < 0.095 ? 'less than 0.1' : seconds.toFixed(1)} s on this device.`);
    if (this.result) announce(`${this.chart.title}: ${this.result.words}`);
  }

  private fail(error: unknown): void {
    this.rest('');
    if (isAbort(error)) return;
    complain(this.error, explain(error, ''), remedies(explain(error).remedy, () => void this.run()));
  }

  /** Draws at most once per frame. */
  private soon(result: Result): void {
    this.result = result;
    if (!this.frame) this.frame = requestAnimationFrame(() => this.draw(this.result!));
  }

  private draw(result: Result): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    setText(this.words, result.words);
    if (result.parts.length !== this.shown.length || result.parts.some((part, i) => part.title !== this.shown[i]!.title)) {
      for (const part of this.shown) part.remove();
      this.shown = result.parts.map((part, i) => new PartView(part, `palimpsest-${this.chart.id}-${i + 1}`));
      this.parts.replaceChildren(...this.shown.map(({ element }) => element));
    } else result.parts.forEach((part, i) => this.shown[i]!.take(part));
  }
}
