/** Live example: a word is drawn a hundred times, and the shares are compared with the probabilities. */
import { make } from '../../src/component/make.ts';
import { type Example, Frame, type Host, labelled, newSeed } from './frame.ts';
import { type Share, shares } from './shares.ts';
import { given } from './words.ts';

const TEXT = 'The little cat drank some [[1]].';
const DRAWS = 100;

/** The share of something that happened `count` times in `n`, with its standard error. */
export function counted(count: number, n: number): { share: number; error: number } {
  const share = n ? count / n : 0;
  return { share, error: n ? Math.sqrt((share * (1 - share)) / n) : 0 };
}

export function drawsExample(place: HTMLElement, host: Host): Example {
  const temperature = make('select', {}, ...['1', '0.6', '0.3'].map((value) => make('option', {}, value)));
  const frame = new Frame(place, host, `Draw ${DRAWS} times`, async (model, signal) => {
    const seed = newSeed();
    const heat = Number(temperature.value);
    const counts = new Map<string, number>();
    let said: { text: string; probability: number }[] = [];
    for (let draft = 0; draft < DRAWS; draft++) {
      const { tokens } = await model.infill(TEXT, { temperature: heat, seed, draft, signal }).result();
      const [token] = tokens;
      if (!token) break;
      said = token.alternatives;
      counts.set(token.text.trim(), (counts.get(token.text.trim()) ?? 0) + 1);
      frame.advance((draft + 1) / DRAWS);
      if (draft % 10 === 9) frame.shown.replaceChildren(table(said, counts, draft + 1, heat));
    }
    const most = said[0];
    const drawn = counts.get(most?.text.trim() ?? '') ?? 0;
    if (heat < 1) return `At temperature ${heat} “${most?.text.trim()}” was drawn ${drawn} times of ${DRAWS}; at temperature 1 its probability is ${Math.round((most?.probability ?? 0) * 100)} %.`;
    return `“${most?.text.trim()}” was drawn ${drawn} times of ${DRAWS}; the network said ${((most?.probability ?? 0) * 100).toFixed(1)} %. Other words than these five were drawn ${DRAWS - said.reduce((sum, { text }) => sum + (counts.get(text.trim()) ?? 0), 0)} times.`;
  });
  frame.controls.prepend(given(TEXT), ...labelled('Temperature', temperature));
  temperature.addEventListener('change', () => void frame.again());
  return frame;
}

function table(said: readonly { text: string; probability: number }[], counts: ReadonlyMap<string, number>, n: number, temperature: number): HTMLElement {
  const rows: Share[] = said.map(({ text, probability }) => ({ name: text.trim(), values: [{ share: probability }, counted(counts.get(text.trim()) ?? 0, n)] }));
  return shares('The word in the blank', [temperature === 1 ? 'network' : 'network at 1', 'drawn'], rows);
}
