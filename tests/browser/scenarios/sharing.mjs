// @ts-check
/* Pages in links: they open as they were; links that are cut, wrong or hostile change nothing. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { choose, complaint, fill, openShare, ready, write } from '../kit.mjs';

/** @typedef {import('../kit.mjs').Kit} Kit */

const TEXT = 'The [[1]] king gave the “boy” \\[[2]] a bag of [[1-3]].';
const page = (/** @type {any} */ tab) => tab.text('[data-part=page]');
const box = (/** @type {any} */ tab) => tab.evaluate(() => /** @type {HTMLTextAreaElement} */ (document.querySelector('#text')).value);

async function linkOf(/** @type {any} */ tab) {
  await openShare(tab);
  const link = await tab.evaluate(() => /** @type {HTMLTextAreaElement} */ (document.querySelector('[data-part=share] textarea')).value);
  await tab.button('Close');
  return link;
}

async function roundTrip(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await write(tab, TEXT);
  await choose(tab, { seed: '18446744073709551615', temperature: 0.9 });
  const shown = await fill(tab);
  const link = await linkOf(tab);
  assert.ok(link.startsWith(`${kit.server.url}#t=1.`) && link.length < 800, `${link.length} characters`);
  const other = await kit.tab();
  await other.goto(link);
  await ready(other);
  await other.until((/** @type {string} */ text) => document.querySelector('[data-part=page]')?.textContent === text, shown, 'the page is replayed and then as it was');
  assert.equal(await box(other), TEXT);
  assert.equal(await other.evaluate(() => location.hash), '#text');
  assert.equal(await other.evaluate(() => /** @type {HTMLInputElement} */ (document.querySelector('#option-temperature')).value), '0.9');
  assert.equal(await fill(other), shown, 'the seed gives the same words');
}

async function yoursIsOneUndoAway(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  await write(tab, 'A shared [[1]].');
  const hash = new URL(await linkOf(tab)).hash;
  await write(tab, 'My own [[2]] text.');
  await tab.evaluate((/** @type {string} */ h) => void (location.hash = h), hash);
  await tab.until(() => /** @type {HTMLTextAreaElement} */ (document.querySelector('#text')).value.startsWith('A shared'));
  await tab.button('Undo');
  assert.equal(await box(tab), 'My own [[2]] text.');
}

/** A link with any content, made as the page makes it. */
function forged(/** @type {string} */ json, packed = deflateRawSync(json)) {
  let crc = ~0;
  for (const byte of Buffer.from(json)) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  const head = Buffer.alloc(8);
  head.writeUInt32BE(Buffer.byteLength(json), 0);
  head.writeUInt32BE(~crc >>> 0, 4);
  return `#t=1.${Buffer.concat([head, packed]).toString('base64url')}p`;
}

async function hostile(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  const mine = 'My own [[2]] text.';
  await write(tab, mine);
  const good = forged(JSON.stringify({ t: 'Fine [[1]].', o: {}, m: '' }));
  const cases = /** @type {[string, RegExp][]} */ ([
    [good.slice(0, -9), /damaged or was cut/], [good.replace('#t=1.', '#t=1.A'), /damaged/], ['#t=1.p', /damaged/], ['#t=9.xyzp', /later version/], ['#t=1.ä%00p', /damaged/],
    [forged('"text"'), /damaged/], [forged('[]'), /damaged/], [forged('{"t":5}'), /damaged/], [forged('{"t":"a","f":[[["x",-1,0,1,0]]]}'), /damaged/], [forged('{'), /damaged/],
    [forged(JSON.stringify({ t: 'a'.repeat(1 << 20) })), /at most 64 KB/], [forged('{}', deflateRawSync(Buffer.alloc(200 << 20))), /at most 64 KB/],
  ]);
  for (const [hash, why] of cases) {
    await tab.evaluate((/** @type {string} */ h) => void (location.hash = h), hash);
    assert.match(await complaint(tab, 'error'), why, hash.slice(0, 40));
    assert.equal(await box(tab), mine, 'the own text is unchanged');
    await tab.evaluate(() => document.querySelector('[data-part=error]')?.toggleAttribute('hidden', true));
  }
  // Words that do not fit their blanks, options that are none, and names of the prototype do no harm.
  const odd = { t: 'Odd [[1]] <img src=x onerror=alert(1)>.', f: [[['a', 1, 1, 1, 0], ['b', 1, 1, 1, 0]]], o: { sampler: 'nothing', temperature: 1e9, __proto__: { seed: 1 }, constructor: 5 }, m: '<b>' };
  await tab.evaluate((/** @type {string} */ h) => void (location.hash = h), forged(JSON.stringify(odd)));
  await tab.until(() => /** @type {HTMLTextAreaElement} */ (document.querySelector('#text')).value.startsWith('Odd'));
  assert.equal(await tab.evaluate(() => document.querySelectorAll('[data-part=page] img').length), 0);
  assert.match(await page(tab), /^Odd .*<img src=x/);
}

