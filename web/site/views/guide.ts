/** The view Guide: eight screens, from what a blank is to why a sampler is exact.  Their text is in index.html, made from
 *  docs/how-it-works.md; the examples in them are those of the document. */
import type { Model } from 'palimpsest';
import { byId, make, setText } from '../dom.ts';
import { type Engine, fetchModel } from '../engine.ts';
import { megabytes } from '../format.ts';
import { start } from '../guide/examples.ts';
import type { Example, Host } from '../guide/frame.ts';
import { STORIES } from '../text-models.ts';
import { offerOf } from './models.ts';

/** Keys of these elements have a meaning of their own. */
const OWN_KEYS = 'input, textarea, select, [tabindex="0"]';

export class GuideView {
  private readonly screens = [...document.querySelectorAll<HTMLElement>('#view-guide .screen')];
  private readonly titles = this.screens.map((screen) => screen.querySelector('h3')?.textContent ?? '');
  private readonly examples = new Map<HTMLElement, Example>();
  private readonly host: Host = { cost: '', model: (signal, say) => this.model(signal, say) };
  private shown = -1;
  /** A model of the guide's own, if no view has that of the stories. */
  private own: Promise<Model> | null = null;

  constructor(private readonly engines: readonly Engine[]) {
    const item = (title: string, i: number): HTMLElement => make('li', {}, make('a', { href: `#guide/${i + 1}`, 'aria-label': `${i + 1}: ${title}` }, String(i + 1)));
    byId('guide-list').append(...this.titles.map(item));
    document.addEventListener('keydown', (event) => this.onKey(event));
  }

  /** Shows a screen, by its number in the address.  Turning a screen moves the focus to its heading. */
  enter(number: string): void {
    const wanted = Number.parseInt(number, 10) - 1;
    const next = Math.max(0, Math.min(Number.isNaN(wanted) ? 0 : wanted, this.screens.length - 1));
    const turned = this.shown >= 0 || number !== '';
    if (next !== this.shown) this.leave();
    this.shown = next;
    this.screens.forEach((screen, i) => (screen.hidden = i !== next));
    this.drawTurn(next);
    document.title = `${this.titles[next]} – Guide – Palimpsest`;
    const screen = this.screens[next];
    if (!screen) return;
    if (turned) screen.querySelector('h3')?.focus({ preventScroll: true });
    this.begin(screen);
  }

  /** Another view is shown: what is computed stops. */
  leave(): void {
    for (const example of this.examples.values()) example.stop();
    this.shown = -1;
  }

  private drawTurn(at: number): void {
    const ends = [['guide-back', at - 1, 'Back'], ['guide-next', at + 1, 'Next']] as const;
    for (const [id, to, word] of ends) {
      const link = byId<HTMLAnchorElement>(id);
      const title = this.titles[to];
      link.hidden = title === undefined;
      link.href = `#guide/${to + 1}`;
      link.setAttribute('aria-label', `${word}: ${title ?? ''}`);
      setText(link, word);
    }
    for (const [i, link] of [...byId('guide-list').querySelectorAll('a')].entries()) {
      if (i === at) link.setAttribute('aria-current', 'step');
      else link.removeAttribute('aria-current');
    }
  }

  private onKey(event: KeyboardEvent): void {
    if (byId('view-guide').hidden || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.defaultPrevented) return;
    if (event.target instanceof Element && event.target.closest(OWN_KEYS)) return;
    const to = this.shown + ({ ArrowRight: 1, ArrowLeft: -1 }[event.key] ?? 0);
    if (to === this.shown || !this.screens[to]) return;
    event.preventDefault();
    location.hash = `guide/${to + 1}`;
  }

  /** The examples of a screen begin by themselves when it is shown for the first time. */
  private begin(screen: HTMLElement): void {
    for (const place of screen.querySelectorAll<HTMLElement>('.live')) {
      let example = this.examples.get(place);
      if (!example) this.examples.set(place, (example = start(place, this.host)));
      example.begin();
    }
  }

  /** The model of the stories: that of a view if one has it, else one of the guide's own. */
  private model(signal: AbortSignal, say: (words: string) => void): Promise<Model> {
    if (!STORIES) return Promise.reject(new Error('This site has no model for the examples.'));
    const offer = offerOf(STORIES);
    const twin = this.engines.find((engine) => (engine.loading?.offer.name ?? (engine.model ? engine.name : '')) === offer.name);
    if (twin) return twin.ready(signal, true);
    const onProgress = ({ loaded, total }: { loaded: number; total: number | null }): void => say(`Fetching the model: ${(loaded / 1e6).toFixed(1)} of ${megabytes(total ?? STORIES?.bytes ?? 0)}`);
    this.own ??= fetchModel(offer, new AbortController().signal, onProgress).catch((error: unknown) => {
      this.own = null;
      throw error;
    });
    return this.own;
  }
}
