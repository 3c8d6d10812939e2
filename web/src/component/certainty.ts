/** How certain the model was of a word: a step for tints, and a percentage.  The page and the component use it. */

/** Min. probabilities of `doubtful`, `likely` and `sure`; below the first a word is a guess. */
const STEPS = [0.2, 0.45, 0.75];

/** From 0, a guess, to 3, sure. */
export const certainty = (probability: number): number => STEPS.filter((least) => probability >= least).length;

export function percent(probability: number): string {
  const value = probability * 100;
  if (value > 99 && value < 100) return 'over 99 %';
  if (value < 1) return value > 0 ? 'under 1 %' : '0 %';
  return `${Math.round(value)} %`;
}
