// @ts-check
/* The conversation in the view Continue: only for models with a chat template; by keyboard; stopping, answering again, a new
 * conversation, a full context, a reload. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CHATML, withTemplate } from '../chat_model.mjs';
import { complaint, library, root, says, slowly, view } from '../kit.mjs';
import { findings, tabTo } from './access.mjs';

/** @typedef {import('../kit.mjs').Kit} Kit */

const STORIES = readFileSync(join(root, 'tests/models/stories260K.gguf'));
const SLOW = slowly(8);
const said = (/** @type {any} */ tab) =>
  tab.evaluate(() => [...document.querySelectorAll('[data-part=talk] li')].map((one) => [one.querySelector('.who')?.textContent, one.querySelector('.words')?.textContent]));
const message = (/** @type {any} */ tab) => tab.evaluate(() => /** @type {HTMLTextAreaElement} */ (document.querySelector('#message')).value);

/** The view Continue with a small model that has a chat template, loaded as a visitor's own file. */
async function openTalk(/** @type {Kit} */ kit, dark = false, template = CHATML) {
  const path = join(await kit.folder(), 'talker.gguf');
  await writeFile(path, withTemplate(STORIES, template));
  const tab = await kit.tab(null, dark);
  await tab.goto(`${kit.server.url}#continue`);
  await tab.until(() => / is ready/.test(document.querySelector('[data-part=writer-progress]')?.textContent ?? ''), null, 'the model is ready');
  assert.equal(await tab.visible('#continue-mode'), false, 'simple stories have no chat template');
  await view(tab, 'Models');
  await tab.until(() => /In Text.*tales-infill/s.test(document.querySelector('[data-part=loaded]')?.textContent ?? ''), null, 'nothing moves any more');
  await tab.pick('#file', path);
  await tab.until(() => document.querySelector('[data-part=pending]')?.checkVisibility(), null, 'the file is described');
  await tab.button('Load it');
  await tab.until(() => /In Continue.*stories260K/s.test(document.querySelector('[data-part=loaded]')?.textContent ?? ''), null, 'it is in use');
  await view(tab, 'Continue');
  await tab.button('Conversation');
  return { tab, path };
}

/** Sets the seed, and ends answers with their first sentence: the model of these tests tells stories. */
async function choose(/** @type {any} */ tab, /** @type {string} */ seed = '') {
  await tab.evaluate((/** @type {Record<string, string>} */ given) => {
    for (const [name, value] of Object.entries(given)) {
      const input = /** @type {HTMLInputElement} */ (document.querySelector(`#writing-option-${name}`));
      input.value = value;
      input.dispatchEvent(new Event('input', { bubbles: true }));
    }
  }, { seed, stop: '.' });
}

/** The last answer has begun and grows. */
const answering = (/** @type {any} */ tab) =>
  tab.until(() => document.querySelector('#send')?.textContent === 'Stop' && (document.querySelector('[data-part=talk] li:last-child .words')?.textContent?.length ?? 0) > 10 && !document.querySelector('[data-part=talk] li:last-child.mine'), null, 'the answer grows');
const answered = (/** @type {any} */ tab) =>
  tab.until(() => document.querySelector('#send')?.textContent === 'Send' && document.querySelector('[data-part=talk]')?.getAttribute('aria-busy') === 'false', null, 'the answer ends');

/** The answer of the library under Node with the options of the form. */
async function told(/** @type {string} */ path, /** @type {any[]} */ messages, /** @type {number} */ seed) {
  const { load } = await import(pathToFileURL(library).href);
  const model = await load(pathToFileURL(path));
  const { text } = await model.chat(messages, { temperature: 0.7, topP: 0.95, maxTokens: 512, stop: ['.'], seed }).result();
  model.dispose();
  return text.trim();
}

