// @ts-check
/* Actions on the view Pictures, shared by the scenarios of pictures. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { command, root, view } from '../kit.mjs';

/** @typedef {import('../kit.mjs').Kit} Kit */

/** Grey, with labels and all heads; in colour, without labels and heads.  Their schedules have 20 steps. */
export const GREY = join(root, 'tests/models/unet-labels.gguf');
export const PLAIN = join(root, 'tests/models/unet-plain.gguf');
/** Takes some seconds. */
export const LONG = { sampler: 'annealed-langevin', evaluations: 1000 };
export const SHORT = { sampler: 'ddpm', evaluations: 5 };

export const statistics = (/** @type {any} */ tab) => tab.text('[data-part=picture-statistics]');
export const ready = (/** @type {any} */ tab) =>
  tab.until(() => / is ready/.test(document.querySelector('[data-part=picture-progress]')?.textContent ?? ''), null, 'the model is ready');

/** The view in a new tab, with a small model from a file. */
export async function openView(/** @type {Kit} */ kit, file = GREY, dark = false, before = null) {
  const tab = await kit.tab(before, dark);
  await tab.goto(`${kit.server.url}#models`);
  await take(tab, file);
  return tab;
}

export async function take(/** @type {any} */ tab, /** @type {string} */ file) {
  await tab.until(() => document.querySelector('#version')?.textContent, null, 'the view Models is there');
  await tab.until(() => !!document.querySelector('[data-part=loaded]')?.textContent, null, 'what the page loads by itself is there, and moves nothing any more');
  await tab.pick('#file', file);
  await tab.until(() => document.querySelector('[data-part=pending]')?.checkVisibility(), null, 'the file is described');
  assert.match(await tab.text('[data-part=pending]'), /it draws, in the view Pictures/);
  await tab.button('Load it');
  const name = file.split('/').at(-1)?.replace('.gguf', '') ?? '';
  await tab.until((/** @type {string} */ n) => document.querySelector('[data-part=loaded]')?.textContent?.includes(n), name, 'it is in use');
  await view(tab, 'Pictures');
  await ready(tab);
}

/** Sets fields of the form, and the kind. */
export function choose(/** @type {any} */ tab, /** @type {Record<string, string | number>} */ options) {
  return tab.evaluate((/** @type {Record<string, any>} */ given) => {
    for (const [key, value] of Object.entries(given)) {
      const input = /** @type {HTMLInputElement} */ (document.querySelector(key === 'label' ? '#picture-label' : `#picture-option-${key}`));
      input.value = String(value);
      for (const type of ['input', 'change']) input.dispatchEvent(new Event(type, { bubbles: true }));
    }
  }, options);
}

/** Does something that makes the model draw, and waits until it has ended; counts the distinct states of the first
 *  picture. */
export async function ended(/** @type {any} */ tab, /** @type {() => Promise<unknown>} */ begin) {
  await tab.evaluate(() => {
    const place = /** @type {HTMLElement} */ (document.querySelector('[data-part=gallery]'));
    const seen = { ends: 0, looks: new Set() };
    Object.assign(globalThis, { seen });
    new MutationObserver((changes) => {
      if (place.getAttribute('aria-busy') === 'false' && changes.some((change) => change.oldValue === 'true')) seen.ends++;
    }).observe(place, { attributeFilter: ['aria-busy'], attributeOldValue: true });
    const look = () => {
      if (seen.ends) return;
      const canvas = /** @type {HTMLCanvasElement} */ (place.querySelector('.picture:not(:disabled) canvas'));
      if (canvas) seen.looks.add(canvas.toDataURL());
      requestAnimationFrame(look);
    };
    look();
  });
  await begin();
  await tab.until(() => /** @type {any} */ (globalThis).seen.ends > 0, null, 'the drawing ends');
}

export const draw = (/** @type {any} */ tab) => ended(tab, () => tab.button('Draw'));

/** Pixels of the pictures of a panel, one after the other: RGBA. */
export async function pixels(/** @type {any} */ tab, panel = 0) {
  const text = await tab.evaluate((/** @type {number} */ p) => {
    const all = document.querySelectorAll(`[data-panel="${p}"] .picture:not(:disabled) canvas`);
    return [...all].map((one) => {
      const canvas = /** @type {HTMLCanvasElement} */ (one);
      const { data } = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d')).getImageData(0, 0, canvas.width, canvas.height);
      return btoa(String.fromCharCode(...data));
    });
  }, panel);
  return text.map((/** @type {string} */ one) => Buffer.from(one, 'base64'));
}

/** The pixels that the command draws, in the page's layout. */
export async function native(/** @type {Kit} */ kit, /** @type {string} */ file, /** @type {number} */ channels, /** @type {Record<string, any>} */ options) {
  const out = join(await kit.folder(), 'pictures.raw');
  const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  execFileSync(command, ['image', '-m', file, ...words, '--raw', out], { stdio: 'ignore' });
  const raw = await readFile(out);
  const size = raw.length / options.count;
  return Array.from({ length: options.count }, (_, i) => rgba(raw.subarray(i * size, (i + 1) * size), channels));
}

export function rgba(/** @type {Buffer} */ raw, /** @type {number} */ channels) {
  const count = raw.length / channels;
  return Buffer.from(Array.from({ length: count }, (_, i) => (channels === 1 ? [raw[i], raw[i], raw[i], 255] : [...raw.subarray(3 * i, 3 * i + 3), 255])).flat());
}

export const compared = (/** @type {any} */ tab, /** @type {string[]} */ names) =>
  tab.evaluate((/** @type {string[]} */ wanted) => {
    for (const box of /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll('[data-part=comparing] input'))) box.checked = wanted.includes(box.value);
    document.querySelector('[data-part=comparing]')?.dispatchEvent(new Event('input', { bubbles: true }));
  }, names);
