/** What a chart of the view Lab is.
 *
 *  To add a chart: write `charts/NAME.ts`, which exports a Chart, and name it in the list of `charts.ts`.  The frame
 *  (view.ts) does the rest: fields from `fields`, one run when the chart is opened and one after each change, progress and
 *  cancel, errors, words, plots, tables, CSV, keyboard, colours, sizes.
 *
 *    export const example: Chart = {
 *      id: 'example',                                  // its address is #lab/example
 *      title: 'What it is',
 *      see: 'What to see in it, in one or two sentences.',
 *      fields: [{ key: 'seed', label: 'Seed', hint: 'the same seed gives the same chart', initial: 1, least: 0, most: 99, whole: true }],
 *      run: async ({ values, signal, advanced, show, page }) => {
 *        for (let i = 0; i < 10; i++) {
 *          signal.throwIfAborted();                    // cancelled, or a field was changed
 *          await work(page.engines.continue, values.seed, signal);
 *          advanced(i / 10);                           // share that is done; a second argument says more, in words
 *          show({ words: 'The main figures, in words.', parts: [{ kind: 'plot', ... }] });   // so far, or at the end
 *        }
 *      },
 *    };
 *
 *  `run` throws what went wrong: the frame shows it, and what was shown stays.  A chart that is computed by C has a file in
 *  src/lab and a list of options in src/lab/kinds.h: `fieldsOf('name', {...})` makes its fields, `calculate` runs it.
 *  `words` are the text alternative: the main figures in sentences, shown below the plots and read out at the end.
 *  A chart that should not start by itself (a download, minutes of work) sets `waits`: what its button does. */
import type { Engine } from '../engine.ts';
import type { TextModels } from '../text-models.ts';

export interface Chart {
  id: string;
  title: string;
  see: string;
  fields: readonly Field[];
  /** It runs only when its button is pressed, and this says what it will do. */
  waits?: string;
  run: (run: Run) => Promise<void>;
}

/** A number; with `choices` a menu, whose value is the number of the choice; with `text` a field for a text. */
export interface Field {
  key: string;
  label: string;
  hint?: string;
  initial: number;
  least: number;
  most: number;
  whole: boolean;
  choices?: readonly string[];
  text?: string;
}

export interface Run {
  /** By key; all are in range. */
  values: Readonly<Record<string, number>>;
  texts: Readonly<Record<string, string>>;
  signal: AbortSignal;
  advanced: (share: number, words?: string) => void;
  show: (result: Result) => void;
  page: Page;
}

/** The engines of the page, for charts about models. */
export interface Page {
  engines: Record<'text' | 'continue' | 'pictures', Engine>;
  textModels: TextModels;
}

export interface Result {
  words: string;
  parts: readonly Part[];
}
export type Part = Plot | Bars | Table | Field2;

/** Curves, points and bars over one x axis.  A missing value is null. */
export interface Plot {
  kind: 'plot';
  title: string;
  x: Axis;
  y: Axis;
  at: readonly number[];
  series: readonly Series[];
  /** Names of the values of x, if these are only numbers of things: at is 0, 1, ... */
  names?: readonly string[];
}
export interface Axis {
  label: string;
  log?: boolean;
  /** Where the marks are; `names`: what is written there. */
  ticks?: readonly number[];
  names?: readonly string[];
  from?: number;
  to?: number;
}
export interface Series {
  label: string;
  values: ArrayLike<number | null>;
  as: 'line' | 'points' | 'bars';
  /** Moves the curve up in the drawing, so that it does not hide another one. */
  shift?: number;
  /** 0 to 5: colour and dashes; by default the number of the series. */
  tone?: number;
}

/** One number for each of a few named things, with a bar that shows it; NaN: not yet known. */
export interface Bars {
  kind: 'bars';
  title: string;
  name: string;
  value: string;
  rows: readonly { name: string; value: number; note?: string }[];
  /** Where a line is drawn, and what it means. */
  mark?: { value: number; label: string };
}

/** Arrows in the plane, with points and paths.  `words`: what a reader who cannot see it should know. */
export interface Field2 {
  kind: 'field';
  title: string;
  words: string;
  arrows: { x: ArrayLike<number>; y: ArrayLike<number>; dx: ArrayLike<number>; dy: ArrayLike<number> };
  points: readonly { label: string; tone: number; x: ArrayLike<number>; y: ArrayLike<number> }[];
  paths: readonly { label: string; tone: number; x: ArrayLike<number>; y: ArrayLike<number> }[];
}

/** A table that is small enough to be shown. */
export interface Table {
  kind: 'table';
  title: string;
  columns: readonly string[];
  rows: readonly (readonly (string | number)[])[];
}

/** A number for people: about `digits` significant digits. */
export function brief(value: number | null | undefined, digits = 3): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return value.toExponential(digits - 1).replace('e+', 'e');
  return size >= 10 ** digits ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(digits)));
}
