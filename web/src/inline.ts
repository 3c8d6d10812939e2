/** The library with worker and engines inside of it, for bundlers that leave the files beside a module behind: esbuild,
 *  Rollup, and Vite's development server.  It has the builds with simd128 only, and not the engine of networks
 *  of discrete diffusion and of boards. */
import { pictures, text, worker } from 'palimpsest:parts';
import type { Files, Parts } from './files.ts';
import { open } from './model.ts';
import type { LoadOptions, Model, Source } from './types.ts';

export { cache, escape, imageSamplers, PalimpsestError, samplerProperties, samplers, scoreSamplers, supported, version } from './palimpsest.ts';

async function unpack(packed: string): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = Uint8Array.from(atob(packed), (one) => one.charCodeAt(0));
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).arrayBuffer());
}

let unpacked: Promise<Files> | null = null;

const INSIDE: Parts = {
  worker: () => worker,
  files: () => (unpacked ??= Promise.all([unpack(text), unpack(pictures)]).then(([ofText, ofPictures]) =>
    ({ text: [ofText], pictures: [ofPictures], scores: [], painter: null, loading: null, texts: null, threads: null }))),
};

export function load(source: Source, options?: LoadOptions): Promise<Model> {
  return open(INSIDE, source, options);
}
