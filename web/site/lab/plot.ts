/** Draws a Plot by uPlot, and reads its values to mouse, keyboard and screen reader.
 *
 *  uPlot 1.6 (MIT), because it is small (22 kB compressed), needs neither eval nor HTML from strings, so that it runs under
 *  the page's policy, and draws ten thousand points in a few milliseconds. */
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { make, setText } from '../dom.ts';
import { brief, type Axis, type Plot, type Series } from './chart.ts';
import { colour, DASHES, tone } from './colours.ts';

const FONT = '15px "EB Garamond", "Garamond stand-in", Georgia, serif';
const SVG = 'http://www.w3.org/2000/svg';

const toneOf = (series: Series, i: number): number => series.tone ?? i;

export class PlotView {
  readonly element: HTMLElement;
  private readonly place: HTMLElement;
  private readonly reading = make('p', { class: 'lab-reading note', 'aria-hidden': true });
  private readonly legend = make('ul', { class: 'lab-legend note' });
  private chart: uPlot | null = null;
  private plot: Plot;
  private at = 0;
  private width = 0;

  constructor(plot: Plot) {
    this.plot = plot;
    this.place = make('div', { class: 'lab-plot', tabindex: 0, role: 'slider', 'aria-orientation': 'horizontal', keydown: (event) => this.key(event as KeyboardEvent) });
    this.element = make('div', {}, this.legend, this.place, this.reading);
    new ResizeObserver(() => this.fit()).observe(this.place);
    this.take(plot);
  }

  /** Shows other values.  The curves of a run in progress come often: only the data are changed then. */
  take(plot: Plot): void {
    const same = this.chart && JSON.stringify(shapeOf(plot)) === JSON.stringify(shapeOf(this.plot));
    this.plot = plot;
    this.at = Math.min(this.at, Math.max(plot.at.length - 1, 0));
    this.place.setAttribute('aria-label', `Values of ${plot.title}`);
    this.place.setAttribute('aria-valuemin', '0');
    this.place.setAttribute('aria-valuemax', String(Math.max(plot.at.length - 1, 0)));
    if (same) this.chart?.setData(dataOf(plot));
    else this.draw();
    this.read();
  }

  /** Draws again, for example in other colours. */
  draw(): void {
    this.chart?.destroy();
    this.chart = null;
    this.legend.replaceChildren(...this.plot.series.map((series, i) => make('li', {}, sample(series, toneOf(series, i)), series.label)));
    if (this.width) this.chart = new uPlot(this.options(), dataOf(this.plot), this.place);
  }

  private fit(): void {
    const width = Math.floor(this.place.clientWidth);
    if (!width || width === this.width) return;
    this.width = width;
    if (this.chart) this.chart.setSize(this.size());
    else this.draw();
  }

  private size(): { width: number; height: number } {
    return { width: this.width, height: Math.round(Math.min(Math.max(this.width * 0.5, 250), 400)) };
  }

  private options(): uPlot.Options {
    const { plot } = this;
    return {
      ...this.size(),
      padding: [12, 14, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 9 } },
      scales: { x: scaleOf(plot.x, plot.names ? [-0.6, plot.at.length - 0.4] : null), y: scaleOf(plot.y, null) },
      axes: [axisOf(plot.x, plot), axisOf(plot.y, null)],
      series: [{}, ...plot.series.map((series, i) => lineOf(series, toneOf(series, i), plot))],
      hooks: { setCursor: [(chart) => this.pointed(chart)] },
    };
  }

  private pointed(chart: uPlot): void {
    const { idx } = chart.cursor;
    if (typeof idx !== 'number') return;
    this.at = idx;
    this.read();
  }

  private read(): void {
    const { plot, at } = this;
    const x = plot.names?.[at] ?? brief(plot.at[at], 4);
    const values = plot.series.filter(({ values }) => typeof values[at] === 'number').map(({ label, values }) => `${label} ${brief(values[at], 4)}`);
    const text = plot.at.length ? `${plot.x.label} ${x}: ${values.join(', ') || 'no values'}` : 'no values yet';
    this.place.setAttribute('aria-valuenow', String(at));
    this.place.setAttribute('aria-valuetext', text);
    setText(this.reading, text);
  }

  private key(event: KeyboardEvent): void {
    const last = this.plot.at.length - 1;
    const jump = Math.max(1, Math.round(last / 10));
    const to = { ArrowLeft: this.at - 1, ArrowDown: this.at - 1, ArrowRight: this.at + 1, ArrowUp: this.at + 1, PageDown: this.at - jump, PageUp: this.at + jump, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.at = Math.min(Math.max(to, 0), Math.max(last, 0));
    const x = this.plot.at[this.at];
    if (this.chart && x !== undefined) this.chart.setCursor({ left: this.chart.valToPos(x, 'x'), top: this.chart.over.clientHeight / 2 }, false);
    this.read();
  }

  remove(): void {
    this.chart?.destroy();
    this.chart = null;
  }
}

