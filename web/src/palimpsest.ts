/** Text filled in at any place and pictures drawn, by diffusion, in the browser, without a server.
 *
 *    import { load } from './palimpsest.js';
 *    const model = await load('models/tales-infill.gguf');
 *    const { text } = await model.infill('Once upon a time there was a [[?]] who lived in [[4]].').result();
 *
 *  The engine runs in a worker of its own, `palimpsest-worker.js`, which lies beside this file as the engine's builds do:
 *  `palimpsest.wasm` and `palimpsest-relaxed.wasm` for text; for pictures `palimpsest-pictures.wasm`,
 *  `palimpsest-pictures-relaxed.wasm` and `palimpsest-pictures.js`, the worker's part of them. */
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
/** What each of them promises, and which options it takes. */
export const samplerProperties: Readonly<Record<Sampler, SamplerProperties>> = SAMPLERS;
export const imageSamplers: readonly ImageSampler[] = IMAGE_SAMPLERS;
export const cache: Cache = store.cache;

/** Writes text so that no part of it is read as a blank or an escape: every `[[` gets a backslash, and backslashes
 *  before it are doubled.
 *
 *  With `beforeBlank`, for text that a blank directly follows, backslashes at its end are doubled too:
 *  `escape('C:\\', { beforeBlank: true }) + '[[2]]'` is `C:\` and a blank. */
export function escape(text: string, options: EscapeOptions = {}): string {
  values.checkText(text);
  return values.escape(text, take('escape', options, { beforeBlank: 'flag' }).beforeBlank ?? false);
}

/** A function with one SIMD instruction (i8x16.splat): a browser that cannot do SIMD does not validate it. */
const SIMD_PROBE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11,
]);

/** Whether the engine can run here, and if not, why. */
export function supported(): { ok: boolean; why: string | null } {
  const no = (why: string) => ({ ok: false, why });
  if (typeof WebAssembly === 'undefined') return no('This browser has no WebAssembly, or it is switched off.');
  if (!WebAssembly.validate(SIMD_PROBE)) return no('This browser has no WebAssembly SIMD, which the engine needs.');
  if (!isNode && typeof Worker === 'undefined') return no('This browser has no workers.');
  return { ok: true, why: null };
}

/** Loads a model and the engine for it.
 *
 *  A URL is downloaded once: a copy is kept on the device and found again by hash, or by URL (then the server is asked
 *  whether it has another file).  The copy is replaced only by a file that could be opened.  Rejects with a
 *  PalimpsestError, or with signal.reason when aborted. */
export async function load(source: Source, options?: LoadOptions): Promise<Model> {
  const { ok, why } = supported();
  if (!ok) throw new PalimpsestError('environment', why!);
  const taken = takeLoad(options);
  return new LoadedModel(source, taken).open(taken);
}
