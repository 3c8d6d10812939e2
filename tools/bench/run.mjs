#!/usr/bin/env node
// @ts-check
/* Measures the engine, wllama and onnxruntime-web in headless Chromium, with the same numbers of threads, in the same run. */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { inFreshPage, launch, waiting } from './browser.mjs';
import { check } from './check.mjs';
import { measureMemory } from './memory.mjs';
import { groups, MEMORY, UNITS } from './plan.mjs';
import { buildStream, copyEngines, copyLibrary, copyThreads, machine, Missing, modelBytes, mounts, requireModels, requirePackages, sizes, version } from './prepare.mjs';
import { barTable, measured, median, memoryTable, memoryVerdict, sizeTable, verdicts, verdictsOfTwo } from './report.mjs';
import { serve } from './server.mjs';

const HELP = `usage: node tools/bench/run.mjs [bench|check] [options]

  bench            speed, memory and download sizes, and the bars they are held against (default)
  check            whether ours and onnxruntime-web compute the same logits, ours and wllama the same tokens

  --only NAME      groups or cases whose name contains NAME (llama-15m, llama-110m-q8_0, encoder-b, wllama, memory, ...)
  --repeat N       repetitions, each with a fresh page for every engine and model (default 5)
  --threads N,...  numbers of threads (default 1): every case is measured with each, in turn
  --engine NAME=FILE  another .wasm of the engine instead of build/wasm and build/wasm-relaxed; may be repeated
  --json FILE      all samples
  --help           this

First: npm ci --prefix tools/bench, make_models.py, and the builds of engine and library (README.md).`;

const say = (/** @type {string} */ line) => process.stderr.write(`${line}\n`);

/** @typedef {import('./report.mjs').Row} Row */

/** Cases to be measured, in their groups. */
function chosen(/** @type {string[]} */ builds, /** @type {string} */ only, /** @type {number[]} */ threads) {
  return groups(builds, threads)
    .map((group) => ({ ...group, cases: group.name.includes(only) ? group.cases : group.cases.filter((one) => one.name.includes(only)) }))
    .filter((group) => group.cases.length);
}

/** @param {import('./plan.mjs').Case} one
 *  @returns {Row[]} */
const rowsOf = (one) => one.measures.map(({ name, kind, count = 0 }) =>
  ({ name: one.name, engine: one.engine, measure: name, kind: /** @type {Row['kind']} */ (kind), count, values: [], waited: [], error: null }));

/** Measures one case in a new page; each of its rows gets a value, or null and an error. */
async function play(/** @type {import('playwright-core').Browser} */ browser, /** @type {string} */ origin, /** @type {import('./plan.mjs').Case} */ one, /** @type {Row[]} */ rows, /** @type {object[]} */ log) {
  const job = { ...one, model: one.file ? `/models/${one.file}` : '' };
  try {
    const outcome = await inFreshPage(browser, `${origin}/bench/index.html`, async (page) => {
      await page.waitForFunction(() => 'measure' in globalThis);
      const got = await page.evaluate((given) => /** @type {any} */ (globalThis).measure(given), job);
      return { ...got, waited: await waiting(browser) };
    });
    log.push({ case: one.name, ...outcome });
    for (const row of rows) {
      row.values.push(UNITS[row.kind].of(median(outcome.measures[row.measure].samples), row.count));
      row.waited.push(outcome.waited);
    }
  } catch (error) {
    const why = (error instanceof Error ? error.message : String(error)).split('\n')[0].replace(/^page\.evaluate: (Error: )?/, '');
    for (const row of rows) {
      row.values.push(null);
      row.error = why;
    }
  }
  const told = rows.map((row) => (row.values.at(-1) === null ? `failed: ${row.error}` : `${row.measure} ${row.values.at(-1)?.toFixed(2)} ${UNITS[row.kind].unit}`));
  const waited = rows[0].waited.at(-1) ?? 0;
  say(`  ${one.name}: ${told.join(', ')}${waited > 0.05 ? ` (disturbed: it waited for the processor ${(100 * waited).toFixed(0)} % of its time)` : ''}`);
}

