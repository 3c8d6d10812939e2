// @ts-check
/* A host that answers for one model as badly as a test asks. */
import { gzipSync } from 'node:zlib';

const PIECE = 16 << 10;
const DATE = 'Sun, 01 Nov 2026 10:00:00 GMT';
export const HTML = '<!DOCTYPE html>\n<html><title>Sign in</title><p>Please sign in to go on.</html>\n';

/** What there is to say of a file: strong and weak tags, dates, and nothing. */
export const validators = {
  etag: (/** @type {string} */ version) => ({ etag: `"${version}"` }),
  weak: (/** @type {string} */ version) => ({ etag: `W/"${version}"` }),
  date: (/** @type {string} */ version) => ({ 'last-modified': version === '1' ? DATE : DATE.replace('01', '02') }),
  none: () => ({}),
};

export class Host {
  /** @type {Buffer | string} */
  body;
  /** Of the file: what the validator is made of. */
  version = '1';
  /** @type {(version: string) => Record<string, string>} */
  validator = validators.etag;
  status = 200;
  type = 'application/octet-stream';
  /** What HEAD gets: as GET, a status, or no answer. @type {'as GET' | 'never' | number} */
  head = 'as GET';
  /** Whether GET looks at If-None-Match and If-Modified-Since. */
  conditional = true;
  /** Content-Length: true, none, or a number that is not true. @type {boolean | number} */
  length = true;
  gzip = false;
  /** The connection ends after so many bytes; as if all were there, where no length was told. */
  cut = Infinity;
  /** Nothing comes after so many bytes.  -1: not even an answer. */
  hold = Infinity;
  /** Milliseconds between two pieces. */
  delay = 0;
  /** As if there were no network. */
  gone = false;
  /** Where GET is sent to instead. @type {string | null} */
  redirect = null;
  /** Requests, and how many bodies were begun and sent to their end. */
  seen = { HEAD: 0, GET: 0, begun: 0, whole: 0 };

  constructor(/** @type {Buffer} */ body) {
    this.body = body;
  }

  /** Puts on what is given, over a host that behaves. */
  be(/** @type {Partial<Host>} */ ways = {}) {
    const { body, version, validator, head, conditional, seen } = this;
    Object.assign(this, new Host(/** @type {Buffer} */ (body)), { version, validator, head, conditional, seen }, ways);
    return this;
  }

  /** @type {import('node:http').RequestListener} */
  answer = (request, answer) => {
    const method = /** @type {'GET' | 'HEAD'} */ (request.method);
    this.seen[method]++;
    if (this.gone) return void answer.destroy();
    if (method === 'HEAD' && this.head === 'never') return;
    if (method === 'HEAD' && typeof this.head === 'number') return void answer.writeHead(this.head).end();
    if (method === 'GET' && this.hold < 0) return;
    if (this.redirect) return void answer.writeHead(302, { location: this.redirect }).end();
    const told = this.validator(this.version);
    const { 'if-none-match': tag, 'if-modified-since': since } = request.headers;
    if (this.conditional && ((tag && tag === told.etag) || (!tag && since && since === told['last-modified']))) return void answer.writeHead(304, told).end();
    const data = this.gzip ? gzipSync(this.body) : Buffer.from(this.body);
    const length = this.length === true ? { 'content-length': data.length } : this.length ? { 'content-length': this.length } : {};
    answer.writeHead(this.status, { 'content-type': this.type, ...told, ...length, ...(this.gzip && { 'content-encoding': 'gzip' }) });
    if (method === 'HEAD') return void answer.end();
    answer.flushHeaders();
    this.seen.begun++;
    void this.#send(data, answer);
  };

  async #send(/** @type {Buffer} */ data, /** @type {import('node:http').ServerResponse} */ answer) {
    for (let at = 0; at < data.length; at += PIECE) {
      while (at >= this.hold && !answer.destroyed) await pause(10);
      if (answer.destroyed) return;
      if (at >= this.cut) {
        await pause(50); // what was written arrives
        return void (this.length === false ? answer.end() : answer.destroy());
      }
      if (this.delay) await pause(this.delay);
      answer.write(data.subarray(at, at + PIECE));
    }
    if (typeof this.length === 'number') {
      await pause(50); // the connection is of no further use
      return void answer.destroy();
    }
    answer.end(() => this.seen.whole++);
  }
}

const pause = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));
