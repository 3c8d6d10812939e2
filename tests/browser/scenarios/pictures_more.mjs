// @ts-check
/* The view Pictures: download, keyboard, other models, errors, appearance. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { complaint, endWorkers, kept, MORTAL, root, site, TINY, view } from '../kit.mjs';
import { pngRead } from '../png.mjs';
import { findings, tabTo } from './access.mjs';
import { GREY, PLAIN, LONG, SHORT, ready, openView, choose, ended, draw, pixels, native, compared } from './picture_hands.mjs';

/** @typedef {import('../kit.mjs').Kit} Kit */

/** Returns the file that the page would save, instead of saving it. */
const CATCH_DOWNLOADS = () => {
  /** @type {Blob | null} */
  let blob = null;
  const real = URL.createObjectURL;
  URL.createObjectURL = (given) => ((blob = /** @type {Blob} */ (given)), real(given));
  HTMLAnchorElement.prototype.click = function () {
    blob?.arrayBuffer().then((data) => {
      const text = Array.from(new Uint8Array(data), (byte) => String.fromCharCode(byte)).join('');
      Object.assign(globalThis, { saved: { name: this.download, data: btoa(text) } });
    });
  };
};

async function downloads(/** @type {Kit} */ kit) {
  const tab = await openView(kit, GREY, false, CATCH_DOWNLOADS);
  await choose(tab, { count: 3, seed: 9, sampler: 'ddim', evaluations: 5 });
  await draw(tab);
  const saved = async (/** @type {string} */ name) => {
    await tab.evaluate(() => Object.assign(globalThis, { saved: null }));
    await tab.button(name);
    await tab.until(() => /** @type {any} */ (globalThis).saved !== null, null, 'it is saved');
    const { name: file, data } = await tab.evaluate(() => /** @type {any} */ (globalThis).saved);
    return { file, ...pngRead(Buffer.from(data, 'base64')) };
  };
  const [width, height] = await tab.evaluate(() => [/** @type {HTMLCanvasElement} */ (document.querySelector('.picture canvas')).width, /** @type {HTMLCanvasElement} */ (document.querySelector('.picture canvas')).height]);
  const grid = await saved('Download PNG');
  const factor = grid.width / (2 * width + 1);
  assert.ok(Number.isInteger(factor) && factor > 1 && grid.height === factor * (2 * height + 1), 'two by two, enlarged by a whole number');
  assert.equal(grid.file, 'unet-labels-ddim-seed9.png');
  const drawn = await pixels(tab);
  await tab.click('.picture:nth-child(2)');
  const one = await saved('Download it');
  const scale = one.width / width;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const expected = [...drawn[1].subarray(4 * (y * width + x), 4 * (y * width + x) + 3)];
      assert.deepEqual(one.pixel(x * scale + scale - 1, y * scale).slice(0, 3), expected);
      assert.deepEqual(grid.pixel((width + 1 + x) * factor, y * factor).slice(0, 3), expected);
    }
}

async function byKeyboard(/** @type {Kit} */ kit) {
  const tab = await openView(kit);
  await choose(tab, { count: 4, seed: 1, sampler: 'sn-ddpm', evaluations: 8 });
  await tabTo(tab, '#draw');
  await ended(tab, () => tab.press('Enter'));
  await tabTo(tab, '.picture');
  await tab.press('ArrowRight');
  await tab.press('ArrowDown');
  assert.equal(await tab.evaluate(() => document.activeElement?.getAttribute('aria-label')), 'Picture 4');
  await tab.press('Enter');
  assert.equal(await tab.evaluate(() => document.activeElement?.getAttribute('aria-pressed')), 'true');
  assert.equal(await tab.text('#chosen-title'), 'Picture 4');
  await tabTo(tab, '#redraw-this');
  await tab.press('Enter');
  await tab.until(() => document.activeElement?.id === 'surface');
  await tab.press('ArrowUp');
  await tab.press(' ');
  await tab.until(() => /Column \d+, row \d+, marked/.test(document.querySelector('[data-part=polite]')?.textContent ?? ''), null, 'it is read out');
  for (let i = 0; i < 3; i++) await tab.press('Shift+ArrowLeft');
  await tab.until(() => /^[1-9]\d* of/.test(document.querySelector('#marked')?.textContent ?? ''), null, 'something is marked');
  await tabTo(tab, '#redraw-marked');
  await ended(tab, () => tab.press('Enter'));
  await tabTo(tab, '#picture-step');
  await tab.press('Home');
  assert.equal(await tab.text('#picture-step-now'), '1 of 8 evaluations');
  await tabTo(tab, '#compare', 'Shift+Tab');
  await tab.press('Enter');
  await tabTo(tab, '#compare-0');
  await tab.press(' ');
  await ended(tab, () => tab.press('Control+Enter'));
  assert.equal(await tab.evaluate(() => document.querySelectorAll('[data-panel]').length), 3);
}

