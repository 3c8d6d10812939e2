// @ts-check
/* A static host of a few folders, with the headers for cross-origin isolation: only an isolated page can measure memory
 * and has a precise clock, and other engines could use threads. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

/** @type {Record<string, string>} */
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm', '.json': 'application/json' };
const ISOLATION = {
  'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp', 'cross-origin-resource-policy': 'same-origin',
};

/** The file for a URL path, by its longest mount. */
function fileOf(/** @type {Record<string, string>} */ mounts, /** @type {string} */ path) {
  const mount = Object.keys(mounts).sort((a, b) => b.length - a.length).find((start) => path.startsWith(start));
  if (!mount) return null;
  const file = normalize(join(mounts[mount], path.slice(mount.length)));
  return file.startsWith(normalize(mounts[mount])) ? file : null;
}

/** mounts: folders (ending in a slash) or files, by the start of their URLs.
 *  @returns {Promise<{ origin: string, close: () => void }>} */
export function serve(/** @type {Record<string, string>} */ mounts) {
  const server = createServer(async (request, answer) => {
    const file = fileOf(mounts, decodeURIComponent(new URL(request.url ?? '', 'http://x').pathname));
    const found = file ? await stat(file).catch(() => null) : null;
    if (!file || !found?.isFile()) return void answer.writeHead(404, ISOLATION).end('not found');
    answer.writeHead(200, {
      'content-type': TYPES[extname(file)] ?? 'application/octet-stream', 'content-length': found.size, 'cache-control': 'no-store',
      'last-modified': found.mtime.toUTCString(), ...ISOLATION,
    });
    if (request.method === 'HEAD') answer.end();
    else createReadStream(file).on('error', () => answer.destroy()).pipe(answer);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
      const close = () => {
        server.close();
        server.closeAllConnections();
      };
      resolve({ origin: `http://127.0.0.1:${port}`, close });
    });
  });
}
