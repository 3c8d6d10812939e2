// @ts-check
/* The cached copy of a model, and hosts with bad responses: only a model that the engine has opened replaces the
 * copy. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Host, HTML, validators } from '../host.mjs';
import { root, TINY } from '../kit.mjs';
import { SHORT_PAUSES } from '../server.mjs';

/** @typedef {import('../kit.mjs').Kit} Kit */

const [OLD, NEW] = await Promise.all([TINY, join(root, 'tests/models/tiny-ar.gguf')].map((path) => readFile(path)));
const VOCABULARY = await readFile(join(root, 'tests/models/tales-vocab.gguf'));
const hashOf = (/** @type {Buffer} */ data) => createHash('sha256').update(data).digest('hex');
const [OLD_HASH, NEW_HASH] = [hashOf(OLD), hashOf(NEW)];
const MODEL = 'kept.gguf';
/** Shortens the timeouts of the library: for the headers of a host, and for bytes of the body.  None becomes as long as a
 *  pause that SHORT_PAUSES shortens. */
const HASTE = SHORT_PAUSES + 'const later = setTimeout; globalThis.setTimeout = (run, ms, ...rest) => later(run, ms === 120000 ? 2500 : ms > 4000 && ms <= 5000 ? 1600 : ms, ...rest);\n';

/** A page with only the library, without a service worker, and the model's host. */
async function start(/** @type {Kit} */ kit, prefix = HASTE) {
  const host = new Host(OLD);
  kit.noisy = true; // what fails on the way is on the console
  kit.server.mishaps.prefix['palimpsest-worker.js'] = prefix;
  kit.server.routes = {
    [MODEL]: host.answer,
    'blank.html': (_, answer) => void answer.writeHead(200, { 'content-type': 'text/html' }).end('<!DOCTYPE html><link rel="icon" href="data:,">'),
    'login.html': (_, answer) => void answer.writeHead(200, { 'content-type': 'text/html' }).end(HTML),
  };
  return { host, tab: await blank(kit) };
}

async function blank(/** @type {Kit} */ kit) {
  const tab = await kit.tab();
  await tab.goto(`${kit.server.url}blank.html`);
  return tab;
}

/** Loads the model.  Returns the model and the cached copy, or the error; `cancel`: after this many milliseconds. */
function get(/** @type {any} */ tab, /** @type {{ sha256?: string, cancel?: number, name?: string }} */ options = {}) {
  return tab.evaluate(async (/** @type {any} */ { name, cancel, ...given }) => {
    const { load, cache } = await import(/** @type {any} */ (new URL('palimpsest.js', location.href).href));
    const stop = new AbortController();
    if (cancel) setTimeout(() => stop.abort(new Error('given up')), cancel);
    const began = performance.now();
    const phases = new Set();
    const told = await load(name, { ...given, signal: stop.signal, onProgress: (/** @type {any} */ p) => phases.add(p.phase) }).then(
      (/** @type {any} */ model) => {
        const { name, sha256, kept, keptWhyNot, updateWhyNot } = model.info;
        model.dispose();
        return { name, sha256, kept, keptWhyNot, updateWhyNot };
      },
      (/** @type {any} */ error) => ({ error: error.code ?? error.message, message: error.message }),
    );
    const copies = (await cache.list()).map((/** @type {any} */ copy) => copy.sha256);
    return { ...told, copies, ms: performance.now() - began, phases: [...phases] };
  }, { name: MODEL, ...options });
}

/** The old model was returned and is still cached, with a reason why it is not a newer one. */
function assertOld(/** @type {any} */ told, /** @type {RegExp | null} */ why, /** @type {string} */ how) {
  assert.equal(told.name, 'tiny-infill', `${how}: ${JSON.stringify(told)}`);
  assert.deepEqual([told.kept, told.keptWhyNot, told.copies], [true, null, [OLD_HASH]], how);
  if (why) assert.match(String(told.updateWhyNot), why, `${how}: ${told.updateWhyNot}`);
  else assert.equal(told.updateWhyNot, null, how);
}

async function first(/** @type {any} */ tab) {
  assertOld(await get(tab), null, 'the first load');
}

const LFS = `version https://git-lfs.github.com/spec/v1\noid sha256:${NEW_HASH}\nsize ${NEW.length}\n`;
const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');

/** Responses of a host, the library's error code without a cached copy, and the reason that it reports with one.
 *  @type {[string, Partial<Host>, string, RegExp][]} */
