/** Options of a drawing in the order of wasm/pictures.c; NaN stands for the default. */
export const IMAGE_OPTIONS = [
  'sampler', 'first', 'count', 'guidance', 'resample', 'steps', 'grid', 'clipX0', 'clipPixel', 'eta', 'variance', 'process', 'sigmaMax',
  'sigmaMin', 'langevinStep', 'iterations', 'correctors', 'snr', 'tolerance', 'solver',
] as const;

/** Those that a likelihood has beside the drawing whose bound it may be. */
export const LIKELIHOOD_OPTIONS = ['draw', 'tolerance', 'probes', 'difference'] as const;

/** Options that are one of some words, in the order of C's enums. */
export const CHOICES = {
  grid: ['even', 'quadratic'],
  variance: ['small', 'large'],
  process: ['vp', 've'],
  solver: ['rk45', 'heun'],
} as const;

export const LIKELIHOOD_METHODS = ['flow', 'bound'] as const;
