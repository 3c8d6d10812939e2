// @ts-check
/* What a scenario is given: the server, a fresh profile, and hands for the page. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));
const built = process.env.PALIMPSEST_BUILD ?? join(root, 'build');
export const site = join(built, 'site');
export const library = join(built, 'web/palimpsest.js');
export const command = join(built, 'release/palimpsest');
export const MODEL = 'models/tales-infill.gguf';
/** The older model, whose samplers all choose lengths. */
export const MASKED = 'models/tales-masked.gguf';
export const TINY = join(root, 'tests/models/tiny-infill.gguf');

/** A scenario that cannot be played here, and why. */
export class Skip extends Error {}

/** The text that the command line writes for these options of the library. */
export const native = (/** @type {string} */ text, /** @type {Record<string, any>} */ options, model = MODEL) => nativePage(text, options, model).text;

/** The complete JSON result of the command line. */
export function nativePage(/** @type {string} */ text, /** @type {Record<string, any>} */ options, model = MODEL) {
  const words = ['infill', '-m', join(root, model), '--text', text];
  const { freeMin = 1, freeMax = 16, draft = 0, borders = true, pins = [], ...rest } = options;
  words.push('--free', `${freeMin}-${freeMax}`, '--drafts', String(draft + 1), '--borders', borders ? 'on' : 'off');
  for (const { blank, index, id } of pins) words.push('--pin', `${blank}:${index}:${id}`);
  for (const [name, value] of Object.entries(rest)) {
    words.push(`--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
    if (value !== true) words.push(String(value));
  }
  const drafts = JSON.parse(`[${execFileSync(command, [...words, '--json'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim().split('\n').join(',')}]`);
  return drafts[draft];
}

/** @typedef {Awaited<ReturnType<Awaited<ReturnType<typeof import('./drivers.mjs').start>>['profile']>>} Profile
 *  @typedef {any} Tab */

export class Kit {
  /** @type {Tab[]} */
  tabs = [];
  /** @type {Profile | null} */
  profile = null;
  /** Numbers to print in the report. */
  figures = /** @type {string[]} */ ([]);
  /** Errors on the console are expected. */
  noisy = false;
  #folders = /** @type {string[]} */ ([]);

  constructor(/** @type {Awaited<ReturnType<typeof import('./drivers.mjs').start>>} */ browser, /** @type {import('./server.mjs').Server} */ server) {
    this.browser = browser;
    this.server = server;
  }

  say(/** @type {string} */ figure) {
    this.figures.push(figure);
  }

  /** @returns {never} */
  skip(/** @type {string} */ why) {
    throw new Skip(why);
  }

  /** An empty tab of this scenario's profile. */
  async tab(/** @type {(() => void) | null} */ before = null, /** @type {boolean | 'forced'} */ dark = false) {
    this.profile ??= await this.browser.profile(dark);
    const tab = await this.profile.tab(before);
    this.tabs.push(tab);
    return tab;
  }

  /** The page in a new tab. */
  async open(/** @type {(() => void) | null} */ before = null) {
    const tab = await this.tab(before);
    await tab.goto(this.server.url);
    return tab;
  }

  /** The page in a new tab, with its model. */
  async openReady(/** @type {(() => void) | null} */ before = null) {
    const tab = await this.open(before);
    await ready(tab);
    return tab;
  }

  async folder() {
    const path = await mkdtemp(join(tmpdir(), 'palimpsest-'));
    this.#folders.push(path);
    return path;
  }

  /** Checks that there was no uncaught error. */
  check() {
    if (!this.noisy) assert.deepEqual(this.tabs.flatMap((tab) => tab.errors), [], 'errors on the console');
  }

  async close() {
    await this.profile?.close();
    for (const path of this.#folders) await rm(path, { recursive: true });
  }
}

// ---- actions on the page

export const ready = (/** @type {Tab} */ tab) =>
  tab.until(() => / is ready/.test(document.querySelector('[data-part=progress]')?.textContent ?? ''), null, 'the model is ready');

/** Puts a text into the box at once, with the events of typing. */
export function write(/** @type {Tab} */ tab, /** @type {string} */ text) {
  return tab.evaluate((/** @type {string} */ value) => {
    const box = /** @type {HTMLTextAreaElement} */ (document.querySelector('#text'));
    box.value = value;
    box.dispatchEvent(new Event('input', { bubbles: true }));
  }, text);
}

/** Sets options of the form by their names in the library. */
export function choose(/** @type {Tab} */ tab, /** @type {Record<string, string | number | boolean | undefined>} */ options) {
  return tab.evaluate((/** @type {Record<string, any>} */ given) => {
    for (const [key, value] of Object.entries(given)) {
      const input = /** @type {HTMLInputElement} */ (document.querySelector(`#option-${key}`));
      if (typeof value === 'boolean') input.checked = value;
      else input.value = String(value);
      input.dispatchEvent(new Event('input', { bubbles: true }));
    }
  }, options);
}

/** Waits until an element's text begins with this: the page updates with the next frame. */
export const says = (/** @type {any} */ tab, /** @type {string} */ selector, /** @type {string} */ beginning) =>
  tab.until((/** @type {[string, string]} */ [where, text]) => document.querySelector(where)?.textContent?.startsWith(text),
    [selector, beginning], `${selector} says ${beginning}`);

/** Does something that begins a fill, and waits until the fill has ended. */
export async function filled(/** @type {Tab} */ tab, /** @type {() => Promise<unknown>} */ begin) {
  await tab.evaluate(() => {
    const page = /** @type {HTMLElement} */ (document.querySelector('[data-part=page]'));
    const seen = { fills: 0 };
    Object.assign(globalThis, { seen });
    new MutationObserver((changes) => {
      const now = page.getAttribute('aria-busy');
      if (now === 'false' && changes.some((change) => change.oldValue === 'true')) seen.fills++;
    }).observe(page, { attributeFilter: ['aria-busy'], attributeOldValue: true });
  });
  await begin();
  await tab.until(() => /** @type {any} */ (globalThis).seen.fills > 0, null, 'the fill ends');
}

export async function fill(/** @type {Tab} */ tab) {
  await filled(tab, () => tab.click('#fill'));
  return tab.text('[data-part=page]');
}

/** Opens the dialog that shares the page: it appears when the link has been compressed. */
export async function openShare(/** @type {Tab} */ tab) {
  await tab.button('Share');
  await tab.until(() => /** @type {HTMLDialogElement} */ (document.querySelector('[data-part=share]')).open, null, 'the share dialog opens');
}

/** A running fill: some words are there, not all. */
export async function underWay(/** @type {Tab} */ tab, words = 2) {
  await tab.until((/** @type {number} */ least) => document.querySelectorAll('[data-part=page] .ink').length >= least, words, 'words appear');
  assert.equal(await tab.text('#fill'), 'Stop');
}

/** A text that takes some seconds. */
export const LONG = Array.from({ length: 24 }, (_, i) => `Number ${i + 1} was a [[12]]`).join('.\n');

/** Code to put before the worker's code: each step takes at least so many milliseconds, so that what is being written is
 *  seen however busy the machine is. */
export const slowly = (/** @type {number} */ ms) => `globalThis.setImmediate = (then) => setTimeout(then, ${ms});\n`;

/** Code to put before the worker's code, so that a test can end the worker from inside, as a browser might. */
export const MORTAL = "new BroadcastChannel('end').onmessage = () => self.close();\n";
export const endWorkers = (/** @type {Tab} */ tab) => tab.evaluate(() => new BroadcastChannel('end').postMessage(null));

/** Waits for an error message in a part of the page and returns its text. */
export async function complaint(/** @type {Tab} */ tab, /** @type {string} */ part) {
  const selector = `[data-part=${part}]`;
  await tab.until((/** @type {string} */ s) => {
    const place = document.querySelector(s);
    return place?.checkVisibility() && place.classList.contains('complaint') && place.textContent;
  }, selector, `a complaint in ${part}`);
  return tab.text(selector);
}

/** The service worker has everything and controls this tab. */
export const kept = (/** @type {Tab} */ tab) =>
  tab.until(() => navigator.serviceWorker.controller?.state === 'activated', null, 'the service worker controls the page');

export async function view(/** @type {Tab} */ tab, /** @type {'Text' | 'Continue' | 'Pictures' | 'Sudoku' | 'Lab' | 'Models'} */ name) {
  await tab.button(name, 'link');
  await tab.until((/** @type {string} */ s) => document.querySelector(s)?.checkVisibility(), `#view-${name.toLowerCase()}`);
}

/** A later build of the site: another build id everywhere, other names for files named by hash. */
export async function laterBuild(/** @type {string} */ folder) {
  await cp(site, folder, { recursive: true, preserveTimestamps: true });
  const wasm = (await readdir(folder)).filter((name) => name.endsWith('.wasm'));
  const id = (await readFile(join(folder, 'palimpsest.wasm'))).subarray(-12).toString();
  const later = 'f'.repeat(12);
  const script = (await readdir(join(folder, 'assets'))).find((name) => /^index-.*\.js$/.test(name)) ?? '';
  const renamed = script.replace(/^index-.{4}/, 'index-next');
  await rename(join(folder, 'assets', script), join(folder, 'assets', renamed));
  for (const name of ['index.html', 'sw.js', 'palimpsest.js', 'palimpsest-worker.js', 'palimpsest-pictures.js', 'palimpsest-loading.js', 'palimpsest-texts.js', 'palimpsest-threads.js', ...wasm, `assets/${renamed}`]) {
    const text = (await readFile(join(folder, name))).toString('latin1');
    let next = text.replaceAll(id, later).replaceAll(script, renamed);
    // Workbox identifies files without a hash in their name by a revision.
    if (name === 'sw.js') next = next.replace(/(revision:\s*["'`])[0-9a-f]{8}/g, '$1eeeeeeee').replace(/("revision":\s*")[0-9a-f]{8}/g, '$1eeeeeeee');
    await writeFile(join(folder, name), Buffer.from(next, 'latin1'));
  }
  return { id, later };
}