const BAD = [
  ['HTML with 200', { body: HTML, type: 'text/html; charset=utf-8' }, 'format', /HTML/],
  ['HTML with 200 that says it is data', { body: HTML }, 'format', /HTML/],
  ['HTML without a length', { body: HTML, type: 'text/html', length: false }, 'format', /HTML/],
  ['HTML as gzip', { body: HTML, type: 'text/html', gzip: true }, 'format', /HTML/],
  ['404', { status: 404, body: HTML, type: 'text/html' }, 'network', /404/],
  ['503', { status: 503, body: 'try later' }, 'network', /503/],
  ['500 without a body', { status: 500, body: '' }, 'network', /500/],
  ['204', { status: 204, body: '', length: false }, 'network', /204/],
  ['206', { status: 206, body: NEW.subarray(0, 30_000) }, 'network', /206/],
  ['a cut connection', { body: NEW, cut: 30_000 }, 'network', /interrupted after/],
  ['a cut connection without a length', { body: NEW, cut: 30_000, length: false }, 'format', /./],
  ['a Content-Length that is too large', { body: NEW, length: NEW.length + 5000 }, 'network', /interrupted after/],
  ['a Content-Length that is too small', { body: NEW, length: 40_000 }, 'format', /./],
  ['a redirect to a login page', { redirect: 'login.html' }, 'format', /HTML.*login/],
  ['a redirect without an end', { redirect: MODEL }, 'network', /fetch/],
  ['a picture', { body: PNG, type: 'image/png' }, 'format', /./],
  ['a pointer of Git LFS', { body: LFS, type: 'text/plain' }, 'format', /./],
  ['nothing at all', { body: '' }, 'format', /./],
  ['bytes that are no model behind a right beginning', { body: Buffer.concat([NEW.subarray(0, 8), PNG]) }, 'format', /./],
];

async function badHosts(/** @type {Kit} */ kit) {
  const { host, tab } = await start(kit);
  await first(tab);
  for (const [i, [how, ways, , why]] of BAD.entries()) {
    host.be({ ...ways, version: `bad ${i}` });
    assertOld(await get(tab), why, how);
  }
  host.be({ gone: true });
  assertOld(await get(tab), /could not be fetched/, 'offline');
  host.be({ body: NEW, version: '2' });
  const { name, kept, updateWhyNot, copies } = await get(tab);
  assert.deepEqual({ name, kept, updateWhyNot, copies }, { name: 'tiny-ar', kept: true, updateWhyNot: null, copies: [NEW_HASH] }, 'a good one replaces it');
}

async function badWithoutCopy(/** @type {Kit} */ kit) {
  const { host, tab } = await start(kit);
  for (const [how, ways, code, why] of BAD) {
    host.be(ways);
    const { error, message, copies } = await get(tab);
    assert.deepEqual([error, copies], [code, []], `${how}: ${message}`);
    assert.match(message, why, `${how}: ${message}`);
  }
  host.be({ body: OLD });
  await first(tab);
}

/** Only GET gives the version, and is aborted if the version equals that of the copy. */
async function headRefused(/** @type {Kit} */ kit) {
  const { host, tab } = await start(kit);
  let version = 1;
  for (const head of [405, 404, 501, 403])
    for (const conditional of [true, false]) {
      const how = `HEAD ${head}, ${conditional ? 'with' : 'without'} conditions`;
      host.be({ head, conditional, body: OLD, version: String(++version), validator: validators.etag, delay: 0 });
      await get(tab);
      host.seen = { HEAD: 0, GET: 0, begun: 0, whole: 0 };
      host.be({ body: OLD, delay: 700 });
      for (let i = 0; i < 2; i++) assertOld(await get(tab), null, how);
      assert.deepEqual([host.seen.HEAD, host.seen.GET, host.seen.whole], [2, 2, 0], how);
      if (conditional) assert.equal(host.seen.begun, 0, how);
    }
  host.be({ body: NEW, version: '99', delay: 0 });
  assert.equal((await get(tab)).name, 'tiny-ar', 'what is changed is fetched');
  assert.equal(host.seen.GET, 3, 'by the request that found it');
}

