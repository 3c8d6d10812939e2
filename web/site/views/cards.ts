/** The drafts of a fill side by side; one of them is shown as the page. */
import { byId, make, setText } from '../dom.ts';
import { placesOf, type Fill } from '../fill.ts';
import { Reading, type Shape } from '../reading.ts';

interface Card {
  item: HTMLElement;
  button: HTMLButtonElement;
  reading: Reading;
}

export class Cards {
  private readonly place = byId('drafts');
  private readonly list = byId('cards');
  private cards: Card[] = [];

  constructor(private readonly choose: (draft: number) => void) {}

  show(fill: Fill | null, chosen: number, spare: Shape['spare']): void {
    const count = fill && fill.drafts.length > 1 ? fill.drafts.length : 0;
    this.place.hidden = !count;
    while (this.cards.length > count) this.cards.pop()?.item.remove();
    while (this.cards.length < count) this.add();
    this.cards.forEach((card, i) => {
      const draft = fill?.drafts[i];
      if (!fill || !draft) return;
      const current = i === chosen;
      card.item.classList.toggle('current', current);
      card.button.setAttribute('aria-pressed', String(current));
      setText(card.button, current ? `Draft ${i + 1} is the page` : `Make draft ${i + 1} the page`);
      if (draft.page) card.reading.show({ parts: draft.page.parts, spare }, placesOf(fill, draft, fill.pins, draft.lastStep));
    });
  }

  private add(): void {
    const i = this.cards.length;
    const button = make('button', { type: 'button', class: 'quiet', click: () => this.choose(i) });
    const text = make('div', { class: 'page small' });
    const item = make('li', { class: 'card' }, text, button);
    this.list.append(item);
    this.cards.push({ item, button, reading: new Reading(text, false) });
  }
}
