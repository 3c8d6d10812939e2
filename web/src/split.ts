/** Models that are split into several files, which become one model in one engine.  Worker only. */
import { kindOf } from './choose-engine.ts';
import { ask, drop, PATIENCE_MS, reason, totalOf } from './download.ts';
import type { Engine } from './engine.ts';
import { PalimpsestError } from './errors.ts';
import { refuseTooLarge, type Engines, type Opened, type Taken, type Wanted } from './intake.ts';
import { fromNode } from './platform.ts';
import type { Readable } from './sources.ts';
import { findCopy, openFolder } from './store.ts';

/** Reads the parts, in any order, into one engine, each to the block where it stays, and opens them as one model. */
export async function takeParts(engines: Engines, sources: readonly Readable[], wanted: Omit<Wanted, 'source'>, take: (engines: Engines, wanted: Wanted) => Promise<Taken>): Promise<Taken> {
  const sizes = await Promise.all(sources.map((source, i) => sizeOf(source, wanted, `part ${i + 1} of ${sources.length}`)));
  const total = sizes.includes(null) ? null : sizes.reduce<number>((sum, size) => sum + size!, 0);
  if (total !== null) refuseTooLarge(total);
  const engine = await engines.choose(null);
  if (total !== null) engine.free(engine.alloc(total + 128 * sources.length)); // throws before anything is read
  const taken: Taken[] = [];
  let [before, first, fresh] = [0, 0, false];
  for (const [i, source] of sources.entries()) {
    const part = partsOf(engine, () => (first = i));
    const progress: Wanted['progress'] = (p) => {
      fresh ||= p.phase === 'download';
      wanted.progress({ phase: p.phase, loaded: before + p.loaded, total });
    };
    taken.push(await take(part, { ...wanted, source, progress }));
    before += taken[i]!.bytes;
  }
  const old = taken.find((one) => one.updateWhyNot !== null)?.updateWhyNot ?? null;
  if (fresh && old) throw new PalimpsestError('network', `a part of the model is new, but another could not be asked for, so the two may not belong together: ${old}`);
  const model = open(engine, taken);
  return {
    ...taken[first]!, model, bytes: before, whyNot: engine.modelTexts(model).whyNot,
    kept: taken.every((one) => one.kept), keptWhyNot: taken.find((one) => one.keptWhyNot)?.keptWhyNot ?? null, updateWhyNot: old,
  };
}

/** Bytes of a part, as far as they can be known before it is read.  A part that is missing is told before others are read. */
async function sizeOf(source: Readable, { signal, cache }: Pick<Wanted, 'signal' | 'cache'>, name: string): Promise<number | null> {
  if (typeof source !== 'string') return source instanceof Blob ? source.size : source.length;
  const missing = (why: string) => new PalimpsestError('network', `${name} of the model is missing: ${why}`);
  if (source.startsWith('file:')) {
    try {
      return fromNode('node:fs').statSync(new URL(source)).size;
    } catch (error) {
      throw missing(`${source} cannot be read: ${reason(error)}`);
    }
  }
  const copy = cache ? await openFolder().then((folder) => findCopy(folder, { sha256: null, url: source })).catch(() => null) : null;
  if (copy) return copy.card.bytes;
  const answer = await ask(source, { method: 'HEAD' }, signal, PATIENCE_MS).catch(() => signal.throwIfAborted());
  if (!answer) return null;
  drop(answer);
  if (answer.status === 404 || answer.status === 410) throw missing(`the server answered ${answer.status} for ${source}`);
  return answer.ok ? totalOf(answer.headers) : null;
}

/** Takes one part: it is checked as a file, and opened together with the others.  `isFirst` is called for the part with the
 *  metadata. */
function partsOf(engine: Engine, isFirst: () => void): Engines {
  return {
    async choose(architecture) {
      if (architecture !== null) isFirst();
      if (kindOf(architecture) === 'pictures') throw new PalimpsestError('unsupported', 'a model that draws pictures must be one file: put its parts together');
      return engine;
    },
    open(image): Opened {
      engine.closeModel(engine.openModel(image.at, image.bytes));
      return { ...image, model: 0, whyNot: null };
    },
    close: ({ at }) => engine.free(at),
  };
}

function open(engine: Engine, parts: readonly Opened[]): number {
  const numbers = Uint32Array.from([...parts.map(({ at }) => at), ...parts.map(({ bytes }) => bytes)]);
  return engine.lend(new Uint8Array(numbers.buffer), (at) =>
    engine.made(engine.fn('pw_model_open_parts')(at, at + 4 * parts.length, parts.length, engine.error)));
}
