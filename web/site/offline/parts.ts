/** What this page can keep on the device for visits without a network: itself with its engines, its models, the documents. */
import { cache } from 'palimpsest';
import { fetchModel, type Offer, type Progress } from '../engine.ts';
import { isSheetKept, keepSheet } from '../pictures/neighbours.ts';
import { bytesOf, ENGLISH, isKept } from '../text-models.ts';
import { offerOf, PURPOSES } from '../views/models.ts';
import { areDocumentsKept, documentFiles, keepDocuments } from './documents.ts';

export interface Part {
  name: string;
  /** What it is for. */
  about: string;
  bytes: number;
  kept: boolean;
  /** Fetches and keeps it.  `advanced`: called with the bytes so far. */
  keep: (signal: AbortSignal, advanced: (bytes: number) => void) => Promise<void>;
}

/** Why nothing can be kept here, or null.  Whether the page itself is kept is known when its service worker is active. */
export async function obstacle(): Promise<string | null> {
  if (!isSecureContext) return 'Browsers keep pages only if their address begins with https:// or is localhost.';
  if (!navigator.serviceWorker || !globalThis.caches) return 'This browser, or this kind of window, does not keep pages for visits without a network.';
  const { ok, why } = await cache.available().catch(() => ({ ok: false, why: null }));
  return ok ? null : `Copies of models cannot be kept here${why ? `: ${why}` : ''}.`;
}

/** Bytes of the page and its engines, which the service worker has kept; 0 until it has all of them. */
export async function pageBytes(): Promise<number> {
  const name = `palimpsest-build-${__BUILD__}`;
  if (!navigator.serviceWorker?.controller || !(await caches.has(name))) return 0;
  const store = await caches.open(name);
  const sizes = await Promise.all((await store.keys()).map(async (request) => (await (await store.match(request))?.blob())?.size ?? 0));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Loads the model once, which keeps it, and frees it again. */
async function keepModel(offer: Offer, signal: AbortSignal, advanced: (progress: Progress) => void): Promise<void> {
  const model = await fetchModel(offer, signal, advanced);
  const { kept, keptWhyNot, adapter } = model.info;
  model.dispose();
  const why = kept ? adapter?.keptWhyNot : (keptWhyNot ?? 'the browser does not say why');
  if (why) throw new Error(`${offer.name} could not be kept: ${why}`);
}

function shipped(hashes: ReadonlySet<string>): Promise<Part>[] {
  return __MODELS__.map(async (model): Promise<Part> => {
    const { name, bytes, sheetBytes } = model;
    const sheet = sheetBytes ? ', with the training pictures' : '';
    return {
      name,
      about: PURPOSES[model.use] + sheet,
      bytes: bytes + sheetBytes,
      kept: hashes.has(model.sha256) && (!sheetBytes || (await isSheetKept(name))),
      keep: async (signal, advanced) => {
        if (!(await isKept({ parts: [model] }))) await keepModel(offerOf(model), signal, ({ loaded }) => advanced(loaded));
        if (sheetBytes) await keepSheet(name, signal);
        advanced(bytes + sheetBytes);
      },
    };
  });
}

async function english(): Promise<Part[]> {
  const offer = ENGLISH;
  if (!offer) return [];
  const keep: Part['keep'] = (signal, advanced) => keepModel(offer, signal, ({ loaded }) => advanced(loaded));
  return [{ name: offer.name, about: PURPOSES.writing, bytes: bytesOf(offer.parts), kept: await isKept(offer), keep }];
}

async function documents(): Promise<Part[]> {
  const found = await documentFiles();
  if (!found) return [];
  const keep: Part['keep'] = (signal, advanced) => {
    let sum = 0;
    return keepDocuments(found, signal, (bytes) => advanced((sum += bytes)));
  };
  return [{ name: 'Documents', about: 'explanations, references, and their search', bytes: bytesOf(found.files), kept: await areDocumentsKept(found), keep }];
}

/** Everything besides the page itself. */
export async function parts(): Promise<Part[]> {
  const hashes = new Set((await cache.list().catch(() => [])).map(({ sha256 }) => sha256));
  return (await Promise.all([Promise.all(shipped(hashes)), english(), documents()])).flat();
}
