#!/usr/bin/env node
/* Makes the README's screenshots of the page, docs/page.png, docs/phone.png and docs/pictures.png, from build/site in
 * Chromium.
 *
 *   node tools/screenshots.mjs        after tools/demo --no-serve and `npm ci --prefix tests/browser` */
import { join } from 'node:path';
import { start } from '../tests/browser/drivers.mjs';
import { choose, fill, Kit, ready, root, site } from '../tests/browser/kit.mjs';
import { Server } from '../tests/browser/server.mjs';

/** The first seed, not the best one. */
const SEED = 1;

async function filled(tab) {
  await ready(tab);
  await choose(tab, { seed: SEED });
  await fill(tab);
}

/** Four samplers side by side, in the page's default selection. */
async function compared(tab) {
  await tab.until(() => / is ready/.test(document.querySelector('[data-part=picture-progress]')?.textContent ?? ''), null, 'the model is ready');
  await tab.page.fill('#picture-option-seed', String(SEED));
  await tab.button('Compare samplers');
  await tab.button('Draw');
  await tab.until(() => document.querySelector('#picture-replay')?.checkVisibility(), null, 'the pictures are drawn');
  await tab.evaluate(() => scrollTo(0, 0));
}

async function shoot(browser, server, name, { width, height, dark, view = 'text' }, pose) {
  const kit = new Kit(browser, server);
  const tab = await kit.tab(null, dark);
  await tab.page.setViewportSize({ width, height });
  await tab.goto(`${server.url}#${view}`);
  await pose(tab);
  await tab.until(() => document.getAnimations().every((one) => one.playState === 'finished'), null, 'nothing moves');
  await tab.page.screenshot({ path: join(root, 'docs', `${name}.png`) });
  await kit.close();
}

const browser = await start('chromium');
const server = await new Server(site).up();
try {
  await shoot(browser, server, 'page', { width: 1280, height: 760, dark: false }, filled);
  await shoot(browser, server, 'phone', { width: 390, height: 844, dark: true }, async (tab) => {
    await filled(tab);
    await tab.click('[data-part=page] [data-token="1"]');
    await tab.until(() => document.activeElement?.getAttribute('role') === 'listbox', null, 'the alternatives are open');
  });
  await shoot(browser, server, 'pictures', { width: 1280, height: 960, dark: false, view: 'pictures' }, compared);
} finally {
  await browser.close();
  await server.down();
}
