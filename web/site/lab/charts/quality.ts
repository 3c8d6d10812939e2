/** (b) Quality of filled pages against evaluations of the network, for samplers that fill several places at once, on a text of
 *  the visitor: the curve of the model's card. */
import type { InfillOptions, Model, Sampler } from 'palimpsest';
import { brief, type Chart, type Part, type Run } from '../chart.ts';
import { numberOf, TEXT_MODELS, withModel } from '../text-models.ts';

const TEXT = 'Once upon a time there was a little girl named Lily. [[12]] the park. [[16]] a big dog. [[16]] and they were very happy.';

/** A point of a curve; `name`: of its setting. */
interface Setting {
  sampler: Sampler;
  name: string;
  options: InfillOptions;
}

const STEPS = [2, 4, 8, 16, 32];
const SETTINGS: readonly Setting[] = [
  ...(['ancestral', 'remask'] as const).flatMap((sampler) => STEPS.map((steps): Setting => ({ sampler, name: `${steps} steps`, options: { sampler, steps } }))),
  ...[1, 2, 4, 8, 16].map((distance): Setting => ({ sampler: 'parallel', name: `distance ${distance}`, options: { sampler: 'parallel', distance } })),
  { sampler: 'margin', name: 'one place a step', options: { sampler: 'margin' } },
];
const SAMPLERS = [...new Set(SETTINGS.map(({ sampler }) => sampler))];

interface Point extends Setting {
  evaluations: number;
  bits: number;
  error: number;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
function errorOf(values: readonly number[]): number {
  const middle = mean(values);
  return values.length > 1 ? Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1) / values.length) : NaN;
}

function partsOf(points: readonly Point[]): Part[] {
  const at = [...new Set(points.map(({ evaluations }) => evaluations))].sort((a, b) => a - b);
  const value = (sampler: Sampler, x: number): number | null => points.find((point) => point.sampler === sampler && point.evaluations === x)?.bits ?? null;
  return [
    {
      kind: 'plot', title: 'Bits per byte against evaluations', x: { label: 'Evaluations of the network, mean', log: true }, y: { label: 'Bits per byte' }, at,
      series: SAMPLERS.map((sampler, tone) => ({ label: sampler, values: at.map((x) => value(sampler, x)), as: 'points' as const, tone })),
    },
    {
      kind: 'table', title: 'All settings', columns: ['Sampler', 'Setting', 'evaluations', 'bits per byte', '± standard error'],
      rows: points.map(({ sampler, name, evaluations, bits, error }) => [sampler, name, brief(evaluations), bits.toFixed(3), brief(error)]),
    },
  ];
}

function wordsOf(points: readonly Point[]): string {
  const best = (sampler: Sampler): string => {
    const own = points.filter((point) => point.sampler === sampler);
    const [first, last] = [own.reduce((a, b) => (b.evaluations < a.evaluations ? b : a)), own.reduce((a, b) => (b.evaluations > a.evaluations ? b : a))];
    return first === last ? `${sampler} has ${last.bits.toFixed(2)} with ${brief(last.evaluations)} evaluations` : `${sampler} ${first.bits.toFixed(2)} with ${brief(first.evaluations)} and ${last.bits.toFixed(2)} with ${brief(last.evaluations)}`;
  };
  const known = SAMPLERS.filter((sampler) => points.some((point) => point.sampler === sampler));
  return known.length ? `Bits per byte of the filled text, by the model that judges: ${known.map(best).join('; ')}.` : '';
}

/** Fills the page `drafts` times with one setting, and has every text judged. */
async function measure(run: Run, filler: Model, judge: Model, setting: Setting, advanced: (part: number) => void): Promise<Point> {
  const drafts = run.values.drafts ?? 1;
  const [evaluations, bits]: [number[], number[]] = [[], []];
  for (let draft = 0; draft < drafts; draft++) {
    const options: InfillOptions = { ...setting.options, temperature: run.values.temperature ?? 1, seed: run.values.seed ?? 1, draft, signal: run.signal };
    const filled = await filler.infill(run.texts.text ?? '', options).result();
    const read = await judge.surprise(filled.parts.map(({ text }) => text).join(''), { signal: run.signal });
    evaluations.push(filled.evaluations);
    bits.push(read.bitsPerByte);
    advanced((draft + 1) / drafts);
  }
  return { ...setting, evaluations: mean(evaluations), bits: mean(bits), error: errorOf(bits) };
}

export const quality: Chart = {
  id: 'quality',
  title: 'Quality against evaluations',
  see: 'The page is filled with more and more evaluations of the network, and another model says how probable the whole text is: fewer bits per byte are better. With few evaluations many words are drawn at once and do not fit each other. The points of a sampler should fall from left to right, and then stay; with a few drafts they also move by chance.',
  waits: 'Fills the page with 16 settings, several times each, and has every text judged: some tens of seconds. The models are fetched first if they are not here (8 MB each).',
  fields: [
    { key: 'text', label: 'A page with blanks', text: TEXT, initial: 0, least: 0, most: 0, whole: false },
    { key: 'drafts', label: 'Drafts', hint: 'of each setting', initial: 2, least: 1, most: 100, whole: true },
    { key: 'temperature', label: 'Temperature', initial: 1, least: 0, most: 2, whole: false },
    { key: 'seed', label: 'Seed', initial: 1, least: 0, most: 4294967295, whole: true },
  ],
  run: (run) =>
    withModel(run, TEXT_MODELS[numberOf('tales-masked')] ?? '', (filler) =>
      withModel(run, TEXT_MODELS[0] ?? '', async (judge) => {
        const points: Point[] = [];
        for (const [i, setting] of SETTINGS.entries()) {
          points.push(await measure(run, filler, judge, setting, (part) => run.advanced((i + part) / SETTINGS.length)));
          run.show({ words: wordsOf(points), parts: partsOf(points) });
        }
      })),
};
