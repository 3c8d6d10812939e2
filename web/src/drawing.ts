/** What the page needs for pictures: which options their calls take, and what frames are.  Loaded at the first call. */
import type { is, Rule, Table } from './check.ts';
import { IMAGE, LIKELIHOOD } from './image-options.ts';
import type { FrameMessage, Pixels } from './protocol.ts';
import type { ImageFrame } from './types.ts';

type Is = typeof is;
const { seed, sampler, first, steps, grid, clipX0, eta, variance } = IMAGE;
const labelsOf = ({ list, name }: Is): Rule => {
  const label = (value: unknown) => value === null || name(value);
  return [(value) => label(value) || list(value, label), 'a name, a number, null, or an array of them'];
};

export function drawing(is: Is): Table {
  const inpaint: Rule = [(value) => is.object(value) && is.list(value.mask, () => true), 'an object { image, mask }, its mask an array'];
  return { ...IMAGE, label: labelsOf(is), times: 'numbers', columns: 'least1', view: ['x0', 'x', 'both'], inpaint, signal: 'signal' };
}

export const measuring = (is: Is): Table => ({
  seed, sampler, first, steps, grid, clipX0, eta, variance, ...LIKELIHOOD, label: labelsOf(is), times: 'numbers', onProgress: 'callback', signal: 'signal',
});

/** An ImageData that shares the bytes. */
function toImage({ data, width, height }: Pixels): ImageData {
  return typeof ImageData === 'undefined' ? ({ data, width, height } as ImageData) : new ImageData(data, width, height);
}

export function toFrame({ image, pictures, states, ...rest }: FrameMessage): ImageFrame {
  return { ...rest, image: toImage(image), pictures: pictures.map(toImage), ...(states && { states: states.map(toImage) }) };
}
