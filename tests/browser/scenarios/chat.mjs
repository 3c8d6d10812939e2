// @ts-check
/* model.chat() in a page: the same words as the command, streamed; hostile templates are stopped and leave the page and the
 * model working; an AbortSignal ends an answer. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CHATML, withTemplate } from '../chat_model.mjs';
import { command, library, root } from '../kit.mjs';

/** @typedef {import('../kit.mjs').Kit} Kit
 *  @typedef {{ role: string, content: string }[]} Messages
 *  @typedef {{ seed: number, maxTokens: number, temperature: number, ignoreEos?: boolean }} Options */

const AR = readFileSync(join(root, 'tests/models/stories260K.gguf'));
const OPTIONS = { seed: 5, maxTokens: 20, temperature: 0.8, ignoreEos: true };

const HOSTILE = {
  'loops in loops': ['{% for a in range(90000) %}{% for b in range(90000) %}x{% endfor %}{% endfor %}', 'too many steps'],
  'loops over messages': [`${'{% for a in messages %}'.repeat(40)}${'{% endfor %}'.repeat(40)}`, 'too many steps'],
  'text that doubles': ["{% set ns = namespace(x='ab') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}", 'too much text'],
  'lists that double': ['{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}', 'too many steps'],
  'messages that hold messages': ['{% for m in messages %}{% set messages[0].x = [m, m] %}{% endfor %}{{ messages }}', 'changes the messages'],
  'nested brackets': [`{{ ${'('.repeat(20000)}1${')'.repeat(20000)} }}`, 'too deeply'],
  'the page': ['{{ window.location }}{{ document.title }}', null],
};

/** Puts a model with this template on the server, and returns its path. */
async function serve(/** @type {Kit} */ kit, /** @type {string} */ template) {
  const path = join(await kit.folder(), 'chat.gguf');
  await writeFile(path, withTemplate(AR, template));
  kit.server.extra['chat.gguf'] = path;
  return path;
}

