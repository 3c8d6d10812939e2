/** The numbers of a part as rows: for the table on the page and for CSV. */
import { make } from '../dom.ts';
import { brief, type Part } from './chart.ts';

type Cell = string | number | null;
export interface Sheet {
  columns: readonly string[];
  rows: readonly (readonly Cell[])[];
}

export function sheetOf(part: Part): Sheet {
  if (part.kind === 'table') return part;
  if (part.kind === 'field') return { columns: ['x', 'y', 'score in x', 'score in y'], rows: Array.from(part.arrows.x, (x, i) => [x, part.arrows.y[i]!, part.arrows.dx[i]!, part.arrows.dy[i]!]) };
  if (part.kind === 'bars') return { columns: [part.name, part.value], rows: part.rows.map(({ name, value }) => [name, value]) };
  const rows = part.at.map((x, i) => [part.names?.[i] ?? x, ...part.series.map(({ values }) => values[i] ?? null)]);
  return { columns: [part.x.label, ...part.series.map(({ label }) => label)], rows };
}

/** RFC 4180; numbers in full. */
export function csvOf({ columns, rows }: Sheet): string {
  const cell = (value: Cell): string => {
    const text = value === null ? '' : String(value);
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [columns, ...rows].map((row) => row.map(cell).join(',')).join('\r\n') + '\r\n';
}

export function save(name: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: 'text/csv;charset=utf-8' }));
  make('a', { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

const PAGE = 50;

/** A table in pages of 50 rows. */
export function tableOf(sheet: Sheet, title: string): HTMLElement {
  const body = make('tbody');
  const place = make('div', { class: 'lab-table', role: 'region', 'aria-label': `Data of ${title}`, tabindex: 0 });
  const where = make('span', { class: 'note', role: 'status' });
  let first = 0;
  const show = (): void => {
    const rows = sheet.rows.slice(first, first + PAGE);
    body.replaceChildren(...rows.map((row) => make('tr', {}, ...row.map((value, i) => make(i ? 'td' : 'th', i ? {} : { scope: 'row' }, typeof value === 'string' ? value : brief(value, 5))))));
    where.textContent = `Rows ${first + 1} to ${first + rows.length} of ${sheet.rows.length}`;
    before.disabled = first === 0;
    after.disabled = first + PAGE >= sheet.rows.length;
  };
  const move = (by: number): void => {
    first += by;
    show();
    place.scrollTop = 0;
  };
  const before = make('button', { type: 'button', class: 'quiet', click: () => move(-PAGE) }, 'Earlier rows');
  const after = make('button', { type: 'button', class: 'quiet', click: () => move(PAGE) }, 'Later rows');
  const head = make('thead', {}, make('tr', {}, ...sheet.columns.map((name) => make('th', { scope: 'col' }, name))));
  place.append(make('table', {}, head, body));
  show();
  return make('div', {}, place, sheet.rows.length > PAGE ? make('div', { class: 'actions' }, before, after, where) : '');
}
