/** Live example: the surprise of each word of a text. */
import { make } from '../../src/component/make.ts';
import { type Example, Frame, type Host, labelled } from './frame.ts';

const TEXT = 'Once upon a time there was a little fox. He was very hungry, so he ate a bicycle.';
/** Least bits of each tint, except the first; the page has the same (../surprise.ts). */
const BITS = [1, 3, 6, 10];

export function surpriseExample(place: HTMLElement, host: Host): Example {
  const text = make('textarea', { rows: 3, spellcheck: 'false' });
  text.value = TEXT;
  const frame = new Frame(place, host, 'Measure', async (model, signal) => {
    const { tokens, bits, bytes, bitsPerByte } = await model.surprise(text.value, { signal });
    const detail = make('p', { class: 'detail', role: 'status' });
    const words = tokens.map((token) => {
      const word = token.text.trimStart();
      const space = token.text.slice(0, token.text.length - word.length);
      if (token.bits === null || !word) return [token.text];
      const figure = token.bits.toFixed(1);
      const tell = (): void => {
        const expected = token.expected.slice(0, 3).map((one) => `“${one.text.trim() || one.text}” ${Math.round(one.probability * 100)} %`);
        detail.textContent = `“${word}”: ${figure} bits. Expected here: ${expected.join(', ')}.`;
      };
      const tint = BITS.filter((least) => (token.bits ?? 0) >= least).length;
      return [space, make('button', { type: 'button', class: `bit bit-${tint}`, 'aria-label': `${word}, ${figure} bits`, click: tell }, word)];
    });
    frame.shown.replaceChildren(make('p', { class: 'filled' }, ...words.flat()), legend(), detail);
    return `${bits.toFixed(1)} bits in ${tokens.length} tokens and ${bytes} bytes: ${bitsPerByte.toFixed(3)} bits per byte. Choose a word to see what was expected in its place.`;
  });
  place.prepend(...labelled('A text', text));
  return frame;
}

function legend(): HTMLElement {
  const names = ['under 1 bit', '1 to 3', '3 to 6', '6 to 10', '10 and more'];
  return make('ul', { class: 'legend', 'aria-label': 'Tints' }, ...names.map((name, i) => make('li', {}, make('span', { class: `bit bit-${i}` }, name))));
}
