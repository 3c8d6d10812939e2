/** The differences between browsers and Node: how a worker is created, and how messages are sent. */
import type { Parts } from './files.ts';
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

/** Node's process.  Through globalThis, because bundlers put an object of their own in the place of a bare `process`. */
const { process } = globalThis;
export const isNode = !!process?.versions?.node && typeof Worker === 'undefined';
/** Modules of Node; by a call, because bundlers resolve every import of `node:` also for browsers. */
export const fromNode = (name: string): any => process.getBuiltinModule(name);

export function startWorker(parts: Parts, listener: Listener): WorkerLink {
  const file = parts.worker();
  if (isNode) return startNodeWorker(file, listener);
  const foreign = typeof file !== 'string' && /^http/.test(file.protocol) && file.origin !== location.origin;
  // Browsers start no worker of another origin, but a module of this one can import it.
  const code = typeof file === 'string' ? file : foreign ? `import ${JSON.stringify(file.href)}` : null;
  const address = code === null ? String(file) : URL.createObjectURL(new Blob([code], { type: 'text/javascript' }));
  const forbidden = watchPolicy(address);
  const worker = start(address, code === null ? parts.start : undefined);
  const begun = () => (forbidden.end(), URL.revokeObjectURL(address));
  worker.addEventListener('message', begun, { once: true });
  worker.onmessage = ({ data }) => listener.message(data);
  worker.onmessageerror = () => listener.died('a message from the worker could not be read');
  worker.onerror = async (event) => {
    event.preventDefault();
    listener.died(event.message || (await forbidden.why()) || unloaded(foreign));
  };
  return { post: (message) => worker.postMessage(message), end: () => worker.terminate(), hold: () => {} };
}

/** Where a page requires Trusted Types, only a policy can name the script of a worker.  Nothing else can reach this one. */
let policy: { createScriptURL(address: string): string } | null = null;
const { trustedTypes } = globalThis as { trustedTypes?: { createPolicy(name: string, rules: object): typeof policy } };

/** `literal`: starts the worker by the address that a bundler has put there; a page that requires Trusted Types refuses it. */
function start(address: string, literal?: () => Worker): Worker {
  const options = { type: 'module', name: 'palimpsest' } as const;
  try {
    if (!trustedTypes || (literal && !policy)) return literal ? literal() : new Worker(address, options);
    policy ??= trustedTypes.createPolicy('palimpsest', { createScriptURL: (script: string) => script });
  } catch (error) {
    if (!trustedTypes) throw error;
    if (literal) return start(address);
  }
  if (policy) return new Worker(policy.createScriptURL(address), options);
  try {
    return new Worker(address, options); // a page can restrict policies and not require them
  } catch {
    throw new Error("the page's Content-Security-Policy requires Trusted Types: its trusted-types must allow palimpsest");
  }
}

/** Why the worker could not be loaded, as far as browsers tell. */
const unloaded = (foreign: boolean) =>
  `palimpsest-worker.js could not be loaded; ${
    foreign ? 'its server must send Access-Control-Allow-Origin' : 'if a bundler has left it behind, import palimpsest/inline instead'}`;

/** Advice for a page that was opened from disk (browsers load no workers or engines from there); otherwise `''`. */
export const fromDisk = () =>
  globalThis.location?.protocol === 'file:'
    ? 'the page was opened from disk (file:): serve its folder, for example with `python3 -m http.server`'
    : '';

/** Waits for the reason why the page's policy forbids the worker.  A blocked worker fails without a reason; the reason comes
 *  as a separate event a moment later. */
function watchPolicy(address: string): { why(): Promise<string | null>; end(): void } {
  let why: string | null = null;
  const hear = ({ blockedURI, effectiveDirective }: SecurityPolicyViolationEvent) => {
    if (address.startsWith(blockedURI)) why = `the page's Content-Security-Policy forbids it: ${effectiveDirective} must allow ${blockedURI === 'blob' ? 'blob:' : new URL(address).origin}`;
  };
  const end = () => globalThis.document?.removeEventListener('securitypolicyviolation', hear);
  globalThis.document?.addEventListener('securitypolicyviolation', hear);
  return { end, why: async () => (await new Promise((resolve) => setTimeout(resolve, 100)), end(), why) };
}

function startNodeWorker(file: URL | string, listener: Listener): WorkerLink {
  const { Worker: NodeWorker }: typeof import('node:worker_threads') = fromNode('node:worker_threads');
  if (typeof file !== 'string') file.search = '';
  const worker = new NodeWorker(file, { eval: typeof file === 'string' });
  worker.on('message', listener.message);
  worker.on('error', (error) => listener.died(error instanceof Error ? error.message : String(error)));
  worker.on('exit', () => listener.died('it ended'));
  const hold = (busy: boolean) => (busy ? worker.ref() : worker.unref());
  return { post: (message) => worker.postMessage(message), end: () => void worker.terminate(), hold };
}

export function workerPort(): WorkerPort {
  if (typeof WorkerGlobalScope !== 'undefined') return globalThis as unknown as WorkerPort;
  const { parentPort }: typeof import('node:worker_threads') = fromNode('node:worker_threads');
  if (!parentPort) throw new Error('palimpsest-worker.js is started by palimpsest.js');
  const port: WorkerPort = { postMessage: (message, transfer) => parentPort.postMessage(message, transfer), onmessage: null };
  parentPort.on('message', (data: Request) => port.onmessage?.({ data }));
  return port;
}

/** A worker holds this lock; when the page gets it, the worker has ended.  Resolves when it is held: only then may the
 *  page ask for it. */
export function holdLock(name: string): Promise<void> {
  return new Promise((resolve) => {
    const { locks } = globalThis.navigator ?? {};
    if (!locks) return resolve();
    locks.request(name, () => (resolve(), new Promise(() => {}))).catch(() => resolve());
  });
}
