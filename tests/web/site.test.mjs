// @ts-check
/* The built site: how much a visitor downloads before the page can be used, what makes it installable, and what other programs
 * show of a link to it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { addressOfSite, shareable, socialTags } from '../../web/install.mjs';
import { pngRead } from '../browser/png.mjs';
import { built, root } from './common.mjs';

const KB = 1024;
const site = join(built, '../site');
const page = await readFile(join(site, 'index.html'), 'utf8');
const packed = async (/** @type {string} */ name) => gzipSync(await readFile(join(site, name)), { level: 9 }).length;

/** Views that are programs of their own, fetched when they are opened: Lab, Sudoku, bench.html. */
const LATER = /^assets\/(view|sudoku|bench|worker)-/;

test("the page's scripts take at most 100 KB, compressed, and what is needed to draw it at most 64 KB more", async (t) => {
  const scripts = (await readdir(join(site, 'assets'))).filter((name) => name.endsWith('.js')).map((name) => `assets/${name}`);
  const first = [...page.matchAll(/<(?:script|link)[^>]* (?:src|href)="\.\/(assets\/[^"]+\.(?:js|css|woff2))"/g)].map(([, name]) => name);
  assert.ok(first.some((name) => name.endsWith('.js')) && first.some((name) => name.endsWith('.css')), String(first));
  let [script, rest, later] = [0, gzipSync(page).length, 0];
  for (const name of new Set([...scripts, ...first])) {
    const bytes = name.endsWith('.woff2') ? (await readFile(join(site, name))).length : await packed(name);
    t.diagnostic(`${name}: ${(bytes / KB).toFixed(1)} KB`);
    if (LATER.test(name)) later += bytes;
    else if (name.endsWith('.js')) script += bytes;
    else rest += bytes;
  }
  t.diagnostic(`scripts ${(script / KB).toFixed(1)} KB; page, style and first font ${(rest / KB).toFixed(1)} KB`);
  t.diagnostic(`views fetched when they are opened ${(later / KB).toFixed(1)} KB`);
  assert.ok(!first.some((name) => LATER.test(name)), 'none of them is fetched before');
  assert.ok(later <= 80 * KB, `${(later / KB).toFixed(1)} KB of views`);
  assert.ok(script <= 100 * KB, `${(script / KB).toFixed(1)} KB of scripts`);
  assert.ok(rest <= 64 * KB, `${(rest / KB).toFixed(1)} KB of page, style and font`);
});

test('the manifest works in every folder of a host, and names files that exist in the sizes that it says', async () => {
  assert.match(page, /<link\s+rel="manifest" href="manifest\.webmanifest"/);
  const text = await readFile(join(site, 'manifest.webmanifest'), 'utf8');
  const manifest = JSON.parse(text);
  assert.doesNotMatch(text, /"(\/|https?:)/, 'no address is absolute');
  assert.deepEqual([manifest.start_url, manifest.scope, manifest.display], ['./', './', 'standalone']);
  assert.ok(manifest.name && manifest.short_name.length <= 12 && manifest.description);
  for (const { src, sizes } of [...manifest.icons, ...manifest.screenshots]) {
    const { width, height } = pngRead(await readFile(join(site, src)));
    assert.equal(`${width}x${height}`, sizes, src);
  }
  const purposes = manifest.icons.map((/** @type {any} */ icon) => `${icon.purpose} ${icon.sizes}`);
  for (const wanted of ['any 192x192', 'any 512x512', 'maskable 512x512']) assert.ok(purposes.includes(wanted), wanted);
  for (const factor of ['wide', 'narrow']) assert.ok(manifest.screenshots.some((/** @type {any} */ one) => one.form_factor === factor), factor);
  for (const { url } of manifest.shortcuts) assert.ok(page.includes(`id="view-${url.replace('./#', '')}"`), url);
  assert.ok(page.includes(`content="${manifest.theme_color}" media="(prefers-color-scheme: light)"`), 'the colour of the page');
});

test('a maskable icon has its mark inside of the part that is never cut off, and paper up to its borders', async () => {
  const { width, pixel } = pngRead(await readFile(join(site, 'icons/maskable-512.png')));
  const paper = pixel(0, 0);
  let marked = 0;
  for (let y = 0; y < width; y++)
    for (let x = 0; x < width; x++) {
      if (String(pixel(x, y)) === String(paper)) continue;
      marked++;
      assert.ok(Math.hypot(x + 0.5 - width / 2, y + 0.5 - width / 2) <= 0.4 * width, `the mark reaches ${x}, ${y}`);
    }
  assert.equal(paper[3] ?? 255, 255);
  assert.ok(marked > 5000, `${marked} pixels`);
});

test('Open Graph tags are left out without an address, and whole with one', async () => {
  assert.doesNotMatch(page, /og:|rel="canonical"|twitter:/);
  const folder = await mkdtemp(join(tmpdir(), 'palimpsest-site-'));
  try {
    await copyFile(join(site, 'index.html'), join(folder, 'index.html'));
    await shareable(folder, root, addressOfSite('https://example.org/some/path'));
    const shared = await readFile(join(folder, 'index.html'), 'utf8');
    const tags = Object.fromEntries([...shared.matchAll(/<meta property="og:([\w:]+)" content="([^"]*)">/g)].map(([, name, value]) => [name, value]));
    assert.equal(tags.url, 'https://example.org/some/path/');
    assert.equal(tags.image, 'https://example.org/some/path/share.png');
    assert.ok(tags.title && tags.description && tags['image:alt'] && tags.type === 'website' && tags.site_name);
    const { width, height } = pngRead(await readFile(join(folder, 'share.png')));
    assert.deepEqual([tags['image:width'], tags['image:height']], [String(width), String(height)]);
    assert.match(shared, /<meta name="twitter:card" content="summary_large_image">\n<\/head>/);
    assert.equal(shared.replace(/<link rel="canonical"[\s\S]*\n(?=<\/head>)/, ''), page, 'nothing else is changed');
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('the address of a site may be written in several ways; what is none is refused', () => {
  for (const text of ['https://example.org/a', 'https://example.org/a/', 'https://example.org/a/index.html']) assert.equal(addressOfSite(text), 'https://example.org/a/');
  assert.equal(addressOfSite('https://example.org'), 'https://example.org/');
  for (const text of ['example.org', '', 'ftp://example.org/', 'https://example.org/?a=1', 'https://example.org/#a', 'https://me@example.org/', 'https://']) assert.throws(() => addressOfSite(text), /--url needs the address of the site/, text);
  const run = spawnSync(join(root, 'tools/package'), ['--built', '--url', 'example.org'], { encoding: 'utf8' });
  assert.equal(run.status, 2);
  assert.match(run.stdout + run.stderr, /--url needs the address of the site/);
});

test('texts in tags cannot end them', () => {
  const tags = socialTags('https://example.org/', { title: 'a "b" <c> & &amp; d', path: 'docs/x.html' });
  assert.match(tags, /og:title" content="a &quot;b&quot; &lt;c> &amp; &amp; d">/);
  assert.match(tags, /og:url" content="https:\/\/example\.org\/docs\/x\.html">/);
});