async function withoutHeads(/** @type {Kit} */ kit) {
  const tab = await openView(kit, PLAIN);
  const options = await tab.evaluate(() => [...document.querySelectorAll('#picture-option-sampler option')].map((one) => [/** @type {HTMLOptionElement} */ (one).value, /** @type {HTMLOptionElement} */ (one).disabled]));
  const off = options.filter((/** @type {any} */ one) => one[1]).map((/** @type {any} */ one) => one[0]);
  assert.deepEqual(off, ['sn-ddpm', 'sn-ddim', 'npr-ddpm', 'npr-ddim', 'analytic-ddpm', 'analytic-ddim']);
  assert.equal(await tab.evaluate(() => /** @type {HTMLSelectElement} */ (document.querySelector('#picture-option-sampler')).value), 'ddpm', 'one that works is chosen');
  assert.equal(await tab.visible('#picture-label'), false, 'there are no kinds');
  assert.match(await tab.text('#picture-samplers'), /Not with this file: .*head/);
  await tab.button('Compare samplers');
  assert.match(await tab.text('[data-part=comparing]'), /head/);
  const checked = await tab.evaluate(() => [...document.querySelectorAll('[data-part=comparing] input:checked')].map((one) => /** @type {HTMLInputElement} */ (one).value));
  assert.ok(checked.length >= 2 && checked.every((/** @type {string} */ one) => !off.includes(one)), String(checked));
  await choose(tab, { count: 1, evaluations: 4 });
  await draw(tab);
  await tab.button('Draw with one sampler');
  await choose(tab, { evaluations: 0 });
  await tab.button('Draw');
  assert.equal(await tab.evaluate(() => document.activeElement?.id), 'picture-option-evaluations');
  await choose(tab, { evaluations: 21 });
  assert.match(await tab.text('#picture-problem-evaluations'), /schedule has 20 steps/);
  await choose(tab, { evaluations: 20, sampler: 'annealed-langevin' });
  assert.match(await tab.text('#picture-problem-evaluations'), /at least 100/);
  await view(tab, 'Models');
  await tab.pick('#file', TINY);
  await tab.until(() => document.querySelector('[data-part=pending]')?.checkVisibility());
  assert.match(await tab.text('[data-part=pending]'), /in the view Text/);
  assert.match(await tab.text('[data-part=loaded]'), /In Pictures.*unet-plain/, 'the model that draws stays');
}

async function deadWorker(/** @type {Kit} */ kit) {
  kit.server.mishaps.prefix = { 'palimpsest-worker.js': MORTAL };
  const tab = await openView(kit);
  await choose(tab, { count: 16, seed: 4, ...LONG });
  await tab.button('Draw');
  await tab.until(() => document.querySelector('.picture:not(:disabled)') !== null, null, 'something is seen');
  await endWorkers(tab);
  assert.match(await complaint(tab, 'picture-error'), /stopped unexpectedly.*finished pictures are kept/);
  assert.equal((await pixels(tab)).length, 16);
  await choose(tab, { count: 1, ...SHORT });
  await draw(tab);
  assert.deepEqual(await pixels(tab), await native(kit, GREY, 1, { count: 1, seed: 4, sampler: 'ddpm', steps: 5 }));
}

/** With reduced motion the picture is shown only when it is done. */
async function lessMotion(/** @type {Kit} */ kit) {
  const tab = await openView(kit, GREY, false, () => {
    const real = globalThis.matchMedia;
    globalThis.matchMedia = (query) => (query.includes('reduced-motion') ? /** @type {any} */ ({ ...real('all'), matches: true, media: query }) : real(query));
  });
  await choose(tab, { count: 16, sampler: 'ddpm', evaluations: 20 });
  await draw(tab);
  assert.ok((await tab.evaluate(() => /** @type {any} */ (globalThis).seen.looks.size)) <= 1, 'no steps are seen');
  assert.equal((await pixels(tab)).length, 16);
}

/** The models of the page; the first one is loaded when the view is opened. */
const SHIPPED = ['emoji', 'fashion'].filter((name) => existsSync(join(site, `models/${name}.gguf`)));

