/** Fills blanks in text, continues texts and draws pictures in the browser, without a server.
 *
 *    import { load } from './palimpsest.js';
 *    const model = await load('models/tales-infill.gguf');
 *    const { text } = await model.infill('Once upon a time there was a [[?]] who lived in [[4]].').result();
 *
 *  The engine runs in its own worker, `palimpsest-worker.js`.  That file and the builds of the engine must be in the same
 *  folder as this file: `palimpsest.wasm` and `palimpsest-relaxed.wasm` for text; `palimpsest-scores.wasm` and
 *  `palimpsest-scores-relaxed.wasm` for text with networks of discrete diffusion (`sedd`, `mdlm`) and for boards (`sudoku`); for pictures
 *  `palimpsest-pictures.wasm`, `palimpsest-pictures-relaxed.wasm` and `palimpsest-pictures.js`, the worker's code for
 *  pictures.  So must the other files `palimpsest-*.js` and, for threads, `palimpsest-*threads*.wasm`, which are loaded when they are needed. */
import { take } from './check.ts';
import { BESIDE } from './files.ts';
import { IMAGE_SAMPLERS } from './image.ts';
import { open } from './model.ts';
import { SAMPLERS } from './options.ts';
import * as values from './values.ts';
import type { Cache, EscapeOptions, ImageSampler, LoadOptions, Model, Sampler, SamplerProperties, Source } from './types.ts';

export { PalimpsestError } from './errors.ts';
export { supported } from './supported.ts';
export type * from './types.ts';

/** Version of the library. */
export const version: string = __VERSION__;
const named = (ofScores: boolean) => (Object.keys(SAMPLERS) as Sampler[]).filter((name) => SAMPLERS[name].scores === ofScores);
/** Names of the samplers that fill blanks, with models that predict masked tokens.  `ModelInfo.samplers` has those of a
 *  model. */
export const samplers: readonly Sampler[] = named(false);
/** Names of the samplers for models that compute scores (`sedd`). */
export const scoreSamplers: readonly Sampler[] = named(true);
/** For each sampler: whether it is exact, whether it masks places again, for which models it is, and which options it takes. */
export const samplerProperties: Readonly<Record<Sampler, SamplerProperties>> = SAMPLERS;
/** Names of the samplers that draw pictures. */
export const imageSamplers: readonly ImageSampler[] = IMAGE_SAMPLERS;
const copies = async (): Promise<Cache> => (await import('./cache.ts')).cache;
/** The copies of models on this device. */
export const cache: Cache = {
  available: async () => (await copies()).available(),
  list: async () => (await copies()).list(),
  unfinished: async () => (await copies()).unfinished(),
  remove: async (which) => (await copies()).remove(which),
  estimate: async () => (await copies()).estimate(),
};

/** Escapes text so that no part of it is a blank or an escape: every `[[` gets a backslash, and backslashes before it are
 *  doubled.
 *
 *  Use `beforeBlank` if a blank directly follows the text: then backslashes at the end of the text are doubled too.
 *  `escape('C:\\', { beforeBlank: true }) + '[[2]]'` is `C:\` and a blank. */
export function escape(text: string, options: EscapeOptions = {}): string {
  values.checkText(text);
  return values.escape(text, take('escape', options, { beforeBlank: 'flag' }).beforeBlank ?? false);
}

/** Loads a model and the engine for it.
 *
 *  A URL is downloaded once: a copy is kept on the device and found again by hash or by URL (by URL the server is asked
 *  whether its file has changed).  The copy is replaced only by a file that the engine could open.  Rejects with a
 *  PalimpsestError, or with signal.reason if aborted. */
export async function load(source: Source, options?: LoadOptions): Promise<Model> {
  return open(BESIDE, source, options);
}
