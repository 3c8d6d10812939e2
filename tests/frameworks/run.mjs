#!/usr/bin/env node
// @ts-check
/* The tarball in frameworks that render pages on a server: Next.js with Turbopack and with webpack, and SvelteKit.  Each app is
 * built for production and served; the server's page must contain what it knows of palimpsest without a browser, and in Chromium
 * the page fills blanks.  Needs build/package (tools/package), and about 400 MB: tools/test runs it only if asked for.
 *
 *   node tests/frameworks/run.mjs [--only NAME]
 *
 * The last line is `N passed, N failed, N skipped`. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { start } from '../browser/drivers.mjs';
import { byCommand, project, root } from '../bundlers/project.mjs';
import { APPS } from './apps.mjs';

const PATIENCE = 600_000;
const run = promisify(execFile);
const here = fileURLToPath(new URL('.', import.meta.url));
const installed = join(here, 'node_modules');
const { values } = parseArgs({ options: { only: { type: 'string' } } });
const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production' };
const count = { passed: 0, failed: 0, skipped: 0 };

/** The models, for the pages of other origins. */
const models = createServer(async (request, answer) => {
  const file = await readFile(join(root, 'tests/models', (request.url ?? '').split('/').at(-1) ?? '')).catch(() => null);
  answer.writeHead(file ? 200 : 404, { 'access-control-allow-origin': '*', 'content-type': 'application/octet-stream' }).end(file);
}).listen(0, '127.0.0.1');
await once(models, 'listening');
const portOf = (/** @type {import('node:http').Server} */ server) => /** @type {import('node:net').AddressInfo} */ (server.address()).port;

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = portOf(server);
  server.close();
  return port;
}

/** A folder beside the installed packages, because Turbopack follows no links out of its project. */
async function app(/** @type {(typeof APPS)[number]} */ { files }) {
  const folder = await mkdtemp(join(here, 'app-'));
  await writeFile(join(folder, 'package.json'), '{ "name": "bare", "private": true, "type": "module" }\n');
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(folder, name, '..'), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

async function get(/** @type {string} */ url) {
  for (let left = PATIENCE; ; left -= 200) {
    const answer = await fetch(url).catch(() => null);
    if (answer?.ok) return answer.text();
    if (left <= 0) throw new Error(`no page at ${url}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** The page as the server sends it, and what it shows in Chromium. */
async function look(/** @type {string} */ url, /** @type {string} */ address) {
  const sent = await get(url);
  const browser = await start('chromium');
  try {
    const tab = await (await browser.profile()).tab();
    await tab.goto(`${url}?models=${encodeURIComponent(address)}`);
    await tab.until(() => !['waiting', undefined].includes(document.querySelector('#blanks')?.textContent ?? undefined), null, 'the blanks are filled', 120_000);
    assert.deepEqual(tab.errors, [], 'errors on the console');
    return { sent, shown: await tab.text('#blanks') };
  } finally {
    await browser.close();
  }
}

async function test(/** @type {(typeof APPS)[number]} */ one) {
  const folder = await app(one);
  const node = (/** @type {string[]} */ [program = '', ...words]) => [join(installed, program), ...words];
  /** @type {import('node:child_process').ChildProcess | null} */
  let server = null;
  try {
    await run(process.execPath, node(one.build), { cwd: folder, env, timeout: PATIENCE, maxBuffer: 1 << 26 });
    const port = await freePort();
    server = spawn(process.execPath, [...node(one.serve), String(port)], { cwd: folder, env, stdio: 'ignore' });
    const { sent, shown } = await look(`http://127.0.0.1:${port}/`, `http://127.0.0.1:${portOf(models)}/`);
    assert.match(sent.replaceAll('<!-- -->', ''), /id="server"[^>]*>function function</, 'rendered on the server');
    assert.equal(shown, byCommand().filled);
  } finally {
    if (server?.exitCode === null) {
      server.kill();
      await once(server, 'exit');
    }
    await rm(folder, { recursive: true, force: true });
  }
}

// The tarball lies among the installed packages.
const bare = await mkdtemp(join(here, 'app-'));
await project(join(bare, 'bare'), 'palimpsest');
await rm(join(installed, 'palimpsest'), { recursive: true, force: true });
await cp(join(bare, 'bare/node_modules/palimpsest'), join(installed, 'palimpsest'), { recursive: true });
await rm(bare, { recursive: true });

for (const one of APPS) {
  if (values.only && !one.name.includes(values.only)) continue;
  const began = performance.now();
  const error = await test(one).then(() => null, (why) => why);
  count[error ? 'failed' : 'passed']++;
  console.log(`    ${error ? 'FAILED' : 'ok    '}   ${one.name}: ${((performance.now() - began) / 1000).toFixed(1)} s`);
  if (error) console.log(String(error.stdout ?? '') + String(error.stack ?? error).replace(/^/gm, '        '));
}
models.close();
console.log(`\n${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
process.exit(count.failed ? 1 : 0);
