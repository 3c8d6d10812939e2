// @ts-check
/* The view Pictures: drawing, stopping, comparing, redrawing a part, replay, download, what goes wrong. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { command, complaint, endWorkers, kept, MORTAL, root, site, TINY, view } from '../kit.mjs';
import { pngOf, pngRead } from '../png.mjs';
import { findings, tabTo } from './access.mjs';

/** @typedef {import('../kit.mjs').Kit} Kit */

/** Grey, with kinds and all heads; in colour, without either.  Their schedules have 20 steps. */
const GREY = join(root, 'tests/models/unet-labels.gguf');
const PLAIN = join(root, 'tests/models/unet-plain.gguf');
/** Takes some seconds. */
const LONG = { sampler: 'annealed-langevin', evaluations: 1000 };
const SHORT = { sampler: 'ddpm', evaluations: 5 };

const statistics = (/** @type {any} */ tab) => tab.text('[data-part=picture-statistics]');
const ready = (/** @type {any} */ tab) =>
  tab.until(() => / is ready/.test(document.querySelector('[data-part=picture-progress]')?.textContent ?? ''), null, 'the model is ready');

/** The view in a new tab, with a small model from a file. */
async function openView(/** @type {Kit} */ kit, file = GREY, dark = false, before = null) {
  const tab = await kit.tab(before, dark);
  await tab.goto(`${kit.server.url}#models`);
  await take(tab, file);
  return tab;
}

