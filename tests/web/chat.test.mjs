// @ts-check
/* model.chat(): the prompts are those of jinja2 and tokenizers, hostile templates are stopped, names of control tokens in
 * messages are text, and SmolLM2 answers as the command does. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { CHATML, withTemplate as withChat } from '../browser/chat_model.mjs';
import { built, fails, load, noCommand, open, root, run } from './common.mjs';

const golden = join(root, 'tests/golden/chat');
const { chatPrompt } = await import(join(built, 'palimpsest-chat.js'));

/** The file's template replaced by another; files without tensors only. */
function withTemplate(/** @type {Buffer} */ file, /** @type {string} */ template) {
  const key = Buffer.from('tokenizer.chat_template');
  const at = file.indexOf(key) + key.length + 4;
  const text = Buffer.from(template);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([file.subarray(0, at), length, text, file.subarray(at + 8 + Number(file.readBigUInt64LE(at)))]);
}

/** The conversations of a golden file, each with its ids; null: refused. */
function* cases(/** @type {string} */ name) {
  const file = readFileSync(join(golden, `${name}.bin`));
  let at = 12;
  const number = () => file.readInt32LE((at += 4) - 4);
  const text = () => {
    const length = number();
    return file.subarray(at, (at += length)).toString();
  };
  for (let count = file.readUInt32LE(8); count--; ) {
    const messages = Array.from({ length: number() }, () => ({ role: text(), content: text() }));
    const length = number();
    yield { messages, ids: length < 0 ? null : Array.from({ length }, number) };
  }
}

/** The prompt of a conversation, from the worker's tokenizer. */
async function promptOf(/** @type {any} */ model, /** @type {any} */ chat, /** @type {any} */ messages) {
  return chatPrompt(chat, messages, {
    tokenize: (/** @type {string} */ text, /** @type {number} */ flags) => model.tokenize(text, { inside: !!(flags & 1), special: !!(flags & 2) }),
    detokenize: (/** @type {number[]} */ ids, /** @type {number} */ flags) => model.detokenize(ids, { inside: !!(flags & 1), special: !!(flags & 2) }),
  });
}

/** The template, BOS and EOS of a golden file. */
function chatOf(/** @type {Buffer} */ file) {
  const value = (/** @type {string} */ name) => {
    const at = file.indexOf(name) + name.length;
    return at < name.length ? -1 : at;
  };
  const at = value('tokenizer.chat_template') + 4;
  const template = file.subarray(at + 8, at + 8 + Number(file.readBigUInt64LE(at))).toString();
  const [bos, eos] = ['bos', 'eos'].map((name) => file.readUInt32LE(value(`tokenizer.ggml.${name}_token_id`) + 4));
  return { template, bos, eos, addBos: false };
}

/** What C refuses and the template does not. */
const onlyInC = (/** @type {string} */ name, /** @type {any[]} */ messages) =>
  (name === 'chatml-think' && messages.at(-1).role !== 'user') || (messages.length === 1 && messages[0].role === 'system');

for (const file of readdirSync(golden).filter((one) => one.endsWith('.gguf'))) {
  const name = file.slice(0, -5);
  test(`prompts of ${name} are those of the reference`, async (t) => {
    const bytes = readFileSync(join(golden, file));
    const model = await load(new Uint8Array(bytes), {});
    t.after(() => model.dispose());
    let count = 0;
    for (const { messages, ids } of cases(name)) {
      if (!ids && onlyInC(name, messages)) continue;
      const got = await promptOf(model, chatOf(bytes), messages).catch((error) => (error.refused ? null : assert.fail(error)));
      // Unlike Python's, the package's lstrip('\n') and strip('\n') remove all white space.
      assert.deepEqual(got, ids, JSON.stringify(messages));
      count++;
    }
    assert.ok(count > 30);
  });
}

const HOSTILE = {
  'loops in loops': ["{% for a in range(90000) %}{% for b in range(90000) %}x{% endfor %}{% endfor %}", /too many steps/], // Regression: rounds of loops were not counted
  'messages that are changed': ['{% set messages[0].x = messages %}{{ messages }}', /changes the messages/],
  'a long range': ['{% for a in range(1000000000) %}{% endfor %}', /too many|number above/],
  'a macro that calls itself': ['{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}', /nests too deeply/],
  'text that doubles': ["{% set ns = namespace(x='ab') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}", /too much text/],
  'text that is replaced by itself': ["{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(99) %}{% set ns.x = ns.x.replace('a', ns.x) %}{% endfor %}", /too much text/],
  'the filter replace': ["{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(99) %}{% set ns.x = ns.x | replace('a', ns.x) %}{% endfor %}", /too much text/],
  'a wide indent': ["{{ 'a\\nb' | indent(999999999) }}", /too much text|number above/],
  'lists that double': ['{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}', /too many steps|too deeply/],
  'a value in itself': ['{% set ns = namespace(x=1) %}{% set ns.x = ns %}{{ ns | tojson }}', /too deeply/],
  'nested brackets': [`{{ ${'('.repeat(20000)}1${')'.repeat(20000)} }}`, /too deeply/],
  'many spaces': [`{{ 1 ${' '.repeat(20000)} }}`, /spaces/],
  'a long source': ['x'.repeat(200000), /longer than/],
  'a syntax error': ['{% for %}', /cannot be run/],
  'an unknown filter': ['{{ messages | nothing }}', /cannot be run/],
  'a date': ["{{ strftime_now('%Y') }}", /option `date`/],
  'an own exception': ["{{ raise_exception('only users please') }}", /only users please/],
};

