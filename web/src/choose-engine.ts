/** Two builds of the engine give the same bits: one with relaxed SIMD, faster, and one that runs wherever there is
 *  SIMD at all.  Normally one of them is downloaded. */
import { Engine } from './engine.ts';
import { PalimpsestError } from './errors.ts';
import { hasRelaxed } from './relaxed.ts';

/** Where the builds lie; null: not in this build of the library, or not wanted. */
export interface EngineFiles {
  simd128: string;
  relaxed: string | null;
}

/** The faster engine where the browser has the instructions and computes with them what it should: not every engine
 *  did (V8 11.3, behind a flag).  Whatever goes wrong with it, the other one is there. */
export async function chooseEngine({ simd128, relaxed }: EngineFiles): Promise<Engine> {
  return (relaxed && hasRelaxed() && (await checked(relaxed))) || Engine.create(await fetchEngine(simd128), __BUILD__);
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
