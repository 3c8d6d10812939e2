/** The slider that shows a page or pictures after each step. */
import { byId, setText } from './dom.ts';

const WHOLE = 3000;
const SHORTEST = 40;
const LONGEST = 400;
const SLOW = 350;

/** The label of a position of the slider. */
type Naming = (step: number, last: number) => string;
const STEPS: Naming = (step, last) => `step ${step} of ${last}`;

export class Replay {
  private readonly slider: HTMLInputElement;
  private readonly button: HTMLButtonElement;
  private readonly now: HTMLElement;
  private timer = 0;

  /** `prefix`: prefix of the ids of the slider's parts. */
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

  /** Sets the number of steps; a slider at the end stays at the end. */
  extend(last: number): void {
    const atEnd = this.step >= this.last;
    this.slider.max = String(last);
    if (atEnd) this.slider.value = String(last);
    this.tell();
  }

  /** Moves the slider to the end of another page. */
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

  /** Plays from the beginning, so slowly that the order can be followed. */
  playSlowly(): void {
    this.slider.value = '0';
    this.play(SLOW);
  }

  private play(shortest = SHORTEST): void {
    if (this.step >= this.last) this.slider.value = '0';
    const pause = Math.max(shortest, Math.min(LONGEST, WHOLE / Math.max(1, this.last)));
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
