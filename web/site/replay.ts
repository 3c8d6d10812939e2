/** The slider that shows a page, or pictures, as they were after each step. */
import { byId, setText } from './dom.ts';

const WHOLE = 3000;
const SHORTEST = 40;
const LONGEST = 400;

/** The slider's words for a place. */
type Naming = (step: number, last: number) => string;
const STEPS: Naming = (step, last) => `step ${step} of ${last}`;

export class Replay {
  private readonly slider: HTMLInputElement;
  private readonly button: HTMLButtonElement;
  private readonly now: HTMLElement;
  private timer = 0;

  /** `prefix`: before the ids of the slider's parts. */
  constructor(private readonly moved: () => void, prefix = '', private readonly naming = STEPS) {
    this.slider = byId<HTMLInputElement>(`${prefix}step`);
    this.button = byId<HTMLButtonElement>(`${prefix}play`);
    this.now = byId(`${prefix}step-now`);
    this.slider.addEventListener('input', () => {
      this.pause();
      this.tell();
      this.moved();
    });
    this.button.addEventListener('click', () => (this.timer ? this.pause() : this.play()));
  }

  get step(): number {
    return this.slider.valueAsNumber;
  }

  get last(): number {
    return Number(this.slider.max);
  }

  /** As many steps as there are now; a slider that stood at the end stays there. */
  extend(last: number): void {
    const atEnd = this.step >= this.last;
    this.slider.max = String(last);
    if (atEnd) this.slider.value = String(last);
    this.tell();
  }

  /** For another page: at its end. */
  restart(last: number): void {
    this.pause();
    this.slider.max = String(last);
    this.slider.value = String(last);
    this.tell();
  }

  private tell(): void {
    const text = this.naming(this.step, this.last);
    setText(this.now, text);
    this.slider.setAttribute('aria-valuetext', text);
  }

  private play(): void {
    if (this.step >= this.last) this.slider.value = '0';
    const pause = Math.max(SHORTEST, Math.min(LONGEST, WHOLE / Math.max(1, this.last)));
    this.button.textContent = 'Pause';
    this.timer = window.setInterval(() => this.forward(), pause);
    this.show();
  }

  private forward(): void {
    this.slider.stepUp();
    this.show();
    if (this.step >= this.last) this.pause();
  }

  private show(): void {
    this.tell();
    this.moved();
  }

  pause(): void {
    clearInterval(this.timer);
    this.timer = 0;
    this.button.textContent = 'Play';
  }
}
