// @ts-check
/* Tokens in the library: control tokens that end texts, and offsets in a text with bytes that are not part of a
 * token. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { load, modelPath, open } from './common.mjs';

const timeout = 120_000;

test('a stop string that names a control token ends the text there', { timeout }, async (t) => {
  const model = await open(t, 'tiny-ar');
  const options = { maxTokens: 5, logitBias: { 3: 1000 } }; // <mask>
  assert.equal((await model.generate('Once', options).result()).finish, 'length');
  const ended = await model.generate('Once', { ...options, stop: ['never that', '<mask>'] }).result();
  assert.deepEqual([ended.finish, ended.stop, ended.text], ['stop', 1, '']);
});

/* Regression: offsets after a character that no token writes were too small, and the first token kept the space that
 * the tokenizer had put before the text. */
test('surprise says where tokens stand, also behind what no token writes', { timeout }, async (t) => {
  const bytes = await readFile(modelPath('stories260K'));
  bytes.write('<0xZZ>', bytes.indexOf('<0x1D>')); // no byte any more: it is read as the unknown token
  const model = await load(new Blob([bytes]));
  t.after(() => model.dispose());
  const text = 'Once\x1d upon\x1d\x1da time';
  const { tokens } = await model.surprise(text);
  for (const token of tokens) assert.equal(text.slice(token.start, token.start + token.text.length), token.text);
  assert.equal(tokens.map((token) => token.text).join(''), text.replaceAll('\x1d', ''));
  assert.equal(tokens[0]?.start, 0);
  assert.equal(tokens.at(-1)?.text, ' time');
});
