/** The alternatives of a word of the component, in a popover beside it. */
import { Alternatives, type Alternative, type Asked } from './alternatives.ts';
import { probabilityOf, type Item } from './fills.ts';
import { make } from './make.ts';
import type { PageView } from './page.ts';
import { words } from './words.ts';

interface Choice extends Asked {
  item: Item;
}

export interface ChoosingHost {
  /** A word takes the place of another one, and is kept. */
  choose(item: Item, alternative: Alternative): void;
  /** A word is not kept any more. */
  release(item: Item): void;
}

export class Choosing {
  readonly box = make('div', { id: 'alternatives', part: 'alternatives', class: 'popover', role: 'dialog', hidden: true });
  readonly #popover: Alternatives<Choice>;

  constructor(page: PageView, host: ChoosingHost) {
    this.#popover = new Alternatives<Choice>({
      placeOf: (word) => choiceOf(page.itemOf(word)),
      pin: ({ item }, alternative) => host.choose(item, alternative),
      unpin: ({ item }) => host.release(item),
      wordOf: ({ item }) => page.wordAt(item.tokens[0]!),
      wording: () => ({
        title: words.alternatives, figure: ({ probability }) => words.share(probability), share: words.share,
        list: words.choices, foot: words.choosing, unpin: words.release, ends: words.ends,
      }),
    }, this.box);
  }

  open(word: HTMLElement): void {
    this.#popover.open(word);
  }

  close(): void {
    this.#popover.close();
  }
}

function choiceOf(item: Item | null): Choice | null {
  const [token] = item?.tokens ?? [];
  if (!item || !token) return null;
  return { item, text: item.text, empty: false, pinned: item.kept, probability: probabilityOf(item), id: token.id, alternatives: token.alternatives };
}
