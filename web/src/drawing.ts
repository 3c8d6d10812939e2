/** What the page needs for pictures: which options their calls take, and what frames are.  Loaded at the first call. */
import type { Table } from './check.ts';
import { IMAGE, LIKELIHOOD } from './image-options.ts';
import type { FrameMessage, Pixels } from './protocol.ts';
import type { ImageFrame } from './types.ts';

const { seed, sampler, first, steps, grid, clipX0, eta, variance } = IMAGE;
export const DRAWING: Table = { ...IMAGE, label: 'labels', times: 'numbers', columns: 'least1', view: ['x0', 'x', 'both'], inpaint: 'inpaint', signal: 'signal' };
export const MEASURING: Table = {
  seed, sampler, first, steps, grid, clipX0, eta, variance, ...LIKELIHOOD, label: 'labels', times: 'numbers', onProgress: 'callback', signal: 'signal',
};

/** An ImageData that shares the bytes. */
function toImage({ data, width, height }: Pixels): ImageData {
  return typeof ImageData === 'undefined' ? ({ data, width, height } as ImageData) : new ImageData(data, width, height);
}

export function toFrame({ image, pictures, states, ...rest }: FrameMessage): ImageFrame {
  return { ...rest, image: toImage(image), pictures: pictures.map(toImage), ...(states && { states: states.map(toImage) }) };
}
