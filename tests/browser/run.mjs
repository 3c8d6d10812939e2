#!/usr/bin/env node
// @ts-check
/* Plays the scenarios in one browser, or the pages in Node.
 *
 *   node tests/browser/run.mjs [chromium|firefox|node] [--only NAME] [--short]
 *
 * A scenario that fails in a browser is played once more, from the start: on a machine that has other work a browser
 * sometimes answers too late.  `again` lines tell the first error; one that fails twice has failed.
 *
 * --short leaves out those that are alike in all browsers (scenarios.mjs).
 * PALIMPSEST_BUILD names another build folder.  The last line is `N passed, N failed, N skipped`. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Missing, start } from './drivers.mjs';
import { command, Kit, library, root, site, Skip } from './kit.mjs';
import { inNode } from './pages.mjs';
import { scenariosFor } from './scenarios.mjs';
import { Server } from './server.mjs';

const LONGEST = 400_000;
const { positionals, values } = parseArgs({ allowPositionals: true, options: { only: { type: 'string' }, short: { type: 'boolean', default: false } } });
const target = positionals[0] ?? 'chromium';
if (!['chromium', 'firefox', 'node'].includes(target)) throw new Error(`unknown target: ${target}`);
const logs = join(root, 'build/test-logs');
const count = { passed: 0, failed: 0, skipped: 0 };

function say(/** @type {string} */ mark, /** @type {string} */ name, /** @type {string} */ detail) {
  console.log(`    ${mark.padEnd(8)} ${name}${detail ? `: ${detail}` : ''}`);
}

function report(/** @type {keyof typeof count} */ how, /** @type {string} */ name, /** @type {string} */ detail) {
  count[how]++;
  say({ passed: 'ok', failed: 'FAILED', skipped: 'skipped' }[how], name, detail);
}

const told = (/** @type {unknown} */ error) =>
  error instanceof Error ? String(error.stack ?? error).replaceAll('\n', '\n        ') : String(error);

/** Runs one scenario, and reports it unless it fails: then it returns its error. */
async function attempt(/** @type {string} */ name, /** @type {() => Promise<string[] | void>} */ run) {
  const began = performance.now();
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`not done after ${LONGEST / 1000} s`)), LONGEST)));
  try {
    const figures = await Promise.race([run(), late]);
    report('passed', name, [`${((performance.now() - began) / 1000).toFixed(1)} s`, .../** @type {string[]} */ (figures ?? [])].join(', '));
  } catch (error) {
    if (!(error instanceof Skip)) return told(error);
    report('skipped', name, error.message);
  } finally {
    clearTimeout(timer);
  }
}

/** Runs one scenario and catches all its errors. */
async function play(/** @type {string} */ name, /** @type {() => Promise<string[] | void>} */ run) {
  const error = await attempt(name, run);
  if (error) report('failed', name, error);
}

async function shoot(/** @type {Kit} */ kit, /** @type {string} */ name) {
  await mkdir(logs, { recursive: true });
  for (const [i, tab] of kit.tabs.entries()) {
    const path = join(logs, `${target}-${name.replace(/[^a-z0-9]+/gi, '-')}-${i}.png`);
    await tab.screenshot(path);
    console.log(`        build/test-logs/${path.split('/').at(-1)}`);
  }
}

/** Plays one scenario with an empty profile and a fresh server; returns its error. */
async function playIn(/** @type {Awaited<ReturnType<typeof start>>} */ browser, /** @type {Server} */ server, /** @type {string} */ name, /** @type {(kit: Kit) => Promise<void>} */ scenario) {
  await server.reset(site);
  const kit = new Kit(browser, server);
  const error = await attempt(name, async () => {
    await scenario(kit);
    kit.check();
    return kit.figures;
  });
  if (error) await shoot(kit, name).catch((why) => console.log(`        no screenshot: ${why}`));
  await kit.close().catch((why) => console.log(`        not closed: ${why}`));
  return error;
}

async function inBrowser() {
  let browser = await start(target);
  const server = await new Server(site).up();
  console.log(`${browser.name} ${browser.version}`);
  try {
    for (const [name, scenario] of scenariosFor(target, values.short)) {
      if (values.only && !name.includes(values.only)) continue;
      const first = await playIn(browser, server, name, scenario);
      if (!first) continue;
      say('again', name, first);
      await browser.close().catch((why) => console.log(`        not closed: ${why}`)); // it may be the cause
      browser = await start(target);
      const second = await playIn(browser, server, name, scenario);
      if (second) report('failed', name, second);
    }
  } finally {
    await browser.close();
    await server.down();
  }
}

try {
  const needed = target === 'node' ? [library, command] : [site, command];
  const absent = needed.filter((path) => !existsSync(path));
  if (absent.length) throw new Error(`not built: ${absent.join(', ')}`);
  if (target === 'node') await inNode(play);
  else await inBrowser();
} catch (error) {
  if (error instanceof Missing) report('skipped', target, error.message);
  else report('failed', target, String(error));
}
console.log(`\n${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
process.exit(count.failed ? 1 : 0);