async function noAnswer(/** @type {Kit} */ kit) {
  const { host, tab } = await start(kit);
  await first(tab);
  for (const [how, ways] of /** @type {[string, Partial<Host>][]} */ ([
    ['HEAD', { head: 'never' }],
    ['HEAD, of a newer file', { head: 'never', body: NEW, version: '2' }],
    ['GET, after HEAD was refused', { head: 405, hold: -1 }],
    ['GET, of a newer file', { head: 'as GET', hold: -1, body: NEW, version: '3' }],
  ])) {
    host.be(ways);
    const told = await get(tab);
    assertOld(told, /no data for 5 s/, `no answer to ${how}`);
    assert.ok(told.ms < 10_000, `${told.ms} ms`);
  }
  const withHash = await get(tab, { sha256: OLD_HASH });
  assertOld(withHash, null, 'a hash needs no answer');
}

/** An unchanged file is not downloaded again, with any headers of the host. */
async function unchanged(/** @type {Kit} */ kit) {
  const { host, tab } = await start(kit);
  let turn = 0;
  const tags = ['"x"', 'W/"x"', '"x-gzip"'];
  for (const [how, ways] of /** @type {[string, Partial<Host>][]} */ ([
    ['a strong tag', { validator: validators.etag }],
    ['a weak tag', { validator: validators.weak }],
    ['a tag that is weak at times', { validator: () => ({ etag: tags[turn++ % 3] ?? '' }) }],
    ['a date', { validator: validators.date }],
    ['a date, and no length', { validator: validators.date, length: false }],
    ['a date, gzip', { validator: validators.date, gzip: true }],
    ['a length only', { validator: validators.none }],
    ['nothing at all', { validator: validators.none, length: false }],
  ])) {
    host.seen = { HEAD: 0, GET: 0, begun: 0, whole: 0 };
    host.be({ head: 'as GET', body: OLD, ...ways });
    await tab.evaluate(clear);
    for (let i = 0; i < 3; i++) assertOld(await get(tab), null, how);
    assert.equal(host.seen.whole, 1, how);
  }
}

async function clear() {
  const { cache } = await import(/** @type {any} */ (new URL('palimpsest.js', location.href).href));
  for (const { sha256 } of await cache.list()) await cache.remove(sha256);
}

/** A changed file is downloaded, for every header that shows the change. */
async function changed(/** @type {Kit} */ kit) {
  const { host, tab } = await start(kit);
  for (const [how, ways] of /** @type {[string, Partial<Host>][]} */ ([
    ['a strong tag', { validator: validators.etag }],
    ['a weak tag', { validator: validators.weak }],
    ['a date', { validator: validators.date }],
    ['a date, gzip', { validator: validators.date, gzip: true }],
    ['a length only', { validator: validators.none }],
  ])) {
    await tab.evaluate(clear);
    host.be({ head: 'as GET', body: OLD, version: '1', ...ways });
    await first(tab);
    host.be({ body: NEW, version: '2', ...ways });
    const { name, copies } = await get(tab);
    assert.deepEqual([name, copies], ['tiny-ar', [NEW_HASH]], how);
  }
  let turn = 0;
  await tab.evaluate(clear);
  host.be({ body: OLD, validator: () => ({ etag: `"${turn++}"` }) });
  for (let i = 0; i < 2; i++) assertOld(await get(tab), null, 'a tag that is never the same');
  host.be({ gone: true });
  assertOld(await get(tab), /could not be fetched/, 'offline');
}

/** A file that the engine cannot use is checked for changes, and not downloaded a second time. */
async function uselessUpdate(/** @type {Kit} */ kit) {
  const { host, tab } = await start(kit);
  await first(tab);
  for (const [how, body, why] of /** @type {[string, Buffer, RegExp][]} */ ([
    ['a file without a network', VOCABULARY, /vocabulary/],
    ['a file that ends early', NEW.subarray(0, 40_000), /./],
  ])) {
    host.be({ body, version: how });
    host.seen = { HEAD: 0, GET: 0, begun: 0, whole: 0 };
    for (let i = 0; i < 3; i++) assertOld(await get(tab), why, how);
    assert.ok(host.seen.whole <= 1, `${how}: fetched ${host.seen.whole} times`);
  }
  host.be({ body: NEW, version: 'at last' });
  assert.equal((await get(tab)).name, 'tiny-ar');
}

