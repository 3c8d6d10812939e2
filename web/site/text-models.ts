/** The models for texts: simple stories, and general English where the site carries it.
 *
 *  The site says in #carried (index.html) whether it carries general English: an object with the two files, or {}.  Each
 *  of the two models serves Text and Continue, from one copy. */
import { cache } from 'palimpsest';
import { byId } from './dom.ts';
import type { Engines, Offer } from './engine.ts';
import { megabytes } from './format.ts';
import { recall, remember } from './storage.ts';
import { offerOf } from './views/models.ts';

export type Writing = 'text' | 'continue';
type Id = 'stories' | 'english';

interface Part {
  file: string;
  bytes: number;
  sha256: string;
}

/** `first`: the page opens with general English. */
interface Carried {
  first?: boolean;
  model?: Part;
  adapter?: Part;
}

/** Memory for General English beside its files: the engine, a page, and the keys and values of a continued text. */
const WORKING_BYTES = 250e6;
/** Capacity for a continued text in tokens; the model could have more, at 46 KB each. */
const ROOM = 2048;

const carried: Carried = JSON.parse(byId('carried').textContent || '{}');
/** Simple stories. */
export const STORIES = __MODELS__.find((model) => model.use === 'writing');
const urlOf = ({ file }: Part): URL => new URL(file, location.href);

/** Null if this site does not carry the model. */
export const ENGLISH: (Omit<Offer, 'parts'> & { parts: readonly Part[] }) | null =
  carried.model && carried.adapter
    ? {
        name: 'General English',
        source: urlOf(carried.model),
        sha256: carried.model.sha256,
        adapter: { source: urlOf(carried.adapter), sha256: carried.adapter.sha256 },
        room: ROOM,
        parts: [carried.model, carried.adapter],
      }
    : null;

export const bytesOf = (parts: readonly { bytes: number }[]): number => parts.reduce((sum, { bytes }) => sum + bytes, 0);

/** Whether both files are kept on this device. */
export async function isKept(offer: { parts: readonly { sha256: string }[] }): Promise<boolean> {
  const kept = await cache.list().catch(() => []);
  return offer.parts.every(({ sha256 }) => kept.some((copy) => copy.sha256 === sha256));
}

/** What may go wrong on this device, told before a download. */
export async function doubts(offer: { parts: readonly { bytes: number }[] }): Promise<string> {
  const needed = bytesOf(offer.parts) + WORKING_BYTES;
  const told = [`It needs about ${megabytes(Math.ceil(needed / 1e8) * 1e8)} of memory.`];
  const { deviceMemory } = navigator as { deviceMemory?: number }; // in GiB, rounded
  if (deviceMemory !== undefined && deviceMemory * 2 ** 30 < 3 * needed)
    told.push(`This device has about ${deviceMemory} GB, which may be too little.`);
  const estimate = await cache.estimate().catch(() => null);
  const free = estimate ? Math.max(estimate.quota - estimate.usage, 0) : Infinity;
  if (free < bytesOf(offer.parts)) told.push(`The browser gives this page only ${megabytes(free)} of storage: it can be used now, but not kept.`);
  return told.join(' ');
}

/** Which of the two models Text and Continue use. */
export class TextModels {
  /** At first that of the last visit. */
  private chosen: Id = ENGLISH && (recall('text-model') ?? (carried.first ? 'english' : 'stories')) === 'english' ? 'english' : 'stories';

  constructor(readonly engines: Engines) {
    for (const view of ['text', 'continue'] as const) engines[view].onChange(() => this.note(view));
  }

  /** General English is downloaded only when the visitor asks for it, or if the site opens with it. */
  private async unasked(stories: Offer): Promise<Offer> {
    return ENGLISH && (carried.first || (await isKept(ENGLISH))) ? ENGLISH : stories;
  }

  offer(id: Id): Offer | null {
    if (id === 'english') return ENGLISH;
    return STORIES ? offerOf(STORIES) : null;
  }

  idOf(name: string | undefined): Id | null {
    return (['stories', 'english'] as const).find((id) => name !== undefined && this.offer(id)?.name === name) ?? null;
  }

  /** The model that a view uses or is loading; null: one of the user's own. */
  of(view: Writing): Id | null {
    const { loading, model, name, wanted } = this.engines[view];
    return this.idOf(loading?.offer.name ?? (model ? name : wanted));
  }

  /** The model in use; while there is none, the one that is loading. */
  inUse(view: Writing): Id | null {
    const { model, name } = this.engines[view];
    return model ? this.idOf(name) : this.of(view);
  }

  /** Loads the model of a view that is shown, unless it has one of the user's own. */
  enter(view: Writing): void {
    const engine = this.engines[view];
    const stories = this.offer('stories');
    const offer = this.offer(this.chosen) ?? stories;
    if (!offer || (engine.wanted && (!this.idOf(engine.wanted) || engine.wanted === offer.name))) return;
    const loaded = Object.values(this.engines).some(({ model, name }) => model && name === offer.name);
    void engine.open(offer, offer === ENGLISH && stories && !loaded ? this.unasked(stories) : undefined);
  }

  choose(view: Writing, id: Id): void {
    const offer = this.offer(id);
    if (offer) void this.engines[view].open(offer);
  }

  /** The model that is in use counts for both views and for the next visit. */
  private note(view: Writing): void {
    const { loading, model, name } = this.engines[view];
    const id = this.idOf(name);
    if (loading || !model || !id || id === this.chosen) return;
    this.chosen = id;
    remember('text-model', id);
  }
}
