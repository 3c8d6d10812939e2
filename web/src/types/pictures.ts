/** Pictures. */
import type { ImageSettings, LikelihoodSettings } from '../options.ts';

/** The samplers of pictures.  K is `steps`; the last item of each comment is the number of evaluations per picture. */
export type ImageSampler =
  | 'ddpm' // ancestral steps; K
  | 'ddim' // deterministic if eta is 0; K
  | 'analytic-ddpm' // optimal variance, one for all elements; K
  | 'analytic-ddim'
  | 'npr-ddpm' // optimal variance per element, given the learnt mean with its error; K
  | 'npr-ddim'
  | 'sn-ddpm' // optimal variance per element; K
  | 'sn-ddim'
  | 'annealed-langevin' // at least 100 noise levels; K * iterations
  | 'reverse-sde' // Euler and Maruyama; K
  | 'predictor-corrector' // K * (1 + correctors)
  | 'probability-flow' // RK45: as many as the tolerance needs; Heun: 2 K - 1
  | 'dpm-solver++'; // 2M; K

/** What a model draws. */
export interface ImageInfo {
  /** Width in pixels. */
  width: number;
  /** Height in pixels. */
  height: number;
  /** 1: grey; 3: red, green, blue. */
  channels: number;
  /** Names of the kinds of pictures that the model can draw. */
  labels: string[];
  /** The samplers that this model supports. */
  samplers: ImageSampler[];
  /** The samplers that it does not support, each with a sentence that says what the file lacks and what works without. */
  missing: Partial<Record<ImageSampler, string>>;
  /** The default sampler and its number of steps. */
  sampler: ImageSampler;
  /** Number of steps. */
  steps: number;
  /** In training some labels were left out, so that `guidance` other than 1 is possible. */
  guidance: boolean;
  /** The noise schedule, `linear` or `cosine`, and its number of steps, which is the maximum for a drawing. */
  schedule: string;
  /** Steps of the schedule that the network was trained with. */
  scheduleSteps: number;
  /** Name of a file beside the model with some of its training pictures, or null. */
  neighbours: string | null;
}

/** A picture: red, green, blue, alpha, row by row.  An ImageData is a Picture.  In Node, where there is no ImageData, frames
 *  have only these three fields. */
export interface Picture {
  /** Bytes, row by row. */
  readonly data: Uint8ClampedArray | Uint8Array;
  /** Width in pixels. */
  readonly width: number;
  /** Height in pixels. */
  readonly height: number;
}

/** Options that the sampler does not use are refused. */
export interface ImageOptions extends ImageSettings {
  /** Name or number of a kind of pictures; null (default): any kind.  An array has one label per picture. */
  label?: string | number | null | readonly (string | number | null)[];
  /** What frames show: the picture predicted so far (`x0`, the default), the noisy state (`x`), or `both`: the predicted
   *  pictures as `pictures` and the noisy states as `states`. */
  view?: 'x0' | 'x' | 'both';
  /** Pictures per row of ImageFrame.image (default: as square as possible). */
  columns?: number;
  /** A picture of the model's size, parts of which are kept.  The mask has one entry per pixel; where it is not 0 (or is
   *  true), the pixel is drawn again. */
  inpaint?: { image: Picture; mask: ArrayLike<number | boolean> };
  /** The times of the steps, instead of `grid`: decreasing, in (0, 1], at steps of the schedule. */
  times?: readonly number[];
  /** Stops between two steps; the model stays usable. */
  signal?: AbortSignal;
}

/** The pictures after a step. */
export interface ImageFrame {
  /** All pictures in one image, without gaps. */
  image: ImageData;
  /** Each picture by itself. */
  pictures: ImageData[];
  /** With `view: 'both'`: each picture with its noise, as the network sees it. */
  states?: ImageData[];
  /** Number of the step, from 1. */
  step: number;
  /** Evaluations of each picture so far, and in total (0 if the total is not known in advance). */
  evaluations: number;
  /** Number in total. */
  total: number;
  /** Passes of single pictures through the network; with guidance an evaluation takes two. */
  passes: number;
  /** Whether it is finished. */
  done: boolean;
  /** Seconds of computing for this drawing. */
  seconds: number;
  /** The sampler that ran. */
  sampler: ImageSampler;
  /** The seed, given or drawn: the same seed gives the same result. */
  seed: number | bigint;
  /** Number of the first picture. */
  first: number;
  /** Instruction set of the engine that ran. */
  isa: string;
  /** Number of threads. */
  threads: number;
}

/** Pictures being drawn.  Iterate over it to get a frame after every step, or await result(), which is the last frame.
 *  Leaving the loop stops the work.  Several runs at once take turns, one step each. */
export interface ImageRun extends AsyncIterable<ImageFrame>, PromiseLike<ImageFrame> {
  /** The last frame; the same as awaiting the run itself. */
  result(): Promise<ImageFrame>;
}

/** The default seed is 1. */
export interface ImageLikelihoodOptions
  extends LikelihoodSettings,
    Pick<ImageOptions, 'sampler' | 'steps' | 'label' | 'eta' | 'grid' | 'times' | 'variance' | 'clipX0' | 'first' | 'seed' | 'signal'> {
  /** Called after each step, with the evaluations so far and in total (0 if the total is not known in advance). */
  onProgress?: (progress: ImageProgress) => void;
}

/** How far a likelihood has come. */
export interface ImageProgress {
  /** Evaluations of the network. */
  evaluations: number;
  /** Number in total. */
  total: number;
}

/** How likely pictures are under a model. */
export interface ImageLikelihood {
  /** The mean of `each`. */
  bitsPerDimension: number;
  /** Bits per dimension of each given picture, in their order. */
  each: number[];
  /** The method that was used. */
  method: 'flow' | 'bound';
  /** Evaluations of the network. */
  evaluations: number;
  /** Passes through the network. */
  passes: number;
  /** Time of computing. */
  seconds: number;
  /** The seed, given or drawn: the same seed gives the same result. */
  seed: number | bigint;
}
