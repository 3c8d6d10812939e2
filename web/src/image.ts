/** The page's side of pictures.  Options that depend on the model (labels, sizes) are checked in the worker, by
 *  painter.ts. */
import { is, take } from './check.ts';
import type { Connection } from './connection.ts';
import { stream } from './stream.ts';
import type {
  ImageFrame, ImageLikelihood, ImageLikelihoodOptions, ImageOptions, ImageRun, ImageSampler, Picture,
} from './types.ts';

export const IMAGE_SAMPLERS: readonly ImageSampler[] = [
  'ddpm', 'ddim', 'analytic-ddpm', 'analytic-ddim', 'npr-ddpm', 'npr-ddim', 'sn-ddpm', 'sn-ddim', 'annealed-langevin', 'reverse-sde',
  'predictor-corrector', 'probability-flow', 'dpm-solver++',
];

type Connect = () => Promise<Connection>;

export function image(connect: Connect, given?: ImageOptions): ImageRun {
  return stream<ImageFrame, ImageFrame>('frames', async (push, stop, listen) => {
    const { drawing, toFrame } = await import('./drawing.ts');
    const { signal, ...options } = take('image', given, drawing(is));
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
  const { measuring } = await import('./drawing.ts');
  const { signal, onProgress, ...options } = take('imageLikelihood', given, measuring(is));
  // Other members of the object are not sent.
  const all = [pictures].flat().map((one) => ({ data: one?.data, width: one?.width, height: one?.height })) as Picture[];
  const connection = await connect();
  return connection.call<ImageLikelihood>({ call: 'imageLikelihood', pictures: all, options }, { measured: onProgress }, signal);
}
