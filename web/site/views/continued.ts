/** Draws the page of the view Continue: the text with the model's words, or how surprising the text is. */
import type { GenerateResult, Surprise } from 'palimpsest';
import { type Continuation } from '../continuation.ts';
import { byId, make, setText } from '../dom.ts';
import type { Place } from '../fill.ts';
import { counted, countWords, seconds } from '../format.ts';
import { Reading, SURENESS, type Part } from '../reading.ts';
import { placesOfSurprise, SURPRISE, totals } from '../surprise.ts';
import { factsLine } from './facts.ts';

export interface Shown {
  /** The text of the box, and the position of the cursor. */
  text: string;
  cursor: number;
  continuation: Continuation | null;
  surprise: Surprise | null;
  busy: boolean;
}

export class Continued {
  readonly reading = new Reading(byId('sheet'), true);
  private places: Place[] = [];
  private told: unknown = undefined;

  constructor(private readonly reuse: (seed: number | bigint) => void) {}

  placeOf(word: HTMLElement): Place | null {
    return this.places[Number(word.dataset.token)] ?? null;
  }

  draw(shown: Shown): void {
    const { text, cursor, continuation, surprise } = shown;
    const { before, after } = continuation?.around ?? { before: text.slice(0, cursor), after: text.slice(cursor) };
    this.places = surprise ? placesOfSurprise(surprise) : (continuation?.places() ?? []);
    const words: Part[] = this.places.map(({ text: word, token }) => ({ text: word, token }));
    const parts = surprise ? words : [...aside(before), ...words, { text: '', kind: 'cursor' as const }, ...aside(after, 'after')];
    byId('sheet').classList.toggle('blank', !surprise && !before && !after && !words.length);
    this.reading.show({ parts, spare: () => false }, this.places, surprise ? SURPRISE : SURENESS);
    this.drawBelow(shown);
  }

  private drawBelow({ continuation, surprise, busy }: Shown): void {
    byId('under').hidden = !continuation && !surprise;
    byId('sure-legend').hidden = !continuation || surprise !== null;
    byId('surprise-legend').hidden = !surprise;
    byId('retry').hidden = !continuation || surprise !== null;
    const line = byId('continue-statistics');
    if (surprise) {
      if (this.told !== surprise) line.replaceChildren(...totals(surprise).map(fact));
      this.told = surprise;
      return;
    }
    const result = continuation?.result ?? null;
    if (result && this.told !== result) line.replaceChildren(...this.statistics(result, continuation?.text ?? '', continuation?.around.unseen ?? 0));
    if (!result) setText(line, continuation ? `${counted(continuation.count, 'token')}${busy ? '' : ', stopped'}` : '');
    this.told = result ?? undefined;
  }

  private statistics(result: GenerateResult, text: string, unseen: number): Node[] {
    const { drawn, tokens, known, tokensPerSecond, firstSeconds, dropped, isa, threads, seed } = result;
    const exact = [
      counted(drawn, 'token'),
      Number.isNaN(firstSeconds) ? '' : `the first after ${seconds(firstSeconds)}`,
      tokensPerSecond ? `${Math.round(tokensPerSecond).toLocaleString('en')} tokens/s` : '',
      known ? `kept ${known} of ${counted(tokens, 'token')}` : `read ${counted(tokens, 'token')}`,
      dropped ? `forgot ${dropped}` : '',
      counted(threads, 'thread'),
      isa,
      `seed ${seed}`,
    ];
    const long = unseen ? `your text is long: the model did not see its first ${counted(unseen, 'token')}` : '';
    return factsLine([seconds(result.seconds), counted(countWords(text), 'word'), long], exact, () => this.reuse(seed));
  }
}

const fact = (text: string): HTMLElement => make('span', { class: 'fact' }, text);
const aside = (text: string, kind?: 'after'): Part[] => (text ? [{ text, ...(kind && { kind }) }] : []);