async function byKeyboard(/** @type {Kit} */ kit) {
  kit.server.mishaps.prefix['palimpsest-worker.js'] = slowly(100);
  const { tab, path } = await openTalk(kit);
  assert.equal(await tab.visible('#prompt'), false);
  await choose(tab, '5');
  await tabTo(tab, '#message');
  await tab.type('Tell me');
  await tab.press('Shift+Enter');
  await tab.type('a story.');
  await tab.press('Enter');
  await answering(tab);
  assert.equal(await message(tab), '', 'the box is free for the next message');
  await answered(tab);
  const question = { role: 'user', content: 'Tell me\na story.' };
  const first = await told(path, [question], 5);
  assert.deepEqual(await said(tab), [['You', question.content], ['Model', first]]);
  await says(tab, '[data-part=polite]', 'Model: ');
  assert.match(await tab.text('[data-part=chat-statistics]'), /tokens.*seed 5/);
  assert.equal(await tab.evaluate(() => document.activeElement?.id), 'message', 'the focus stays');
  await tab.type('More?');
  await tab.press('Enter');
  await answering(tab);
  await tab.press('Escape');
  await answered(tab);
  const all = await said(tab);
  assert.equal(all.length, 4, 'what was said before Esc stays');
  await tab.reload();
  await tab.until(() => document.querySelector('#continue-mode') !== null);
  assert.deepEqual(await said(tab), all, 'also after a reload');
}

async function answersAgain(/** @type {Kit} */ kit) {
  const { tab } = await openTalk(kit);
  await choose(tab);
  const send = async (/** @type {string} */ text) => {
    await tab.click('#message');
    await tab.type(text);
    await tab.button('Send');
    await answered(tab);
  };
  await tab.button('Send');
  assert.deepEqual(await said(tab), [], 'an empty message is not sent');
  await send('Hello');
  const before = await said(tab);
  await tab.button('Answer again');
  await answered(tab);
  const after = await said(tab);
  assert.deepEqual([after.length, after[0]], [2, before[0]]);
  assert.notEqual(after[1]?.[1], before[1]?.[1]);
  await tab.button('New conversation');
  assert.deepEqual(await said(tab), []);
  await tab.button('Bring the last conversation back');
  assert.deepEqual(await said(tab), after);
  await tab.button('New conversation');
  await tab.button('Text');
  assert.deepEqual([await tab.visible('#prompt'), await tab.visible('#message')], [true, false]);
  await tab.button('Conversation');
  await send('Again');
  assert.equal((await said(tab)).length, 2);
}

async function full(/** @type {Kit} */ kit) {
  const { tab } = await openTalk(kit);
  const long = 'word '.repeat(400).trim();
  await tab.evaluate((/** @type {string} */ text) => {
    const box = /** @type {HTMLTextAreaElement} */ (document.querySelector('#message'));
    box.value = text;
    box.dispatchEvent(new Event('input', { bubbles: true }));
  }, long);
  await tab.button('Send');
  assert.match(await complaint(tab, 'chat-error'), /The conversation has reached the model’s limit\. The conversation has [\d,]+ tokens \(words or pieces of words\), and this model can hold 512 tokens with what it writes: [\d,]+ tokens too many, about \d+ words?\. Your message is in its box again/);
  assert.deepEqual([await said(tab), await message(tab)], [[], long], 'nothing is lost');
}

async function refused(/** @type {Kit} */ kit) {
  const { tab } = await openTalk(kit, false, "{{ raise_exception('only on Sundays') }}");
  await tab.click('#message');
  await tab.type('Hello');
  await tab.press('Enter');
  assert.match(await complaint(tab, 'chat-error'), /One of the options cannot be used\..*the chat template refuses the messages: only on Sundays/i);
  assert.deepEqual([await said(tab), await message(tab)], [[], 'Hello']);
}

async function looks(/** @type {Kit} */ kit, dark = false) {
  kit.server.mishaps.prefix['palimpsest-worker.js'] = SLOW;
  const { tab } = await openTalk(kit, dark);
  await findings(tab, 'an empty conversation');
  await tab.click('#message');
  await tab.type('Tell me a story.');
  await tab.press('Enter');
  await answering(tab);
  await findings(tab, 'during an answer');
  await tab.button('Stop');
  await answered(tab);
  await tab.evaluate(() => document.querySelector('.instructions')?.setAttribute('open', ''));
  await findings(tab, 'after an answer');
}

/** @type {Record<string, (kit: Kit) => Promise<void>>} */
export const scenarios = {
  'conversation: by keyboard, streamed, with the answer of the library; Esc stops; it survives a reload': byKeyboard,
  'conversation: answering again, a new conversation, and back': answersAgain,
  'conversation: a full context keeps the message': full,
  'conversation: a template that refuses': refused,
};

/** @type {Record<string, (kit: Kit) => Promise<void>>} */
export const once = {
  'conversation: axe finds nothing, light': (kit) => looks(kit),
  'conversation: axe finds nothing, dark': (kit) => looks(kit, true),
};
