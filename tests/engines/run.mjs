#!/usr/bin/env node
// @ts-check
/* Runs the kernel tests, and the engines' self-checks, as WebAssembly in Node or in a browser.
 *
 *   node tests/engines/run.mjs [node|chromium|firefox] [--build simd128|relaxed] [--seed N]
 *   node tests/engines/run.mjs [node|chromium|firefox] [--build ...] --bench [WORD...]
 *
 * The programs are in engines/ of build/wasm and build/wasm-relaxed; PALIMPSEST_BUILD names another build folder.
 * --bench runs the kernel bench instead, with the words that follow as its arguments.  The last line is `N passed, N
 * failed, N skipped`. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runProgram, selfCheck } from './host.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const built = process.env.PALIMPSEST_BUILD ?? join(root, 'build');
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { build: { type: 'string' }, seed: { type: 'string' }, bench: { type: 'boolean', default: false } },
});
const [target = 'node', ...words] = positionals;
if (!['node', 'chromium', 'firefox'].includes(target)) throw new Error(`unknown target: ${target}`);
const FOLDERS = { simd128: 'wasm', relaxed: 'wasm-relaxed' };
const wanted = /** @type {(keyof typeof FOLDERS)[]} */ (values.build ? [values.build] : Object.keys(FOLDERS));
const LONGEST = 600_000;
const count = { passed: 0, failed: 0, skipped: 0 };

/** @typedef {{ task: 'run' | 'check', options?: import('./host.mjs').Options }} Task
 *  @typedef {(file: string, task: Task, print: (line: string) => void) => Promise<any>} Run */

function report(/** @type {keyof typeof count} */ how, /** @type {string} */ name, detail = '', many = 1) {
  count[how] += many;
  const mark = { passed: 'ok', failed: 'FAILED', skipped: 'skipped' }[how];
  console.log(`    ${mark.padEnd(8)} ${name}${detail ? `: ${detail}` : ''}`);
}

/** A cmocka program: one line `[       OK ]` per test, and a matching exit code. */
async function testProgram(/** @type {Run} */ run, /** @type {string} */ file, /** @type {string} */ name) {
  const began = performance.now();
  const env = values.seed ? { PAL_SEED: values.seed } : {};
  const { code, output } = await run(file, { task: 'run', options: { env } }, () => {});
  const lines = output.split('\n');
  const good = lines.filter((/** @type {string} */ line) => line.startsWith('[       OK ]')).length;
  const planned = Number(/Running (\d+) test/.exec(output)?.[1] ?? 0);
  if (good) report('passed', name, `${good} tests, ${((performance.now() - began) / 1000).toFixed(1)} s`, good);
  if (code !== 0 || good !== planned || good === 0)
    report('failed', name, `exit code ${code}, ${good} of ${planned} tests\n        ${lines.slice(-6).join('\n        ')}`);
}

async function testBuild(/** @type {Run} */ run, /** @type {string} */ folder, /** @type {string} */ build) {
  const programs = (await readdir(join(folder, 'engines'))).filter((name) => /^test_.*\.wasm$/.test(name)).sort();
  if (!programs.length) report('failed', build, 'no test programs');
  for (const program of programs) await testProgram(run, join(folder, 'engines', program), `${program.slice(0, -5)}, ${build}`);
  for (const [of, file] of Object.entries({ texts: 'palimpsest-web.wasm', scores: 'palimpsest-scores.wasm', pictures: 'palimpsest-pictures.wasm' })) {
    const { good, milliseconds } = await run(join(folder, file), { task: 'check' }, () => {});
    report(good ? 'passed' : 'failed', `self-check of the engine of ${of}, ${build}`, `${milliseconds.toFixed(1)} ms`);
  }
}

/** @type {Run} */
async function inNode(file, { task, options }, print) {
  const module = await WebAssembly.compile(await readFile(file));
  return task === 'check' ? selfCheck(module) : runProgram(module, { ...options, print });
}

/** Everything runs in workers of one page. */
async function inBrowser(/** @type {(run: Run) => Promise<void>} */ use) {
  const { start } = await import('../browser/drivers.mjs');
  const { Server } = await import('../browser/server.mjs');
  const browser = await start(target);
  const server = await new Server(fileURLToPath(new URL('.', import.meta.url))).up();
  console.log(`${browser.name} ${browser.version}`);
  try {
    const tab = await (await browser.profile()).tab();
    await tab.goto(server.url);
    await use(async (file, task, print) => {
      server.extra['program.wasm'] = file;
      await tab.evaluate((/** @type {Task} */ given) => {
        const worker = new Worker('worker.mjs', { type: 'module' });
        /** @type {{ lines: string[], answer: any }} */
        const state = { lines: [], answer: null };
        Object.assign(globalThis, { state });
        worker.onmessage = ({ data }) => ('line' in data ? state.lines.push(data.line) : (worker.terminate(), (state.answer = data)));
        worker.onerror = (event) => (state.answer = { error: event.message || 'the worker could not be started' });
        worker.postMessage({ url: new URL('program.wasm', location.href).href, ...given });
      }, task);
      const answer = await tab.until(() => /** @type {any} */ (globalThis).state.answer, null, file, LONGEST);
      for (const line of await tab.evaluate(() => /** @type {any} */ (globalThis).state.lines)) print(line);
      if (answer.error) throw new Error(answer.error);
      return answer.result;
    });
  } finally {
    await browser.close();
    await server.down();
  }
}

async function play(/** @type {Run} */ run) {
  for (const build of wanted) {
    const folder = join(built, FOLDERS[build]);
    if (!existsSync(join(folder, 'engines'))) {
      report('failed', build, `not built: ${folder}`);
      continue;
    }
    try {
      if (values.bench) await run(join(folder, 'engines/bench_kernels.wasm'), { task: 'run', options: { args: words } }, console.log);
      else await testBuild(run, folder, build);
    } catch (error) {
      report('failed', build, String(error));
    }
  }
}

if (target === 'node') {
  console.log(`node ${process.version}`);
  await play(inNode);
} else await inBrowser(play);
if (!values.bench) console.log(`\n${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
process.exit(count.failed ? 1 : 0);
