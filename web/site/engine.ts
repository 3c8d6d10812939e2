/** The model in use for one kind of work, and the model that is loading. */
import { load, supported, PalimpsestError, type FileSource, type LoadProgress, type Model, type ModelInfo, type Source } from 'palimpsest';
import { isAbort } from './errors.ts';

/** A model that can be loaded. */
export interface Offer {
  name: string;
  source: Source;
  sha256?: string;
  adapter?: { source: FileSource; sha256: string };
  /** The files, to show progress over all of them. */
  parts?: readonly { bytes: number }[];
  /** Capacity for continued texts in tokens. */
  room?: number;
  /** A model of the user's own: all views that it suits use it. */
  own?: boolean;
}

/** Progress over all files of an offer. */
export type Progress = Omit<LoadProgress, 'part'>;

export interface Loading {
  offer: Offer;
  progress: Progress | null;
  cancel: () => void;
}

/** Why a model cannot do the work of an engine, or null. */
export type Suits = (info: ModelInfo) => string | null;

export const fills: Suits = ({ board, canInfill, causal, whyNot }) =>
  board ? BOARDS : canInfill ? null : (whyNot ?? (causal ? CAUSAL : 'The file is good, but this model cannot fill blanks.'));
export const continues: Suits = ({ board, canGenerate, whyNot }) => (canGenerate ? null : (whyNot ?? (board ? BOARDS : DIFFUSION)));

export const draws: Suits = ({ image, whyNot }) => (image ? null : (whyNot ?? TEXT));

export const solves: Suits = ({ board, whyNot }) => (board === 9 ? null : (whyNot ?? (board ? SMALL : NO_BOARDS)));

const TEXT = 'The file is good, but this model writes text and cannot draw pictures.';
const BOARDS = 'The file is good, but this model fills boards of Sudoku, in the view Sudoku.';
const NO_BOARDS = 'The file is good, but this model does not fill boards of Sudoku.';
const SMALL = 'The file is good, but this model fills boards of 4 × 4; the page shows boards of 9 × 9.';
const CAUSAL = 'The file is good, but this model can only continue a text: it does not see what comes after a blank.';
const DIFFUSION = 'The file is good, but this model fills blanks and cannot continue a text.';

/** There is one for each view that works with a model. */
export interface Engines {
  text: Engine;
  continue: Engine;
  pictures: Engine;
  sudoku: Engine;
}

export class Engine {
  /** What the browser lacks, or null. */
  readonly missing: string | null = supported().why;
  model: Model | null = null;
  /** Name of the model in use. */
  name = '';
  loading: Loading | null = null;
  failure: { offer: Offer; error: unknown } | null = null;
  /** The last requested model, which a retry loads. */
  private last: Offer | null = null;
  private readonly listeners = new Set<() => void>();
  /** The other engines, which get the models that suit them but not this one. */
  others: Engine[] = [];

  constructor(private readonly suits: Suits) {}

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private changed(): void {
    for (const listener of [...this.listeners]) listener();
  }

  /** Loads a model; the model in use stays until the new one is known to work.  `instead`: decides what is loaded. */
  async open(offer: Offer, instead?: Promise<Offer>): Promise<void> {
    if (this.missing) return;
    this.loading?.cancel();
    const controller = new AbortController();
    const loading: Loading = { offer, progress: null, cancel: () => controller.abort() };
    this.last = offer;
    this.loading = loading;
    this.failure = null;
    this.changed();
    try {
      if (instead) offer = loading.offer = await instead;
      if (this.loading !== loading) return;
      this.last = offer;
      const model = await this.fetch(offer, controller.signal, (progress) => {
        loading.progress = progress;
        if (this.loading === loading) this.changed();
      });
      if (this.loading !== loading) return this.release(model);
      this.place(model, offer);
    } catch (error) {
      if (this.loading === loading && !isAbort(error)) this.failure = { offer, error };
    }
    if (this.loading !== loading) return;
    this.loading = null;
    this.changed();
  }

  /** Name of the last requested model. */
  get wanted(): string | undefined {
    return this.last?.name;
  }

  /** The model of another engine if it has the same one or is loading it; otherwise a new one. */
  private async fetch(offer: Offer, signal: AbortSignal, onProgress: (progress: Progress) => void): Promise<Model> {
    const twin = this.others.find((engine) => (engine.loading?.offer ?? engine.last)?.name === offer.name && (engine.loading || engine.model));
    if (!twin) return fetchModel(offer, signal, onProgress);
    const stop = twin.onChange(() => twin.loading?.progress && onProgress(twin.loading.progress));
    const cancel = (): void => twin.loading?.cancel();
    signal.addEventListener('abort', cancel);
    try {
      return await twin.ready(signal, true);
    } finally {
      stop();
      signal.removeEventListener('abort', cancel);
    }
  }

  /** Frees a model that no engine uses. */
  private release(model: Model | null): void {
    if (model && model !== this.model && this.others.every((engine) => engine.model !== model)) model.dispose();
  }

  /** Uses the model here or in another engine, or refuses it. */
  private place(model: Model, offer: Offer): void {
    const suited = [this, ...this.others].filter((engine) => !engine.suits(model.info));
    for (const engine of offer.own ? suited : suited.slice(0, 1)) {
      engine.take(model, offer.name);
      if (engine === this) continue;
      if (offer.own) engine.loading?.cancel();
      engine.last = offer;
      engine.changed();
    }
    if (suited.length) return;
    this.release(model);
    throw new PalimpsestError('unsupported', this.suits(model.info) ?? '');
  }

  private take(model: Model, name: string): void {
    const before = this.model;
    this.model = model;
    this.release(before);
    this.name = name;
    this.failure = null;
  }

  /** Loads a model if none was requested before. */
  begin(offer: Offer): void {
    if (!this.last) void this.open(offer);
  }

  retry(): void {
    if (this.last) void this.open(this.last);
  }

  /** The model in use, as soon as there is one; `newest`: waits for a model that is loading. */
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

/** Threads in browsers of Chromium's family (only they have `userAgentData`), from the second time on that the page is loaded.
 *  In Firefox some loads with threads were not ready after 90 s on a busy machine, and nobody knows why yet; and before a
 *  service worker takes over the page of the first visit, it asks every worker, so workers that start threads made it wait. */
function threads(): 'auto' | 1 {
  const alone = navigator.serviceWorker && !navigator.serviceWorker.controller;
  return 'userAgentData' in navigator && !alone ? 'auto' : 1;
}

/** Loads a model, from its kept copy if there is one, and keeps it. */
export function fetchModel({ source, sha256, adapter, parts = [], room }: Offer, signal: AbortSignal, onProgress: (progress: Progress) => void): Promise<Model> {
  const whole = parts.reduce((sum, { bytes }) => sum + bytes, 0);
  const before = (part: LoadProgress['part']): number => (part === 'adapter' ? (parts[0]?.bytes ?? 0) : 0);
  return load(source, {
    signal,
    threads: threads(),
    onProgress: ({ part, phase, loaded, total }) => onProgress({ phase, loaded: before(part) + loaded, total: whole || total }),
    // Worker and engine are beside index.html, not beside the bundled code; sw.ts finds those of this build by v.
    base: new URL(`.?v=${__BUILD__}`, location.href),
    ...(sha256 && { sha256 }),
    ...(adapter && { adapter: adapter.source, adapterSha256: adapter.sha256 }),
    ...(room && { room }),
  });
}
