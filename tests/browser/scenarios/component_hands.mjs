// @ts-check
/* Plain pages with <palimpsest-blanks>, and hands for the component. */
import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { library, MODEL } from '../kit.mjs';

/** @typedef {import('../kit.mjs').Kit} Kit
 *  @typedef {any} Tab */

export const TEXT = 'Once upon a time there was a ___ who lived in a ___.';
export const STRICT = 'Once upon a time there was a [[1-2]] who lived in a [[1-2]].';
export const LONG = Array.from({ length: 8 }, (_, i) => `Number ${i + 1} was a [[10]]`).join('.\n');
export const ELEMENT = `<palimpsest-blanks id="one" src="${MODEL}" seed="7">${TEXT}</palimpsest-blanks>`;

/** A plain page with this body, and the component's file beside it. */
export async function openWith(/** @type {Kit} */ kit, /** @type {string} */ body, headers = {}, /** @type {{ dark?: boolean, before?: (() => void) | null, wait?: boolean }} */ { dark = false, before = null, wait = true } = {}) {
  const page = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Component</title><link rel="icon" href="data:,"><link rel="stylesheet" href="plain.css"><script type="module" src="component.js"></script><main><h1>A page</h1>${body}</main></html>`;
  for (const name of ['component.js', 'component-inline.js', 'inline.js']) kit.server.extra[name] = join(dirname(library), name);
  kit.server.routes['plain.css'] = (_, answer) => void answer.writeHead(200, { 'content-type': 'text/css' }).end(':root { color-scheme: light dark; color: CanvasText; background: Canvas; } #far { margin-block-start: 5000px; }');
  kit.server.routes['blanks.html'] = (_, answer) => void answer.writeHead(200, { 'content-type': 'text/html', ...headers }).end(page);
  const tab = await kit.tab(before, dark);
  await tab.goto(`${kit.server.url}blanks.html`);
  if (wait) await tab.until(() => !!document.querySelector('palimpsest-blanks')?.shadowRoot, null, 'the component is defined');
  return tab;
}

// ---- what is seen

/** Text of a part of the component, null if it is not shown. */
export const part = (/** @type {Tab} */ tab, /** @type {string} */ selector, id = 'one') =>
  tab.evaluate((/** @type {[string, string]} */ [where, which]) => {
    const found = document.getElementById(which)?.shadowRoot?.querySelector(where);
    return found?.checkVisibility({ visibilityProperty: true }) ? found.textContent : null;
  }, [selector, id]);
export const get = (/** @type {Tab} */ tab, /** @type {string} */ name, id = 'one') =>
  tab.evaluate((/** @type {[string, string]} */ [property, which]) => /** @type {any} */ (document.getElementById(which))[property], [name, id]);
export const value = (/** @type {Tab} */ tab, id = 'one') => get(tab, 'value', id);
export const idle = (/** @type {Tab} */ tab, id = 'one') =>
  tab.until((/** @type {string} */ which) => /** @type {any} */ (document.getElementById(which)).busy === false, id, 'the component is idle');
export const main = (/** @type {Tab} */ tab) => part(tab, '[part~=fill]');
/** What has the focus inside of the component. */
export const focused = (/** @type {Tab} */ tab) =>
  tab.evaluate(() => {
    const active = document.activeElement?.shadowRoot?.activeElement;
    return active && `${active.part} ${active.ariaLabel ?? active.textContent}${active.ariaPressed ? ` ${active.ariaPressed}` : ''}`;
  });
export async function tabUntil(/** @type {Tab} */ tab, /** @type {RegExp} */ wanted, key = 'Tab') {
  for (let i = 0; i < 20; i++) {
    if (wanted.test((await focused(tab)) ?? '')) return;
    await tab.press(key);
  }
  assert.fail(`${key} does not reach ${wanted}; the focus is at ${await focused(tab)}`);
}
/** Presses something with a pointer, inside of the component. */
export const click = (/** @type {Tab} */ tab, /** @type {string} */ selector, id = 'one', at = 0) =>
  tab.evaluate((/** @type {[string, string, number]} */ [where, which, nth]) =>
    /** @type {HTMLElement} */ (document.getElementById(which)?.shadowRoot?.querySelectorAll(where)[nth]).click(), [selector, id, at]);
export async function fill(/** @type {Tab} */ tab, id = 'one') {
  await click(tab, '[part~=fill]', id);
  await idle(tab, id);
  return value(tab, id);
}
/** Collects the events of the component in `heard`. */
export const listen = (/** @type {Tab} */ tab) =>
  tab.evaluate(() => {
    const heard = /** @type {any[]} */ ([]);
    Object.assign(globalThis, { heard });
    for (const name of ['palimpsest-progress', 'palimpsest-fill', 'palimpsest-change', 'palimpsest-error', 'input', 'change'])
      document.addEventListener(name, (event) => heard.push([name, structuredClone(/** @type {CustomEvent} */ (event).detail?.error ? { ...(/** @type {CustomEvent} */ (event).detail), error: null } : (/** @type {CustomEvent} */ (event).detail))]));
  });
export const heard = async (/** @type {Tab} */ tab, /** @type {string} */ name) =>
  (await tab.evaluate(() => /** @type {any} */ (globalThis).heard)).filter((/** @type {any[]} */ [which]) => which === name).map((/** @type {any[]} */ [, detail]) => detail);
