/** The differences between browsers and Node: how a worker is created, and how messages are sent. */
import type { Reply, Request } from './protocol.ts';

/** The page's side of a worker. */
export interface WorkerLink {
  post(message: Request): void;
  end(): void;
  /** Whether the worker keeps the program running; only in Node. */
  hold(busy: boolean): void;
}

interface Listener {
  message(reply: Reply): void;
  /** The worker could not be started, or has ended. */
  died(why: string): void;
}

/** The worker's side. */
export interface WorkerPort {
  postMessage(message: Reply, transfer: ArrayBuffer[]): void;
  onmessage: ((event: { data: Request }) => void) | null;
}

export const isNode = typeof process !== 'undefined' && !!process.versions?.node && typeof Worker === 'undefined';

export async function startWorker(url: URL, listener: Listener): Promise<WorkerLink> {
  if (isNode) return startNodeWorker(url, listener);
  const forbidden = watchPolicy(url);
  const worker = new Worker(url, { type: 'module', name: 'palimpsest' });
  worker.addEventListener('message', forbidden.end, { once: true });
  worker.onmessage = ({ data }) => listener.message(data);
  worker.onmessageerror = () => listener.died('a message from the worker could not be read');
  worker.onerror = async (event) => {
    event.preventDefault();
    listener.died(event.message || (await forbidden.why()) || 'the worker file could not be loaded');
  };
  return { post: (message) => worker.postMessage(message), end: () => worker.terminate(), hold: () => {} };
}

/** Advice for a page that was opened from disk (browsers load no workers or engines from there); otherwise `''`. */
export const FROM_DISK =
  globalThis.location?.protocol === 'file:'
    ? 'the page was opened from disk (file:): serve its folder, for example with `python3 -m http.server`, and open the address that this prints'
    : '';

/** Waits for the reason why the page's policy forbids the worker.  A blocked worker fails without a reason; the reason comes
 *  as a separate event a moment later. */
function watchPolicy(url: URL): { why(): Promise<string | null>; end(): void } {
  let why: string | null = null;
  const hear = ({ blockedURI, effectiveDirective }: SecurityPolicyViolationEvent) => {
    if (url.href.startsWith(blockedURI)) why = `the page's Content-Security-Policy forbids it: ${effectiveDirective} must allow ${url.origin}`;
  };
  const end = () => globalThis.document?.removeEventListener('securitypolicyviolation', hear);
  globalThis.document?.addEventListener('securitypolicyviolation', hear);
  return { end, why: async () => (await new Promise((resolve) => setTimeout(resolve, 100)), end(), why) };
}

async function startNodeWorker(url: URL, listener: Listener): Promise<WorkerLink> {
  const { Worker: NodeWorker } = await import('node:worker_threads');
  url.search = '';
  const worker = new NodeWorker(url);
  worker.on('message', listener.message);
  worker.on('error', (error) => listener.died(error instanceof Error ? error.message : String(error)));
  worker.on('exit', () => listener.died('it ended'));
  const hold = (busy: boolean) => (busy ? worker.ref() : worker.unref());
  return { post: (message) => worker.postMessage(message), end: () => void worker.terminate(), hold };
}

export async function workerPort(): Promise<WorkerPort> {
  if (typeof WorkerGlobalScope !== 'undefined') return globalThis as unknown as WorkerPort;
  const { parentPort } = await import('node:worker_threads');
  if (!parentPort) throw new Error('palimpsest-worker.js is started by palimpsest.js');
  const port: WorkerPort = { postMessage: (message, transfer) => parentPort.postMessage(message, transfer), onmessage: null };
  parentPort.on('message', (data) => port.onmessage?.({ data }));
  return port;
}
