// @ts-check
/* The view Pictures: drawing, stopping, comparing, redrawing a part, replay. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { complaint, says, view } from '../kit.mjs';
import { pngOf } from '../png.mjs';
import { GREY, PLAIN, LONG, SHORT, statistics, openView, take, choose, ended, draw, pixels, native, compared } from './picture_hands.mjs';

/** @typedef {import('../kit.mjs').Kit} Kit */

async function draws(/** @type {Kit} */ kit) {
  const tab = await openView(kit);
  assert.equal(await tab.evaluate(() => document.querySelectorAll('.picture').length), 9, 'places for nine');
  await choose(tab, { count: 4, seed: 7, sampler: 'sn-ddpm', evaluations: 12 });
  await draw(tab);
  assert.deepEqual(await pixels(tab), await native(kit, GREY, 1, { count: 4, seed: 7, sampler: 'sn-ddpm', steps: 12 }), 'as the command draws');
  assert.match(await statistics(tab), /\d s.*12 evaluations per picture.*ms each.*(relaxed|simd128).*sn-ddpm.*seed 7/);
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
  assert.match(await statistics(tab), /stopped.*seed \d+/);
  const [, done] = /(\d+) evaluations? per picture/.exec(await statistics(tab)) ?? [];
  assert.ok(Number(done) >= 1 && Number(done) < 1000);
  assert.equal((await pixels(tab)).length, 16, 'what there was stays');
  await choose(tab, { count: 1, seed: 1, ...SHORT });
  await draw(tab);
  assert.deepEqual(await pixels(tab), await native(kit, GREY, 1, { count: 1, seed: 1, sampler: 'ddpm', steps: 5 }), 'and the model is as before');
}

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
  assert.match(await statistics(tab), /39 evaluations per picture in total.*same noise for all.*seed 5/);
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
  assert.match(await tab.text('[data-part=pad]'), /Choose a drawn picture/);
  await draw(tab);
  await tab.click('.picture:nth-child(3)');
  const original = (await pixels(tab))[2];
  await tab.button('Redraw a part of it');
  await tab.until(() => document.activeElement?.id === 'surface', null, 'the brush is ready');
  await tab.button('Redraw the marked part');
  assert.match(await complaint(tab, 'pad-error'), /Nothing is marked/);
  const [width, height] = await sides(tab);
  // Draws a line with the pointer, from corner to corner, one pixel wide.
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
  await says(tab, '#marked', `${width * height - marked} of ${width * height} pixels are marked`);
  await tab.button('Invert');
  await ended(tab, () => tab.button('Redraw the marked part'));
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
  await says(tab, '#marked', `${marked} of ${width * height} pixels are marked`); // they outlive a reload
  await choose(tab, { sampler: 'dpm-solver++' });
  await tab.button('Redraw the marked part');
  assert.match(await complaint(tab, 'picture-error'), /cannot keep known parts.*ddpm/);
  await tab.button('Clear');
  await says(tab, '#marked', '0 of');
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
  await ended(tab, () => tab.button('Redraw the marked part'));
  const [picture] = await pixels(tab);
  assert.equal(picture.length, 4 * width * height);
  assert.deepEqual([...picture.subarray(0, 4)], [255, 0, 0, 255]);
}

export const scenarios = {
  'pictures: the same seed draws the pictures of the command line': draws,
  'pictures: they sharpen step by step, and replay': stepsAndReplay,
  'pictures: stopped at any step': stopped,
  'pictures: samplers compared from the same noise': compares,
  'pictures: a marked part is drawn again, the rest stays': redraws,
  'pictures: a picture of one’s own, and what is none': ownPicture,
};
