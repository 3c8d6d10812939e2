/** In which order the words of a page were written: a number for each, and a sentence that says why. */
import type { PageToken, Sampler } from 'palimpsest';

const SUREST = 'The model does not write from left to right: it writes the word it is surest of, looks at the whole page again, and goes on.';
const RANDOM = 'The model writes the places in random order, and looks at the whole page again after each step.';
const BY_TIME = 'The model goes through time steps, from much noise to none; in each of them some places change.';
const IN_TURN = 'Each blank is written from its left';

const SENTENCES: Partial<Record<Sampler, string>> = {
  margin: SUREST,
  entropy: SUREST,
  confidence: SUREST,
  'first-hitting': RANDOM,
  ancestral: RANDOM,
  parallel: 'Words that are far apart are written in the same step, first those that the model is surest of.',
  remask: 'A step can also remove words that were written before, and write them again.',
  ascending: `${IN_TURN}, and the model goes on in the blank whose next word it is surest of.`,
  'ascending-random': `${IN_TURN}; which blank comes next is random.`,
  euler: BY_TIME,
  tweedie: BY_TIME,
  'euler-corrector': `${BY_TIME} A correction can take words back.`,
  speculative: `${IN_TURN}, one blank after the other.`,
};

/** One sentence beside the replay. */
export const sentenceOf = (sampler: Sampler | undefined): string => (sampler && SENTENCES[sampler]) || 'The slider shows the page after each step.';

/** The number of each place in the order of writing, from 1; places of one step share a number.  null: nothing was written. */
export function ordersOf(tokens: readonly PageToken[]): (number | null)[] {
  const writes = ({ step, pinned, open, text }: PageToken): boolean => step !== null && !pinned && !open && text !== '';
  const steps = [...new Set(tokens.filter(writes).map(({ step }) => step))].sort((a, b) => Number(a) - Number(b));
  const ranks = new Map(steps.map((step, i) => [step, i + 1]));
  return tokens.map((token) => (writes(token) ? (ranks.get(token.step) ?? null) : null));
}
