#!/usr/bin/env node
// @ts-check
/* The tarball as site authors use it: in a bare project of each bundler, in Node, and from a second origin.  Each page is
 * opened in Chromium, where it fills blanks, continues a text and draws.  Run by tools/test after tools/package.
 *
 *   node tests/bundlers/run.mjs [--only NAME]
 *
 * The last line is `N passed, N failed, N skipped`. */
import assert from 'node:assert/strict';
import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { start } from '../browser/drivers.mjs';
import { BUNDLERS, COMPONENTS, LEAVES_BEHIND } from './bundlers.mjs';
import { byCommand, inNode, project, root } from './project.mjs';

const { values } = parseArgs({ options: { only: { type: 'string' } } });
/** @type {Record<string, string>} */
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' };

/** A host of folders by the first part of the path; `shared`: other origins may read its files, unless one is excepted. */
async function host(/** @type {Record<string, string>} */ folders, shared = false) {
  const excepted = new Set();
  const server = createServer(async (request, answer) => {
    const path = decodeURIComponent(new URL(request.url ?? '', 'http://host').pathname);
    const [, first = '', ...rest] = path.split('/');
    const file = join(folders[first] ?? '/nowhere', rest.join('/') || 'index.html');
    const found = await stat(file).catch(() => null);
    if (!found?.isFile()) return void answer.writeHead(404).end('not found');
    const allowed = shared && !excepted.has(rest.at(-1));
    answer.writeHead(200, {
      'content-type': TYPES[extname(file)] ?? 'application/octet-stream', 'content-length': found.size,
      ...(allowed && { 'access-control-allow-origin': '*' }),
    });
    createReadStream(file).pipe(answer);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(null)));
  const url = `http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}/`;
  return { url, folders, excepted, end: () => (server.closeAllConnections(), server.close()) };
}

const temporary = await mkdtemp(join(tmpdir(), 'palimpsest-bundlers-'));
const [pages, others] = await Promise.all([host({}), host({ models: join(root, 'tests/models'), golden: join(root, 'tests/golden') }, true)]);
const models = `${others.url}models/`;
const browser = await start('chromium');
const expected = byCommand();
const expectedOf = (/** @type {string} */ entry) => ({ ...expected, ...(entry.includes('inline') && { noised: 'unsupported' }) });
const count = { passed: 0, failed: 0, skipped: 0 };
let drawn = 0;
let made = 0;

async function test(/** @type {string} */ name, /** @type {() => Promise<unknown>} */ run) {
  if (values.only && !name.includes(values.only) && !name.startsWith('Node')) return;
  const began = performance.now();
  const said = await run().then(() => null, (error) => error);
  count[said ? 'failed' : 'passed']++;
  console.log(`    ${said ? 'FAILED' : 'ok    '}   ${name}: ${((performance.now() - began) / 1000).toFixed(1)} s`);
  if (said) console.log(String(said.stack ?? said).replace(/^/gm, '        '));
}

async function fresh(/** @type {string} */ entry) {
  const folder = join(temporary, `project-${++made}`);
  await project(folder, entry);
  return folder;
}

/** What a page gives, as its program has left it in \`given\`. */
async function shown(/** @type {string} */ url) {
  const profile = await browser.profile();
  try {
    const tab = await profile.tab();
    await tab.goto(`${url}?models=${encodeURIComponent(models)}`);
    await tab.until(() => 'given' in globalThis, null, 'what the page gives', 30_000).catch((error) => {
      throw new Error(`${error.message}; ${tab.errors.join('; ')}`);
    });
    return await tab.evaluate(() => /** @type {any} */ (globalThis).given);
  } finally {
    await profile.close();
  }
}

/** A page of the given folder, on the host of pages. */
function served(/** @type {string} */ folder) {
  const name = `page-${made}`;
  pages.folders[name] = folder;
  return `${pages.url}${name}/`;
}

