// @ts-check
/* Texts that are cut inside a character, which consists of four tokens here: the text ends before it, and nothing is
 * lost when the text continues. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { open } from './common.mjs';

const timeout = 120_000;
const STORIES = 'stories260K';
const TOKENS = 22;
const OPTIONS = { grammar: 'root ::= [😀-🙏]{5,9} "."', seed: 3 };

/** Regression: both halves lost the character that was cut. */
test('a text that is cut at any token goes on from what was saved, with the whole character', { timeout }, async (t) => {
  const model = await open(t, STORIES);
  const whole = await model.generate('A', { ...OPTIONS, maxTokens: TOKENS }).result();
  assert.match(whole.text, /^[😀-🙏]{5}\.$/u);
  for (let cut = 0; cut < 10; cut++) {
    const generation = model.generate('A', { ...OPTIONS, maxTokens: cut });
    const first = await generation.result();
    assert.equal(first.finish, 'length');
    assert.equal(first.text, whole.text.slice(0, 2 * Math.floor(cut / 4)));
    const second = await model.generate(await generation.save(), { ...OPTIONS, maxTokens: TOKENS }).result();
    assert.equal(first.text + second.text, whole.text, `cut at ${cut}`);
    assert.equal(second.pieces.map((piece) => piece.token).join(''), second.text);
  }
});

/** Regression: the worker is ahead of the loop, and the text that it had written was lost. */
test('a text that is left at any piece goes on from there', { timeout }, async (t) => {
  const model = await open(t, STORIES);
  const whole = await model.generate('A', { ...OPTIONS, maxTokens: TOKENS }).result();
  for (const last of [0, 2, 5, 7, 20]) {
    const generation = model.generate('A', { ...OPTIONS, maxTokens: TOKENS });
    let text = '';
    for await (const piece of generation) {
      text += piece.text;
      if (piece.index === last) break;
    }
    const { text: rest } = await model.generate(await generation.save(), { ...OPTIONS, maxTokens: TOKENS }).result();
    assert.equal(text + rest, whole.text);
  }
});

test('a text that fills the room inside of a character goes on where there is more', { timeout }, async (t) => {
  const model = await open(t, STORIES);
  const whole = await model.generate('A', { ...OPTIONS, maxTokens: TOKENS }).result();
  for (const room of [5, 8, 11]) {
    const small = await open(t, STORIES, { room });
    const generation = small.generate('A', OPTIONS);
    const first = await generation.result();
    assert.equal(first.finish, 'context');
    assert.ok(whole.text.startsWith(first.text) && !first.text.includes('\ufffd'), first.text);
    const second = await model.generate(await generation.save(), { ...OPTIONS, maxTokens: TOKENS }).result();
    assert.equal(first.text + second.text, whole.text);
  }
});

test('tokens to begin with may end inside of a character', { timeout }, async (t) => {
  const model = await open(t, STORIES);
  const whole = await model.generate('A', { ...OPTIONS, maxTokens: TOKENS }).result();
  for (const cut of [1, 3, 6, 9]) {
    const first = await model.generate('A', { ...OPTIONS, maxTokens: cut }).result();
    const longer = await model.generate('A', { ...OPTIONS, maxTokens: TOKENS, begin: first.ids }).result();
    assert.equal(longer.text, whole.text);
    assert.equal(longer.pieces.map((piece) => piece.text).join(''), whole.text);
  }
});

/** Regression: bytes that are not a character count as one each, not as the three bytes of the replacement
 *  character. */
test('going back behind bytes that are no character keeps the others', { timeout }, async (t) => {
  const model = await open(t, STORIES);
  const ids = [3 + 0xff, 3 + 0xfe, ...(await model.tokenize('xyz', { inside: true }))]; // bytes begin at 3
  const first = await model.generate('A', { begin: ids, maxTokens: ids.length }).result();
  assert.equal(first.text, '\ufffd\ufffdxyz');
  const begin = ids.slice(0, -1);
  const again = await model.generate('A', { begin, maxTokens: begin.length }).result();
  assert.equal(again.text, '\ufffd\ufffd' + (await model.detokenize(begin.slice(2), { inside: true })));
});
