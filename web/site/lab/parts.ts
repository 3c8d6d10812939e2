/** The parts of a result on the page, each with its table and its CSV. */
import { announce } from '../announce.ts';
import { make } from '../dom.ts';
import { brief, type Bars, type Part } from './chart.ts';
import { fieldOf } from './field.ts';
import { PlotView } from './plot.ts';
import { csvOf, save, sheetOf, tableOf } from './sheet.ts';

export class PartView {
  readonly element: HTMLElement;
  private readonly drawing = make('div');
  private readonly data = make('div', { hidden: true });
  private readonly toggle: HTMLButtonElement;
  private plot: PlotView | null = null;

  constructor(private part: Part, private readonly file: string) {
    this.toggle = make('button', { type: 'button', class: 'quiet', 'aria-expanded': 'false', click: () => this.showData(this.data.hidden !== false) }, 'Data table');
    const csv = make('button', { type: 'button', class: 'quiet', click: () => this.download() }, 'Download CSV');
    const tools = make('div', { class: 'tools', role: 'group', 'aria-label': `Data of ${part.title}` }, ...(part.kind === 'table' ? [] : [this.toggle]), csv);
    this.element = make('section', { class: 'lab-part', 'data-part': 'lab-part' }, make('div', { class: 'running-head' }, make('h4', {}, part.title), tools), this.drawing, this.data);
    this.take(part);
  }

  get title(): string {
    return this.part.title;
  }

  take(part: Part): void {
    this.part = part;
    if (part.kind === 'plot') {
      if (this.plot) this.plot.take(part);
      else this.drawing.replaceChildren((this.plot = new PlotView(part)).element);
    } else {
      this.remove();
      this.drawing.replaceChildren(part.kind === 'bars' ? barsOf(part) : part.kind === 'field' ? fieldOf(part) : tableOf(sheetOf(part), part.title));
    }
    if (!this.data.hidden) this.showData(true);
  }

  private showData(shown: boolean): void {
    this.data.hidden = !shown;
    this.toggle.setAttribute('aria-expanded', String(shown));
    this.data.replaceChildren(...(shown ? [tableOf(sheetOf(this.part), this.part.title)] : []));
  }

  private download(): void {
    save(`${this.file}.csv`, csvOf(sheetOf(this.part)));
    announce(`${this.part.title}: saved as ${this.file}.csv`);
  }

  /** Draws again, in the colours of the other scheme. */
  redraw(): void {
    this.plot?.draw();
  }

  remove(): void {
    this.plot?.remove();
    this.plot = null;
  }
}

/** A table whose rows have bars. */
function barsOf({ title, name, value, rows, mark }: Bars): HTMLElement {
  const most = Math.max(...rows.map((row) => row.value || 0), mark?.value ?? 0) || 1;
  const line = mark ? [make('span', { class: 'mark', style: `--share: ${mark.value / most}` })] : [];
  const body = rows.map((row) =>
    make('tr', {},
      make('th', { scope: 'row' }, row.name, ...(row.note ? [make('span', { class: 'note' }, ` ${row.note}`)] : [])),
      make('td', { class: 'figure' }, brief(row.value)),
      make('td', { class: 'lab-bar', 'aria-hidden': true }, make('span', { class: 'bar', style: `--share: ${Math.max(row.value || 0, 0) / most}` }), ...line.map((one) => one.cloneNode())),
    ));
  const head = make('tr', {}, make('th', { scope: 'col' }, name), make('th', { scope: 'col' }, value), make('td', { 'aria-hidden': true }));
  const table = make('table', { class: 'lab-bars', 'aria-label': title }, make('thead', {}, head), make('tbody', {}, ...body));
  return make('div', {}, table, ...(mark ? [make('p', { class: 'note' }, make('span', { class: 'mark sample', 'aria-hidden': true }), ` ${mark.label}: ${brief(mark.value)}`)] : []));
}
