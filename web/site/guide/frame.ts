/** The frame of a live example: its controls, a button that runs and stops it, a bar while it runs, and a line that says what
 *  was found or went wrong.  The guide and the documents use it. */
import type { Model } from 'palimpsest';
import { isAbort, sentence } from '../../src/component/say.ts';
import { make } from '../../src/component/make.ts';

/** Where the model comes from.  `say`: is told what a download does. */
export interface Host {
  model(signal: AbortSignal, say: (words: string) => void): Promise<Model>;
  /** Said before the first run: what pressing the button downloads; '' if nothing. */
  cost: string;
}

/** Computes and shows an example; the text that it returns is shown and announced. */
export type Work = (model: Model, signal: AbortSignal) => Promise<string>;

/** What a page can do with an example. */
export interface Example {
  /** Runs it, unless it has run or is running. */
  begin(): void;
  stop(): void;
}

export class Frame implements Example {
  /** Controls before the button. */
  readonly controls = make('div', { class: 'controls' });
  /** What is shown between controls and status. */
  readonly shown = make('div', { class: 'shown' });
  readonly status = make('p', { class: 'status', role: 'status' });
  private readonly bar = make('progress', { max: 1, value: 0 });
  private readonly button: HTMLButtonElement;
  private running: AbortController | null = null;
  private ran = false;

  /** `verb`: the word on the button. */
  constructor(place: HTMLElement, private readonly host: Host, private readonly verb: string, private readonly work: Work) {
    this.button = make('button', { type: 'button', click: () => (this.running ? this.stop() : void this.run()) }, verb);
    this.bar.hidden = true;
    this.bar.setAttribute('aria-label', verb);
    this.status.textContent = host.cost;
    this.controls.append(this.button);
    place.replaceChildren(this.controls, this.bar, this.shown, this.status);
  }

  begin(): void {
    if (!this.ran) void this.run();
  }

  stop(): void {
    this.running?.abort();
  }

  /** Runs it again with other settings: what was running stops. */
  async again(): Promise<void> {
    if (!this.ran && !this.running) return;
    this.stop();
    await this.run();
  }

  advance(part: number): void {
    this.bar.value = part;
  }

  private async run(): Promise<void> {
    const controller = (this.running = new AbortController());
    const { signal } = controller;
    const own = (): boolean => this.running === controller;
    this.ran = true;
    this.button.textContent = 'Stop';
    this.bar.removeAttribute('value');
    this.bar.hidden = false;
    try {
      const model = await this.host.model(signal, (words) => own() && (this.status.textContent = words));
      signal.throwIfAborted();
      this.status.textContent = 'Computing …';
      const found = await this.work(model, signal);
      if (own()) this.status.textContent = found;
    } catch (error) {
      if (own()) this.status.textContent = isAbort(error) || signal.aborted ? 'Stopped.' : sentence(error instanceof Error ? error.message : String(error));
    }
    if (!own()) return;
    this.running = null;
    this.button.textContent = this.verb;
    this.bar.hidden = true;
  }
}

let numbers = 0;
/** An id that no other element has. */
export const newId = (): string => `live-${++numbers}`;

/** A field with its label before it. */
export function labelled(name: string, control: HTMLElement): [HTMLElement, HTMLElement] {
  control.id = newId();
  return [make('label', { for: control.id }, name), control];
}

export const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
export const newSeed = (): number => crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
/** A share as a percentage, with the digits that its size has. */
export const percent = (share: number): string => `${(share * 100).toFixed(share < 0.095 ? 1 : 0)} %`;
