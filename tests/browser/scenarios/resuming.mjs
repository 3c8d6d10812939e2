// @ts-check
/* Downloads that are cut go on where they were cut: in one load, after a reload, after a closed tab. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Host, validators } from '../host.mjs';
import { root, TINY } from '../kit.mjs';

/** @typedef {import('../kit.mjs').Kit} Kit */

const NAME = 'large.gguf';
const MB = 1e6;
/** Models of 20 MB: what follows the last tensor is not read. */
const large = async (/** @type {string} */ path) => Buffer.concat([await readFile(path), Buffer.alloc(20 * MB, path)]);
const [OLD, NEW, SMALL] = await Promise.all([large(TINY), large(join(root, 'tests/models/tiny-ar.gguf')), readFile(TINY)]);
const hashOf = (/** @type {Buffer} */ data) => createHash('sha256').update(data).digest('hex');

async function start(/** @type {Kit} */ kit, body = OLD) {
  const host = new Host(body);
  Object.assign(host, { ranges: true, linger: 1000 });
  kit.noisy = true; // what fails on the way is on the console
  kit.server.routes = {
    [NAME]: host.answer,
    'blank.html': (_, answer) => void answer.writeHead(200, { 'content-type': 'text/html' }).end('<!DOCTYPE html><link rel="icon" href="data:,">'),
  };
  return { host, tab: await blank(kit) };
}

async function blank(/** @type {Kit} */ kit) {
  const tab = await kit.tab();
  await tab.goto(`${kit.server.url}blank.html`);
  return tab;
}

/** Loads the model; `stop`: gives up when this many bytes have come. */
function get(/** @type {any} */ tab, /** @type {{ stop?: number, sha256?: string, cache?: boolean }} */ options = {}) {
  return tab.evaluate(async (/** @type {any} */ { name, stop, ...given }) => {
    const { load, cache } = await import(/** @type {any} */ (new URL('palimpsest.js', location.href).href));
    const abort = new AbortController();
    /** @type {number[]} */
    const loaded = [];
    const onProgress = (/** @type {any} */ p) => {
      loaded.push(p.loaded);
      if (stop && p.loaded >= stop) abort.abort(new Error('given up'));
    };
    const told = await load(name, { ...given, signal: abort.signal, onProgress }).then(
      (/** @type {any} */ model) => {
        const { name, sha256, kept, keptWhyNot } = model.info;
        model.dispose();
        return { name, sha256, kept, keptWhyNot };
      },
      (/** @type {any} */ error) => ({ error: error.code ?? error.message, message: error.message }),
    );
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('palimpsest-models', { create: true });
    const files = [];
    for await (const one of /** @type {any} */ (folder).keys()) files.push(one);
    return { ...told, grows: loaded.every((now, i) => !i || now >= loaded[i - 1]), unfinished: await cache.unfinished(), copies: (await cache.list()).length, files };
  }, { name: NAME, ...options });
}

/** The file is complete and kept, and nothing else. */
function assertWhole(/** @type {any} */ told, /** @type {Buffer} */ body = OLD) {
  assert.deepEqual([told.sha256, told.kept, told.unfinished, told.copies, told.files.length], [hashOf(body), true, [], 1, 2], JSON.stringify(told));
}

// Regression: a cut ended the load, and all began again.
async function goesOn(/** @type {Kit} */ kit) {
  const { host, tab } = await start(kit);
  for (const [how, validator] of /** @type {[string, (version: string) => Record<string, string>][]} */ ([['a tag', validators.etag], ['a date', validators.date]])) {
    Object.assign(host, { validator, asked: [], cuts: [6 * MB, 9 * MB, 13 * MB] });
    const told = await get(tab, { cache: how === 'a tag' });
    const proof = Object.values(validator('1'))[0];
    assert.deepEqual(host.asked.map(([range, proved]) => [range === undefined, proved]), [[true, undefined], [false, proof], [false, proof], [false, proof]], how);
    const starts = host.asked.map(([range]) => Number(/\d+/.exec(range ?? '')?.[0] ?? 0));
    assert.ok(starts.every((from, i) => !i || from > starts[i - 1]) && starts[3] > 9 * MB, `${how}: ${starts}`);
    assert.equal(told.sha256, hashOf(OLD), how);
    assert.ok(told.grows, `${how}: progress goes on`);
    if (how === 'a tag') assertWhole(told);
  }
}

