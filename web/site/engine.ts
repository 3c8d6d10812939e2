/** The model in use, and the one on its way. */
import { load, supported, PalimpsestError, type LoadProgress, type Model, type Source } from 'palimpsest';
import { isAbort } from './errors.ts';

/** Something that can be loaded. */
export interface Offer {
  name: string;
  source: Source;
  sha256?: string;
}

export interface Loading {
  offer: Offer;
  progress: LoadProgress | null;
  cancel: () => void;
}

export class Engine {
  /** What this browser lacks, or null. */
  readonly missing: string | null = supported().why;
  model: Model | null = null;
  /** Name of the model in use. */
  name = '';
  loading: Loading | null = null;
  failure: { offer: Offer; error: unknown } | null = null;
  /** What was asked for last: what a retry loads. */
  private last: Offer | null = null;
  private readonly listeners = new Set<() => void>();

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private changed(): void {
    for (const listener of [...this.listeners]) listener();
  }

  /** Loads a model; the one in use stays until this one has been found good. */
  async open(offer: Offer): Promise<void> {
    if (this.missing) return;
    this.loading?.cancel();
    const controller = new AbortController();
    const loading: Loading = { offer, progress: null, cancel: () => controller.abort() };
    this.last = offer;
    this.loading = loading;
    this.failure = null;
    this.changed();
    try {
      const model = await fetchModel(offer, controller.signal, (progress) => {
        loading.progress = progress;
        if (this.loading === loading) this.changed();
      });
      if (this.loading !== loading) return model.dispose();
      this.model?.dispose();
      this.model = model;
      this.name = offer.name;
    } catch (error) {
      if (this.loading === loading && !isAbort(error)) this.failure = { offer, error };
    }
    if (this.loading !== loading) return;
    this.loading = null;
    this.changed();
  }

  retry(): void {
    if (this.last) void this.open(this.last);
  }

  /** The model in use, or as soon as it is there. */
  ready(signal: AbortSignal): Promise<Model> {
    if (this.model) return Promise.resolve(this.model);
    if (!this.loading) this.retry();
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        if (!this.model && this.loading && !signal.aborted) return;
        stop();
        signal.removeEventListener('abort', settle);
        if (signal.aborted) reject(signal.reason);
        else if (this.model) resolve(this.model);
        else reject(this.failure?.error ?? new DOMException('The load was cancelled.', 'AbortError'));
      };
      const stop = this.onChange(settle);
      signal.addEventListener('abort', settle);
      settle();
    });
  }
}

async function fetchModel(offer: Offer, signal: AbortSignal, onProgress: (progress: LoadProgress) => void): Promise<Model> {
  const { source, sha256 } = offer;
  // Worker and engine lie beside index.html, not beside the bundled code.
  const model = await load(source, { signal, onProgress, base: new URL('.', location.href), ...(sha256 && { sha256 }) });
  const { canInfill, causal, whyNot } = model.info;
  if (canInfill) return model;
  model.dispose();
  throw new PalimpsestError('unsupported', whyNot ?? (causal ? CAUSAL : CANNOT));
}

const CAUSAL = 'It is a good model file, but the model only writes forward: it sees nothing of what comes after a gap.';
const CANNOT = 'It is a good model file, but the model was not made for filling blanks.';