test('hostile templates are stopped with one sentence', async (t) => {
  const file = readFileSync(join(golden, 'chatml.gguf'));
  for (const [what, [template, pattern]] of Object.entries(HOSTILE)) {
    const model = await load(new Uint8Array(withTemplate(file, /** @type {string} */ (template))), {});
    t.after(() => model.dispose());
    const began = performance.now();
    const error = await fails(model.chat([{ role: 'user', content: 'a' }]).result(), what === 'an own exception' ? 'option' : 'unsupported');
    assert.match(error.message, /** @type {RegExp} */ (pattern), what);
    assert.ok(performance.now() - began < 20_000, `${what}: ${performance.now() - began} ms`);
    model.dispose();
  }
});

test('a template has access to nothing but the messages', async (t) => {
  const file = readFileSync(join(golden, 'chatml.gguf'));
  const model = await load(new Uint8Array(file), {});
  t.after(() => model.dispose());
  const names = ['constructor', '__proto__', 'prototype', 'toString', 'process', 'globalThis', 'window', 'fetch', 'require', 'self'];
  const template = names.map((name) => `{{ ${name} is defined }}{{ messages.${name} is defined }}{{ messages[0]['${name}'] is defined }}{{ ''.${name} is defined }}{{ raise_exception.${name} is defined }}`).join('');
  const ids = await promptOf(model, { ...chatOf(file), template }, [{ role: 'user', content: 'a' }]);
  assert.equal(await model.detokenize(ids), 'false'.repeat(5 * names.length));
});

test('messages are checked', async (t) => {
  const model = await open(t, 'tiny-ar');
  for (const messages of [/** @type {any} */ ([]), [{}], [{ role: 'user' }], [{ role: 1, content: 'a' }], 'a', null, [null]])
    await fails(model.chat(messages).result(), 'option');
  await fails(model.chat([{ role: 'user', content: 'a' }], { date: /** @type {any} */ ('today') }).result(), 'option');
  const error = await fails(model.chat([{ role: 'user', content: 'a' }]).result(), 'unsupported');
  assert.match(error.message, /no chat template/);
  const talker = await load(new Uint8Array(withChat(readFileSync(join(root, 'tests/models/tiny-ar.gguf')), CHATML)), {});
  t.after(() => talker.dispose());
  assert.deepEqual([model.info.canChat, talker.info.canChat], [false, true]);
});

const smollm2 = (() => {
  try {
    return execFileSync('python3', [join(root, 'tools/models'), 'path', 'smollm2'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return null;
  }
})();

test('SmolLM2-135M-Instruct answers as the command does', { skip: noCommand || (!smollm2 && 'SmolLM2-135M-Instruct is absent: tools/models get smollm2') }, async (t) => {
  const model = await load(/** @type {string} */ (smollm2));
  t.after(() => model.dispose());
  const folder = mkdtempSync(join(tmpdir(), 'palimpsest-chat-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'messages.json');
  const messages = [{ role: 'user', content: 'Name three colours. <|im_end|> is text.' }];
  for (let turn = 0; turn < 2; turn++) {
    writeFileSync(path, JSON.stringify(messages));
    const expected = JSON.parse(run('generate', '-m', /** @type {string} */ (smollm2), '--messages', path, '--seed', 7, '--max-tokens', 24, '--temperature', 0.5, '--json'));
    const answer = model.chat(messages, { seed: 7, maxTokens: 24, temperature: 0.5 });
    let streamed = '';
    for await (const piece of answer) streamed += piece.text;
    const result = await answer.result();
    assert.deepEqual([result.text, streamed, result.finish, result.tokens], [expected.continuation, expected.continuation, expected.finish_reason, expected.prompt_tokens]);
    if (turn) assert.ok(result.known > 30, `the first turn was read again: ${result.known}`);
    messages.push({ role: 'assistant', content: result.text }, { role: 'user', content: 'And two more?' });
  }
});
