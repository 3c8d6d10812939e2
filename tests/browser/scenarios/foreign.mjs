// @ts-check
/* Models of other origins: the page asks one only for a model that was named and confirmed; hosts with and without CORS,
 * redirects as of a hub. */
import assert from 'node:assert/strict';
import { createServer } from 'node:https';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { certificate } from '../certificate.mjs';
import { Host, HTML, validators } from '../host.mjs';
import { fill, kept, ready, root, says, TINY, view, write } from '../kit.mjs';
import { SHORT_PAUSES } from '../server.mjs';
import { findings, tabTo } from './access.mjs';

/** @typedef {import('../kit.mjs').Kit} Kit */

const BYTES = await readFile(TINY);
const CORS = { 'access-control-allow-origin': '*' };
const credentials = certificate();

/** A second origin.  @param {(host: Host, url: string) => Promise<void>} use */
async function elsewhere(use) {
  const host = new Host(BYTES);
  host.cors = CORS;
  const server = createServer(credentials, host.answer);
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  try {
    await use(host, `https://localhost:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}/tiny.gguf`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const title = (/** @type {any} */ tab, /** @type {string} */ text) => says(tab, '#confirm-title', text);
const text = (/** @type {any} */ tab) => tab.text('#confirm-text');

async function name(/** @type {any} */ tab, /** @type {string} */ address) {
  await tab.evaluate((/** @type {string} */ value) => (/** @type {HTMLInputElement} */ (document.querySelector('#address')).value = value), address);
  await tab.button('Look at it');
}

/** A whole visit: every view, a model by its address, a reload with its copy.  Nothing else asks another origin. */
async function onlyConfirmed(/** @type {Kit} */ kit) {
  await elsewhere(async (host, url) => {
    const { host: where } = new URL(url);
    const tab = await kit.openReady();
    await kept(tab);
    for (const one of /** @type {const} */ (['Continue', 'Pictures', 'Models'])) await view(tab, one);
    const foreign = () => /** @type {string[]} */ (kit.profile?.requests ?? []).filter((one) => !one.startsWith(kit.server.url) && !/^(data|blob):/.test(one));
    await name(tab, url);
    await title(tab, `Ask ${where}?`);
    assert.match(await text(tab), /Nothing that you write is sent/);
    assert.deepEqual([foreign(), host.seen.HEAD], [[], 0], 'nothing is asked before it is confirmed');
    await tab.click('#confirm-actions .quiet');
    assert.equal(await tab.visible('#confirm'), false);
    await name(tab, url);
    await tab.button('Ask for the size');
    await title(tab, 'Download tiny.gguf?');
    assert.match(await text(tab), new RegExp(`^0\\.1 MB from ${where}\\. It needs about \\d+ MB of memory`));
    assert.deepEqual([host.seen.HEAD, host.seen.GET], [1, 0], 'the size only');
    await tab.button('Download and use it');
    await tab.until(() => /tiny-infill/.test(document.querySelector('[data-part=loaded]')?.textContent ?? ''), null, 'it is in use');
    assert.equal(host.seen.GET, 1);
    await view(tab, 'Text');
    await write(tab, 'the [[2]] dog');
    assert.match(await fill(tab), /^the .+ dog$/);
    const before = host.seen.HEAD + host.seen.GET;
    await tab.reload();
    await view(tab, 'Text');
    await ready(tab);
    await view(tab, 'Models');
    await tab.button('Load tiny.gguf');
    await title(tab, 'Use tiny.gguf?');
    await tab.button('Use it');
    await tab.until(() => /tiny-infill/.test(document.querySelector('[data-part=loaded]')?.textContent ?? ''), null, 'its copy is in use');
    assert.equal(host.seen.HEAD + host.seen.GET, before, 'a kept copy needs no host');
    assert.ok(foreign().length > 0 && foreign().every((one) => one === url), foreign().join());
    assert.deepEqual(await tab.violations(), []);
    kit.say(`${kit.profile?.requests.length} requests, ${foreign().length} to the confirmed address, none to others`);
  });
}

async function refused(/** @type {Kit} */ kit) {
  kit.noisy = true; // what fails is on the console
  await elsewhere(async (host, url) => {
    const { host: where } = new URL(url);
    const tab = await kit.openReady();
    await view(tab, 'Models');
    for (const wrong of ['http://localhost:1/m.gguf', 'hf:one', 'https://']) {
      await name(tab, wrong);
      await tab.until(() => document.querySelector('[data-part=address-error]')?.checkVisibility(), null, wrong);
      assert.equal(await tab.visible('#confirm'), false);
    }
    for (const [ways, why] of /** @type {[Partial<Host>, RegExp][]} */ ([
      [{ cors: {} }, new RegExp(`^${where} could not be reached, or does not let other pages read its files \\(CORS\\)\\. Download the file yourself`)],
      [{ status: 404 }, /answered 404: it has no file \/tiny\.gguf/],
      [{ status: 401 }, /answered 401: the file is private/],
      [{ type: 'text/html', body: HTML }, /answered with a web page, not a model/],
    ])) {
      host.be({ body: BYTES, cors: CORS, ...ways });
      host.cors = ways.cors ?? CORS;
      await name(tab, url);
      await tab.button('Ask for the size');
      await title(tab, 'tiny.gguf cannot be loaded from there.');
      assert.match(await text(tab), why);
      await tab.press('Escape');
      assert.equal(await tab.visible('#confirm'), false);
    }
    assert.equal(host.seen.GET, 0);
  });
}

async function byKeyboard(/** @type {Kit} */ kit) {
  await elsewhere(async (_, url) => {
    const tab = await kit.openReady();
    await view(tab, 'Models');
    await tabTo(tab, '#address');
    await tab.type(url);
    await tab.press('Enter');
    await title(tab, 'Ask ');
    await findings(tab, 'the first question');
    await tab.press('Enter');
    await title(tab, 'Download tiny.gguf?');
    await findings(tab, 'the second question');
    await tab.press('Escape');
    assert.equal(await tab.visible('#confirm'), false);
    assert.equal(await tab.evaluate(() => document.activeElement?.id), 'address', 'the focus returns');
    await tab.press('Enter');
    await title(tab, 'Ask ');
    await tab.press('Enter');
    await title(tab, 'Download tiny.gguf?');
    await tab.press('Enter');
    await tab.until(() => /tiny-infill/.test(document.querySelector('[data-part=loaded]')?.textContent ?? ''), null, 'it is in use');
  });
}

/** In a worker: this server is the hub. */
const hub = (/** @type {string} */ origin) => `{ const old = fetch; globalThis.fetch = (url, init) => old(String(url).replace('https://huggingface.co', ${JSON.stringify(origin)}), init); }\n`;

/** The library in a blank page, and \`hf:\`, whose host redirects to a second one. */
async function fromHub(/** @type {Kit} */ kit) {
  kit.noisy = true; // what fails is on the console
  await elsewhere(async (storage, stored) => {
    await elsewhere(async (gate, address) => {
      const { origin } = new URL(address);
      gate.redirect = `${stored}?key=1`;
      kit.server.mishaps.prefix['palimpsest-worker.js'] = SHORT_PAUSES + hub(origin);
      kit.server.routes['blank.html'] = (_, answer) => void answer.writeHead(200, { 'content-type': 'text/html' }).end('<!DOCTYPE html><link rel="icon" href="data:,">');
      const tab = await kit.tab();
      await tab.goto(`${kit.server.url}blank.html`);
      const get = (/** @type {string} */ source) => tab.evaluate(async (/** @type {string} */ given) => {
        const { load, cache } = await import(/** @type {any} */ (new URL('palimpsest.js', location.href).href));
        /** @type {any[]} */
        const totals = [];
        const told = await load(given, { onProgress: (/** @type {any} */ p) => totals.push(p.total) }).then(
          (/** @type {any} */ model) => (model.dispose(), { name: model.info.name, kept: model.info.kept, source: model.info.source, why: model.info.updateWhyNot }),
          (/** @type {any} */ { code, message }) => ({ code, message }),
        );
        return { ...told, total: totals.at(-1), copies: (await cache.list()).length };
      }, source);
      for (const [i, validator] of [validators.etag, validators.date, validators.none].entries()) {
        Object.assign(storage, { validator, asked: [] });
        const told = await get(`hf:some/model/m${i}.gguf@v1.0`);
        assert.deepEqual(told, { name: 'tiny-infill', kept: true, source: `https://huggingface.co/some/model/resolve/v1.0/m${i}.gguf`, why: null, total: BYTES.length, copies: 1 });
        const { GET } = storage.seen;
        assert.equal((await get(`hf:some/model/m${i}.gguf@v1.0`)).why, null);
        assert.equal(storage.seen.GET, GET, 'what is unchanged is not fetched again');
      }
      for (const [how, ways, why] of /** @type {[string, Partial<Host>, RegExp][]} */ ([
        ['no CORS at the storage', { cors: {} }, /could not be fetched.*its server must allow other origins \(CORS\)/],
        ['too long a length', { length: BYTES.length + 5000 }, /interrupted after/],
        ['a page to sign in', { body: HTML, type: 'text/html' }, /not a model: the server answered 200 with an HTML page from https:\/\/localhost/],
        ['no file', { status: 404 }, /answered 404/],
      ])) {
        storage.be(ways);
        storage.cors = ways.cors ?? CORS;
        const told = await get(`hf:some/model/${how.replaceAll(' ', '-')}.gguf`);
        assert.match(String(told.message), why, `${how}: ${JSON.stringify(told)}`);
      }
    });
  });
}

export const scenarios = {
  'another origin is asked only for a model that was named and confirmed': onlyConfirmed,
  'an address that cannot be used is told, before anything is downloaded': refused,
  'a model by its address by keyboard alone, and axe finds nothing': byKeyboard,
  'hf: follows a redirect to a second origin, and tells what is wrong there': fromHub,
};
