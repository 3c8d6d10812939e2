/** Pictures being drawn: one panel a sampler, all from the same noise, and every look at them on the way. */
import type { ImageFrame, ImageOptions, Model } from 'palimpsest';
import type { Method } from './methods.ts';

/** Looks kept of a panel: of a thousand steps every sixteenth. */
const MAX_LOOKS = 100;

/** The pictures of a panel after a step. */
export type Look = Omit<ImageFrame, 'image'>;

export interface Panel {
  method: Method;
  options: ImageOptions;
  looks: Look[];
  /** Every so many steps one is kept. */
  stride: number;
  /** The last step. */
  now: Look | null;
}

export class Drawing {
  readonly panels: Panel[];
  /** Evaluations after which there is something to see, in order; for the replay. */
  private marks: number[] = [];
  done = false;

  constructor(
    /** Name of the model, for the file's name and the training pictures. */
    readonly model: string,
    readonly count: number,
    readonly seed: number | bigint,
    methods: readonly [Method, ImageOptions][],
  ) {
    this.panels = methods.map(([method, options]) => ({ method, options: { ...options, count, seed }, looks: [], stride: 1, now: null }));
  }

  get started(): boolean {
    return this.panels.some((panel) => panel.now);
  }

  /** All panels to their ends; they take turns, a step each.  When one fails the others stop. */
  async run(model: Model, signal: AbortSignal, advanced: () => void): Promise<void> {
    const all = new AbortController();
    const stop = (): void => all.abort(signal.reason);
    signal.addEventListener('abort', stop);
    try {
      await Promise.all(this.panels.map((panel) => this.draw(panel, model, all.signal, advanced)));
      this.done = true;
    } finally {
      all.abort();
      signal.removeEventListener('abort', stop);
    }
  }

  private async draw(panel: Panel, model: Model, signal: AbortSignal, advanced: () => void): Promise<void> {
    for await (const { image: _, ...look } of model.image({ ...panel.options, view: 'both', signal })) {
      keep(panel, look);
      this.marks = [];
      advanced();
    }
  }

  /** The slider's places. */
  get length(): number {
    return this.places().length;
  }

  /** Evaluations at a place of the slider. */
  evaluationsAt(place: number): number {
    return this.places()[place] ?? 0;
  }

  private places(): number[] {
    if (!this.marks.length) this.marks = [...new Set(this.panels.flatMap((panel) => looksOf(panel).map((look) => look.evaluations)))].sort((a, b) => a - b);
    return this.marks;
  }

  /** What a panel showed after so many evaluations; before its first, the first. */
  lookAt(panel: Panel, evaluations: number): Look | null {
    const looks = looksOf(panel);
    return looks.filter((look) => look.evaluations <= evaluations).at(-1) ?? looks[0] ?? null;
  }
}

function keep(panel: Panel, look: Look): void {
  panel.now = look;
  if (look.step % panel.stride) return;
  panel.looks.push(look);
  if (panel.looks.length <= MAX_LOOKS) return;
  panel.stride *= 2;
  panel.looks = panel.looks.filter((one) => one.step % panel.stride === 0);
}

function looksOf({ looks, now }: Panel): Look[] {
  return now && looks.at(-1) !== now ? [...looks, now] : looks;
}

/** Columns of a grid that is as square as can be. */
export const columnsOf = (count: number): number => Math.ceil(Math.sqrt(count));
