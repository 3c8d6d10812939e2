/** `bench.html`: measures the speed of this device, and shows it as a table that can be copied. */
import { supported, type Model } from 'palimpsest';
import { byId, make, setText } from '../dom.ts';
import { counts, GROUPS, median, open, type Group, type Measure } from './measures.ts';

const WARM = 2; // browsers compile a function again while it is used
const ROUNDS = 5;
/** Above this, times of one row differ more than on a quiet machine. */
const QUIET = 0.25;

const start = byId<HTMLButtonElement>('measure');
const copy = byId<HTMLButtonElement>('copy');
const progress = byId<HTMLProgressElement>('progress');
const table = document.querySelector('table')!;
let running: AbortController | null = null;

// ---- the table

interface Row {
  measure: Measure;
  /** By number of threads, a figure for each round. */
  figures: Map<number, number[]>;
}

const shown = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: value < 100 ? 1 : 0, useGrouping: false });

/** How much faster than one thread: the median of the ratios within each round. */
function ratio({ measure, figures }: Row, threads: number): number {
  const one = figures.get(1)!;
  return median(figures.get(threads)!.map((value, i) => (measure.unit === 'ms' ? one[i]! / value : value / one[i]!)));
}

const headings = (threads: readonly number[]): string[] =>
  ['Work', 'Unit', ...threads.flatMap((n) => (n === 1 ? ['1 thread'] : [`${n} threads`, 'times']))];

const cells = (row: Row): string[] => [
  row.measure.name,
  row.measure.unit,
  ...[...row.figures].flatMap(([n, values]) => [shown(median(values)), ...(n === 1 ? [] : [ratio(row, n).toFixed(2)])]),
];

const line = (texts: readonly string[], head: boolean): HTMLElement =>
  make('tr', {}, ...texts.map((text, i) => {
    const cell = make(head || i === 0 ? 'th' : 'td', {}, text);
    if (head || i === 0) cell.setAttribute('scope', head ? 'col' : 'row');
    return cell;
  }));

function show(rows: readonly Row[], threads: readonly number[]): void {
  table.tHead!.replaceChildren(line(headings(threads), true));
  table.tBodies[0]!.replaceChildren(...rows.map((row) => line(cells(row), false)));
  table.parentElement!.hidden = false;
}

/** Whether the machine was quiet: how far the middle rounds of a row are apart. */
function spread(rows: readonly Row[]): number {
  const of = (values: readonly number[]): number => {
    const sorted = [...values].sort((a, b) => a - b);
    return (sorted.at(-2)! - sorted[1]!) / median(sorted);
  };
  return Math.max(...rows.flatMap(({ figures }) => [...figures.values()].map(of)));
}

const about = (isa: string): string =>
  `${new Date().toISOString().slice(0, 10)}, ${navigator.hardwareConcurrency} processors reported, ${isa}, Palimpsest ${__VERSION__}. ${navigator.userAgent}`;

/** The table in Markdown. */
function asText(): string {
  const lines = [...table.rows].map((row) => `| ${[...row.cells].map((cell) => cell.textContent).join(' | ')} |`);
  lines.splice(1, 0, `|${' --- |'.repeat(table.rows[0]!.cells.length)}`);
  return `${byId('caption').textContent}\n\n${lines.join('\n')}\n`;
}

// ---- measuring

function say(text: string, done: number, all: number): void {
  setText(byId('doing'), text);
  progress.max = all;
  progress.value = done;
}

/** Puts the group's model into `models` for each number of threads; twice the same number, if there are fewer than asked for,
 *  only once. */
async function openAll(models: Model[], group: Group, threads: readonly number[], signal: AbortSignal): Promise<void> {
  const name = group.file.replace(/^.*\/|\.gguf$/g, '');
  for (const n of threads) {
    const model = await open(group, n, signal, ({ phase, loaded, total }) =>
      setText(byId('doing'), phase === 'download' && total ? `Loading ${name}: ${Math.round((100 * loaded) / total)} %` : `Loading ${name}`));
    if (models.some(({ info }) => info.threads === model.info.threads)) model.dispose();
    else models.push(model);
  }
}