async function beginsAgain(/** @type {Kit} */ kit) {
  const { host, tab } = await start(kit);
  for (const [how, ways] of /** @type {[string, Partial<Host>][]} */ ([
    ['a host without ranges', { ranges: false, validator: validators.date }],
    ['a host that says nothing of the file', { validator: validators.none }],
    ['a weak tag only', { validator: validators.weak }],
    ['no length', { length: false, validator: validators.none, cuts: [] }],
  ])) {
    host.be({ cuts: [6 * MB], ...ways });
    assert.equal((await get(tab, { cache: false })).sha256, hashOf(OLD), how);
  }
}

/** A file that changes while it is downloaded: the new one comes whole, also where it is shorter. */
async function changesMeanwhile(/** @type {Kit} */ kit) {
  const { host, tab } = await start(kit);
  const { answer } = host;
  const shorter = NEW.subarray(0, NEW.length - 3 * MB);
  for (const body of [NEW, shorter])
    for (const ranges of [true, false]) {
      host.be({ body: OLD, version: '1', ranges, cuts: [9 * MB] });
      kit.server.routes[NAME] = (request, response) => {
        if (host.asked.length === 1) Object.assign(host, { body, version: '2' });
        answer(request, response);
      };
      host.asked = [];
      const told = await get(tab);
      assertWhole(told, body);
      await tab.evaluate(clear);
    }
}

async function clear() {
  const { cache } = await import(/** @type {any} */ (new URL('palimpsest.js', location.href).href));
  for (const { sha256 } of await cache.list()) await cache.remove(sha256);
  for (const { url } of await cache.unfinished()) await cache.remove(url);
}

/** A few tries, then an error that says so; the next load goes on. */
async function nextLoad(/** @type {Kit} */ kit) {
  const { host, tab } = await start(kit);
  host.be({ cut: 9 * MB });
  const failed = await get(tab);
  assert.equal(failed.error, 'network');
  assert.match(failed.message, /interrupted after [89]\.\d MB of 20 MB.*3 more tries did not help/);
  assert.ok(host.asked.length >= 4 && host.asked.length < 9, `${host.asked}`);
  const [part] = failed.unfinished;
  assert.ok(part.bytes > 8 * MB && part.bytes < 10 * MB && part.total === OLD.length, JSON.stringify(part));
  assert.equal(part.url, `${kit.server.url}${NAME}`);
  host.be();
  host.asked = [];
  await tab.reload();
  assertWhole(await get(tab));
  assert.deepEqual(host.asked, [[`bytes=${part.bytes}-`, '"1"']]);
}

async function closedTab(/** @type {Kit} */ kit) {
  const { host, tab } = await start(kit);
  host.be({ hold: 9 * MB });
  void get(tab).catch(() => {});
  const other = await blank(kit);
  await other.until(async () => {
    const { cache } = await import(/** @type {any} */ (new URL('palimpsest.js', location.href).href));
    return (await cache.unfinished())[0]?.bytes > 8e6;
  }, null, 'the part is on the disk');
  await tab.close();
  kit.tabs.shift();
  host.be();
  host.asked = [];
  assertWhole(await get(other));
  assert.equal(host.asked.length, 1);
  assert.match(String(host.asked[0]?.[0]), /^bytes=[89]\d{6}-$/);
}