async function shipped(/** @type {Kit} */ kit) {
  const [first, second] = SHIPPED;
  if (!first) kit.skip('no model that draws comes with the page');
  const file = `models/${first}.gguf`;
  const tab = await kit.tab();
  kit.server.mishaps.hold = 1e6;
  await tab.goto(`${kit.server.url}#pictures`);
  await tab.until(() => /Fetching .*1\.0 of/.test(document.querySelector('[data-part=picture-progress]')?.textContent ?? '') && document.fonts.status === 'loaded', null, 'progress is shown, and the page rests');
  await tab.button('Cancel');
  await tab.until(() => /No model is loaded/.test(document.querySelector('[data-part=picture-progress]')?.textContent ?? ''), null, 'it is cancelled');
  kit.server.mishaps.hold = null;
  await tab.button('Load the model');
  await ready(tab);
  assert.equal(kit.server.count('models/tales-infill.gguf'), 0, 'only the model of this view is fetched');
  assert.equal(await tab.evaluate(() => /** @type {HTMLSelectElement} */ (document.querySelector('#picture-set')).value), first);
  const label = await tab.evaluate(() => /** @type {HTMLSelectElement} */ (document.querySelector('#picture-label')).options[2]?.value);
  await choose(tab, { count: 2, seed: 1, sampler: 'ddim', evaluations: 4, label, guidance: 1 });
  await draw(tab);
  const drawn = await pixels(tab);
  assert.deepEqual(drawn, await native(kit, join(root, file), first === 'emoji' ? 3 : 1, { count: 2, seed: 1, sampler: 'ddim', steps: 4, label }));
  const neighbour = async () => {
    await tab.click('.picture:nth-child(2)');
    await tab.until(() => /nearest training picture: .+ differs by \d+ of 255 grey levels.*search covered .*training pictures/.test(document.querySelector('#neighbour')?.textContent ?? ''), null, 'the nearest training picture');
    return tab.text('#neighbour');
  };
  const found = await neighbour();
  await kept(tab);
  kit.noisy = true; // offline, a browser may complain of what it cannot fetch
  await kit.server.down();
  await tab.reload();
  await ready(tab);
  await draw(tab);
  assert.deepEqual(await pixels(tab), drawn, 'offline, with what was chosen before');
  assert.equal(await neighbour(), found);
  await kit.server.up();
  if (!second) return;
  await tab.evaluate((/** @type {string} */ name) => {
    const select = /** @type {HTMLSelectElement} */ (document.querySelector('#picture-set'));
    select.value = name;
    select.dispatchEvent(new Event('change', { bubbles: true }));
  }, second);
  await tab.until((/** @type {string} */ name) => document.querySelector('[data-part=picture-progress]')?.textContent === `The model ${name} is ready.`, second, 'the other set is there');
  assert.equal(await tab.evaluate(() => /** @type {HTMLSelectElement} */ (document.querySelector('#picture-label')).value), '', 'its kinds are others');
  await draw(tab);
  assert.notDeepEqual(await pixels(tab), drawn);
}

async function states(/** @type {Kit} */ kit, dark = false) {
  const tab = await openView(kit, GREY, dark);
  const look = (/** @type {string} */ state) => findings(tab, state);
  await look('before anything is drawn');
  await tab.evaluate(() => document.querySelectorAll('#view-pictures details').forEach((one) => one.setAttribute('open', '')));
  await choose(tab, { count: 9, ...LONG });
  await ended(tab, async () => {
    await tab.button('Draw');
    await tab.until(() => document.querySelector('.picture:not(:disabled)') !== null, null, 'something is seen');
    await look('during a drawing');
    await tab.press('Escape');
  });
  await look('stopped');
  await choose(tab, { count: 2, ...SHORT });
  await draw(tab);
  await tab.click('.picture:nth-child(2)');
  await look('a picture is chosen');
  await tab.button('Redraw a part of it');
  await tab.press(' ');
  await look('the brush');
  await tab.button('Clear');
  await tab.button('Redraw the marked part');
  await look('nothing is marked');
  await tab.button('Compare samplers');
  await draw(tab);
  await look('compared');
  await compared(tab, []);
  await tab.button('Draw');
  await look('too few to compare');
  await choose(tab, { evaluations: -1 });
  await look('a wrong option');
}

export const scenarios = {
  'pictures: download as PNG': downloads,
  'pictures: by keyboard alone': byKeyboard,
  'pictures: a model without heads, and options out of range': withoutHeads,
  'pictures: the worker dies': deadWorker,
  'pictures: no motion where none is wanted': lessMotion,
  'pictures: those that come with the page, offline too': shipped,
};

export const once = {
  'pictures: axe finds nothing, light': (/** @type {Kit} */ kit) => states(kit, false),
  'pictures: axe finds nothing, dark': (/** @type {Kit} */ kit) => states(kit, true),
};
