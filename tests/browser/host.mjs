// @ts-check
/* A host for one model, with the bad responses that a test sets. */
import { gzipSync } from 'node:zlib';

const PIECE = 16 << 10;
const DATE = 'Sun, 01 Nov 2026 10:00:00 GMT';
export const HTML = '<!DOCTYPE html>\n<html><title>Sign in</title><p>Please sign in to go on.</html>\n';

/** Validators of a file: strong and weak tags, dates, or none. */
export const validators = {
  etag: (/** @type {string} */ version) => ({ etag: `"${version}"` }),
  weak: (/** @type {string} */ version) => ({ etag: `W/"${version}"` }),
  date: (/** @type {string} */ version) => ({ 'last-modified': version === '1' ? DATE : DATE.replace('01', '02') }),
  none: () => ({}),
};

export class Host {
  /** @type {Buffer | string} */
  body;
  /** Version of the file, from which the validator is made. */
  version = '1';
  /** @type {(version: string) => Record<string, string>} */
  validator = validators.etag;
  status = 200;
  type = 'application/octet-stream';
  /** The response to HEAD: as for GET, a status, or none. @type {'as GET' | 'never' | number} */
  head = 'as GET';
  /** Whether GET respects If-None-Match and If-Modified-Since. */
  conditional = true;
  /** Content-Length: the correct one, none, or this wrong number. @type {boolean | number} */
  length = true;
  gzip = false;
  /** The connection ends after this many bytes; without a Content-Length this looks like the end of the file. */
  cut = Infinity;
  /** As `cut`, each for one response. @type {number[]} */
  cuts = [];
  /** Whether GET respects Range and If-Range. */
  ranges = false;
  /** Milliseconds from the last byte to the cut. */
  linger = 50;
  /** Headers for other origins. @type {Record<string, string>} */
  cors = {};
  /** The response stalls after this many bytes; -1: before the headers. */
  hold = Infinity;
  /** Milliseconds between two pieces. */
  delay = 0;
  /** As if there were no network. */
  gone = false;
  /** The target of a redirect of GET. @type {string | null} */
  redirect = null;
  /** Counts of requests, and of bodies that were started and sent completely. */
  seen = { HEAD: 0, GET: 0, begun: 0, whole: 0 };
  /** The headers Range and If-Range of the requests of GET. @type {(string | undefined)[][]} */
  asked = [];

  constructor(/** @type {Buffer} */ body) {
    this.body = body;
  }

  /** Applies the given settings to a host that otherwise behaves; version, validator, head and conditional stay. */
  be(/** @type {Partial<Host>} */ ways = {}) {
    const { body, version, validator, head, conditional, seen, ranges, cors, asked, linger } = this;
    Object.assign(this, new Host(/** @type {Buffer} */ (body)), { version, validator, head, conditional, seen, ranges, cors, asked, linger }, ways);
    return this;
  }

  /** @type {import('node:http').RequestListener} */
  answer = (request, answer) => {
    const method = /** @type {'GET' | 'HEAD'} */ (request.method);
    this.seen[method]++;
    const { range, 'if-range': ifRange } = request.headers;
    if (method === 'GET') this.asked.push([range, /** @type {string | undefined} */ (ifRange)]);
    if (this.gone) return void answer.destroy();
    if (method === 'HEAD' && this.head === 'never') return;
    if (method === 'HEAD' && typeof this.head === 'number') return void answer.writeHead(this.head).end();
    if (method === 'GET' && this.hold < 0) return;
    if (this.redirect) return void answer.writeHead(302, { location: this.redirect, ...this.cors }).end();
    const told = this.validator(this.version);
    const { 'if-none-match': tag, 'if-modified-since': since } = request.headers;
    if (this.conditional && ((tag && tag === told.etag) || (!tag && since && since === told['last-modified']))) return void answer.writeHead(304, told).end();
    const all = this.gzip ? gzipSync(this.body) : Buffer.from(this.body);
    const from = this.ranges && method === 'GET' && (!ifRange || ifRange === told.etag || ifRange === told['last-modified']) ? Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0) : 0;
    const data = all.subarray(from);
    const length = this.length === true ? { 'content-length': data.length } : this.length ? { 'content-length': this.length } : {};
    const part = from > 0 && { 'content-range': `bytes ${from}-${all.length - 1}/${all.length}` };
    answer.writeHead(part ? 206 : this.status, { 'content-type': this.type, ...told, ...length, ...part, ...this.cors, ...(this.gzip && { 'content-encoding': 'gzip' }) });
    if (method === 'HEAD') return void answer.end();
    answer.flushHeaders();
    this.seen.begun++;
    void this.#send(data, from, this.cuts.shift() ?? this.cut, answer);
  };

  async #send(/** @type {Buffer} */ data, /** @type {number} */ from, /** @type {number} */ cut, /** @type {import('node:http').ServerResponse} */ answer) {
    for (let at = 0; at < data.length; at += PIECE) {
      while (from + at >= this.hold && !answer.destroyed) await pause(10);
      if (answer.destroyed) return;
      if (from + at >= cut) {
        await pause(this.linger); // what was written arrives
        return void (this.length === false ? answer.end() : answer.destroy());
      }
      if (this.delay) await pause(this.delay);
      if (!answer.write(data.subarray(at, at + PIECE))) await drained(answer);
    }
    if (typeof this.length === 'number') {
      await pause(50); // the connection is of no further use
      return void answer.destroy();
    }
    answer.end(() => this.seen.whole++);
  }
}

/** Waits until more can be written, or the connection is closed. */
export function drained(/** @type {import('node:http').ServerResponse} */ answer) {
  return new Promise((/** @type {(value?: unknown) => void} */ resolve) => {
    const done = () => {
      answer.off('drain', done).off('close', done);
      resolve();
    };
    answer.on('drain', done).on('close', done);
  });
}

const pause = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));
