// @ts-check
/* The static host of the tests: plain files under a deep path, with the faults that a test sets. */
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { drained } from './host.mjs';

const PATH = '/some/deep/path/';
/** @type {Record<string, string>} */
const TYPES = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.mjs': 'text/javascript', '.css': 'text/css', '.wasm': 'application/wasm',
  '.svg': 'image/svg+xml', '.woff2': 'font/woff2', '.json': 'application/json',
  '.png': 'image/png', '.webmanifest': 'application/manifest+json',
};
const PIECE = 64 << 10;

/** @typedef {object} Mishaps
 *  @property {boolean} isolation  the headers for cross-origin isolation
 *  @property {number | null} cut  the model's connection is destroyed after this many bytes
 *  @property {number | null} hold  the model's download stalls after this many bytes until this is null again
 *  @property {number} delay  milliseconds between pieces of the model, of 64 KB
 *  @property {boolean} corrupt  one byte of the model is changed
 *  @property {number | null} claim  a wrong Content-Length of the model
 *  @property {boolean} bareWasm  .wasm without its media type, as some hosts send it
 *  @property {Record<string, string>} headers  more headers of every file
 *  @property {Record<string, string>} prefix  code put before a script, by its name */

/** Code for the worker: the pauses before a download is tried again (web/src/loading.ts) are short, in every scenario. */
export const SHORT_PAUSES = '{ const later = setTimeout; globalThis.setTimeout = (run, ms, ...rest) => later(run, [500, 1500, 4000].includes(ms) ? 20 : ms, ...rest); }\n';

/** @returns {Mishaps} */
const none = () => ({
  isolation: false, cut: null, hold: null, delay: 0, corrupt: false, claim: null, bareWasm: false, headers: {}, prefix: { 'palimpsest-worker.js': SHORT_PAUSES },
});

export class Server {
  /** @type {{ method: string, path: string }[]} */
  log = [];
  mishaps = none();
  /** Additional files, by their name in the site.  @type {Record<string, string>} */
  extra = {};
  /** Handlers that replace files, by name: hosts with bad responses (host.mjs).
   *  @type {Record<string, import('node:http').RequestListener>} */
  routes = {};
  #server = createServer((request, answer) => {
    this.#answer(request, answer).catch(() => answer.destroy());
  });
  #port = 0;

  constructor(/** @type {string} */ folder) {
    this.folder = folder;
  }

  async up() {
    this.#server.listen(this.#port, '127.0.0.1');
    await new Promise((resolve, reject) => this.#server.once('listening', resolve).once('error', reject));
    this.#port = /** @type {import('node:net').AddressInfo} */ (this.#server.address()).port;
    return this;
  }

  /** Offline: the server does not listen, and open connections are closed. */
  async down() {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  /** Resets the server for the next scenario. */
  async reset(/** @type {string} */ folder) {
    if (!this.#server.listening) await this.up();
    this.folder = folder;
    this.mishaps = none();
    this.extra = {};
    this.routes = {};
    this.log = [];
  }

  get origin() {
    return `http://127.0.0.1:${this.#port}`;
  }

  get url() {
    return this.origin + PATH;
  }

  /** How often a file was requested (by GET unless another method is given). */
  count(/** @type {string} */ name, method = 'GET') {
    return this.log.filter((one) => one.path === PATH + name && one.method === method).length;
  }

  async #answer(/** @type {import('node:http').IncomingMessage} */ request, /** @type {import('node:http').ServerResponse} */ answer) {
    const method = request.method ?? '';
    const path = decodeURIComponent(new URL(request.url ?? '', this.origin).pathname);
    this.log.push({ method, path });
    const route = this.routes[path.slice(PATH.length)];
    if (route) return void route(request, answer);
    const file = this.#fileOf(path);
    const found = file ? await stat(file).catch(() => null) : null;
    if (!file || !found?.isFile() || !['GET', 'HEAD'].includes(method)) return void answer.writeHead(404).end('not found');
    const code = this.mishaps.prefix[path.slice(PATH.length)];
    const body = code === undefined ? null : Buffer.concat([Buffer.from(code), await readFile(file)]);
    answer.writeHead(200, this.#headers(file, body?.length ?? found.size, found));
    if (method === 'HEAD') answer.end();
    else if (body) answer.end(body);
    else if (file.endsWith('.gguf')) await this.#model(file, answer);
    else createReadStream(file).pipe(answer);
  }

  #fileOf(/** @type {string} */ path) {
    if (!path.startsWith(PATH)) return null;
    const name = path.slice(PATH.length) || 'index.html';
    if (Object.hasOwn(this.extra, name)) return this.extra[name];
    const file = normalize(join(this.folder, name));
    return file.startsWith(normalize(this.folder)) ? file : null;
  }

  #headers(/** @type {string} */ file, /** @type {number} */ size, /** @type {import('node:fs').Stats} */ { mtime }) {
    const { isolation, claim, bareWasm, headers } = this.mishaps;
    const type = bareWasm && file.endsWith('.wasm') ? undefined : TYPES[extname(file)];
    return {
      'content-type': type ?? 'application/octet-stream',
      'content-length': file.endsWith('.gguf') && claim !== null ? claim : size,
      'last-modified': mtime.toUTCString(),
      // Offline, the page must use its own store, never the browser's cache.
      'cache-control': 'no-cache',
      ...headers,
      ...(isolation && { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' }),
    };
  }

  /** Sends the model in pieces, with the faults that are set. */
  async #model(/** @type {string} */ file, /** @type {import('node:http').ServerResponse} */ answer) {
    const data = await readFile(file);
    if (this.mishaps.corrupt) data[data.length >> 1] ^= 1;
    for (let at = 0; at < data.length; ) {
      const { cut, hold, delay } = this.mishaps;
      const end = Math.min(at + PIECE, cut ?? Infinity, hold !== null && hold > at ? hold : Infinity, data.length);
      if (cut !== null && at >= cut) return void answer.destroy();
      if (answer.destroyed) return;
      if (hold !== null && at >= hold) {
        await pause(20);
        continue;
      }
      if (delay) await pause(delay);
      if (!answer.write(data.subarray(at, end))) await drained(answer);
      at = end;
    }
    // After a wrong length the connection cannot be used again.
    answer.end(() => this.mishaps.claim !== null && answer.destroy());
  }
}