async function hashes(/** @type {Kit} */ kit) {
  const { host, tab } = await start(kit);
  await first(tab);
  host.be({ body: NEW, version: '2' });
  const wrong = await get(tab, { sha256: '0'.repeat(64) });
  assert.deepEqual([wrong.error, wrong.copies], ['integrity', [OLD_HASH]], 'a wrong hash keeps nothing');
  host.be({ body: HTML, type: 'text/html', version: '3' });
  const page = await get(tab, { sha256: NEW_HASH });
  assert.deepEqual([page.error, page.copies], ['format', [OLD_HASH]], 'HTML is told as such');
  host.be({ status: 503, body: '', version: '4' });
  assert.match((await get(tab, { sha256: NEW_HASH })).message, /503/);
  assertOld(await get(tab, { sha256: OLD_HASH }), null, 'the right hash');
  assertOld(await get(tab), /503/, 'no hash');
  host.be({ body: NEW, version: '5' });
  const right = await get(tab, { sha256: NEW_HASH });
  assert.deepEqual([right.name, right.copies], ['tiny-ar', [NEW_HASH]]);
}

/** A load that hangs does not block others. */
async function hanging(/** @type {Kit} */ kit) {
  const { host, tab } = await start(kit);
  await first(tab);
  await tab.evaluate(clear);
  host.be({ hold: 20_000 });
  const hung = get(tab);
  await tab.until(() => true);
  const other = await blank(kit);
  while (!host.seen.begun || host.seen.GET < 2) await new Promise((resolve) => setTimeout(resolve, 20));
  const second = get(other);
  const third = get(other, { sha256: OLD_HASH });
  while (host.seen.GET < 3) await new Promise((resolve) => setTimeout(resolve, 20));
  host.be();
  for (const told of await Promise.all([second, third])) {
    assert.deepEqual([told.name, told.kept], ['tiny-infill', true], JSON.stringify(told));
  }
  await hung;
}

/** A slow host is not a dead one: the download continues, and callers keep waiting for it. */
async function slow(/** @type {Kit} */ kit) {
  const { host, tab } = await start(kit);
  host.be({ delay: 700, body: OLD });
  const other = await blank(kit);
  const [one, two] = await Promise.all([get(tab), get(other)]);
  for (const told of [one, two]) assert.deepEqual([told.name, told.kept, told.updateWhyNot], ['tiny-infill', true, null]);
  assert.equal(host.seen.GET, 1, 'one download');
  assert.ok(Math.max(one.ms, two.ms) > 1600, 'longer than what is waited for');
  host.be({ delay: 700, body: NEW, version: '2' });
  assert.equal((await get(tab)).name, 'tiny-ar', 'an update, too');
}

async function stalled(/** @type {Kit} */ kit) {
  const { host, tab } = await start(kit);
  host.be({ hold: 20_000 });
  const told = await get(tab);
  assert.equal(told.error, 'network');
  assert.match(told.message, /no data for 120 s/);
  host.be({ hold: -1 });
  assert.match((await get(tab)).message, /no data for 120 s/);
  host.be();
  await first(tab);
  host.be({ hold: 20_000, body: NEW, version: '2' });
  assertOld(await get(tab), /no data for 120 s/, 'an update that stalls');
}

async function cancelled(/** @type {Kit} */ kit) {
  const { host, tab } = await start(kit, '');
  for (const [how, ways] of /** @type {[string, Partial<Host>][]} */ ([
    ['GET without an answer', { hold: -1 }],
    ['a stalled download', { hold: 20_000 }],
  ])) {
    host.be(ways);
    const told = await get(tab, { cancel: 300 });
    assert.deepEqual([told.error, told.copies], ['given up', []], how);
    assert.ok(told.ms < 3000);
  }
  host.be();
  await first(tab);
  host.be({ head: 'never' });
  assert.equal((await get(tab, { cancel: 300 })).error, 'given up', 'HEAD without an answer');
  host.be({ head: 'as GET', hold: 20_000, body: NEW, version: '2' });
  const [held, waiting] = await Promise.all([get(tab, { cancel: 1500 }), get(tab, { cancel: 1000 })]);
  assert.deepEqual([held.error, waiting.error], ['given up', 'given up'], 'and who waits for another load');
  host.be({ body: OLD, version: '1' });
  assertOld(await get(tab), null, 'the copy is as it was');
}

/** Storage that is full after this many bytes. */
const FULL = (/** @type {number} */ bytes) => `${HASTE}
let written = 0;
const { write } = FileSystemSyncAccessHandle.prototype;
FileSystemSyncAccessHandle.prototype.write = function (data, options) {
  if ((written += data.length) > ${bytes}) throw new DOMException('full for the test', 'QuotaExceededError');
  return write.call(this, data, options);
};
`;

