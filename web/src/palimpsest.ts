/** Fills blanks in text, continues texts and draws pictures in the browser, without a server.
 *
 *    import { load } from './palimpsest.js';
 *    const model = await load('models/tales-infill.gguf');
 *    const { text } = await model.infill('Once upon a time there was a [[?]] who lived in [[4]].').result();
 *
 *  The engine runs in its own worker, `palimpsest-worker.js`.  That file and the builds of the engine must be in the same
 *  folder as this file: `palimpsest.wasm` and `palimpsest-relaxed.wasm` for text; for pictures `palimpsest-pictures.wasm`,
 *  `palimpsest-pictures-relaxed.wasm` and `palimpsest-pictures.js`, the worker's code for pictures. */
import { take } from './check.ts';
import { PalimpsestError } from './errors.ts';
import { IMAGE_SAMPLERS } from './image.ts';
import { LoadedModel, takeLoad } from './model.ts';
import { SAMPLERS } from './options.ts';
import { isNode } from './platform.ts';
import * as store from './store.ts';
import * as values from './values.ts';
import type { Cache, EscapeOptions, ImageSampler, LoadOptions, Model, Sampler, SamplerProperties, Source } from './types.ts';

export { PalimpsestError } from './errors.ts';
export type * from './types.ts';

export const version: string = __VERSION__;
export const samplers: readonly Sampler[] = Object.keys(SAMPLERS) as Sampler[];
/** For each sampler: whether it is exact, whether it masks places again, and which options it takes. */
export const samplerProperties: Readonly<Record<Sampler, SamplerProperties>> = SAMPLERS;
export const imageSamplers: readonly ImageSampler[] = IMAGE_SAMPLERS;
export const cache: Cache = store.cache;

/** Escapes text so that no part of it is a blank or an escape: every `[[` gets a backslash, and backslashes before it are
 *  doubled.
 *
 *  Use `beforeBlank` if a blank directly follows the text: then backslashes at the end of the text are doubled too.
 *  `escape('C:\\', { beforeBlank: true }) + '[[2]]'` is `C:\` and a blank. */
export function escape(text: string, options: EscapeOptions = {}): string {
  values.checkText(text);
  return values.escape(text, take('escape', options, { beforeBlank: 'flag' }).beforeBlank ?? false);
}

/** A module whose function has one SIMD instruction (i8x16.splat); browsers without SIMD do not validate it. */
const SIMD_PROBE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11,
]);

/** Whether the engine can run here, and if not, why. */
export function supported(): { ok: boolean; why: string | null } {
  const no = (why: string) => ({ ok: false, why });
  if (typeof WebAssembly === 'undefined') return no('This browser does not support WebAssembly, or it is switched off.');
  if (!WebAssembly.validate(SIMD_PROBE)) return no('This browser does not support WebAssembly SIMD, which the engine needs.');
  if (!isNode && typeof Worker === 'undefined') return no('This browser does not support workers.');
  return { ok: true, why: null };
}

/** Loads a model and the engine for it.
 *
 *  A URL is downloaded once: a copy is kept on the device and found again by hash or by URL (by URL the server is asked
 *  whether its file has changed).  The copy is replaced only by a file that the engine could open.  Rejects with a
 *  PalimpsestError, or with signal.reason if aborted. */
export async function load(source: Source, options?: LoadOptions): Promise<Model> {
  const { ok, why } = supported();
  if (!ok) throw new PalimpsestError('environment', why!);
  const taken = takeLoad(options);
  return new LoadedModel(source, taken).open(taken);
}
