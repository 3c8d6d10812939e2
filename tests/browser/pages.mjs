// @ts-check
/* Twenty pages that must get the same text on every platform; the command's output is the expected text. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { library, MASKED, native, root } from './kit.mjs';

/** @type {{ text: string, options: Record<string, any> }[]} */
export const pages = JSON.parse(await readFile(new URL('pages.json', import.meta.url), 'utf8'));

/** @type {string[] | null} */
let told = null;

/** The texts that the command writes. */
export function expected() {
  return (told ??= pages.map(({ text, options }) => native(text, options, MASKED)));
}

export function compare(/** @type {string[]} */ texts) {
  const wanted = expected();
  assert.equal(new Set(wanted).size, pages.length);
  pages.forEach((page, i) => assert.equal(texts[i], wanted[i], `page ${i + 1}: ${JSON.stringify(page)}`));
  assert.equal(texts.length, pages.length);
}

/** Fills the pages with a loaded library; runs in Node and, unchanged, in a page. */
export async function fillAll(/** @type {{ library: string, model: string, isa?: 'simd128', pages: { text: string, options: any }[] }} */ given) {
  const { load } = await import(given.library);
  const model = await load(given.model, { isa: given.isa, ...(globalThis.document && { base: new URL('.', location.href).href }) });
  const texts = [];
  for (const { text, options } of given.pages)
    texts.push((await model.infill(text, { ...options, seed: BigInt(options.seed) }).result()).text);
  model.dispose();
  return texts;
}

/** @param {(name: string, run: () => Promise<string[] | void>, onFailure: () => Promise<unknown>) => Promise<void>}
 *  play */
export async function inNode(play) {
  const run = async () => compare(await fillAll({ library: pathToFileURL(library).href, model: pathToFileURL(join(root, MASKED)).href, pages }));
  await play('twenty pages in Node have the text of the command line', run, async () => {});
}