/** Saves the page as a file by the dialog, and returns what is in it. */
async function saved(/** @type {Kit} */ kit, /** @type {any} */ tab) {
  if (kit.browser.name === 'chromium') {
    const [download] = await Promise.all([tab.page.waitForEvent('download'), tab.button('Save as a file')]);
    assert.equal(download.suggestedFilename(), 'page.palimpsest');
    return readFile(await download.path(), 'utf8');
  }
  await tab.evaluate(() => {
    // The link is not followed: this browser would put the file into the folder of whoever runs the tests.
    HTMLAnchorElement.prototype.click = () => {};
    URL.createObjectURL = (blob) => (Object.assign(globalThis, { saved: blob }), 'blob:saved');
  });
  await tab.button('Save as a file');
  return tab.evaluate(() => /** @type {any} */ (globalThis).saved.text());
}

async function asFile(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  const text = `${TEXT} ${Array.from({ length: 9000 }, (_, i) => `word${(i * 7919) % 9001}`).join(' ')}`;
  await write(tab, text);
  await choose(tab, { seed: 6 });
  const shown = await fill(tab);
  await openShare(tab);
  assert.match(await tab.text('[data-part=share]'), /too long for a link, which holds at most 64 KB/);
  assert.equal(await tab.visible('[data-part=share] textarea'), false);
  const json = await saved(kit, tab);
  await tab.button('Close');
  const path = join(await kit.folder(), 'mine.palimpsest');
  await writeFile(path, json);
  const other = await kit.openReady();
  await write(other, 'My own [[2]] text.');
  await openShare(other);
  await other.pick('[data-part=share] input[type=file]', path);
  await other.until((/** @type {string} */ whole) => document.querySelector('[data-part=page]')?.textContent === whole, shown, 'the page is replayed and then as it was');
  assert.equal(await box(other), text);
  assert.match(await other.text('[data-part=shared-note]'), /^A shared page, written by .+\. .*Undo brings your own text back\.$/);
  await other.button('Undo');
  assert.equal(await box(other), 'My own [[2]] text.');
  assert.equal(await other.visible('[data-part=shared-note]'), false);
}

const drop = (/** @type {any} */ tab, /** @type {string} */ name, /** @type {string} */ text) => tab.evaluate((/** @type {string[]} */ [file, content]) => {
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([content], file));
  document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
}, [name, text]);

async function hostileFiles(/** @type {Kit} */ kit) {
  const tab = await kit.openReady();
  const mine = 'My own [[2]] text.';
  await write(tab, mine);
  const file = (/** @type {any} */ fields) => JSON.stringify({ palimpsest: 1, t: 'Fine [[1]].', o: {}, m: '', ...fields });
  const place = ['x', 1, 1, 0.5, 0];
  const with_ = (/** @type {number} */ at, /** @type {any} */ value) => file({ f: [[place.map((one, i) => (i === at ? value : one))]] });
  const cases = /** @type {[string, RegExp][]} */ ([
    ['', /not a page/], ['{"palimpsest":', /not a page/], ['[1]', /not a page/], ['null', /not a page/], ['{"palimpsest":1}', /not a page/], ['{"palimpsest":"1","t":"a"}', /not a page/],
    [file({ palimpsest: 2 }), /later version/], [file({ t: 5 }), /not a page/], [file({ f: [5] }), /not a page/], [with_(0, 5), /not a page/], [with_(1, -1), /not a page/],
    [with_(1, 1e300), /not a page/], [with_(2, 1e9), /not a page/], [with_(2, 0.5), /not a page/], [with_(3, 'much'), /not a page/], [file({ t: 'a'.repeat(1 << 20) }), /longer than 1 MB/],
  ]);
  for (const [text, why] of cases) {
    await drop(tab, 'page.palimpsest', text);
    assert.match(await complaint(tab, 'error'), why, text.slice(0, 60));
    assert.equal(await box(tab), mine, 'the own text is unchanged');
    await tab.evaluate(() => document.querySelector('[data-part=error]')?.toggleAttribute('hidden', true));
  }
  // A file with another name is known by its beginning.
  await drop(tab, 'letter.txt', file({ t: 'Odd [[1]] <img src=x onerror=alert(1)>.', o: { sampler: 'nothing', __proto__: { seed: 1 } } }));
  await tab.until(() => /** @type {HTMLTextAreaElement} */ (document.querySelector('#text')).value.startsWith('Odd'));
  assert.equal(await tab.evaluate(() => document.querySelectorAll('[data-part=page] img').length), 0);
  assert.match(await page(tab), /^Odd .*<img src=x/);
  assert.equal(await tab.text('[data-part=shared-note]'), 'A shared text. Undo brings your own text back.');
  await drop(tab, 'letter.txt', 'Dear Ms Miller');
  assert.match(await complaint(tab, 'model-error'), /GGUF/, 'any other file counts as a model');
}

export const scenarios = {
  'a shared page opens as it was': roundTrip,
  'opening a link leaves the own text one undo away': yoursIsOneUndoAway,
  'links that are cut, wrong or hostile change nothing': hostile,
  'a page that is too long for a link is saved as a file and opened': asFile,
  'files that are wrong or hostile change nothing': hostileFiles,
};
