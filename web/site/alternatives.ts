/** The popover of a word, in the words of the page. */
import { Alternatives as Popover, type AlternativesHost as Host, type Wording as AllWords } from '../src/component/alternatives.ts';
import { byId } from './dom.ts';
import type { Place } from './fill.ts';
import { percent } from './format.ts';

/** What differs between the views. */
export type Wording = Pick<AllWords<Place>, 'figure' | 'list' | 'foot'>;

const SHARED = {
  title: (name: string): string => `Alternatives for “${name}”`,
  share: percent,
  unpin: 'Remove the pin',
  ends: '(ends here)',
};

const PINNING: Wording = {
  figure: ({ pinned, probability, step }) => (pinned ? 'pinned' : `${percent(probability)} sure${step ? `, step ${step}` : ''}`),
  list: 'Words to pin',
  foot: 'Choosing a word pins it.',
};

export interface AlternativesHost extends Omit<Host<Place>, 'wording'> {
  wording?: () => Wording;
}

export class Alternatives extends Popover<Place> {
  constructor(host: AlternativesHost, box = byId('popover')) {
    super({
      ...host,
      placeOf: (word) => {
        const place = host.placeOf(word);
        return place?.open ? null : place;
      },
      wording: () => ({ ...SHARED, ...(host.wording?.() ?? PINNING) }),
    }, box);
  }
}