async function take(/** @type {any} */ tab, /** @type {string} */ file) {
  await tab.until(() => document.querySelector('#version')?.textContent, null, 'the view Models is there');
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
function choose(/** @type {any} */ tab, /** @type {Record<string, string | number>} */ options) {
  return tab.evaluate((/** @type {Record<string, any>} */ given) => {
    for (const [key, value] of Object.entries(given)) {
      const input = /** @type {HTMLInputElement} */ (document.querySelector(key === 'label' ? '#picture-label' : `#picture-option-${key}`));
      input.value = String(value);
      for (const type of ['input', 'change']) input.dispatchEvent(new Event(type, { bubbles: true }));
    }
  }, options);
}

/** Does something that makes the model draw, and waits until it has ended; counts the looks of the first picture. */
async function ended(/** @type {any} */ tab, /** @type {() => Promise<unknown>} */ begin) {
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

const draw = (/** @type {any} */ tab) => ended(tab, () => tab.button('Draw'));

/** Pixels of the pictures of a panel, one after the other: RGBA. */
async function pixels(/** @type {any} */ tab, panel = 0) {
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

/** What the command draws, as the page has it. */
async function native(/** @type {Kit} */ kit, /** @type {string} */ file, /** @type {number} */ channels, /** @type {Record<string, any>} */ options) {
  const out = join(await kit.folder(), 'pictures.raw');
  const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  execFileSync(command, ['image', '-m', file, ...words, '--raw', out], { stdio: 'ignore' });
  const raw = await readFile(out);
  const size = raw.length / options.count;
  return Array.from({ length: options.count }, (_, i) => rgba(raw.subarray(i * size, (i + 1) * size), channels));
}

function rgba(/** @type {Buffer} */ raw, /** @type {number} */ channels) {
  const count = raw.length / channels;
  return Buffer.from(Array.from({ length: count }, (_, i) => (channels === 1 ? [raw[i], raw[i], raw[i], 255] : [...raw.subarray(3 * i, 3 * i + 3), 255])).flat());
}

async function draws(/** @type {Kit} */ kit) {
  const tab = await openView(kit);
  assert.equal(await tab.evaluate(() => document.querySelectorAll('.picture').length), 9, 'places for nine');
  await choose(tab, { count: 4, seed: 7, sampler: 'sn-ddpm', evaluations: 12 });
  await draw(tab);
  assert.deepEqual(await pixels(tab), await native(kit, GREY, 1, { count: 4, seed: 7, sampler: 'sn-ddpm', steps: 12 }), 'as the command draws');
  assert.match(await statistics(tab), /\d s.*12 evaluations a picture.*ms each.*(relaxed|simd128).*sn-ddpm.*seed 7/);
  await choose(tab, { sampler: 'dpm-solver++', evaluations: 10, count: 2, label: await tab.evaluate(() => /** @type {HTMLSelectElement} */ (document.querySelector('#picture-label')).options[2]?.value), guidance: 2 });
  await draw(tab);
  const label = await tab.evaluate(() => /** @type {HTMLSelectElement} */ (document.querySelector('#picture-label')).value);
  assert.ok(label);
  assert.deepEqual(await pixels(tab), await native(kit, GREY, 1, { count: 2, seed: 7, sampler: 'dpm-solver++', steps: 10, label, guidance: 2 }));
  await choose(tab, { sampler: 'probability-flow', label: '', tolerance: 0.01 });
  await draw(tab);
  assert.deepEqual(await pixels(tab), await native(kit, GREY, 1, { count: 2, seed: 7, sampler: 'probability-flow', tolerance: 0.01 }), 'adaptive steps, too');
  await view(tab, 'Models');
  await take(tab, PLAIN);
  await choose(tab, { sampler: 'ddim', evaluations: 10 });
  await draw(tab);
  assert.deepEqual(await pixels(tab), await native(kit, PLAIN, 3, { count: 2, seed: 7, sampler: 'ddim', steps: 10 }), 'in colour');
}

async function stepsAndReplay(/** @type {Kit} */ kit) {
  const tab = await openView(kit);
  await choose(tab, { count: 16, seed: 3, sampler: 'ddpm', evaluations: 20 });
  await draw(tab);
  assert.ok((await tab.evaluate(() => /** @type {any} */ (globalThis).seen.looks.size)) > 3, 'it sharpens step by step');
  const [last] = await pixels(tab);
  const slide = (/** @type {number} */ to) => tab.evaluate((/** @type {number} */ value) => {
    const slider = /** @type {HTMLInputElement} */ (document.querySelector('#picture-step'));
    slider.value = String(value);
    slider.dispatchEvent(new Event('input', { bubbles: true }));
  }, to);
  assert.equal(await tab.text('#picture-step-now'), '20 of 20 evaluations');
  await slide(0);
  assert.equal(await tab.text('#picture-step-now'), '1 of 20 evaluations');
  const [first] = await pixels(tab);
  assert.notDeepEqual(first, last);
  await tab.click('#noisy');
  assert.notDeepEqual((await pixels(tab))[0], first, 'the state is another picture than the one predicted');
  await tab.click('#noisy');
  await slide(19);
  assert.deepEqual((await pixels(tab))[0], last);
  await tab.button('Play');
  await tab.until(() => document.querySelector('#picture-step-now')?.textContent?.startsWith('20') && document.querySelector('#picture-play')?.textContent === 'Play', null, 'it plays to its end');
}

async function stopped(/** @type {Kit} */ kit) {
  const tab = await openView(kit);
  await choose(tab, { count: 16, ...LONG });
  await ended(tab, async () => {
    await tab.button('Draw');
    await tab.until(() => document.querySelector('.picture:not(:disabled)') && document.querySelector('#draw')?.textContent === 'Stop', null, 'something is seen');
    await tab.press('Escape');
  });
  assert.match(await statistics(tab), /seed \d+.*stopped/);
  const [, done] = /(\d+) evaluations? a picture/.exec(await statistics(tab)) ?? [];
  assert.ok(Number(done) >= 1 && Number(done) < 1000);
  assert.equal((await pixels(tab)).length, 16, 'what there was stays');
  await choose(tab, { count: 1, seed: 1, ...SHORT });
  await draw(tab);
  assert.deepEqual(await pixels(tab), await native(kit, GREY, 1, { count: 1, seed: 1, sampler: 'ddpm', steps: 5 }), 'and the model is as before');
}

const compared = (/** @type {any} */ tab, /** @type {string[]} */ names) =>
  tab.evaluate((/** @type {string[]} */ wanted) => {
    for (const box of /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll('[data-part=comparing] input'))) box.checked = wanted.includes(box.value);
    document.querySelector('[data-part=comparing]')?.dispatchEvent(new Event('input', { bubbles: true }));
  }, names);

async function compares(/** @type {Kit} */ kit) {
  const tab = await openView(kit);
  await choose(tab, { count: 2, seed: 5, evaluations: 10 });
  await tab.button('Compare samplers');
  await compared(tab, ['ddim', 'sn-ddpm', 'predictor-corrector', 'probability-flow, Heun']);
  await draw(tab);
  const captions = await tab.evaluate(() => [...document.querySelectorAll('figcaption')].map((one) => one.textContent));
  assert.equal(captions.length, 4);
  for (const [i, start] of ['sn-ddpm: 10 ', 'ddim: 10 ', 'predictor-corrector: 10 ', 'probability-flow, Heun: 9 '].entries()) assert.ok(captions[i].startsWith(start) && / s$/.test(captions[i]), captions[i]);
  const seed = 5;
  assert.deepEqual(await pixels(tab, 0), await native(kit, GREY, 1, { count: 2, seed, sampler: 'sn-ddpm', steps: 10 }));
  assert.deepEqual(await pixels(tab, 1), await native(kit, GREY, 1, { count: 2, seed, sampler: 'ddim', steps: 10 }));
  assert.deepEqual(await pixels(tab, 2), await native(kit, GREY, 1, { count: 2, seed, sampler: 'predictor-corrector', steps: 5 }));
  assert.deepEqual(await pixels(tab, 3), await native(kit, GREY, 1, { count: 2, seed, sampler: 'probability-flow', solver: 'heun', steps: 5 }));
  assert.match(await statistics(tab), /39 evaluations a picture in all.*same noise for all.*seed 5/);
  await compared(tab, ['ddim']);
  await tab.button('Draw');
  assert.match(await tab.text('#comparing-problem'), /two to four/);
  assert.equal((await pixels(tab, 3)).length, 2, 'nothing was drawn');
  assert.equal(await tab.evaluate(() => /** @type {HTMLInputElement} */ (document.querySelector('[value=annealed-langevin]')).disabled), true);
  assert.match(await tab.text('[data-part=comparing]'), /needs at least 100 evaluations/);
  await choose(tab, { evaluations: 100 });
  assert.equal(await tab.evaluate(() => /** @type {HTMLInputElement} */ (document.querySelector('[value=annealed-langevin]')).disabled), false);
  await choose(tab, { evaluations: 10 });
  await tab.button('Draw with one sampler');
  await draw(tab);
  assert.equal(await tab.evaluate(() => document.querySelectorAll('[data-panel]').length), 1);
}

/** Numbers of the pixels that differ. */
const differing = (/** @type {Buffer} */ a, /** @type {Buffer} */ b) => Array.from({ length: a.length / 4 }, (_, i) => i).filter((i) => !a.subarray(4 * i, 4 * i + 4).equals(b.subarray(4 * i, 4 * i + 4)));

const sides = (/** @type {any} */ tab) => tab.evaluate(() => [/** @type {HTMLCanvasElement} */ (document.querySelector('#surface-picture')).width, /** @type {HTMLCanvasElement} */ (document.querySelector('#surface-picture')).height]);

async function redraws(/** @type {Kit} */ kit) {
  const tab = await openView(kit);
  await choose(tab, { count: 4, seed: 2, sampler: 'sn-ddpm', evaluations: 15 });
  await tab.button('Redraw a part');
  assert.match(await tab.text('[data-part=pad]'), /Choose a picture that was drawn/);
  await draw(tab);
  await tab.click('.picture:nth-child(3)');
  const original = (await pixels(tab))[2];
  await tab.button('Redraw a part of it');
  await tab.until(() => document.activeElement?.id === 'surface', null, 'the brush is ready');
  await tab.button('Redraw the marked');
  assert.match(await complaint(tab, 'pad-error'), /Nothing is marked/);
  const [width, height] = await sides(tab);
  // A line by the pointer, from corner to corner, one pixel wide.
  await tab.evaluate(() => {
    const surface = /** @type {HTMLElement} */ (document.querySelector('#surface'));
    /** @type {HTMLInputElement} */ (document.querySelector('#brush')).value = '1';
    surface.setPointerCapture = () => {};
    const { left, top, right, bottom } = surface.getBoundingClientRect();
    const send = (/** @type {string} */ type, /** @type {number} */ x, /** @type {number} */ y) => surface.dispatchEvent(new PointerEvent(type, { clientX: x, clientY: y, button: 0, pointerId: 1, bubbles: true }));
    send('pointerdown', left + 1, top + 1);
    send('pointermove', right - 1, bottom - 1);
    send('pointerup', right - 1, bottom - 1);
  });
  const marked = Number(/^(\d+) of/.exec(await tab.text('#marked'))?.[1]);
  assert.equal(marked, Math.max(width, height), 'without holes');
  await tab.button('Invert');
  assert.equal(await tab.text('#marked'), `${width * height - marked} of ${width * height} pixels are marked`);
  await tab.button('Invert');
  await ended(tab, () => tab.button('Redraw the marked'));
  const all = await pixels(tab);
  assert.equal(all.length, 4);
  const line = new Set(Array.from({ length: Math.max(width, height) }, (_, i) => Math.round((i * (height - 1)) / (Math.max(width, height) - 1)) * width + Math.round((i * (width - 1)) / (Math.max(width, height) - 1))));
  const changed = all.map((/** @type {Buffer} */ one) => differing(one, original));
  for (const places of changed) assert.ok(places.every((i) => line.has(i)), 'what is not marked stays as it is');
  assert.ok(changed.some((/** @type {number[]} */ places) => places.length > 0), 'what is marked is drawn again');
  await tab.reload();
  await view(tab, 'Models');
  await take(tab, GREY);
  await tab.button('Redraw a part');
  assert.equal(await tab.text('#marked'), `${marked} of ${width * height} pixels are marked`, 'the marks are there after a reload');
  await choose(tab, { sampler: 'dpm-solver++' });
  await tab.button('Redraw the marked');
  assert.match(await complaint(tab, 'picture-error'), /cannot keep known parts.*ddpm/);
  await tab.button('Clear');
  assert.match(await tab.text('#marked'), /^0 of/);
}

async function ownPicture(/** @type {Kit} */ kit) {
  const folder = await kit.folder();
  const tab = await openView(kit, PLAIN);
  await tab.button('Redraw a part');
  const take = async (/** @type {string} */ name, /** @type {Buffer} */ data) => {
    await writeFile(join(folder, name), data);
    await tab.pick('#own-picture', join(folder, name));
  };
  await take('words.png', Buffer.from('These are only words.'));
  assert.match(await complaint(tab, 'pad-error'), /“words.png” is not a picture/);
  await take('huge.png', pngOf(1, 1, () => [0, 0, 0], { width: 100_000, height: 100_000 }));
  await tab.until(() => /huge/.test(document.querySelector('[data-part=pad-error]')?.textContent ?? ''), null, 'an enormous one is refused');
  // Its left half red, its right half blue, much wider than high: the middle is kept.
  await take('half.png', pngOf(400, 100, (x) => (x < 200 ? [255, 0, 0] : [0, 0, 255])));
  await tab.until(() => document.activeElement?.id === 'surface', null, 'it is ready to be marked');
  const [width, height] = await sides(tab);
  const corners = await tab.evaluate(() => {
    const canvas = /** @type {HTMLCanvasElement} */ (document.querySelector('#surface-picture'));
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    return [...context.getImageData(0, 0, 1, 1).data, ...context.getImageData(canvas.width - 1, canvas.height - 1, 1, 1).data];
  });
  assert.deepEqual(corners, [255, 0, 0, 255, 0, 0, 255, 255]);
  assert.equal(await tab.visible('[data-part=pad-error]'), false);
  await tab.press('Shift+ArrowRight');
  await choose(tab, { count: 1, sampler: 'ddpm', evaluations: 5 });
  await ended(tab, () => tab.button('Redraw the marked'));
  const [picture] = await pixels(tab);
  assert.equal(picture.length, 4 * width * height);
  assert.deepEqual([...picture.subarray(0, 4)], [255, 0, 0, 255]);
}

/** What the page would save, instead of saving it. */
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
  assert.match(await tab.text('#marked'), /^[1-9]\d* of/);
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
  assert.match(await complaint(tab, 'picture-error'), /stopped unexpectedly.*pictures so far are kept/);
  assert.equal((await pixels(tab)).length, 16);
  await choose(tab, { count: 1, ...SHORT });
  await draw(tab);
  assert.deepEqual(await pixels(tab), await native(kit, GREY, 1, { count: 1, seed: 4, sampler: 'ddpm', steps: 5 }));
}

/** Who asks for less motion sees the picture when it is done. */
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

/** The models that come with the page, the first of them loaded when the view is opened. */
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
    await tab.until(() => /nearest training picture: .+ differs by \d+ grey levels.*searched were .*training pictures/.test(document.querySelector('#neighbour')?.textContent ?? ''), null, 'the nearest training picture');
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
  await tab.button('Redraw the marked');
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
  'pictures: the same seed draws the pictures of the command line': draws,
  'pictures: they sharpen step by step, and replay': stepsAndReplay,
  'pictures: stopped at any step': stopped,
  'pictures: samplers compared from the same noise': compares,
  'pictures: a marked part is drawn again, the rest stays': redraws,
  'pictures: a picture of one’s own, and what is none': ownPicture,
  'pictures: download as PNG': downloads,
  'pictures: by keyboard alone': byKeyboard,
  'pictures: a model without heads, and options out of range': withoutHeads,
  'pictures: the worker dies': deadWorker,
  'pictures: no motion where none is wanted': lessMotion,
  'pictures: those that come with the page, offline too': shipped,
  'pictures: axe finds nothing, light': (/** @type {Kit} */ kit) => states(kit, false),
  'pictures: axe finds nothing, dark': (/** @type {Kit} */ kit) => states(kit, true),
};
