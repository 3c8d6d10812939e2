// @ts-check
/* The user's own models, and the view Models: loaded and cached models, and files that are not models. */
import assert from 'node:assert/strict';
import { copyFile, open as openFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { choose, complaint, fill, MASKED, MODEL, native, ready, root, says, TINY, view, write } from '../kit.mjs';

/** @typedef {import('../kit.mjs').Kit} Kit */

const TEXT = 'Tom saw a [[2]] and [[3]].';
const loaded = (/** @type {any} */ tab) => tab.text('[data-part=loaded]');

/** The previous model still fills. */
async function stillFills(/** @type {any} */ tab) {
  assert.match(await loaded(tab), /tales-infill/);
  await view(tab, 'Text');
  await write(tab, TEXT);
  await choose(tab, { seed: 8 });
  assert.equal(await fill(tab), native(TEXT, { seed: 8 }));
  await view(tab, 'Models');
}

async function pick(/** @type {any} */ tab, /** @type {string} */ path) {
  await tab.pick('#file', path);
  await tab.until(() => document.querySelector('[data-part=pending]')?.checkVisibility(), null, 'the file is described');
  return tab.text('[data-part=pending]');
}

async function ownModel(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await view(tab, 'Models');
  assert.match(await pick(tab, TINY), /tiny-infill\.gguf: 0\.1 MB, needs about 32\.1 MB of memory; it fills blanks, in the view Text/);
  await tab.button('Do not load it');
  assert.equal(await tab.visible('[data-part=pending]'), false);
  await pick(tab, TINY);
  await tab.button('Load it');
  await tab.until(() => /tiny-infill/.test(document.querySelector('[data-part=loaded]')?.textContent ?? ''), null, 'it is in use');
  assert.match(await loaded(tab), /96 tokens/);
  await view(tab, 'Text');
  await write(tab, 'the [[2]] dog');
  assert.match(await fill(tab), /^the .+ dog$/);
  await view(tab, 'Models');
  await tab.button('Load tales-infill');
  await tab.until(() => /tales-infill/.test(document.querySelector('[data-part=loaded]')?.textContent ?? ''), null, 'the first is back');
  assert.equal(kit.server.count(MODEL), 1, 'from its kept copy');
  await stillFills(tab);
}

/** A model with rows of its own for blanks is used by both views; the model of the page comes back by a button. */
async function ownForBoth(/** @type {Kit} */ kit) {
  const path = join(await kit.folder(), 'mine.gguf');
  await copyFile(join(root, MODEL), path);
  const tab = await kit.openReady();
  const inText = (/** @type {string} */ name) => tab.until((/** @type {string} */ said) => document.querySelector('[data-part=loaded]')?.textContent?.startsWith(said), `In TextName${name}`, `${name} is in use`);
  await view(tab, 'Models');
  await tab.button('Load tales-masked');
  await inText('tales-masked');
  await view(tab, 'Text');
  await write(tab, 'Tom saw a [[?]] and [[3]].');
  await choose(tab, { seed: 8 });
  assert.equal(await fill(tab), native('Tom saw a [[?]] and [[3]].', { seed: 8 }, MASKED), 'with the sampler that suits it');
  await view(tab, 'Continue');
  await says(tab, '[data-part=writer-progress]', 'The model tales-infill is ready');
  await view(tab, 'Models');
  await tab.button('Load tales-infill');
  await inText('tales-infill');
  assert.match(await pick(tab, path), /mine\.gguf: 8\.1 MB, .*it fills blanks and continues texts, in the views Text and Continue/);
  await tab.button('Load it');
  for (const [name, part] of /** @type {const} */ ([['Text', 'progress'], ['Continue', 'writer-progress']])) {
    await view(tab, name);
    await says(tab, `[data-part=${part}]`, 'The model mine is ready');
  }
  assert.equal(kit.server.count(MODEL), 1, 'Continue has used the copy of Text');
}

/** A sparse file that is larger than any memory. */
async function tooLarge(/** @type {Kit} */ kit) {
  const path = join(await kit.folder(), 'huge.gguf');
  const file = await openFile(path, 'w');
  await file.write('GGUF');
  await file.truncate(4_100_000_000);
  await file.close();
  const tab = await kit.openReady();
  await view(tab, 'Models');
  assert.match(await pick(tab, path), /4\.1 GB/);
  await tab.button('Load it');
  assert.match(await complaint(tab, 'model-error'), /not enough memory.*huge.*4100 MB.*tales-infill stays in use/);
  await stillFills(tab);
}

async function cannotFill(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await view(tab, 'Models');
  await pick(tab, join(root, 'tests/models/tales-vocab.gguf'));
  await tab.button('Load it');
  await tab.until(() => document.querySelector('[data-part=model-error]')?.textContent?.includes('tales-vocab'), null, 'it is told');
  assert.match(await complaint(tab, 'model-error'), /vocabulary/);
  await stillFills(tab);
}

async function damagedFile(/** @type {Kit} */ kit) {
  const path = join(await kit.folder(), 'cut.gguf');
  await writeFile(path, (await readFile(TINY)).subarray(0, 20_000));
  const tab = await kit.openReady();
  await view(tab, 'Models');
  await pick(tab, path);
  await tab.button('Load it');
  assert.match(await complaint(tab, 'model-error'), /“cut” was not loaded/);
  await stillFills(tab);
}

async function noModel(/** @type {Kit} */ kit) {
  const folder = await kit.folder();
  const picture = join(folder, 'holiday.png');
  const text = join(folder, 'story.txt');
  await writeFile(picture, Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'));
  await writeFile(text, 'Once upon a time.');
  await writeFile(join(folder, 'empty.gguf'), '');
  const tab = await kit.openReady();
  await view(tab, 'Models');
  for (const path of [picture, text, join(folder, 'empty.gguf')]) {
    await tab.pick('#file', path);
    const name = /** @type {string} */ (path.split('/').at(-1));
    await tab.until((/** @type {string} */ said) => document.querySelector('[data-part=model-error]')?.textContent?.includes(said), name);
    assert.match(await complaint(tab, 'model-error'), /This is not a model\. Nothing was changed\./);
  }
  await stillFills(tab);
}

/** Dropped on the view Text, as from a file manager. */
async function dropped(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  const drop = (/** @type {{ name: string, data: number[] }} */ file) => tab.evaluate((/** @type {any} */ { name, data }) => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([new Uint8Array(data)], name));
    for (const type of ['dragover', 'drop']) dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
  }, file);
  await drop({ name: 'holiday.png', data: [0x89, 0x50, 0x4e, 0x47, 13, 10] });
  assert.match(await complaint(tab, 'model-error'), /holiday\.png/);
  await drop({ name: 'tiny.gguf', data: [...(await readFile(TINY))] });
  await tab.until(() => document.querySelector('[data-part=pending]')?.checkVisibility(), null, 'the file is described');
  assert.equal(await tab.visible('[data-part=model-error]'), false, 'the older complaint is gone');
  await tab.button('Load it');
  await tab.until(() => /tiny-infill/.test(document.querySelector('[data-part=loaded]')?.textContent ?? ''), null, 'it is in use');
}