async function storageFull(/** @type {Kit} */ kit) {
  const { host, tab } = await start(kit);
  await first(tab);
  for (const [i, bytes] of [20_000, NEW.length].entries()) {
    kit.server.mishaps.prefix['palimpsest-worker.js'] = FULL(bytes);
    const fresh = await blank(kit);
    host.seen.GET = 0;
    host.be({ body: NEW, version: `${i + 2}` });
    const { name, kept, keptWhyNot, copies } = await get(fresh);
    assert.deepEqual([name, kept, copies], ['tiny-ar', false, [OLD_HASH]], 'in memory, and the older copy stays');
    assert.match(keptWhyNot, /full for the test/);
    assert.equal(host.seen.GET, 1, 'one download');
    assert.equal((await fresh.evaluate(files)).length, 2, 'nothing half written stays');
  }
  host.be({ gone: true });
  kit.server.mishaps.prefix = {};
  assertOld(await get(tab), /could not be fetched/, 'offline');
}

async function files() {
  const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('palimpsest-models');
  const names = [];
  for await (const name of /** @type {any} */ (folder).keys()) names.push(name);
  return names;
}

/** A cached copy that is not a model, possible with earlier versions of the library, is replaced; until then it is an
 *  error. */
async function uselessCopy(/** @type {Kit} */ kit) {
  const { host, tab } = await start(kit);
  await first(tab);
  const plant = (/** @type {{ text: string, sha256: string }} */ page) => tab.evaluate(async (/** @type {any} */ { text, sha256 }) => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('palimpsest-models');
    const cards = [];
    for await (const [name, handle] of /** @type {any} */ (folder)) if (name.endsWith('.json')) cards.push([name, JSON.parse(await (await handle.getFile()).text())]);
    const [[name, card]] = cards;
    const put = async (/** @type {string} */ file, /** @type {string} */ data) => {
      const out = await (await folder.getFileHandle(file, { create: true })).createWritable();
      await out.write(data);
      await out.close();
    };
    await put(card.file, text);
    await folder.removeEntry(name);
    await put(`${sha256}.json`, JSON.stringify({ ...card, sha256, bytes: text.length }));
  }, page);
  await plant({ text: HTML, sha256: hashOf(Buffer.from(HTML)) });
  host.be({ gone: true });
  assert.equal((await get(tab)).error, 'network', 'offline there is no model');
  host.be();
  const told = await get(tab);
  assertOld(told, null, 'and with a network it is fetched again');
}

/** A card as version 0.1 wrote it, without what hosts said. */
async function keptBy01(/** @type {Kit} */ kit) {
  const { host, tab } = await start(kit);
  await tab.evaluate(async (/** @type {any} */ { sha256, name }) => {
    const data = await (await fetch(name)).arrayBuffer();
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('palimpsest-models', { create: true });
    const put = async (/** @type {string} */ file, /** @type {any} */ content) => {
      const out = await (await folder.getFileHandle(file, { create: true })).createWritable();
      await out.write(content);
      await out.close();
    };
    await put('kept-by-0.1', data);
    await put(`${sha256}.json`, JSON.stringify({ sha256, bytes: data.byteLength, file: 'kept-by-0.1', origins: [{ url: new URL(name, location.href).href }] }));
  }, { sha256: OLD_HASH, name: MODEL });
  host.be({ gone: true });
  assertOld(await get(tab), /could not be fetched/, 'offline');
  host.be();
  assertOld(await get(tab), null, 'and with a network');
}

export const scenarios = {
  'Regression: hosts that answer badly leave the kept copy': badHosts,
  'Regression: hosts that answer badly are told, by status or as HTML': badWithoutCopy,
  'Regression: where HEAD is refused, what is unchanged is not fetched again': headRefused,
  'Regression: a host that does not answer is waited for 5 s, then the copy serves': noAnswer,
  'Regression: what is unchanged is not fetched again, by tag, date, length or nothing': unchanged,
  'what is changed is fetched again': changed,
  'Regression: an update that the engine cannot use leaves the copy, and is fetched once': uselessUpdate,
  'Regression: a wrong hash never replaces a copy': hashes,
  'Regression: a load that hangs is in no other\'s way': hanging,
  'a slow download is never ended, and is shared': slow,
  'Regression: a download without a byte for 120 s is ended': stalled,
  'a load can be cancelled wherever it waits': cancelled,
  'Regression: storage full: the download goes on in memory, and the older copy stays': storageFull,
  'Regression: a copy that is no model is fetched again': uselessCopy,
  'a model that version 0.1 kept is of use': keptBy01,
};
