// @ts-check
/* Links, anchors and pictures: in the Markdown of the source tree, and in the documents built into build/site/docs. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { test } from 'node:test';
import { markdown } from '../../docs/site/markdown.mjs';
import { PAGES } from '../../docs/site/pages.mjs';
import { root, site } from '../../docs/site/places.mjs';
import { slug } from '../../docs/site/slug.mjs';
import { read, sources } from './sources.mjs';

const docs = join(site, 'docs');
/** All tokens of a text, those inside of lines too. */
const tokens = (/** @type {string} */ text) => markdown.parse(text, {}).flatMap((token) => [token, ...(token.children ?? [])]);

/** The anchors of a Markdown file. */
function anchors(/** @type {string} */ text) {
  const found = new Set();
  const all = markdown.parse(text, {});
  for (const [i, token] of all.entries()) {
    if (token.type !== 'heading_open') continue;
    const name = slug((all[i + 1].children ?? []).map((child) => (['text', 'code_inline'].includes(child.type) ? child.content : '')).join(''));
    let free = name;
    for (let n = 1; found.has(free); n++) free = `${name}-${n}`;
    found.add(free);
  }
  return found;
}

/** Pages that have no Markdown file: they are linked by their name in the site. */
const made = new Set(PAGES.filter((page) => !page.source).map((page) => `${page.name}.html`));

test('links and pictures in Markdown lead to files and headings that exist', () => {
  assert.ok(sources.includes('README.md') && sources.includes('models/emoji.md') && sources.includes('tools/train/README.md'), sources.join());
  const wrong = [];
  let checked = 0;
  for (const source of sources) {
    for (const token of tokens(read(source))) {
      const href = token.attrGet('href') ?? token.attrGet('src');
      if (!href || /^(https?|mailto):/.test(href) || made.has(href)) continue;
      const [path, anchor] = href.split('#');
      const file = path ? normalize(join(dirname(source), path)) : source;
      checked++;
      if (!existsSync(join(root, file))) wrong.push(`${source}: ${href}`);
      else if (anchor && !anchors(read(file)).has(anchor)) wrong.push(`${source}: ${href} (no such heading)`);
    }
  }
  assert.deepEqual(wrong, []);
  assert.ok(checked > 50, `${checked} links`);
});

test('every document of the source tree is a page', () => {
  const pages = PAGES.map((page) => page.source);
  assert.deepEqual(sources.filter((source) => !pages.includes(source)), []);
});

/** @type {{ name: string, html: string, ids: string[] }[]} */
const built = readdirSync(docs).filter((name) => name.endsWith('.html')).map((name) => {
  const html = readFileSync(join(docs, name), 'utf8');
  return { name, html, ids: [...html.matchAll(/<[^>]* id="([^"]*)"/g)].map(([, id]) => id) };
});

test('links, pictures and files of the built pages exist, and so do their anchors', () => {
  const wrong = [];
  let checked = 0;
  for (const { name, html } of built)
    for (const [, href] of html.matchAll(/<[^>]* (?:href|src)="([^"]*)"/g)) {
      if (/^https?:/.test(href)) continue;
      checked++;
      const [path, anchor] = href.split('#').map(decodeURIComponent);
      const file = path ? normalize(join(docs, path)) : join(docs, name);
      const page = built.find((one) => join(docs, one.name) === file);
      if (!existsSync(file)) wrong.push(`${name}: ${href}`);
      else if (anchor && page && !page.ids.includes(anchor)) wrong.push(`${name}: ${href} (no such anchor)`);
      else if (anchor && !page && !/^index.html$/.test(relative(site, file))) wrong.push(`${name}: ${href} (an anchor of no page)`);
    }
  assert.deepEqual(wrong, []);
  assert.ok(checked > 500, `${checked} links`);
});

test('built pages need nothing that the policy of the site forbids, and no other host', () => {
  assert.deepEqual(built.map(({ name }) => name).sort(), PAGES.map(({ name }) => `${name}.html`).sort());
  for (const { name, html, ids } of built) {
    assert.match(html, /http-equiv="Content-Security-Policy" content="default-src 'self'; script-src 'self' 'wasm-unsafe-eval';/, name);
    assert.doesNotMatch(html, /<script(?![^>]* src=")|<style|<[^>]* (style|on\w+)="/, `${name} has inline code or style`);
    for (const [tag, address] of html.matchAll(/<(?:script|img|link|iframe|video)[^>]* (?:src|href)="([^"]*)"/g)) assert.doesNotMatch(address, /^(\w+:|\/)/, tag);
    assert.equal(new Set(ids).size, ids.length, `${name}: ids are used twice: ${ids.filter((id, i) => ids.indexOf(id) !== i)}`);
    assert.equal(html.match(/<h1/g)?.length, 1, `${name} has one h1`);
    assert.doesNotMatch(html, /<img(?![^>]* alt="[^"]+")/, `${name}: a picture without a text`);
  }
});

test('the search knows sections of every page, at addresses that exist', () => {
  const sections = JSON.parse(readFileSync(join(docs, 'assets/search.json'), 'utf8'));
  for (const { name } of built) assert.ok(sections.some((/** @type {any} */ one) => one.at.split('#')[0] === name && one.text.length > 20), name);
  for (const { at } of sections) {
    const [name, anchor] = at.split('#');
    const page = built.find((one) => one.name === name);
    assert.ok(page && (!anchor || page.ids.includes(anchor)), at);
  }
});