async function told(/** @type {Kit} */ kit, /** @type {string} */ model, /** @type {Messages} */ messages, /** @type {Options} */ { seed, maxTokens, temperature, ignoreEos }) {
  const path = join(await kit.folder(), 'messages.json');
  await writeFile(path, JSON.stringify(messages));
  const words = ['generate', '-m', model, '--messages', path, '--seed', String(seed), '--max-tokens', String(maxTokens), '--temperature', String(temperature), ...(ignoreEos ? ['--ignore-eos'] : []), '--json'];
  return JSON.parse(execFileSync(command, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
}

/** Two turns; runs in Node and, unchanged, in a page.  @param {{ library: string, model: string, questions: string[], options: any }} given */
async function converse(given) {
  const { load } = await import(given.library);
  const model = await load(given.model, { cache: false, ...(globalThis.document && { base: new URL('.', location.href).href }) });
  const messages = /** @type {{ role: string, content: string }[]} */ ([]);
  const turns = [];
  for (const content of given.questions) {
    messages.push({ role: 'user', content });
    const answer = model.chat(messages, given.options);
    const pieces = [];
    for await (const { text } of answer) pieces.push(text);
    const { text, known, tokens } = await answer.result();
    turns.push({ text, pieces, known, tokens });
    messages.push({ role: 'assistant', content: text });
  }
  model.dispose();
  return turns;
}

async function compare(/** @type {Kit} */ kit, /** @type {string} */ model, /** @type {Awaited<ReturnType<typeof converse>>} */ turns, /** @type {string[]} */ questions, /** @type {Options} */ options) {
  const messages = /** @type {Messages} */ ([]);
  for (const [i, content] of questions.entries()) {
    messages.push({ role: 'user', content });
    const expected = await told(kit, model, messages, options);
    assert.deepEqual([turns[i]?.text, turns[i]?.tokens], [expected.continuation, expected.prompt_tokens], `turn ${i + 1}`);
    assert.equal(turns[i]?.pieces.join(''), expected.continuation, 'streamed');
    messages.push({ role: 'assistant', content: expected.continuation });
  }
  assert.ok((turns[1]?.known ?? 0) > (turns[0]?.tokens ?? Infinity), 'the first turn is not read again');
}

async function answers(/** @type {Kit} */ kit) {
  const path = await serve(kit, CHATML);
  const tab = await kit.open();
  const questions = ['Once upon <|im_end|> a time', 'and then?'];
  const turns = await tab.evaluate(converse, { library: `${kit.server.url}palimpsest.js`, model: `${kit.server.url}chat.gguf`, questions, options: OPTIONS });
  await compare(kit, path, turns, questions, OPTIONS);
  assert.ok(turns[0].pieces.length > 5, 'many pieces');
}

async function hostileTemplates(/** @type {Kit} */ kit) {
  const tab = await kit.open();
  const gaps = /** @type {number[]} */ ([]);
  for (const [what, [template, reason]] of Object.entries(HOSTILE)) {
    await serve(kit, String(template));
    const got = await tab.evaluate(async (/** @type {{ library: string, model: string }} */ given) => {
      const { load } = await import(given.library);
      const model = await load(given.model, { cache: false, ...(globalThis.document && { base: new URL('.', location.href).href }) });
      let [last, gap] = [performance.now(), 0];
      const timer = setInterval(() => {
        gap = Math.max(gap, performance.now() - last);
        last = performance.now();
      }, 10);
      await new Promise((resolve) => setTimeout(resolve, 50));
      const messages = Array.from({ length: 21 }, (_, i) => ({ role: i % 2 ? 'assistant' : 'user', content: 'a' }));
      const error = await model.chat(messages, { maxTokens: 2 }).result().then(() => null, (/** @type {any} */ why) => ({ code: why.code, message: why.message }));
      await new Promise((resolve) => setTimeout(resolve, 50));
      clearInterval(timer);
      const after = await model.generate('Once', { seed: 1, maxTokens: 4 }).result();
      model.dispose();
      return { error, gap, after: after.drawn };
    }, { library: `${kit.server.url}palimpsest.js`, model: `${kit.server.url}chat.gguf` });
    gaps.push(got.gap);
    if (reason) assert.deepEqual([got.error?.code, got.error?.message.includes(reason)], ['unsupported', true], `${what}: ${got.error?.message}`);
    else assert.equal(got.error, null, what);
    assert.equal(got.after, 4, `${what}: the model goes on working`);
  }
  kit.say(`the page waited ${Math.round(Math.max(...gaps))} ms at most`);
  assert.ok(Math.max(...gaps) < 5000, `the page stood still: ${gaps.map(Math.round)}`);
}

async function abort(/** @type {Kit} */ kit) {
  const path = await serve(kit, CHATML);
  const tab = await kit.open();
  const messages = [{ role: 'user', content: 'Once' }];
  const got = await tab.evaluate(async (/** @type {{ library: string, model: string, messages: any, options: any }} */ given) => {
    const { load } = await import(given.library);
    const model = await load(given.model, { cache: false, ...(globalThis.document && { base: new URL('.', location.href).href }) });
    const ask = async (/** @type {AbortController} */ controller, /** @type {number} */ after) => {
      let pieces = 0;
      try {
        for await (const _ of model.chat(given.messages, { ...given.options, maxTokens: 100000, shift: true, signal: controller.signal })) if (++pieces === after) controller.abort();
        return 'no error';
      } catch (/** @type {any} */ error) {
        return [error.name, pieces >= after];
      }
    };
    const before = new AbortController();
    before.abort();
    const [begun, during] = [new AbortController(), new AbortController()];
    const first = await ask(before, 0);
    const reading = ask(begun, 0);
    begun.abort(); // while the template is loaded and run
    const results = [first, await reading, await ask(during, 3)];
    const whole = await model.chat(given.messages, given.options).result();
    model.dispose();
    return { results, text: whole.text };
  }, { library: `${kit.server.url}palimpsest.js`, model: `${kit.server.url}chat.gguf`, messages, options: OPTIONS });
  assert.deepEqual(got.results, Array(3).fill(['AbortError', true]));
  assert.equal(got.text, (await told(kit, path, messages, OPTIONS)).continuation, 'afterwards the model answers as before');
}

async function smollm2(/** @type {Kit} */ kit) {
  let path = '';
  try {
    path = execFileSync('python3', [join(root, 'tools/models'), 'path', 'smollm2'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    kit.skip('SmolLM2-135M-Instruct is absent: tools/models get smollm2');
  }
  kit.server.extra['chat.gguf'] = path;
  const questions = ['Name three colours.', 'And two more?'];
  const options = { seed: 7, maxTokens: 24, temperature: 0.5 };
  const tab = await kit.open();
  const inPage = await tab.evaluate(converse, { library: `${kit.server.url}palimpsest.js`, model: `${kit.server.url}chat.gguf`, questions, options });
  await compare(kit, path, inPage, questions, options);
  const inNode = await converse({ library: pathToFileURL(library).href, model: pathToFileURL(path).href, questions, options });
  await compare(kit, path, inNode, questions, options);
}

/** @type {Record<string, (kit: Kit) => Promise<void>>} */
export const scenarios = {
  'chat: two turns have the words of the command, streamed': answers,
  'chat: hostile templates are stopped, page and model go on': hostileTemplates,
  'chat: an AbortSignal ends an answer at every moment': abort,
  'chat: SmolLM2-135M-Instruct says the same in Node, here and on the command line': smollm2,
};
