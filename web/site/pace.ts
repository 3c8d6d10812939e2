/** Says how long work will still take, from its speed so far. */

/** Seconds from which a measured speed means something. */
const EARLY = 0.4;

export class Pace {
  private began = 0;
  private measured = 0;
  private first = NaN;

  constructor(private readonly clock: () => number = () => performance.now()) {}

  begin(): void {
    this.began = this.clock();
    this.first = NaN;
  }

  /** Seconds since it began. */
  get elapsed(): number {
    return (this.clock() - this.began) / 1000;
  }

  /** Seconds that are left when this share of the work is done, from 0 to 1; null: it is too early to say. */
  left(share: number): number | null {
    if (Number.isNaN(this.first)) [this.first, this.measured] = [share, this.clock()];
    const seconds = (this.clock() - this.measured) / 1000;
    const done = share - this.first;
    return done > 0 && seconds >= EARLY ? (seconds / done) * (1 - share) : null;
  }
}

/** A time in words, rounded up so that it does not change at every step. */
export function timeLeft(seconds: number): string {
  if (seconds < 10) return `about ${Math.max(1, Math.ceil(seconds))} s left`;
  if (seconds < 90) return `about ${Math.ceil(seconds / 5) * 5} s left`;
  return `about ${Math.ceil(seconds / 60)} min left`;
}
