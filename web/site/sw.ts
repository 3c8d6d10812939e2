/** The service worker: keeps the page's own files, so that it opens offline, and isolates it where the host does not.
 *
 *  Page, worker and engine of one build are kept together under that build's revisions (Workbox's precache), and a new
 *  version takes over only when no page of the old one is open: nobody sees two versions mixed.  Models are the
 *  library's to keep and pass through untouched. */
import { PrecacheController, PrecacheRoute, type PrecacheEntry } from 'workbox-precaching';
import { registerRoute } from 'workbox-routing';

declare const self: ServiceWorkerGlobalScope & { __WB_MANIFEST: (PrecacheEntry | string)[] };

/** Cross-origin isolation, which threads will need; everything here is of one origin, so nothing is shut out. */
function isolated(response: Response): Response {
  if (response.type === 'opaque' || response.status === 0) return response;
  const headers = new Headers(response.headers);
  headers.set('Cross-Origin-Opener-Policy', 'same-origin');
  headers.set('Cross-Origin-Embedder-Policy', 'require-corp');
  headers.set('Cross-Origin-Resource-Policy', 'same-origin');
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

const precache = new PrecacheController({
  plugins: [{ handlerWillRespond: async ({ response }) => isolated(response) }],
});
precache.addToCacheList(self.__WB_MANIFEST);
registerRoute(new PrecacheRoute(precache, { ignoreURLParametersMatching: [/^v$/], directoryIndex: 'index.html' }));

self.addEventListener('install', (event) => {
  precache.install(event);
});
self.addEventListener('activate', (event) => {
  precache.activate(event);
  // The first visit's page is kept company at once, so that its next load is offline-ready.
  event.waitUntil(self.clients.claim());
});
