/** Chooses the engine for a model: for text or for pictures, by the architecture of the file.  Each engine has two builds
 *  that give the same bits: a faster one with relaxed SIMD, and one for all browsers with SIMD.  Normally only one of the
 *  four is downloaded. */
import { Engine } from './engine.ts';
import { PalimpsestError } from './errors.ts';
import { hasRelaxed } from './relaxed.ts';

/** The folder of the library's files, and whether a build with relaxed SIMD may be used. */
export interface Files {
  base: string;
  relaxed: boolean;
}

export type Kind = 'text' | 'pictures';

export const kindOf = (architecture: string | null): Kind => __ARCHITECTURES__[architecture ?? '']?.engine ?? 'text';

export function fileOf({ base }: Files, name: string): string {
  return new URL(`${name}?v=${__BUILD__}`, base).href;
}

/** Returns the faster build if the browser has the instructions and they compute the right results; V8 11.3 (behind a
 *  flag) did not.  If anything fails, the other build is used. */
export async function chooseEngine(files: Files, kind: Kind): Promise<Engine> {
  await allowed();
  const name = kind === 'text' ? 'palimpsest' : 'palimpsest-pictures';
  const relaxed = files.relaxed && hasRelaxed() && (await checked(fileOf(files, `${name}-relaxed.wasm`)));
  return relaxed || Engine.create(await fetchEngine(fileOf(files, `${name}.wasm`)), __BUILD__);
}

/** Throws if a Content-Security-Policy forbids WebAssembly: then even an empty module does not compile. */
async function allowed(): Promise<void> {
  try {
    await WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
  } catch (error) {
    throw new PalimpsestError(
      'environment',
      `the Content-Security-Policy that palimpsest-worker.js is served with forbids WebAssembly: script-src must have 'wasm-unsafe-eval' (${error instanceof Error ? error.message : error})`,
    );
  }
}

async function checked(url: string): Promise<Engine | null> {
  try {
    const engine = await Engine.create(await fetchEngine(url), __BUILD__);
    return engine.fn('pw_self_check')() ? engine : null;
  } catch {
    return null;
  }
}

async function fetchEngine(url: string): Promise<Response | BufferSource> {
  if (url.startsWith('file:')) return (await import('node:fs')).readFileSync((await import('node:url')).fileURLToPath(url));
  try {
    return await fetch(url);
  } catch (error) {
    const name = new URL(url).pathname.split('/').at(-1);
    throw new PalimpsestError('network', `${name} could not be fetched: ${error instanceof Error ? error.message : error}`);
  }
}
