/** The model in use for one kind of work, and the one on its way. */
import { load, supported, PalimpsestError, type LoadProgress, type Model, type ModelInfo, type Source } from 'palimpsest';
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

/** Why a model cannot do what an engine is for, or null. */
export type Suits = (info: ModelInfo) => string | null;

export const fills: Suits = ({ canInfill, causal, whyNot }) =>
  canInfill ? null : (whyNot ?? (causal ? CAUSAL : 'It is a good model file, but the model was not made for filling blanks.'));
export const continues: Suits = ({ canGenerate, whyNot }) => (canGenerate ? null : (whyNot ?? DIFFUSION));

export const draws: Suits = ({ image, whyNot }) => (image ? null : (whyNot ?? TEXT));

const TEXT = 'It is a good model file, but the model writes text: it draws no pictures.';
const CAUSAL = 'It is a good model file, but the model only writes forward: it sees nothing of what comes after a gap.';
const DIFFUSION = 'It is a good model file, but the model fills blanks: it was not made to write on from a text.';

/** One for each view that works with a model. */
export interface Engines {
  text: Engine;
  continue: Engine;
  pictures: Engine;
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
  /** Take the models that suit them and not this one. */
  others: Engine[] = [];

  constructor(private readonly suits: Suits) {}

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
      this.place(model, offer);
    } catch (error) {
      if (this.loading === loading && !isAbort(error)) this.failure = { offer, error };
    }
    if (this.loading !== loading) return;
    this.loading = null;
    this.changed();
  }

  /** In use here, or there, or refused. */
  private place(model: Model, offer: Offer): void {
    const why = this.suits(model.info);
    if (!why) return this.take(model, offer.name);
    const other = this.others.find((engine) => !engine.suits(model.info));
    if (other) {
      other.last = offer;
      other.take(model, offer.name);
      return other.changed();
    }
    model.dispose();
    throw new PalimpsestError('unsupported', why);
  }

  private take(model: Model, name: string): void {
    this.model?.dispose();
    this.model = model;
    this.name = name;
    this.failure = null;
  }

  /** Loads a model if nothing was ever asked for. */
  begin(offer: Offer): void {
    if (!this.last) void this.open(offer);
  }

  retry(): void {
    if (this.last) void this.open(this.last);
  }

  /** The model in use, or as soon as it is there; `newest`: not while another one is on its way. */
  ready(signal: AbortSignal, newest = false): Promise<Model> {
    if (this.model && !(newest && this.loading)) return Promise.resolve(this.model);
    if (!this.loading) this.retry();
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        if ((newest || !this.model) && this.loading && !signal.aborted) return;
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

function fetchModel({ source, sha256 }: Offer, signal: AbortSignal, onProgress: (progress: LoadProgress) => void): Promise<Model> {
  // Worker and engine lie beside index.html, not beside the bundled code.
  return load(source, { signal, onProgress, base: new URL('.', location.href), ...(sha256 && { sha256 }) });
}
