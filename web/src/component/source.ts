/** The model of a component: one that the page gives, or one that is loaded and shared with other components. */
import type { LoadProgress, Model } from '../types.ts';
import { lease, type Lease, type Load, type Wanted } from './models.ts';

export class ModelSource {
  /** Given by the page, which disposes of it. */
  given: Model | null = null;
  /** While a model is loaded. */
  loading: { progress: LoadProgress | null } | null = null;
  #lease: Lease | null = null;
  #loaded: Model | null = null;
  readonly #changed: () => void;
  readonly #heard: (progress: LoadProgress, first: boolean) => void;

  /** `heard`: called with every progress, and whether it is the first of its phase; `changed`: a load has begun or ended. */
  constructor(changed: () => void, heard: (progress: LoadProgress, first: boolean) => void) {
    this.#changed = changed;
    this.#heard = heard;
  }

  get model(): Model | null {
    return this.given ?? this.#loaded;
  }

  /** Loads the model, unless it is there.  Rejects with an AbortError if it was released meanwhile. */
  async load(library: Load, wanted: Wanted): Promise<Model> {
    this.loading ??= { progress: null };
    const mine = (this.#lease ??= lease(library, wanted, (progress) => this.#hear(progress)));
    this.#changed();
    try {
      const model = await mine.model;
      if (this.#lease !== mine) throw new DOMException('the load was cancelled', 'AbortError');
      return (this.#loaded = model);
    } catch (error) {
      if (this.#lease === mine) this.release();
      throw error;
    } finally {
      if (this.#lease === mine) this.loading = null;
      this.#changed();
    }
  }

  #hear(progress: LoadProgress): void {
    if (!this.loading) return;
    const first = this.loading.progress?.phase !== progress.phase || this.loading.progress.part !== progress.part;
    this.loading.progress = progress;
    this.#heard(progress, first);
  }

  release(): void {
    const { model } = this.#lease ?? {};
    this.#lease?.release();
    model?.catch(() => {}); // nobody waits for it here
    this.#lease = this.#loaded = this.loading = null;
  }
}
