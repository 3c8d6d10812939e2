// @ts-check
/* Figures as tables. */
import { BARS, BARS_OF_TWO, CEILING_BAR, CEILING_OF_TWO, MEMORY_BAR, UNITS, withThreads } from './plan.mjs';

/** @typedef {{ name: string, engine: string, measure: string, kind: keyof typeof UNITS, count: number, values: (number | null)[], waited: number[], error: string | null }} Row
 *  values: one per repetition, null if it failed; waited: the part of its time that it waited for the processor */
/** @typedef {{ name: string, blank: number, peak: number[], settled: number[], counted: number[], error: string | null }} MemoryRow */
/** @typedef {{ what: string, build: string, figure: string, ratio: number, bar: number, met: boolean }} Verdict */

export function median(/** @type {number[]} */ values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

const real = (/** @type {(number | null)[]} */ values) => /** @type {number[]} */ (values.filter((one) => one !== null));
const short = (/** @type {number} */ value) => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2));
const megabytes = (/** @type {number} */ bytes) => (bytes / 1e6).toFixed(1);

/** Formats lines with aligned columns; the first is the heading. */
export function table(/** @type {string[][]} */ lines) {
  const widths = lines[0].map((_, i) => Math.max(...lines.map((line) => line[i].length)));
  const write = (/** @type {string[]} */ line) => line.map((cell, i) => (i && /^[-+\d.]/.test(cell) ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join('  ').trimEnd();
  return [write(lines[0]), widths.map((width) => '-'.repeat(width)).join('  '), ...lines.slice(1).map(write)].join('\n');
}

export function measured(/** @type {Row[]} */ rows) {
  const lines = rows.map(({ name, measure, kind, values, waited, error }) => {
    const good = real(values);
    if (!good.length) return [name, measure, '-', '', '', `not measured: ${error}`];
    const range = `${short(Math.min(...good))} to ${short(Math.max(...good))}`;
    return [name, measure, short(median(good)), range, UNITS[kind].unit, `${(100 * median(waited)).toFixed(0)} %${error ? ` (once: ${error})` : ''}`];
  });
  return table([['engine and model', 'what', 'median', 'range', 'unit', 'waited'], ...lines]);
}

/** How many times faster a is than b: the median over the repetitions in which both were measured. */
function ahead(/** @type {Row} */ a, /** @type {Row} */ b) {
  const ratios = a.values.map((value, i) => {
    const other = b.values[i];
    return value === null || other === null || other === undefined ? null : UNITS[a.kind].more ? value / other : other / value;
  });
  return real(ratios).length ? median(real(ratios)) : null;
}

/** @returns {Verdict[]} */
export function verdicts(/** @type {Row[]} */ rows, /** @type {string[]} */ builds, /** @type {(file: string) => number} */ modelBytes) {
  const find = (/** @type {string} */ name, /** @type {string} */ measure) => rows.find((row) => row.name === name && row.measure === measure);
  /** @type {Verdict[]} */
  const out = [];
  for (const bar of BARS)
    for (const build of builds) {
      const [own, peer] = [find(`ours ${build} ${bar.ours[0]}`, bar.ours[1]), find(bar.peer[0], bar.peer[1])];
      const ratio = own && peer ? ahead(own, peer) : null;
      if (!own || !peer || ratio === null) continue;
      const least = build === 'simd128' ? bar.simd128 : bar.best;
      const figure = `${short(median(real(own.values)))} : ${short(median(real(peer.values)))} ${UNITS[own.kind].unit}`;
      out.push({ what: `${bar.what} / ${bar.peer[0].split(' ')[0]}`, build, figure, ratio, bar: least, met: ratio >= least });
    }
  return out.concat(builds.flatMap((build) => ceiling(find, build, modelBytes)));
}

/** The limits for two threads, if one and two were measured.
 *  @returns {Verdict[]} */
export function verdictsOfTwo(/** @type {Row[]} */ rows, /** @type {string[]} */ builds, /** @type {(file: string) => number} */ modelBytes) {
  const find = (/** @type {string} */ name, /** @type {string} */ measure) => rows.find((row) => row.name === name && row.measure === measure);
  const two = (/** @type {string} */ name, /** @type {string} */ measure) => find(withThreads(name, 2), measure);
  return builds.flatMap((build) => [
    ...BARS_OF_TWO.flatMap(({ what, ours: [model, measure], peer, least }) => {
      const own = two(`ours ${build} ${model}`, measure);
      const other = peer ? two(...peer) : find(`ours ${build} ${model}`, measure);
      const ratio = own && other ? ahead(own, other) : null;
      if (!own || !other || ratio === null) return [];
      const figure = `${short(median(real(own.values)))} : ${short(median(real(other.values)))} ${UNITS[own.kind].unit}`;
      return [{ what: `2 threads, ${what} / ${peer ? peer[0].split(' ')[0] : '1 thread'}`, build, figure, ratio, bar: least, met: ratio >= least }];
    }),
    ...ceiling(two, build, modelBytes).map((one) => ({ ...one, what: `2 threads, ${one.what}`, bar: CEILING_OF_TWO, met: one.ratio >= CEILING_OF_TWO })),
  ]);
}

/** The part of the streaming ceiling that decoding reaches.
 *  @param {(name: string, measure: string) => Row | undefined} find
 *  @returns {Verdict[]} */
function ceiling(find, /** @type {string} */ build, /** @type {(file: string) => number} */ modelBytes) {
  const own = find(`ours ${build} ${CEILING_BAR.ours}`, CEILING_BAR.measure);
  const stream = find(CEILING_BAR.against[0], CEILING_BAR.against[1]);
  const ratio = own && stream ? ahead(own, stream) : null;
  if (!own || !stream || ratio === null) return [];
  const gigabytes = modelBytes(`${CEILING_BAR.ours}.gguf`) / 1e9;
  const figure = `${short(median(real(own.values)) * gigabytes)} : ${short(median(real(stream.values)))} GB/s`;
  return [{ what: 'decode 110M Q8_0 / streaming read', build, figure, ratio: ratio * gigabytes, bar: CEILING_BAR.least, met: ratio * gigabytes >= CEILING_BAR.least }];
}

/** @returns {Verdict[]} */
export function memoryVerdict(/** @type {MemoryRow[]} */ rows) {
  const [own, peer] = ['ours', 'wllama'].map((start) => rows.find((row) => row.name.startsWith(start) && row.peak.length));
  if (!own || !peer) return [];
  const [a, b] = [median(own.peak), median(peer.peak)];
  return [{ what: 'page memory 110M Q8_0 / wllama', build: 'library', figure: `${megabytes(a)} : ${megabytes(b)} MB`, ratio: a / b, bar: MEMORY_BAR, met: a / b <= MEMORY_BAR }];
}

export function barTable(/** @type {Verdict[]} */ all) {
  const lines = all.map(({ what, build, figure, ratio, bar, met }) =>
    [what, build, figure, ratio.toFixed(2), `${what.startsWith('page memory') ? 'at most' : 'at least'} ${bar}`, met ? 'met' : `short by ${Math.abs(100 * (1 - ratio / bar)).toFixed(0)} %`]);
  return table([['bar', 'build', 'ours : theirs', 'ratio', 'wanted', ''], ...lines]);
}

export function memoryTable(/** @type {MemoryRow[]} */ rows) {
  const lines = rows.map(({ name, peak, settled, counted, error }) =>
    peak.length ? [name, ...[peak, settled, counted].map((values) => megabytes(median(values))), error ?? ''] : [name, '', '', '', `not measured: ${error}`]);
  return table([['page, MB beyond a blank one', 'peak resident', 'resident after', 'counted by the browser', ''], ...lines]);
}

export function sizeTable(/** @type {{ name: string, raw: number, gzip: number }[]} */ sizes) {
  return table([['engine, MB of .wasm', 'raw', 'gzip'], ...sizes.map(({ name, raw, gzip }) => [name, (raw / 1e6).toFixed(3), (gzip / 1e6).toFixed(3)])]);
}
