/** Chooses the engine for a model by the architecture of the file: for text, for text with networks of discrete diffusion
 *  (whose samplers and bounds only few pages use) and for boards, or for pictures.  Each engine has builds that give the same bits: a
 *  faster one with relaxed SIMD and one for all browsers with SIMD, each with and without threads.  Normally only one is
 *  downloaded. */
import { Engine, type Shared } from './engine.ts';
import { PalimpsestError } from './errors.ts';
import type { Builds, Files, Place } from './files.ts';
import { fromNode } from './platform.ts';
import { hasRelaxed } from './relaxed.ts';

type Making = () => Promise<Shared> | undefined;
export type Kind = 'text' | 'pictures' | 'scores';

export const kindOf = (architecture: string | null): Kind => __ARCHITECTURES__[architecture ?? '']?.engine ?? 'text';

/** Returns the faster build if the browser has the instructions and they compute the right results; V8 11.3 (behind a
 *  flag) did not.  If anything fails, the other build is used.  `team`: makes the memory for an engine with threads; if there
 *  is none, or anything fails, an engine without threads is used. */
export async function chooseEngine(files: Files, kind: Kind, team: (() => Promise<Shared>) | null): Promise<Engine> {
  await allowed();
  const [plain, relaxed, ...threads] = files[kind];
  if (!plain) throw new PalimpsestError('unsupported', "palimpsest/inline has no engine for networks of the architectures sedd, mdlm and sudoku: import 'palimpsest'");
  if (team && threads[0])
    try {
      const engine = await faster(threads, team);
      engine.shared!.begin(engine, engine.module);
      return engine;
    } catch {}
  return faster([plain, relaxed], () => undefined);
}

async function faster([plain, relaxed]: Builds, team: Making): Promise<Engine> {
  return (relaxed && hasRelaxed() && (await checked(relaxed, team))) || create(plain!, await team());
}

/** Throws if a Content-Security-Policy forbids WebAssembly: then even an empty module does not compile. */
async function allowed(): Promise<void> {
  try {
    await WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
  } catch (error) {
    throw new PalimpsestError(
      'environment',
      `the Content-Security-Policy of palimpsest-worker.js forbids WebAssembly: script-src must have 'wasm-unsafe-eval' (${error instanceof Error ? error.message : error})`,
    );
  }
}

async function checked(place: Place, team: Making): Promise<Engine | null> {
  try {
    const engine = await create(place, await team());
    return engine.fn('pw_self_check')() ? engine : null;
  } catch {
    return null;
  }
}

/** An engine of another build may be an old copy in the browser's cache: the server is asked once. */
async function create(place: Place, shared?: Shared): Promise<Engine> {
  try {
    return await Engine.create(await fetchEngine(place), __BUILD__, shared);
  } catch (error) {
    if (!(error instanceof PalimpsestError && error.code === 'version')) throw error;
    return Engine.create(await fetchEngine(place, 'reload'), __BUILD__, shared);
  }
}

async function fetchEngine(url: Place, cache?: RequestCache): Promise<Response | BufferSource> {
  if (typeof url !== 'string') return url;
  if (url.startsWith('file:')) return fromNode('node:fs').readFileSync(new URL(url));
  try {
    return await fetch(url, { cache });
  } catch (error) {
    const name = new URL(url).pathname.split('/').at(-1);
    throw new PalimpsestError('network', `${name} could not be fetched: ${error instanceof Error ? error.message : error}`);
  }
}
