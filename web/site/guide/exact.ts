/** Live example: an exact sampler, and a rule that is not exact, against the probabilities of the network.
 *
 *  The exact one is `ascending`, which fills the first blank of this page first: the network is surer of it.  So its word has the
 *  probabilities of the first evaluation.  The other rule draws a word for each blank from one evaluation, keeps the one that
 *  was more probable, and draws the other again: all its words are drawn by the engine too. */
import type { Alternative, InfillOptions, Model } from 'palimpsest';
import { type Example, Frame, type Host, newSeed } from './frame.ts';
import { counted } from './draws.ts';
import { AT_ONCE } from './pairs.ts';
import { type Share, shares } from './shares.ts';
import { given } from './words.ts';

const TEXT = 'Sam had a big red [[1]]. The next day was very sunny. A little bird sat in the [[1]] and sang.';
const DRAFTS = 150;

type Counts = Map<number, number>;

/** The id of the first word by the exact sampler. */
async function exactly(model: Model, options: InfillOptions): Promise<number> {
  const { tokens } = await model.infill(TEXT, { ...options, sampler: 'ascending', temperature: 1 }).result();
  return tokens[0]?.id ?? -1;
}

/** The id of the first word by the rule that looks at the drawn words. */
async function wrongly(model: Model, options: InfillOptions & { draft: number }): Promise<number> {
  const { tokens } = await model.infill(TEXT, { ...options, ...AT_ONCE }).result();
  const [first, second] = tokens;
  if (!first || !second || first.probability >= second.probability) return first?.id ?? -1;
  const pins = [{ blank: second.blank, index: second.index, id: second.id ?? 0 }];
  // Another draft: the same one would draw with the random number of the word that was thrown away.
  const draft = options.draft + DRAFTS;
  const again = await model.infill(TEXT, { ...options, draft, sampler: 'ascending', temperature: 1, pins }).result();
  return again.tokens[0]?.id ?? -1;
}

const count = (counts: Counts, id: number): void => void counts.set(id, (counts.get(id) ?? 0) + 1);

function table(said: readonly Alternative[], right: Counts, wrong: Counts, n: number): HTMLElement {
  const rows = said.map(({ id, text, probability }): Share => ({
    name: text.trim(),
    values: [{ share: probability }, counted(right.get(id) ?? 0, n), counted(wrong.get(id) ?? 0, n)],
  }));
  return shares('The first word', ['network', 'exact', 'not exact'], rows);
}

export function exactExample(place: HTMLElement, host: Host): Example {
  const frame = new Frame(place, host, `Fill ${DRAFTS} pages each way`, async (model, signal) => {
    const seed = newSeed();
    const [right, wrong]: [Counts, Counts] = [new Map(), new Map()];
    const said = (await model.infill(TEXT, { ...AT_ONCE, seed: 1, signal }).result()).tokens[0]?.alternatives ?? [];
    for (let draft = 0; draft < DRAFTS; draft++) {
      const options = { seed, draft, signal };
      count(right, await exactly(model, options));
      // Other random numbers, so that the two ways do not draw the same words.
      count(wrong, await wrongly(model, { ...options, draft: draft + DRAFTS }));
      frame.advance((draft + 1) / DRAFTS);
      if (draft % 10 === 9 || draft === DRAFTS - 1) frame.shown.replaceChildren(table(said, right, wrong, draft + 1));
    }
    const most = said[0];
    if (!most) return '';
    const share = (counts: Counts): string => `${Math.round(((counts.get(most.id) ?? 0) / DRAFTS) * 100)} %`;
    return `“${most.text.trim()}”: ${Math.round(most.probability * 100)} % says the network, ${share(right)} by the exact sampler, ${share(wrong)} if the word that was drawn decides what is kept. The numbers after ± are standard errors.`;
  });
  frame.controls.prepend(given(TEXT));
  return frame;
}