async function cancelled(/** @type {Kit} */ kit) {
  const { host, tab } = await start(kit);
  host.be({ hold: 9 * MB });
  const told = await get(tab, { stop: 5 * MB });
  assert.equal(told.error, 'given up');
  assert.equal(told.unfinished.length, 1, 'a part is left, and listed');
  host.be();
  await tab.evaluate(clear);
  const { files } = await get(tab, { stop: 1 });
  assert.ok(files.length <= 2, files.join());
  await tab.evaluate(clear);
  const left = await tab.evaluate(async () => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('palimpsest-models');
    const files = [];
    for await (const one of /** @type {any} */ (folder).keys()) files.push(one);
    return files;
  });
  // A worker that was ended while it deleted its file leaves it to the next load, which assertWhole looks at.
  assert.deepEqual(left.filter((/** @type {string} */ name) => told.files.includes(name) || !/^data-[\d-]+$/.test(name)), [], 'what is removed leaves nothing');
  assertWhole(await get(tab));
}

/** The part is of another file now, or was damaged on the disk: nobody sees that it was there. */
async function uselessPart(/** @type {Kit} */ kit) {
  const { host, tab } = await start(kit);
  const leave = async () => {
    await tab.evaluate(clear);
    host.be({ body: OLD, version: '1', cut: 9 * MB });
    assert.equal((await get(tab)).unfinished.length, 1);
  };
  for (const ranges of [true, false]) {
    await leave();
    host.be({ body: NEW, version: '2', ranges });
    assertWhole(await get(tab), NEW);
  }
  await leave();
  host.be({ ranges: true });
  await tab.evaluate(async () => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('palimpsest-models');
    for await (const [name, handle] of /** @type {any} */ (folder)) {
      if (!/^data-\d+-\d+$/.test(name)) continue;
      const file = await handle.createWritable({ keepExistingData: true });
      await file.write({ type: 'write', position: 1000, data: new Uint8Array(5000) });
      await file.close();
    }
  });
  assertWhole(await get(tab, { sha256: hashOf(OLD) }));
}

async function smallLeavesNothing(/** @type {Kit} */ kit) {
  const { host, tab } = await start(kit, SMALL);
  host.be({ cut: 20_000 });
  const { error, message, files, unfinished } = await get(tab);
  assert.deepEqual([error, files, unfinished], ['network', [], []], message);
  assert.equal(host.asked.length, 4);
  assert.equal(kit.server.count('palimpsest-loading.js') > 0, true, 'the code for it came when it was needed');
}

async function notNeeded(/** @type {Kit} */ kit) {
  const { tab } = await start(kit, SMALL);
  assertWhole(await get(tab), SMALL);
  for (const name of ['loading', 'sources', 'chat']) assert.equal(kit.server.count(`palimpsest-${name}.js`), 0, name);
}

/** Storage that is full while a large file arrives: the model is used, and nothing half written stays. */
async function storageFull(/** @type {Kit} */ kit) {
  const { host, tab } = await start(kit);
  await kit.profile?.quota?.(kit.server.origin, 8 * MB);
  if (!kit.profile?.quota) kit.skip('the quota cannot be set in this browser');
  host.be();
  const { name, kept, keptWhyNot, copies, unfinished } = await get(tab);
  assert.deepEqual([name, kept, copies, unfinished], ['tiny-infill', false, 0, []], String(keptWhyNot));
  kit.say(String(keptWhyNot));
}

export const scenarios = {
  'Regression: a cut download goes on where it was cut': goesOn,
  'a cut download begins again where the host does not say what file it has': beginsAgain,
  'a file that changes while it is downloaded is downloaded whole': changesMeanwhile,
  'a download that fails goes on at the next load': nextLoad,
  'a download in a tab that is closed goes on in another': closedTab,
  'a cancelled download leaves a part that is listed and can be removed': cancelled,
  'a part that is of no use is not noticed': uselessPart,
  'a small file leaves no part': smallLeavesNothing,
  'what most loads do not need is not fetched': notNeeded,
  'a full disk while a large model arrives: it works, and is not kept': storageFull,
};
