/** The line under a filled page: how the page was made, and how fast. */
import type { InfillResult } from 'palimpsest';
import { make } from '../dom.ts';
import type { Fill } from '../fill.ts';
import { counted, countWords, seconds } from '../format.ts';
import { factsLine } from './facts.ts';

/** Number of tokens that the model wrote. */
const written = (result: InfillResult): number => result.tokens.filter((token) => !token.open && !token.empty && !token.pinned).length;

function wordsWritten(result: InfillResult): number {
  const blanks = new Map<number, string>();
  for (const { blank, text } of result.tokens) blanks.set(blank, (blanks.get(blank) ?? '') + text);
  return [...blanks.values()].reduce((sum, text) => sum + countWords(text), 0);
}

export function statistics(result: InfillResult, reuse: (seed: number | bigint) => void): Node[] {
  const tokens = written(result);
  const rate = result.seconds > 0 ? `${Math.round(tokens / result.seconds)} tokens/s` : '';
  const exact = [
    counted(result.evaluations, 'evaluation'),
    counted(tokens, 'token'),
    rate,
    counted(result.threads, 'thread'),
    result.isa,
    result.sampler,
    `seed ${result.seed}`,
  ];
  const nodes = factsLine([seconds(result.seconds), counted(wordsWritten(result), 'word')], exact, () => reuse(result.seed));
  if (result.windowed) {
    const { shown, total, windows } = result;
    nodes.push(make('p', {}, `The text has ${total} tokens. It was filled in ${counted(windows, 'window')} of up to ${shown} tokens around the blanks.`));
  }
  return nodes;
}

/** A finished fill in a few words. */
export function summary(fill: Fill): string {
  const results = fill.drafts.flatMap((draft) => draft.result ?? []);
  const time = seconds(Math.max(...results.map((result) => result.seconds)));
  const what = results[1] ? counted(results.length, 'draft') : counted(results[0] ? wordsWritten(results[0]) : 0, 'word');
  return `Done: ${what} in ${time}`;
}
