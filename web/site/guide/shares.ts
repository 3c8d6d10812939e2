/** A table of words with shares, drawn as bars too. */
import { make } from '../../src/component/make.ts';
import { percent } from './frame.ts';

export interface Share {
  name: string;
  /** From 0 to 1, NaN if not known; with a standard error where it was counted. */
  values: readonly { share: number; error?: number }[];
  /** The word can be chosen. */
  choose?: () => void;
  chosen?: boolean;
}

/** `share`: of the longest bar. */
const bar = (share: number, nth: number): HTMLElement => {
  const made = make('span', { class: nth ? 'share other' : 'share' });
  made.style.setProperty('--share', String(Math.max(0, Math.min(1, share || 0))));
  return made;
};

function figure({ share, error }: { share: number; error?: number }): string {
  if (Number.isNaN(share)) return 'not listed';
  return error === undefined ? percent(share) : `${percent(share)} ± ${(error * 100).toFixed(1)}`;
}

function row({ name, values, choose, chosen }: Share, longest: number): HTMLElement {
  const word = choose ? make('button', { type: 'button', class: 'word', 'aria-pressed': String(chosen ?? false), click: choose }, name) : name;
  return make('tr', {},
    make('th', { scope: 'row' }, word),
    make('td', { class: 'bars', 'aria-hidden': 'true' }, ...values.map(({ share }, i) => bar(share / longest, i))),
    ...values.map((value) => make('td', { class: 'figure' }, figure(value))));
}

/** `columns`: a name for each value. */
export function shares(caption: string, columns: readonly string[], rows: readonly Share[]): HTMLTableElement {
  const longest = Math.max(...rows.flatMap(({ values }) => values.map(({ share }) => share || 0)), 1e-9);
  const head = make('tr', {}, make('th', { scope: 'col' }, 'word'), make('td', { class: 'bars' }), ...columns.map((name) => make('th', { scope: 'col', class: 'figure' }, name)));
  return make('table', { class: 'shares' }, make('caption', {}, caption), make('thead', {}, head), make('tbody', {}, ...rows.map((one) => row(one, longest))));
}

/** What is left of the probability, as a last row. */
export function rest(rows: readonly Share[]): Share {
  const left = (rows[0]?.values ?? []).map((_, i) => ({ share: Math.max(0, 1 - rows.reduce((sum, { values }) => sum + (values[i]?.share ?? 0), 0)) }));
  return { name: 'all others', values: left };
}
