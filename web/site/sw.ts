/** The service worker: keeps the page's own files, so that it opens offline, and adds cross-origin isolation if the host does not.
 *
 *  Page, worker and engine of one build are kept together in that build's cache (Workbox's precache).  A new version takes
 *  over only when no page of the old version is open, so versions are never mixed.  A page that is opened at that moment
 *  may still be of the old version, so the files of the old version stay until the next one.  Models are kept by the
 *  library; their requests pass through unchanged. */
import { PrecacheController, PrecacheRoute, type PrecacheEntry } from 'workbox-precaching';
import { registerRoute } from 'workbox-routing';
import { NetworkFirst } from 'workbox-strategies';
import { hasRelaxed } from '../src/relaxed.ts';

declare const self: ServiceWorkerGlobalScope & { __WB_MANIFEST: (PrecacheEntry | string)[] };
declare const __BUILD__: string;
declare const __RELAXED__: boolean;

const PREFIX = 'palimpsest-build-';

/** Headers for cross-origin isolation, which threads need.  All files are of one origin, so nothing is blocked.  An answer
 *  without a body (304) passes unchanged: as a response of its own it would be an empty file. */
function isolated(response: Response): Response {
  if (response.type === 'opaque' || response.status === 0 || !response.body) return response;
  const headers = new Headers(response.headers);
  headers.set('Cross-Origin-Opener-Policy', 'same-origin');
  headers.set('Cross-Origin-Embedder-Policy', 'require-corp');
  headers.set('Cross-Origin-Resource-Policy', 'same-origin');
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

/** A file of the previous version, found by its name (which contains a hash) or by the build id in its URL. */
async function earlier(request: Request): Promise<Response> {
  const build = new URL(request.url).searchParams.get('v');
  const names = build ? [PREFIX + build] : (await caches.keys()).filter((name) => name.startsWith(PREFIX));
  for (const name of names) {
    const found = await caches.match(request, { cacheName: name, ignoreSearch: true });
    if (found) return isolated(found);
  }
  return fetch(request);
}

/** Caches are listed in the order of their creation. */
async function forgetOldBuilds(): Promise<void> {
  const names = (await caches.keys()).filter((name) => name.startsWith(PREFIX));
  await Promise.all(names.slice(0, -2).map((name) => caches.delete(name)));
}

const precache = new PrecacheController({
  cacheName: PREFIX + __BUILD__,
  plugins: [{ handlerWillRespond: async ({ response }) => isolated(response) }],
});
/** Of the two builds of each engine, the one that this browser supports is kept.  The other one is kept when it is requested,
 *  which happens if the first did not pass its self-check; so is the engine of networks of discrete diffusion, which few
 *  visitors use, and that of the Lab.  Engines with threads are kept beside those without: the first visit has none, the later ones have. */
const other = __RELAXED__ && hasRelaxed() ? '' : '-relaxed';
const unused = [
  'palimpsest-lab.wasm',
  ...['', '-pictures'].flatMap((name) => [`palimpsest${name}${other}.wasm`, `palimpsest${name}-threads${other}.wasm`]),
  ...['-scores', '-scores-threads'].flatMap((name) => [`palimpsest${name}.wasm`, `palimpsest${name}-relaxed.wasm`]),
];
precache.addToCacheList(self.__WB_MANIFEST.filter((entry) => !unused.includes((entry as PrecacheEntry).url)));
async function engine(request: Request): Promise<Response> {
  const cache = await caches.open(PREFIX + __BUILD__);
  const found = await cache.match(request, { ignoreSearch: true });
  if (found) return isolated(found);
  const response = await fetch(request);
  if (response.ok) await cache.put(request, response.clone());
  return isolated(response);
}
const ofAnother = (url: URL) => url.searchParams.has('v') && url.searchParams.get('v') !== __BUILD__;
registerRoute(({ url, sameOrigin }) => sameOrigin && ofAnother(url), ({ request }) => earlier(request));
registerRoute(new PrecacheRoute(precache, { ignoreURLParametersMatching: [/^v$/], directoryIndex: 'index.html' }));
registerRoute(({ url, sameOrigin }) => sameOrigin && unused.some((name) => url.pathname.endsWith(`/${name}`)), ({ request }) => engine(request));
const assets = new URL('assets/', self.registration.scope).href;
registerRoute(({ url }) => url.href.startsWith(assets), ({ request }) => earlier(request));

/** Documents are kept when they are read: offline, those that have been open before are there. */
const NOT_KEPT =
  '<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>Not kept – Palimpsest</title><p>This page has not been opened on this device before, and cannot be fetched now. Try again when you are online, or <a href="index.html">go back to the documents</a>.';
const documents = new NetworkFirst({
  cacheName: 'palimpsest-documents',
  plugins: [
    {
      handlerWillRespond: async ({ response }) => isolated(response),
      handlerDidError: async ({ request }) =>
        request.mode === 'navigate' ? new Response(NOT_KEPT, { status: 503, headers: { 'content-type': 'text/html; charset=utf-8' } }) : undefined,
    },
  ],
});
const docs = new URL('docs/', self.registration.scope).href;
registerRoute(({ url }) => url.href.startsWith(docs), documents);

self.addEventListener('install', (event) => {
  precache.install(event);
});
self.addEventListener('activate', (event) => {
  event.waitUntil(forgetOldBuilds());
  // The worker also controls the page of the first visit, so that its next load is isolated and works offline.
  event.waitUntil(self.clients.claim());
});
