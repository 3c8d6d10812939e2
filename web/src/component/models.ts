/** Models that several components of a page share: one worker per model, freed when nobody needs it. */
import type { LoadOptions, LoadProgress, Model, Source } from '../types.ts';

export type Load = (source: Source, options?: LoadOptions) => Promise<Model>;
/** What identifies a model. */
export type Wanted = Pick<LoadOptions, 'adapter' | 'adapterSha256' | 'sha256' | 'base'> & { src: string };

/** A component's part in a model. */
export interface Lease {
  readonly model: Promise<Model>;
  /** The model is freed when all have released it; a download that nobody waits for is ended. */
  release(): void;
}

interface Shared {
  model: Promise<Model>;
  users: Set<(progress: LoadProgress) => void>;
  progress: LoadProgress | null;
  stop: AbortController;
}

const models = new Map<string, Shared>();

export function lease(load: Load, wanted: Wanted, heard: (progress: LoadProgress) => void): Lease {
  const key = JSON.stringify([wanted.src, wanted.adapter, wanted.adapterSha256, wanted.sha256, wanted.base]);
  const shared = models.get(key) ?? begin(load, wanted, key);
  const hear = (progress: LoadProgress) => heard(progress); // one function per lease
  shared.users.add(hear);
  if (shared.progress) hear(shared.progress);
  return { model: shared.model, release: () => release(shared, hear, key) };
}

function begin(load: Load, { src, ...options }: Wanted, key: string): Shared {
  const stop = new AbortController();
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const onProgress = (progress: LoadProgress) => {
    shared.progress = progress;
    for (const hear of [...shared.users]) hear(progress);
  };
  const shared: Shared = { model: load(src, { ...given, signal: stop.signal, onProgress }), users: new Set(), progress: null, stop };
  shared.model.then(
    () => (shared.progress = null),
    () => models.get(key) === shared && models.delete(key), // the next one tries again
  );
  models.set(key, shared);
  return shared;
}

function release(shared: Shared, hear: (progress: LoadProgress) => void, key: string): void {
  if (!shared.users.delete(hear) || shared.users.size) return;
  if (models.get(key) === shared) models.delete(key);
  shared.stop.abort(new DOMException('the model is not needed any more', 'AbortError'));
  shared.model.then((model) => model.dispose(), () => {});
}
