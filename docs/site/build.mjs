#!/usr/bin/env node
// @ts-check
/* Builds the documents into build/site/docs, beside the page, whose fonts, engine and models they use.
 *
 *   npm ci --prefix docs/site && node docs/site/build.mjs        after web/build.mjs
 *
 * pages.mjs lists the pages.  PALIMPSEST_BUILD names another folder than build, PALIMPSEST the command whose help is shown. */
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import Eleventy from '@11ty/eleventy';
import { configure } from './eleventy.config.mjs';
import { here, root, site } from './places.mjs';
import { searchable } from './searchable.mjs';

const out = join(site, 'docs');

async function put(/** @type {string} */ name, /** @type {string} */ content) {
  await mkdir(dirname(join(out, name)), { recursive: true });
  await writeFile(join(out, name), content);
}

/** The page's colours and type, with the addresses of the fonts that it has, and the style of the documents. */
async function styles() {
  const fonts = (await readdir(join(site, 'assets'))).filter((name) => name.endsWith('.woff2'));
  const type = await readFile(join(root, 'web/site/styles/type.css'), 'utf8');
  const placed = type.replace(/url\('@fontsource-variable\/[^']*\/([\w-]+)\.woff2'\)/g, (_, font) => {
    const file = fonts.find((name) => name.startsWith(`${font}-`));
    if (!file) throw new Error(`build/site has no font ${font}: run web/build.mjs first`);
    return `url('../../assets/${file}')`;
  });
  const examples = await readFile(join(root, 'web/site/styles/live.css'), 'utf8');
  return placed.replace(/^\s*--traces:.*\n/gm, '') + (await readFile(join(here, 'assets/documents.css'), 'utf8')) + examples;
}

/** All files, for "Save everything for offline use" on the page (web/site/offline/documents.ts). */
async function listed() {
  const entries = (await readdir(out, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const hash = createHash('sha256');
  const files = [];
  for (const path of entries.map((entry) => join(entry.parentPath, entry.name)).sort()) {
    const data = await readFile(path);
    const url = relative(out, path);
    hash.update(url).update(data);
    files.push({ url, bytes: data.length });
  }
  return { id: hash.digest('hex').slice(0, 12), files };
}

process.chdir(here);
/** @type {Map<string, string>} */
const files = new Map();
const eleventy = new Eleventy('made', 'unused', { quietMode: true, config: configure(files) });
const pages = (await eleventy.toJSON()).map((/** @type {any} */ page) => ({ name: page.url.slice(1) || 'index.html', content: page.content }));
await rm(out, { recursive: true, force: true });
for (const { name, content } of pages) await put(name, content);
for (const [name, file] of files) {
  await mkdir(dirname(join(out, name)), { recursive: true });
  await copyFile(join(root, file), join(out, name));
}
await put('assets/documents.css', await styles());
for (const name of (await readdir(join(here, 'assets'))).filter((file) => file.endsWith('.js'))) await put(`assets/${name}`, await readFile(join(here, 'assets', name), 'utf8'));
await put('assets/favicon.svg', await readFile(join(root, 'web/site/favicon.svg'), 'utf8'));
await put('assets/minisearch.js', await readFile(createRequire(import.meta.url).resolve('minisearch').replace(/dist\/.*/, 'dist/es/index.js'), 'utf8'));
const parts = searchable(pages);
await put('assets/search.json', JSON.stringify(parts));
await put('files.json', JSON.stringify(await listed()));
console.log(`documents: ${pages.length} pages, ${files.size} files, ${parts.length} sections to search`);
