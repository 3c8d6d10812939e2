/** `palimpsest-threads.js`: gives the worker that imports it the code for engines with threads; a worker that was started
 *  with it is one of the other threads.
 *
 *  It has no exports, so that bundlers can copy or process it like any other script. */
import { fromNode, isNode } from './platform.ts';
import { NAME, serve, Team } from './threads.ts';

const node: typeof import('node:worker_threads') | null = isNode ? fromNode('node:worker_threads') : null;
const scope = globalThis as unknown as DedicatedWorker;
if (node?.workerData === NAME) serve(node.parentPort!, (hear) => node.parentPort!.on('message', hear));
else if (scope.name === NAME) serve(scope, (hear) => (scope.onmessage = ({ data }) => hear(data)));
else globalThis.palimpsestThreads = { Team, build: __BUILD__ };

interface DedicatedWorker {
  name?: string;
  postMessage(message: string): void;
  onmessage: ((event: MessageEvent) => void) | null;
}
