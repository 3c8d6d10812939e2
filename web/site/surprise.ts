/** How surprising each word of a text is: tints and numbers. */
import type { Surprise } from 'palimpsest';
import type { Place } from './fill.ts';
import { counted, percent } from './format.ts';
import type { Wording } from './alternatives.ts';
import type { Look } from './reading.ts';

/** Min. bits of each tint, except the first. */
export const BITS = [1, 3, 6, 10];

const bitsOf = ({ probability }: Place): number => -Math.log2(probability);
const figure = (place: Place): string => (Number.isNaN(place.probability) ? 'there is nothing before it' : `${bitsOf(place).toFixed(2)} bits`);

export const SURPRISE: Look = {
  tint: (place) => `bits-${BITS.filter((least) => bitsOf(place) >= least).length}`,
  said: figure,
};

export const EXPECTED: Wording = {
  figure: (place) => (Number.isNaN(place.probability) ? figure(place) : `${figure(place)}, ${percent(place.probability)}`),
  list: null,
  foot: 'What the model expected here. Surprise is −log₂ of the probability.',
};

export function placesOfSurprise({ tokens }: Surprise): Place[] {
  return tokens.map(({ id, text, bits, expected }, i) => ({
    token: i, blank: 0, index: i, text, open: false, empty: false, pinned: false, probability: bits === null ? NaN : 2 ** -bits, id,
    alternatives: expected.map((other) => ({ ...other, empty: other.text === '' })),
  }));
}

export function totals({ tokens, bits, bytes, bitsPerByte, seconds }: Surprise): string[] {
  return [`${bits.toFixed(1)} bits in ${counted(bytes, 'byte')}`, `${bitsPerByte.toFixed(3)} bits per byte`, counted(tokens.length, 'token'), `${seconds.toFixed(2)} s`];
}
