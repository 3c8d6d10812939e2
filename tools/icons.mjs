#!/usr/bin/env node
/* Draws web/site/icons in Chromium: the icons of the installed page, from web/site/favicon.svg, and share.png, the picture
 * that other programs show beside a link to the site.
 *
 *   node tools/icons.mjs        after `npm ci --prefix web` and `npm ci --prefix tests/browser` */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { start } from '../tests/browser/drivers.mjs';
import { root } from '../tests/browser/kit.mjs';

const folder = join(root, 'web/site/icons');
const base64 = async (file) => (await readFile(join(root, file))).toString('base64');
const mark = await base64('web/site/favicon.svg');
const font = await base64('web/node_modules/@fontsource-variable/eb-garamond/files/eb-garamond-latin-wght-normal.woff2');

/** The mark on paper.  Its lines end well inside of the circle to which a maskable icon may be cut. */
const icon = (paper) =>
  `<style>body { margin: 0; background: ${paper}; height: 100vh; display: grid; place-items: center } img { width: 100vw }</style><img src="data:image/svg+xml;base64,${mark}">`;

/** A page with three of its words scraped off: two are written again, one is still faint. */
const share = `<style>
  @font-face { font-family: Garamond; src: url(data:font/woff2;base64,${font}); font-weight: 400 800 }
  body { margin: 0; height: 630px; box-sizing: border-box; padding: 96px 84px; background: #f5eee0; color: #2a221b; font-family: Garamond }
  h1 { margin: 0 0 38px; font-size: 104px; font-weight: 500; line-height: 1; letter-spacing: -0.01em }
  p { margin: 0; font-size: 58px; line-height: 1.42 }
  b { font-weight: 500; color: #8a1c10; border-bottom: 4px solid #c9917f }
  i { color: #cdbfa4; text-decoration: line-through; text-decoration-thickness: 3px }
  small { display: block; margin-top: 40px; font-size: 36px; color: #6b5d4d }
</style>
<h1>Palimpsest</h1>
<p>Once upon a time, in a <i>gloomy</i> <b>quiet</b> forest, there lived a <b>little</b> rabbit named Max.</p>
<small>Scrape a word, and a small model writes it again, in your browser.</small>`;

const browser = await start('chromium');
const profile = await browser.profile();
const tab = await profile.tab();
async function draw(name, html, width, height = width, bare = false) {
  await tab.page.setViewportSize({ width, height });
  await tab.page.setContent(html);
  await tab.evaluate(async () => {
    await document.fonts.ready;
    await Promise.all([...document.images].map((image) => image.decode()));
  });
  await tab.page.screenshot({ path: join(folder, name), omitBackground: bare });
}
try {
  for (const size of [192, 512]) {
    await draw(`icon-${size}.png`, icon('transparent'), size, size, true);
    await draw(`maskable-${size}.png`, icon('#f5eee0'), size);
  }
  await draw('apple-touch-icon.png', icon('#f5eee0'), 180);
  await draw('share.png', share, 1200, 630);
} finally {
  await browser.close();
}
