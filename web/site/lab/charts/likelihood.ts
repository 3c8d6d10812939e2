/** How likely a text is: exactly, in the order of a sampler, and by a bound, in one table (palimpsest score --table). */
import type { Model, Score, ScoreMethod } from 'palimpsest';
import { PalimpsestError } from 'palimpsest';
import type { Chart, Run } from '../chart.ts';
import { numberOf, ownModel, TEXT_MODELS, withModel } from '../text-models.ts';

const METHODS: readonly ScoreMethod[] = ['exact', 'bound', 'margin', 'entropy', 'confidence'];
const COLUMNS = ['Model', 'Measure', 'nats per token', '± nats', 'bits per byte', '± bits', 'tokens', 'bytes', 'evaluations'];
type Row = (string | number)[];

function measureOf({ method, bound, estimated }: Score): string {
  if (method === 'exact') return 'exact, from left to right';
  if (bound) return estimated ? 'upper bound, estimated' : 'upper bound, computed exactly';
  return `exact in the order ${method}`;
}

function rowOf(name: string, score: Score): Row {
  const nats = (score.standardError * Math.LN2 * score.bytes) / score.tokens;
  const error = (value: number): string => (score.estimated ? value.toFixed(4) : 'exact');
  return [name, measureOf(score), score.natsPerToken.toFixed(4), error(nats), score.bitsPerByte.toFixed(4), error(score.standardError), score.tokens, score.bytes, score.evaluations];
}

/** All methods of a model; it refuses those that it does not have. */
async function scores(run: Run, name: string, model: Model, found: (row: Row, score: Score) => void): Promise<void> {
  for (const method of METHODS) {
    run.advanced(0, `${name}: ${method}`);
    try {
      const onProgress = ({ evaluations, expectedEvaluations }: { evaluations: number; expectedEvaluations: number | null }): void =>
        run.advanced(expectedEvaluations ? Math.min(1, evaluations / expectedEvaluations) : 0, `${name}, ${method}: ${evaluations} of about ${expectedEvaluations ?? '?'} evaluations`);
      const score = await model.score(run.texts.text ?? '', { method, standardError: run.values.error ?? 0.02, seed: run.values.seed ?? 1, signal: run.signal, onProgress });
      found(rowOf(name, score), score);
    } catch (error) {
      if (!(error instanceof PalimpsestError) || error.code !== 'option') throw error;
    }
  }
}

export const likelihood: Chart = {
  id: 'likelihood',
  title: 'How likely is a text?',
  see: 'A model that reads from left to right says exactly how likely a text is. One that fills blanks has an exact likelihood for each order in which a sampler would draw the text, and an upper bound for random order, which is an estimate with a standard error. Bits per byte can be compared between models; nats per token depend on how a model divides a text. Orders differ, so a bound can be below an exact figure.',
  waits: `Scores the text by every method that the two models have, a model of your own in the view Text too. A model that is not here yet is fetched first (8 MB).`,
  fields: [
    { key: 'text', label: 'Text', text: 'Once upon a time there was a little fox. He was very hungry. One day he saw a big red ball in the garden.', initial: 0, least: 0, most: 0, whole: false },
    { key: 'first', label: 'Model', initial: numberOf('tales-infill'), least: 0, most: TEXT_MODELS.length - 1, whole: true, choices: TEXT_MODELS },
    { key: 'second', label: 'Second model', initial: numberOf('tales-masked'), least: 0, most: TEXT_MODELS.length - 1, whole: true, choices: TEXT_MODELS },
    { key: 'error', label: 'Standard error', hint: 'of bounds, bits per byte', initial: 0.02, least: 0.001, most: 10, whole: false },
    { key: 'seed', label: 'Seed', hint: 'of the estimates', initial: 1, least: 0, most: 4294967295, whole: true },
  ],
  run: async (run) => {
    const rows: Row[] = [];
    const words: string[] = [];
    const found = (row: Row, score: Score): void => {
      rows.push(row);
      words.push(`${row[0]}, ${row[1]}: ${row[4]}${score.estimated ? ` ± ${row[5]}` : ''} bits per byte.`);
      run.show({ words: words.join(' '), parts: [{ kind: 'table', title: 'Likelihoods of the text', columns: COLUMNS, rows: [...rows] }] });
    };
    const names = [...new Set([run.values.first ?? 0, run.values.second ?? 0])].map((number) => TEXT_MODELS[number] ?? '');
    for (const name of names) await withModel(run, name, (model) => scores(run, name, model, found));
    const own = ownModel(run);
    if (own) await scores(run, own.name, own.model, found);
  },
};
