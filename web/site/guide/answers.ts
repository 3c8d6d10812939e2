/** Live example: the probabilities of one blank, for several ends of a sentence. */
import { make } from '../../src/component/make.ts';
import { type Example, Frame, type Host, labelled } from './frame.ts';
import { rest, shares } from './shares.ts';

const BEGINNING = 'Lily took her ___';
const ENDS = ['and ate the soup.', 'and swept the floor.', 'and painted a picture.'];

export function answersExample(place: HTMLElement, host: Host): Example {
  const end = make('select', {}, ...ENDS.map((text) => make('option', {}, text)));
  const own = make('input', { type: 'text', value: '', placeholder: 'or an end of your own', 'aria-label': 'An end of your own', spellcheck: 'false', autocomplete: 'off' });
  const frame = new Frame(place, host, 'Ask', async (model, signal) => {
    const text = `${BEGINNING.replace('___', '[[1]]')} ${own.value.trim().replaceAll('[[', '\\[[') || end.value}`;
    const { tokens } = await model.infill(text, { temperature: 1, seed: 1, signal }).result();
    const rows = (tokens[0]?.alternatives ?? []).map((one) => ({ name: one.text.trim() || one.text, values: [{ share: one.probability }] }));
    frame.shown.replaceChildren(shares(`${BEGINNING} ${own.value.trim() || end.value}`, ['probability'], [...rows, rest(rows)]));
    return 'The five most probable words, and all others together. This took one evaluation of the network.';
  });
  frame.controls.prepend(...labelled(BEGINNING, end), own);
  end.addEventListener('change', () => {
    own.value = '';
    void frame.again();
  });
  own.addEventListener('change', () => void frame.again());
  return frame;
}
