/** The samplers that the page offers, each with a sentence that explains it. */
import type { ImageInfo, ImageSampler } from 'palimpsest';

export interface Method {
  /** The name on the page; the library's name, except for the second solver of probability-flow. */
  name: string;
  sampler: ImageSampler;
  solver?: 'heun';
  /** A sentence that everybody understands, and the exact one. */
  about: string;
  exactly: string;
  /** The number of steps that takes about this many evaluations; absent if a tolerance decides. */
  steps?: (evaluations: number) => number;
  /** Min. number of evaluations. */
  least: number;
}

const LANGEVIN_LEVELS = 100;

const one = (evaluations: number): number => evaluations;
const half = (evaluations: number): number => Math.max(1, evaluations >> 1);
/** The last step takes one evaluation, the others two. */
const heun = (evaluations: number): number => Math.max(1, (evaluations + 1) >> 1);

/** Samplers that are good with few evaluations come first. */
export const METHODS: readonly Method[] = [
  {
    name: 'sn-ddpm', sampler: 'sn-ddpm', steps: one, least: 1,
    about: 'adds new noise after each step, for every pixel as much as the network itself finds right; good with few evaluations',
    exactly: 'ancestral steps with the optimal variance of every pixel, from a head that predicts the second moment of the noise',
  },
  {
    name: 'sn-ddim', sampler: 'sn-ddim', steps: one, least: 1,
    about: 'goes straighter than sn-ddpm, with less new noise',
    exactly: 'the same variance around the steps of ddim',
  },
  {
    name: 'npr-ddpm', sampler: 'npr-ddpm', steps: one, least: 1,
    about: 'like sn-ddpm, but the amount of noise also counts how far the network is usually wrong',
    exactly: 'like sn-ddpm, but with the optimal variance for the learnt mean: its head predicts the squared error of the predicted noise',
  },
  {
    name: 'npr-ddim', sampler: 'npr-ddim', steps: one, least: 1,
    about: 'goes straighter than npr-ddpm, with less new noise',
    exactly: 'the same variance around the steps of ddim',
  },
  {
    name: 'analytic-ddpm', sampler: 'analytic-ddpm', steps: one, least: 1,
    about: 'adds new noise after each step: one amount for all pixels, measured on the training pictures',
    exactly: 'ancestral steps with the optimal variance as one number per step, measured over the training pictures',
  },
  {
    name: 'analytic-ddim', sampler: 'analytic-ddim', steps: one, least: 1,
    about: 'goes straighter than analytic-ddpm, with less new noise',
    exactly: 'the same variance around the steps of ddim',
  },
  {
    name: 'ddpm', sampler: 'ddpm', steps: one, least: 1,
    about: 'the classic: adds new noise after each step, always the same amount for all pictures',
    exactly: 'ancestral sampling: the reverse Markov chain with the variance of the forward posterior',
  },
  {
    name: 'ddim', sampler: 'ddim', steps: one, least: 1,
    about: 'adds no new noise: the noise at the start decides everything',
    exactly: 'deterministic, non-Markovian steps: only the noise at the start is random',
  },
  {
    name: 'dpm-solver++', sampler: 'dpm-solver++', steps: one, least: 1,
    about: 'adds no new noise, and uses the last two steps to make larger ones; sharp with about ten evaluations',
    exactly: 'a multistep solver of second order (2M) for the probability-flow ODE, written for the predicted picture',
  },
  {
    name: 'reverse-sde', sampler: 'reverse-sde', steps: one, least: 1,
    about: 'takes small random steps back from noise to picture; needs many evaluations',
    exactly: 'the time-reversed stochastic differential equation (SDE), in Euler–Maruyama steps',
  },
  {
    name: 'predictor-corrector', sampler: 'predictor-corrector', steps: half, least: 2,
    about: 'a random step, then a correction with as much noise: two evaluations each',
    exactly: 'a step of the reverse SDE, then a Langevin move at the same noise level: two evaluations per step',
  },
  {
    name: 'annealed-langevin', sampler: 'annealed-langevin', steps: one, least: LANGEVIN_LEVELS,
    about: 'small random moves while the noise becomes less; needs at least a hundred evaluations',
    exactly: 'Langevin steps along the score at decreasing noise levels; it needs at least a hundred',
  },
  {
    name: 'probability-flow', sampler: 'probability-flow', least: 1,
    about: 'adds no new noise; makes its steps as small as the tolerance asks, so the number of evaluations is its own',
    exactly: 'the ODE with the same marginals as the diffusion, by adaptive Runge–Kutta steps (RK45): the tolerance decides how many evaluations it takes',
  },
  {
    name: 'probability-flow, Heun', sampler: 'probability-flow', solver: 'heun', steps: heun, least: 1,
    about: 'the same path in equal steps of two evaluations',
    exactly: 'the same ODE by Heun’s method of second order: two evaluations per step, one in the last step',
  },
];

export const methodOf = (name: string): Method | undefined => METHODS.find((method) => method.name === name);

/** Why the model does not support it, or null. */
export const lackOf = (method: Method, info: ImageInfo): string | null =>
  info.samplers.includes(method.sampler) ? null : (info.missing[method.sampler] ?? 'This model does not support it.');

/** Why it cannot use so many evaluations with a schedule of so many steps, or null. */
export function problemOf({ name, sampler, least, steps }: Method, evaluations: number, scheduleSteps = Infinity): string | null {
  if (evaluations < least) return `${name} needs at least ${least} evaluations`;
  // Noise levels can also be between the steps of the schedule.
  const many = steps && sampler !== 'annealed-langevin' && steps(evaluations) > scheduleSteps;
  return many ? `too many: this model’s schedule has ${scheduleSteps} steps` : null;
}
