/** The public types of the library, which become `palimpsest.d.ts`; by subject in types/.  Options that are numbers, switches
 *  or names are in options.ts, which web/options.mjs writes. */
export type * from './types/loading.ts';
export type * from './types/info.ts';
export type * from './types/model.ts';
export type * from './types/pages.ts';
export type * from './types/scores.ts';
export type * from './types/generation.ts';
export type * from './types/pictures.ts';
export type { Sampler, SamplerProperties } from './options.ts';
