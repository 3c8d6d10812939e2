/** A text as it was understood, read again only if it or the options have changed.  The page and the component use it. */
import { understand, type NotationOptions, type Understood } from '../notation.ts';

export class Reader {
  #text = '';
  #options = '';
  #understood: Understood | null = null;

  /** The same object for as long as the text and its strict form are the same. */
  read(text: string, options: NotationOptions): Understood {
    const key = JSON.stringify(options);
    const known = this.#text === text ? this.#understood : null;
    if (known && this.#options === key) return known;
    const understood = understand(text, options);
    [this.#text, this.#options] = [text, key];
    return (this.#understood = known?.strict === understood.strict ? known : understood);
  }
}