async function build(/** @type {(project: string) => Promise<import('./bundlers.mjs').Made>} */ bundle, /** @type {string} */ entry) {
  const built = await bundle(await fresh(entry));
  if (!('folder' in built)) return shown(built.url).finally(built.end);
  return shown(served(built.folder));
}

// The pictures of all are those of Node; their texts are those of the command.
for (const entry of ['palimpsest', 'palimpsest/inline'])
  await test(`Node, ${entry}`, async () => {
    const { drawn: picture, ...texts } = await inNode(await fresh(entry));
    assert.deepEqual(texts, expectedOf(entry));
    drawn ||= picture;
    assert.equal(picture, drawn);
  });
for (const [name, entry, bundle] of BUNDLERS)
  await test(`${name}: import '${entry}'`, async () => assert.deepEqual(await build(bundle, entry), { ...expectedOf(entry), drawn }));

const filled = { filled: expected.filled, shown: expected.filled };
for (const [name, entry, bundle] of COMPONENTS)
  await test(`component, ${name}: import '${entry}'`, async () => assert.deepEqual(await build(bundle, entry), filled));

await test('a bundler that leaves the worker behind: the error says what to import', async () => {
  const { code, message } = await build(LEAVES_BEHIND, 'palimpsest');
  assert.equal(code, 'environment');
  assert.match(message, /palimpsest-worker\.js could not be loaded.*palimpsest\/inline/);
});

// ---- a second origin

await test('a model of another origin that does not share it: the error says what its server must do', async () => {
  others.excepted.add('tiny-infill.gguf');
  const { code, message } = await build(LEAVES_BEHIND, 'palimpsest/inline');
  others.excepted.clear();
  assert.equal(code, 'network');
  assert.match(message, /could not be fetched.*must allow other origins \(CORS\)/);
});

/** A page with one script, which imports the library from another origin. */
async function fromElsewhere(/** @type {string} */ file) {
  const entry = file.startsWith('component') ? 'palimpsest/component' : 'palimpsest';
  const folder = await fresh(entry);
  others.folders.library = join(folder, 'node_modules/palimpsest');
  const code = (await readFile(join(folder, 'main.js'), 'utf8')).replace(`'${entry}'`, `'${others.url}library/${file}'`);
  await writeFile(join(folder, 'index.html'), `<!doctype html><title>One script</title><link rel="icon" href="data:,"><script type="module">${code}</script>`);
  return shown(served(folder));
}
for (const file of ['palimpsest.js', 'inline.js'])
  await test(`one script in a page, with ${file} of another origin`, async () => assert.deepEqual(await fromElsewhere(file), { ...expectedOf(file), drawn }));
for (const file of ['component.js', 'component-inline.js'])
  await test(`component: one script in a page, ${file} of another origin`, async () => assert.deepEqual(await fromElsewhere(file), filled));
await test('another origin that does not share its worker: the error says what its server must send', async () => {
  others.excepted.add('palimpsest-worker.js');
  const { code, message } = await fromElsewhere('palimpsest.js');
  others.excepted.clear();
  assert.equal(code, 'environment');
  assert.match(message, /palimpsest-worker\.js could not be loaded.*Access-Control-Allow-Origin/);
});
for (const base of ['library', 'library/', 'library/?v=1', 'library/palimpsest.js'])
  await test(`base '${base}' of another origin`, async () => {
    const folder = await fresh('palimpsest/inline');
    others.folders.library = join(folder, 'node_modules/palimpsest');
    const main = join(folder, 'main.js');
    await writeFile(main, (await readFile(main, 'utf8')).replaceAll('cache: false', `cache: false, base: '${others.url}${base}'`));
    const { folder: built } = /** @type {{ folder: string }} */ (await LEAVES_BEHIND(folder));
    assert.deepEqual(await shown(served(built)), { ...expected, drawn });
  });

await browser.close();
pages.end();
others.end();
await rm(temporary, { recursive: true });
console.log(`\n${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
process.exit(count.failed ? 1 : 0);