/** Every repetition measures all cases of a group in turn, every second one in reverse order. */
async function speed(/** @type {string} */ origin, /** @type {import('./plan.mjs').Group[]} */ wanted, /** @type {number} */ repeat) {
  /** @type {Row[]} */
  const all = [];
  /** @type {object[]} */
  const log = [];
  const browser = await launch();
  try {
    for (const group of wanted) {
      const cases = group.cases.map((one) => ({ one, rows: rowsOf(one) }));
      for (let i = 0; i < repeat; i++) {
        say(`${group.name}, ${i + 1} of ${repeat}`);
        for (const { one, rows } of i % 2 ? [...cases].reverse() : cases) await play(browser, origin, one, rows, log);
      }
      all.push(...cases.flatMap(({ rows }) => rows));
    }
    return { rows: all, log, browser: browser.version() };
  } finally {
    await browser.close();
  }
}

async function bench(/** @type {{ only: string, repeat: number, threads: number[], json?: string, engines: Record<string, string> }} */ { only, repeat, threads, json, engines }) {
  const builds = copyEngines(engines);
  const wanted = chosen(builds, only, threads);
  const memory = MEMORY.filter((one) => 'memory'.includes(only) || one.name.includes(only));
  if (!wanted.length && !memory.length) throw new Missing(`nothing is named ${only}`);
  requireModels([...new Set([...wanted.flatMap((group) => group.cases.flatMap((one) => one.file ?? [])), ...memory.map((one) => one.file)])]);
  if (memory.length) copyLibrary();
  if (threads.some((n) => n > 1)) copyThreads(builds);
  buildStream();
  const server = await serve(mounts());
  try {
    const fast = await speed(server.origin, wanted, repeat);
    const pages = await measureMemory(server.origin, memory, repeat, say);
    const bars = [...verdicts(fast.rows, builds, modelBytes), ...verdictsOfTwo(fast.rows, builds, modelBytes), ...memoryVerdict(pages)];
    const versions = { chromium: fast.browser, wllama: version('@wllama/wllama'), 'onnxruntime-web': version('onnxruntime-web') };
    console.log(`threads: ${threads.join(', ')}; medians of ${repeat}; ${Object.entries(versions).map(([name, is]) => `${name} ${is}`).join(', ')}; ${machine().processor}\n`);
    if (fast.rows.length) console.log(`${measured(fast.rows)}\n`);
    if (pages.length) console.log(`${memoryTable(pages)}\n`);
    console.log(`${sizeTable(sizes(builds))}\n`);
    if (bars.length) console.log(barTable(bars));
    const whole = { date: new Date().toISOString(), machine: machine(), versions, threads, repeat, rows: fast.rows, memory: pages, sizes: sizes(builds), bars, log: fast.log };
    if (json) writeFileSync(json, `${JSON.stringify(whole, null, 1)}\n`);
    return [...fast.rows, ...pages].every((row) => row.error === null);
  } finally {
    server.close();
  }
}

async function checkAll(/** @type {{ only: string, engines: Record<string, string> }} */ { only, engines }) {
  const builds = copyEngines(engines);
  const server = await serve(mounts());
  try {
    return await check(server.origin, builds, only, requireModels);
  } finally {
    server.close();
  }
}

function options() {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: 'string', default: '' }, repeat: { type: 'string', default: '5' }, json: { type: 'string' }, threads: { type: 'string', default: '1' }, help: { type: 'boolean' },
      engine: { type: 'string', multiple: true, default: [] },
    },
  });
  const [command = 'bench'] = positionals;
  const repeat = Number(values.repeat);
  const threads = values.threads.split(',').map(Number);
  const engines = Object.fromEntries(values.engine.map((given) => given.split(/=(.*)/s).slice(0, 2)));
  if (!['bench', 'check'].includes(command) || positionals.length > 1) throw new Missing(`unknown command: ${positionals.join(' ')}\n\n${HELP}`);
  if (!Number.isInteger(repeat) || repeat < 1) throw new Missing('--repeat takes a number from 1');
  if (!threads.every((n) => Number.isInteger(n) && n > 0 && n <= 64)) throw new Missing('--threads takes numbers from 1 to 64, such as 1,2');
  if (engines && threads.some((n) => n > 1) && Object.keys(engines).length) throw new Missing('--engine measures one thread only');
  if (Object.values(engines).includes(undefined)) throw new Missing('--engine takes NAME=FILE');
  return { command, help: values.help, only: values.only, json: values.json, repeat, threads, engines };
}

process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));
try {
  const given = options();
  if (given.help) {
    console.log(HELP);
    process.exit(0);
  }
  requirePackages();
  process.exitCode = (await (given.command === 'check' ? checkAll(given) : bench(given))) ? 0 : 1;
} catch (error) {
  const expected = error instanceof Missing || (error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'));
  say(expected ? error.message : String(error instanceof Error ? error.stack : error));
  process.exitCode = 2;
}
