/** Pictures, seen from the page.  Options are checked in the worker, by the part of it that draws (painter.ts). */
import type { Connection } from './connection.ts';
import type { FrameMessage, Pixels } from './protocol.ts';
import { stream } from './stream.ts';
import type {
  ImageFrame, ImageLikelihood, ImageLikelihoodOptions, ImageOptions, ImageRun, ImageSampler, Picture,
} from './types.ts';

export const IMAGE_SAMPLERS: readonly ImageSampler[] = [
  'ddpm', 'ddim', 'analytic-ddpm', 'analytic-ddim', 'npr-ddpm', 'npr-ddim', 'sn-ddpm', 'sn-ddim', 'annealed-langevin', 'reverse-sde',
  'predictor-corrector', 'probability-flow', 'dpm-solver++',
];

type Connect = () => Promise<Connection>;

/** Around the same bytes. */
function toImage({ data, width, height }: Pixels): ImageData {
  return typeof ImageData === 'undefined' ? ({ data, width, height } as ImageData) : new ImageData(data, width, height);
}

function toFrame({ image, pictures, states, ...rest }: FrameMessage): ImageFrame {
  return { ...rest, image: toImage(image), pictures: pictures.map(toImage), ...(states && { states: states.map(toImage) }) };
}

export function image(connect: Connect, { signal, ...options }: ImageOptions): ImageRun {
  return stream<ImageFrame, ImageFrame>('frames', signal, async (push, stop, listen) => {
    listen();
    let last: ImageFrame;
    const connection = await connect();
    await connection.call<number>({ call: 'image', options }, { frame: (message) => push((last = toFrame(message))) }, stop);
    return last!;
  }, true);
}

export async function imageLikelihood(
  connect: Connect, pictures: Picture | readonly Picture[], { signal, onProgress, ...options }: ImageLikelihoodOptions,
): Promise<ImageLikelihood> {
  // What else a picture's object holds need not cross.
  const given = [pictures].flat().map((one) => ({ data: one?.data, width: one?.width, height: one?.height })) as Picture[];
  const connection = await connect();
  return connection.call<ImageLikelihood>({ call: 'imageLikelihood', pictures: given, options }, { measured: onProgress }, signal);
}