/** What needs a new drawing if it changes. */
const shapeOf = ({ title, x, y, names, series }: Plot): unknown => [title, x, y, names, series.map(({ label, as, tone, shift }) => [label, as, tone, shift])];

const dataOf = (plot: Plot): uPlot.AlignedData => [plot.at as number[], ...plot.series.map(({ values, shift = 0 }) => Array.from(values, (value) => (value === null ? null : value + shift)))];

/** Curves keep to the range that the chart names; otherwise to the values, with 0 in it if that is near. */
function scaleOf({ log, from, to }: Axis, range: [number, number] | null): uPlot.Scale {
  if (log) return { time: false, distr: 3, ...(from !== undefined && to !== undefined && { range: [from, to] }) };
  if (range) return { time: false, range };
  return {
    time: false,
    range: (_, low, high) => {
      if (low === null || high === null) return [from ?? 0, to ?? 1];
      const room = (high - low || Math.abs(high) || 1) * 0.05;
      return [from ?? low - room, to ?? high + room];
    },
  };
}

function axisOf(axis: Axis, across: Plot | null): uPlot.Axis {
  const ink = colour('ink-2');
  const line = colour('line');
  const base: uPlot.Axis = { label: axis.label, labelFont: FONT, font: FONT, stroke: ink, labelSize: 26, labelGap: 0, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1, size: 5 } };
  const named: Partial<uPlot.Axis> = axis.ticks ? { splits: () => axis.ticks as number[], ...(axis.log && { filter: (_: uPlot, splits: number[]) => splits }) } : {};
  const words = (splits: number[]): string[] => (axis.names ? [...axis.names] : splits.map((value) => (value === null ? '' : brief(value, 4))));
  if (!across) return { ...base, ...named, size: (_, values) => 18 + 7.5 * Math.max(2, ...(values ?? []).map((value) => String(value ?? '').length)), values: (_, splits) => words(splits) };
  if (!across.names) return { ...base, ...named, size: 34, values: (_, splits) => words(splits) };
  const longest = Math.max(...across.names.map((name) => name.length));
  return { ...base, rotate: -90, size: 18 + 8 * longest, gap: 4, grid: { show: false }, splits: () => across.at as number[], values: () => across.names as string[] };
}

function lineOf(series: Series, number: number, plot: Plot): uPlot.Series {
  const stroke = tone(number);
  const base: uPlot.Series = { label: series.label, stroke, width: 2, spanGaps: false };
  if (series.as === 'bars') return { ...base, fill: `${stroke}55`, width: 1, points: { show: false }, paths: uPlot.paths.bars?.({ size: [plot.names ? 0.8 : 1, 60] }) ?? null } as uPlot.Series;
  if (series.as === 'points') return { ...base, paths: () => null, points: { show: true, size: 7, width: 2, stroke, fill: number % 2 ? colour('leaf') : stroke } };
  return { ...base, dash: [...(DASHES[number % DASHES.length] ?? [])], points: { show: false } };
}

/** A piece of the line, for the legend. */
function sample({ as }: Series, number: number): SVGSVGElement {
  const svg = document.createElementNS(SVG, 'svg');
  const set = (element: Element, attributes: Record<string, string>): void => Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
  set(svg, { viewBox: '0 0 28 12', width: '28', height: '12', 'aria-hidden': 'true', class: `lab-tone-${number % 6}` });
  const shape = document.createElementNS(SVG, as === 'line' ? 'line' : as === 'points' ? 'circle' : 'rect');
  if (as === 'line') set(shape, { x1: '0', x2: '28', y1: '6', y2: '6', 'stroke-width': '2.5', 'stroke-dasharray': (DASHES[number % DASHES.length] ?? []).join(' ') });
  else if (as === 'points') set(shape, { cx: '14', cy: '6', r: '4', 'stroke-width': '2', class: number % 2 ? 'hollow' : 'full' });
  else set(shape, { x: '6', y: '1', width: '16', height: '11', class: 'pale' });
  svg.append(shape);
  return svg;
}
