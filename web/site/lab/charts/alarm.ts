/** (g) A Bayesian network, sampled in order; its posteriors by enumeration and by rejection (src/lab/alarm.c). */
import { calculate, fieldsOf } from '../calculation.ts';
import { brief, type Chart, type Result } from '../chart.ts';

const QUESTIONS = ['burglary', 'earthquake', 'alarm', 'John calls', 'Mary calls'];
const CALLS = ['nobody', 'John only', 'Mary only', 'both'];
const [YES, YES_DRAWN, POSTERIOR, REJECTION, AGREED, OF_EARTHQUAKE, OF_ALARM] = [2, 3, 4, 5, 6, 7, 8];

/** -1: there is no such sample, or no such state. */
const share = (value: number | undefined): string | number => (value === undefined || value < 0 ? 'none' : value);

function resultOf(figures: Float64Array[], values: Readonly<Record<string, number>>, done: number): Result {
  const of = (which: number): Float64Array => figures[which]!;
  const words =
    done < 1
      ? ''
      : `If both call, a burglary has the probability ${brief(Number(share(of(POSTERIOR)[3])))}; before any call it was ${brief(values.burglary)}. Of ${values.runs!.toLocaleString('en')} samples ${of(AGREED)[3]!.toLocaleString('en')} had both calls, and of these the share ${brief(Number(share(of(REJECTION)[3])))} a burglary.`;
  return {
    words,
    parts: [
      {
        kind: 'table',
        title: 'What the calls say',
        columns: ['Who calls', 'burglary, exact', 'by rejection', 'samples kept', 'earthquake, exact', 'alarm, exact'],
        rows: CALLS.map((name, i) => [name, share(of(POSTERIOR)[i]), share(of(REJECTION)[i]), of(AGREED)[i]!, share(of(OF_EARTHQUAKE)[i]), share(of(OF_ALARM)[i])]),
      },
      {
        kind: 'table',
        title: 'Probability of yes, before any call is known',
        columns: ['Question', 'exact', 'share of the samples'],
        rows: QUESTIONS.map((name, i) => [name, of(YES)[i]!, of(YES_DRAWN)[i]!]),
      },
    ],
  };
}

export const alarm: Chart = {
  id: 'alarm',
  title: 'A burglar alarm: chain rule and evidence',
  see: 'Five questions in an order in which each depends only on some before it: so a sample needs no more than one draw for each, and the probability of any evidence can be added up over 32 states. Samples that do not agree with the evidence are thrown away, so rare evidence makes sampling expensive, and adding up does not mind.',
  fields: fieldsOf('alarm', {
    burglary: { label: 'P(burglary)' },
    earthquake: { label: 'P(earthquake)' },
    both: { label: 'P(alarm), both' },
    only_burglary: { label: 'P(alarm), burglary only' },
    only_earthquake: { label: 'P(alarm), earthquake only' },
    neither: { label: 'P(alarm), neither' },
    john_alarm: { label: 'P(John calls), alarm' },
    john_quiet: { label: 'P(John calls), no alarm' },
    mary_alarm: { label: 'P(Mary calls), alarm' },
    mary_quiet: { label: 'P(Mary calls), no alarm' },
    runs: { label: 'Samples' },
    seed: { label: 'Seed' },
  }),
  run: async ({ values, signal, advanced, show }) => {
    await calculate('alarm', values, {
      signal,
      so_far: (figures, done) => {
        advanced(done);
        show(resultOf(figures, values, done));
      },
    });
  },
};
