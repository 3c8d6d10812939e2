/** A drawing: one panel per sampler, all from the same noise, with the pictures after each step. */
import type { ImageFrame, ImageOptions, Model } from 'palimpsest';
import type { Method } from './methods.ts';

/** Max. number of steps kept per panel; of a thousand steps every sixteenth is kept. */
const MAX_LOOKS = 100;

/** The pictures of a panel after a step. */
export type Look = Omit<ImageFrame, 'image'>;

export interface Panel {
  method: Method;
  options: ImageOptions;
  looks: Look[];
  /** One of this many steps is kept. */
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
    /** Name of the model, for file names and training pictures. */
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

  /** Runs all panels to the end; they take turns, one step each.  If one fails, the others stop. */
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

  /** Number of positions of the slider. */
  get length(): number {
    return this.places().length;
  }

  /** Evaluations at a position of the slider. */
  evaluationsAt(place: number): number {
    return this.places()[place] ?? 0;
  }

  private places(): number[] {
    if (!this.marks.length) this.marks = [...new Set(this.panels.flatMap((panel) => looksOf(panel).map((look) => look.evaluations)))].sort((a, b) => a - b);
    return this.marks;
  }

  /** What a panel showed after so many evaluations; before its first step, that step. */
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

/** Number of columns of a grid that is as square as possible. */
export const columnsOf = (count: number): number => Math.ceil(Math.sqrt(count));
