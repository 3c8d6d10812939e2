/** The documents, kept for visits without a network.  The service worker keeps what is fetched from docs/ (Workbox's cache of
 *  documents); keeping all of them means fetching all of them.  docs/files.json, which docs/site/build.mjs writes, lists them. */
import { recall, remember } from '../storage.ts';

export interface DocumentFiles {
  /** Changes whenever a document changes. */
  id: string;
  files: readonly { url: string; bytes: number }[];
}

/** As in sw.ts. */
const CACHE = 'palimpsest-documents';
const MEMORY = 'documents-kept';
/** Documents that are fetched at the same time. */
const AT_ONCE = 4;
const folder = new URL('docs/', location.href);
const urlOf = (url: string): string => new URL(url, folder).href;
/** The list is kept too whenever it is asked for; it counts as no document. */
const LIST = 'files.json';

let asked: Promise<DocumentFiles | null> | null = null;

/** Null if the site has no documents, or none can be asked for now.  Asked once; again only if there was no answer. */
export function documentFiles(): Promise<DocumentFiles | null> {
  asked ??= fetch(urlOf(LIST), { cache: 'no-cache' }).then(
    async (answer) => (answer.ok ? ((await answer.json()) as DocumentFiles) : null),
    () => (asked = null),
  );
  return asked;
}

async function missing(files: DocumentFiles['files']): Promise<typeof files> {
  const store = await caches.open(CACHE);
  const kept = new Set((await store.keys()).map(({ url }) => url));
  return files.filter(({ url }) => !kept.has(urlOf(url)));
}

/** Whether all of them are kept, as they are now on the host. */
export const areDocumentsKept = async ({ id, files }: DocumentFiles): Promise<boolean> => recall(MEMORY) === id && !(await missing(files)).length;

/** Fetches them, and so keeps them.  `advanced`: called with the number of bytes of each. */
export async function keepDocuments({ id, files }: DocumentFiles, signal: AbortSignal, advanced: (bytes: number) => void): Promise<void> {
  const left = [...files];
  const run = async (): Promise<void> => {
    for (let file = left.shift(); file; file = left.shift()) {
      const answer = await fetch(urlOf(file.url), { cache: 'no-cache', signal });
      if (!answer.ok) throw new Error(`the document ${file.url} could not be fetched: the server answered ${answer.status}`);
      await answer.arrayBuffer();
      advanced(file.bytes);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, run));
  // The service worker writes a copy when its document has been read; the last ones may take a moment.
  for (let i = 0; i < 50 && (await missing(files)).length; i++) await new Promise((resolve) => setTimeout(resolve, 100));
  const lost = await missing(files);
  if (lost.length) throw new Error(`the document ${lost[0]!.url} could not be kept: the browser may be short of storage`);
  remember(MEMORY, id);
}

/** Bytes of the documents that are kept, also of those that were only read. */
export async function keptDocumentBytes(): Promise<number> {
  if (!globalThis.caches || !(await caches.has(CACHE))) return 0;
  const store = await caches.open(CACHE);
  const kept = (await store.keys()).filter(({ url }) => url !== urlOf(LIST));
  const sizes = await Promise.all(kept.map(async (request) => (await (await store.match(request))?.blob())?.size ?? 0));
  return sizes.reduce((sum, size) => sum + size, 0);
}

export async function removeDocuments(): Promise<void> {
  remember(MEMORY, null);
  await caches.delete(CACHE);
}
