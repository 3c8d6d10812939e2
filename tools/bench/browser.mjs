// @ts-check
/* Drives Chromium for the bench, and reads the memory of its processes from the kernel. */
import { access, constants, readdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

const ARGUMENTS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
  '--disable-sync',
];
const LONGEST = 15 * 60_000; // ms, of one case

async function onPath(/** @type {string[]} */ ...names) {
  for (const name of names)
    for (const folder of (process.env.PATH ?? '').split(delimiter)) {
      const path = join(folder, name);
      if (await access(path, constants.X_OK).then(() => true, () => false)) return path;
    }
  throw new Error(`not installed: ${names.join(', ')}`);
}

/** more: further arguments. */
export async function launch(/** @type {string[]} */ ...more) {
  const { chromium } = await import('playwright-core');
  const executablePath = await onPath('chromium', 'chromium-browser', 'google-chrome');
  // Playwright ends the browser when this program ends; its own signal handlers would end only the browser.
  return chromium.launch({ executablePath, args: [...ARGUMENTS, ...more], handleSIGINT: false, handleSIGTERM: false });
}

/** Calls run() in a new page without stored data, with a time limit; errors of the page outside of run() end it too.
 *  @template T
 *  @param {import('playwright-core').Browser} browser
 *  @param {(page: import('playwright-core').Page) => Promise<T>} run */
export async function inFreshPage(browser, /** @type {string} */ url, run) {
  const context = await browser.newContext();
  let timer;
  try {
    const page = await context.newPage();
    const trouble = new Promise((_, reject) => {
      page.on('crash', () => reject(new Error('the page crashed')));
      page.on('pageerror', reject);
      timer = setTimeout(() => reject(new Error(`not done after ${LONGEST / 60_000} minutes`)), LONGEST);
    });
    trouble.catch(() => {});
    await page.goto(url, { waitUntil: 'load' });
    return /** @type {T} */ (await Promise.race([run(page), trouble]));
  } finally {
    clearTimeout(timer);
    await context.close().catch(() => {});
  }
}

async function rendererIds(/** @type {import('playwright-core').Browser} */ browser) {
  const devtools = await browser.newBrowserCDPSession();
  const { processInfo } = await devtools.send('SystemInfo.getProcessInfo');
  await devtools.detach();
  return processInfo.filter((one) => one.type === 'renderer').map((one) => one.id);
}

/** Renderer processes by id, with their current and peak resident memory in bytes. */
export async function renderers(/** @type {import('playwright-core').Browser} */ browser) {
  const ids = await rendererIds(browser);
  return new Map(await Promise.all(ids.map(async (id) => /** @type {const} */ ([id, await memoryOf(id)]))));
}

/** The fraction of time in which the busiest renderer thread was ready to run while another program had the processor.
 *  Above a few percent, times are not reliable. */
export async function waiting(/** @type {import('playwright-core').Browser} */ browser) {
  const [running, waited] = await busiest(browser);
  return running ? waited / (running + waited) : 0;
}

/** Seconds of processor time of the busiest renderer thread. */
export async function ran(/** @type {import('playwright-core').Browser} */ browser) {
  return (await busiest(browser))[0] / 1e9;
}

async function busiest(/** @type {import('playwright-core').Browser} */ browser) {
  const folders = (await rendererIds(browser)).map((id) => `/proc/${id}/task`);
  const threads = (await Promise.all(folders.map(async (folder) => (await readdir(folder)).map((id) => join(folder, id, 'schedstat'))))).flat();
  const times = await Promise.all(threads.map(async (path) => (await readFile(path, 'utf8').catch(() => '0 0 0')).split(' ').map(Number)));
  return times.reduce((most, one) => (one[0] > most[0] ? one : most), [0, 0]);
}

async function memoryOf(/** @type {number} */ id) {
  const status = await readFile(`/proc/${id}/status`, 'utf8');
  const field = (/** @type {string} */ name) => 1024 * Number(status.match(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm'))?.[1]);
  return { now: field('VmRSS'), peak: field('VmHWM') };
}

/** Resets the peak to the current resident memory. */
export async function forgetPeak(/** @type {number} */ id) {
  await writeFile(`/proc/${id}/clear_refs`, '5');
}
