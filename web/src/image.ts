/** The page's side of pictures.  Options that depend on the model (labels, sizes) are checked in the worker, by
 *  painter.ts. */
import { take, type Table } from './check.ts';
import type { Connection } from './connection.ts';
import { IMAGE, LIKELIHOOD } from './options.ts';
import type { FrameMessage, Pixels } from './protocol.ts';
import { stream } from './stream.ts';
import type {
  ImageFrame, ImageLikelihood, ImageLikelihoodOptions, ImageOptions, ImageRun, ImageSampler, Picture,
} from './types.ts';

export const IMAGE_SAMPLERS: readonly ImageSampler[] = [
  'ddpm', 'ddim', 'analytic-ddpm', 'analytic-ddim', 'npr-ddpm', 'npr-ddim', 'sn-ddpm', 'sn-ddim', 'annealed-langevin', 'reverse-sde',
  'predictor-corrector', 'probability-flow', 'dpm-solver++',
];

const { seed, sampler, first, steps, grid, clipX0, eta, variance } = IMAGE;
const DRAWING: Table = { ...IMAGE, label: 'labels', times: 'numbers', columns: 'least1', view: ['x0', 'x', 'both'], inpaint: 'inpaint', signal: 'signal' };
const MEASURING: Table = {
  seed, sampler, first, steps, grid, clipX0, eta, variance, ...LIKELIHOOD, label: 'labels', times: 'numbers', onProgress: 'callback', signal: 'signal',
};

type Connect = () => Promise<Connection>;

/** An ImageData that shares the bytes. */
function toImage({ data, width, height }: Pixels): ImageData {
  return typeof ImageData === 'undefined' ? ({ data, width, height } as ImageData) : new ImageData(data, width, height);
}

function toFrame({ image, pictures, states, ...rest }: FrameMessage): ImageFrame {
  return { ...rest, image: toImage(image), pictures: pictures.map(toImage), ...(states && { states: states.map(toImage) }) };
}

export function image(connect: Connect, given?: ImageOptions): ImageRun {
  return stream<ImageFrame, ImageFrame>('frames', async (push, stop, listen) => {
    const { signal, ...options } = take('image', given, DRAWING);
    listen(signal);
    let last: ImageFrame;
    const connection = await connect();
    await connection.call<number>({ call: 'image', options }, { frame: (message) => push((last = toFrame(message))) }, stop);
    return last!;
  }, true);
}

export async function imageLikelihood(
  connect: Connect, pictures: Picture | readonly Picture[], given?: ImageLikelihoodOptions,
): Promise<ImageLikelihood> {
  const { signal, onProgress, ...options } = take('imageLikelihood', given, MEASURING);
  // Other members of the object are not sent.
  const all = [pictures].flat().map((one) => ({ data: one?.data, width: one?.width, height: one?.height })) as Picture[];
  const connection = await connect();
  return connection.call<ImageLikelihood>({ call: 'imageLikelihood', pictures: all, options }, { measured: onProgress }, signal);
}