async function keptAndDeleted(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await view(tab, 'Models');
  await tab.until(() => /tales-infill.*8\.1 MB/.test(document.querySelector('[data-part=kept]')?.textContent ?? ''), null, 'the copy is listed');
  assert.match(await tab.text('[data-part=storage]'), /uses .*MB of/);
  await tab.button('Delete tales-infill');
  await tab.until(() => document.querySelector('[data-part=kept]')?.textContent === '', null, 'it is gone');
  await stillFills(tab);
  await tab.reload();
  await view(tab, 'Text');
  await ready(tab);
  assert.equal(kit.server.count(MODEL), 2, 'fetched again');
}

async function credits(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await view(tab, 'Models');
  const text = await tab.text('[data-part=view-models]');
  for (const part of ['tales-infill', 'tales-masked', 'tales-sedd-absorb', 'tales-sedd-uniform', 'TinyStories', 'CDLA-Sharing-1.0', 'African Storybook', 'StoryWeaver', 'CC-BY', 'Project Gutenberg', 'Standard Ebooks', 'FairytaleQA', 'Apache-2.0', 'EB Garamond', 'SIL Open Font', 'Workbox', 'MIT'])
    assert.ok(text.includes(part), part);
}

/** Regression: the message about a file disappeared when another model was loaded. */
async function staysTold(/** @type {Kit} */ kit) {
  const path = join(await kit.folder(), 'notes.txt');
  await writeFile(path, 'plain text');
  kit.server.mishaps.hold = 3e6;
  const tab = await kit.open();
  await view(tab, 'Models');
  await tab.pick('#file', path);
  assert.match(await complaint(tab, 'model-error'), /not a model.*notes\.txt/);
  kit.server.mishaps.hold = null;
  await tab.until(() => /In Text.*tales-infill/s.test(document.querySelector('[data-part=loaded]')?.textContent ?? ''), null, 'the model is in use');
  assert.match(await complaint(tab, 'model-error'), /not a model.*notes\.txt/);
}

export const scenarios = {
  'a model of one\'s own': ownModel,
  'a model with rows of its own serves both views': ownForBoth,
  'a model too large for memory is told, and the other stays': tooLarge,
  'a file without a network is told, and the other stays': cannotFill,
  'a damaged file is told, and the other stays': damagedFile,
  'a picture and a text are no models': noModel,
  'Regression: what is said of a file stays when another model comes': staysTold,
  'a file dropped on the page': dropped,
  'the kept copy is listed and can be deleted': keptAndDeleted,
  'credits name data and licences': credits,
};