async function measureAll(threads: readonly number[], signal: AbortSignal): Promise<void> {
  const rows: Row[] = [];
  const all = GROUPS.reduce((sum, { measures }) => sum + measures.length, 0) * (WARM + ROUNDS);
  let done = 0;
  for (const group of GROUPS) {
    const models: Model[] = [];
    try {
      await openAll(models, group, threads, signal);
      setText(byId('caption'), about(models[0]!.info.isa));
      for (const measure of group.measures) {
        const row: Row = { measure, figures: new Map(models.map(({ info }) => [info.threads, []])) };
        for (let round = -WARM; round < ROUNDS; round++) {
          say(`${measure.name}${round < 0 ? ' (warming up)' : ''}`, done++, all);
          for (const model of models) {
            const figure = await measure.run(model, done, signal);
            if (round >= 0) row.figures.get(model.info.threads)!.push(figure);
          }
        }
        rows.push(row);
        show(rows, [...row.figures.keys()]);
      }
    } finally {
      for (const model of models) model.dispose();
    }
  }
  const apart = spread(rows);
  setText(byId('spread'), apart > QUIET ? `Times of the same work differed by up to ${Math.round(100 * apart)} %: other programs were busy, or the device slowed itself down. Measure again when it is quiet.` : '');
  byId('spread').hidden = apart <= QUIET;
}

async function measure(): Promise<void> {
  running = new AbortController();
  const { signal } = running;
  setText(start, 'Stop');
  copy.disabled = true;
  progress.hidden = false;
  byId('failure').hidden = byId('spread').hidden = true;
  try {
    await measureAll(counts(), signal);
    setText(byId('doing'), 'Done.');
    copy.disabled = false;
  } catch (error) {
    setText(byId('doing'), signal.aborted ? 'Stopped. The rows above the end are complete.' : '');
    if (!signal.aborted) setText(byId('failure'), `It did not work: ${error instanceof Error ? error.message : error}`);
    byId('failure').hidden = signal.aborted;
    copy.disabled = table.parentElement!.hidden === true;
  }
  running = null;
  progress.hidden = true;
  setText(start, 'Measure');
}

start.onclick = () => (running ? running.abort() : void measure());
copy.onclick = async () => {
  try {
    await navigator.clipboard.writeText(asText());
    setText(byId('doing'), 'Copied.');
  } catch {
    getSelection()?.selectAllChildren(table);
    setText(byId('doing'), 'This browser does not let the page copy. The table is selected: copy it by keyboard.');
  }
};

// ---- threads need isolation, which the service worker gives from the second load on

function trusted(script: './sw.js'): string {
  const { trustedTypes } = globalThis as { trustedTypes?: { createPolicy(name: string, rules: object): { createScriptURL(script: string): string } } };
  return trustedTypes ? trustedTypes.createPolicy('palimpsest-page', { createScriptURL: (given: string) => given }).createScriptURL(script) : script;
}

function tellIsolation(): void {
  const [text] = byId('isolation').children;
  const reload = byId('reload');
  byId('isolation').hidden = crossOriginIsolated && navigator.hardwareConcurrency > 1;
  reload.hidden = crossOriginIsolated || !navigator.serviceWorker?.controller;
  if (crossOriginIsolated) setText(text as HTMLElement, 'This browser reports one processor: only one thread is measured.');
  else if (!reload.hidden) setText(text as HTMLElement, 'Loaded again, this page can use several threads.');
  else setText(text as HTMLElement, 'At the first visit browsers give this page one thread only.');
}

byId('reload').onclick = () => location.reload();
document.documentElement.classList.add('alive');
const { ok, why } = supported();
if (!ok) {
  start.disabled = true;
  setText(byId('failure'), why ?? '');
  byId('failure').hidden = false;
}
tellIsolation();
navigator.serviceWorker?.addEventListener('controllerchange', tellIsolation);
if (location.protocol.startsWith('http')) navigator.serviceWorker?.register(trusted('./sw.js')).catch(() => {});
