/** Where the files of the library are: beside `palimpsest.js`, in a folder that the caller names, or inside the library. */

/** The address of a file for the worker, or its bytes. */
export type Place = string | Uint8Array<ArrayBuffer>;

/** The builds of an engine: with simd128 and, if there is one, with relaxed SIMD; then the same with threads, if there are
 *  any.  `palimpsest/inline` lacks an engine. */
export type Builds = readonly [Place?, Place?, Place?, Place?];

/** What the worker loads. */
export interface Files {
  text: Builds;
  pictures: Builds;
  scores: Builds;
  /** The worker's code for pictures; null if the worker has it already. */
  painter: string | null;
  /** The same for large and cut downloads and for split models. */
  loading: string | null;
  /** The same for continuing texts and scores. */
  texts: string | null;
  /** The same for threads, which are started with it too. */
  threads: string | null;
}

export interface Parts {
  /** The address of the worker's file, or its code. */
  worker(): URL | string;
  /** Starts the worker's file where a bundler has put it. */
  start?(): Worker;
  files(): Promise<Files>;
}

/** The parts beside this module.  Bundlers find the files by these literals, and put other addresses in their place. */
export const BESIDE: Parts = {
  // For a worker of another origin; a bundler copies the file, which needs no other.
  worker: () => new URL('./palimpsest-worker.js', __HERE__),
  start: () => new Worker(new URL('./palimpsest-worker.js', __HERE__), { type: 'module', name: 'palimpsest' }),
  files: async () => ({
    text: [
      new URL('./palimpsest.wasm', __HERE__).href, new URL('./palimpsest-relaxed.wasm', __HERE__).href,
      new URL('./palimpsest-threads.wasm', __HERE__).href, new URL('./palimpsest-threads-relaxed.wasm', __HERE__).href,
    ],
    pictures: [
      new URL('./palimpsest-pictures.wasm', __HERE__).href, new URL('./palimpsest-pictures-relaxed.wasm', __HERE__).href,
      new URL('./palimpsest-pictures-threads.wasm', __HERE__).href, new URL('./palimpsest-pictures-threads-relaxed.wasm', __HERE__).href,
    ],
    scores: [
      new URL('./palimpsest-scores.wasm', __HERE__).href, new URL('./palimpsest-scores-relaxed.wasm', __HERE__).href,
      new URL('./palimpsest-scores-threads.wasm', __HERE__).href, new URL('./palimpsest-scores-threads-relaxed.wasm', __HERE__).href,
    ],
    painter: new URL('./palimpsest-pictures.js', __HERE__).href,
    loading: new URL('./palimpsest-loading.js', __HERE__).href,
    texts: new URL('./palimpsest-texts.js', __HERE__).href,
    threads: new URL('./palimpsest-threads.js', __HERE__).href,
  }),
};

/** The parts in a folder, with or without the slash at its end; what follows `?` is added to the address of each file. */
export function partsIn(folder: URL): Parts {
  const { href, search } = folder;
  const base = href.slice(0, href.length - search.length - folder.hash.length).replace(/\/([^/]+\.(m?js|html?))?$|$/, '/');
  const at = (name: string) => `${base}palimpsest${name}${search}`;
  const builds = (name: string): Builds => [at(`${name}.wasm`), at(`${name}-relaxed.wasm`), at(`${name}-threads.wasm`), at(`${name}-threads-relaxed.wasm`)];
  return {
    worker: () => new URL(at('-worker.js')),
    files: async () => ({
      text: builds(''),
      pictures: builds('-pictures'),
      scores: builds('-scores'),
      painter: at('-pictures.js'),
      loading: at('-loading.js'),
      texts: at('-texts.js'),
      threads: at('-threads.js'),
    }),
  };
}
