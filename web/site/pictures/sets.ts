/** The menus of models (those of the page and the user's own) and of their labels. */
import type { Model } from 'palimpsest';
import { byId, make } from '../dom.ts';
import type { Engine } from '../engine.ts';
import { recall, remember } from '../storage.ts';
import { offerOf } from '../views/models.ts';

type Shipped = (typeof __MODELS__)[number];

const SHIPPED = __MODELS__.filter((model) => model.use === 'pictures');
/** The model that visitors like best comes first. */
const FIRST = 'emoji';
const TITLES: Record<string, string> = { emoji: 'Emoji', fashion: 'Clothes' };
/** The label at a first visit, first in the menu: the one that the model draws best.  For other models any label. */
const KINDS: Record<string, string> = { emoji: 'symbols' };

/** The choice of the last visit. */
export function lastSet(): Shipped | undefined {
  const last = recall('picture-set');
  return SHIPPED.find(({ name }) => name === last) ?? SHIPPED.find(({ name }) => name === FIRST) ?? SHIPPED[0];
}

export class Sets {
  private readonly set = byId<HTMLSelectElement>('picture-set');
  private readonly kind = byId<HTMLSelectElement>('picture-label');
  private drawn = '';
  private model: Model | null = null;

  constructor(private readonly engine: Engine, private readonly changed: () => void) {
    this.set.addEventListener('change', () => this.load());
    this.kind.addEventListener('change', () => {
      remember('picture-labels', { ...labels(), [this.engine.name]: this.kind.value });
      this.changed();
    });
    engine.onChange(() => this.sync());
    this.sync();
  }

  private load(): void {
    const shipped = SHIPPED.find(({ name }) => name === this.set.value);
    if (!shipped) return;
    remember('picture-set', shipped.name);
    void this.engine.open(offerOf(shipped));
  }

  /** Shows the model that is in use or loading, and its labels. */
  private sync(): void {
    const { engine } = this;
    const now = engine.loading?.offer.name ?? (engine.model ? engine.name : (lastSet()?.name ?? ''));
    const names = SHIPPED.map(({ name }) => name).sort((a, b) => Number(b === FIRST) - Number(a === FIRST));
    if (now && !names.includes(now)) names.push(now);
    const state = `${names.join('\n')}\n\n${now}`;
    if (state === this.drawn && this.model === engine.model) return;
    this.drawn = state;
    this.model = engine.model;
    this.set.replaceChildren(...names.map((name) => make('option', { value: name }, TITLES[name] ?? name)));
    this.set.value = now;
    this.set.disabled = names.length === 0;
    this.showKinds();
  }

  private showKinds(): void {
    const best = KINDS[this.engine.name];
    const kinds = [...(this.engine.model?.info.image?.labels ?? [])].sort((a, b) => Number(b === best) - Number(a === best));
    const options = kinds.map((name) => make('option', { value: name }, name));
    this.kind.replaceChildren(make('option', { value: '' }, 'any'), ...options);
    this.kind.disabled = this.engine.model !== null && !kinds.length;
    const last = labels()[this.engine.name] ?? best;
    this.kind.value = typeof last === 'string' && kinds.includes(last) ? last : '';
    this.changed();
  }

  /** The chosen label, or undefined. */
  get label(): string | undefined {
    return this.kind.value || undefined;
  }
}

function labels(): Record<string, unknown> {
  const kept = recall('picture-labels');
  return typeof kept === 'object' && kept !== null ? (kept as Record<string, unknown>) : {};
}
