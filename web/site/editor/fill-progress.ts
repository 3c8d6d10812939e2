/** The line above the main button: how much of a fill is done, and how long the rest takes.  Short fills do not show it. */
import { announce } from '../announce.ts';
import { byId, make, setText } from '../dom.ts';
import type { Fill } from '../fill.ts';
import { Pace, timeLeft } from '../pace.ts';

/** Seconds that a fill must take to be worth a line. */
const WORTH = 2;
const TICK = 500;

/** The share of a fill that is done; null: it has made no step yet. */
export function shareOf({ drafts }: Fill): number | null {
  const shares = drafts.map(({ page, result }) => {
    if (result) return 1;
    if (!page) return null;
    return page.steps ? page.step / page.steps : 1 - page.open / Math.max(1, page.tokens.length);
  });
  if (shares.every((share) => share === null)) return null;
  return shares.reduce<number>((sum, share) => sum + (share ?? 0), 0) / shares.length;
}

export class FillProgress {
  private readonly place = byId('fill-progress');
  private readonly words = make('span');
  private readonly bar = make('progress', { max: 1, 'aria-label': 'Fill' });
  private readonly pace = new Pace();
  private fill: Fill | null = null;
  private timer = 0;

  constructor() {
    this.place.append(this.words, this.bar);
  }

  begin(fill: Fill): void {
    this.end();
    this.fill = fill;
    this.pace.begin();
    this.timer = window.setInterval(() => this.draw(), TICK);
  }

  end(): void {
    clearInterval(this.timer);
    this.fill = null;
    this.place.hidden = true;
  }

  draw(): void {
    if (!this.fill) return;
    const share = shareOf(this.fill);
    const left = share === null ? null : this.pace.left(share);
    if (this.place.hidden) {
      if (this.pace.elapsed + (left ?? 0) < WORTH) return;
      this.place.hidden = false;
      if (left !== null) announce(`Filling, ${timeLeft(left)}`);
    }
    if (share === null) this.bar.removeAttribute('value');
    else this.bar.value = share;
    const rest = left === null ? '' : `, ${timeLeft(left)}`;
    setText(this.words, share === null ? 'The model reads the text' : `Filling: ${Math.floor(share * 100)} %${rest}`);
  }
}
