/** The ways to draw a picture that the page offers, and what each is, in a sentence. */
import type { ImageInfo, ImageSampler } from 'palimpsest';

export interface Method {
  /** As it stands in the page; that of the library, but for the second solver of probability-flow. */
  name: string;
  sampler: ImageSampler;
  solver?: 'heun';
  about: string;
  /** Steps that take this many evaluations, or nearly; absent where a tolerance decides. */
  steps?: (evaluations: number) => number;
  /** Fewer evaluations do not suffice. */
  least: number;
}

const LANGEVIN_LEVELS = 100;

const one = (evaluations: number): number => evaluations;
const half = (evaluations: number): number => Math.max(1, evaluations >> 1);
/** The last step takes one evaluation, the others two. */
const heun = (evaluations: number): number => Math.max(1, (evaluations + 1) >> 1);

/** The best with few evaluations come first. */
export const METHODS: readonly Method[] = [
  {
    name: 'sn-ddpm', sampler: 'sn-ddpm', steps: one, least: 1,
    about: 'ancestral steps with the optimal variance of every pixel, from a head that predicts the second moment of the noise',
  },
  {
    name: 'sn-ddim', sampler: 'sn-ddim', steps: one, least: 1,
    about: 'the same variance around the steps of ddim',
  },
  {
    name: 'npr-ddpm', sampler: 'npr-ddpm', steps: one, least: 1,
    about: 'as sn-ddpm, but optimal for the mean as it was learnt: its head predicts the squared residual of the noise',
  },
  {
    name: 'npr-ddim', sampler: 'npr-ddim', steps: one, least: 1,
    about: 'the same variance around the steps of ddim',
  },
  {
    name: 'analytic-ddpm', sampler: 'analytic-ddpm', steps: one, least: 1,
    about: 'ancestral steps with the optimal variance as one number a step, measured over the training pictures',
  },
  {
    name: 'analytic-ddim', sampler: 'analytic-ddim', steps: one, least: 1,
    about: 'the same variance around the steps of ddim',
  },
  {
    name: 'ddpm', sampler: 'ddpm', steps: one, least: 1,
    about: 'ancestral sampling: the reverse Markov chain with the variance of the forward posterior',
  },
  {
    name: 'ddim', sampler: 'ddim', steps: one, least: 1,
    about: 'deterministic, non-Markovian steps: all chance lies in the noise at the start',
  },
  {
    name: 'dpm-solver++', sampler: 'dpm-solver++', steps: one, least: 1,
    about: 'a multistep solver of second order (2M) for the probability-flow ODE, written for the predicted picture',
  },
  {
    name: 'reverse-sde', sampler: 'reverse-sde', steps: one, least: 1,
    about: 'the time-reversed stochastic differential equation, in steps of Euler and Maruyama',
  },
  {
    name: 'predictor-corrector', sampler: 'predictor-corrector', steps: half, least: 2,
    about: 'a step of the reverse SDE, then a Langevin move at the same noise level: two evaluations a step',
  },
  {
    name: 'annealed-langevin', sampler: 'annealed-langevin', steps: one, least: LANGEVIN_LEVELS,
    about: 'Langevin moves along the score at falling noise levels, of which it needs a hundred or more',
  },
  {
    name: 'probability-flow', sampler: 'probability-flow', least: 1,
    about: 'the ODE with the same marginals as the diffusion, by adaptive Runge–Kutta steps (RK45): a tolerance decides how many evaluations it takes',
  },
  {
    name: 'probability-flow, Heun', sampler: 'probability-flow', solver: 'heun', steps: heun, least: 1,
    about: 'the same ODE by Heun’s method of second order: two evaluations a step, one in the last',
  },
];

export const methodOf = (name: string): Method | undefined => METHODS.find((method) => method.name === name);

/** Why a model cannot run it, or null. */
export const lackOf = (method: Method, info: ImageInfo): string | null =>
  info.samplers.includes(method.sampler) ? null : (info.missing[method.sampler] ?? 'This file does not have what it needs.');

/** Why it cannot take so many evaluations with a schedule of so many steps, or null. */
export function problemOf({ name, sampler, least, steps }: Method, evaluations: number, scheduleSteps = Infinity): string | null {
  if (evaluations < least) return `${name} needs at least ${least} evaluations`;
  // Noise levels lie between the steps of the schedule, too.
  const many = steps && sampler !== 'annealed-langevin' && steps(evaluations) > scheduleSteps;
  return many ? `too many: this model’s schedule has ${scheduleSteps} steps` : null;
}
