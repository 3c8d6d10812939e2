// @ts-check
/* Blanks as people type them (web/src/notation.ts, which the component exports).  The engine is the judge: what it reads in
 * the strict text must be the text and the blanks that were understood. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { built, dice, escape, open } from './common.mjs';

/** @type {typeof import('../../web/src/notation.ts')} */
const { understand, keepAsText, placeInTyped } = await import(pathToFileURL(join(built, 'component.js')).href);

const strict = (/** @type {string} */ text, options = {}) => understand(text, options).strict;
const kinds = (/** @type {string} */ text, options = {}) => understand(text, options).problems.map(({ kind }) => kind);

/** @type {[string, string][]} */
const BLANKS = [
  ['There was a ___ here.', 'There was a [[1-2]] here.'],
  ['There was a __, and (_____)!', 'There was a [[1-2]], and ([[1-2]])!'],
  ['___', '[[1-2]]'],
  ['“___”—______; ____________\n___', '“[[1-2]]”—[[2-6]]; [[4-12]]\n[[1-2]]'],
  ['He said ＿＿＿。', 'He said [[1-2]]。'],
  ['我喜欢___。ここで＿＿です', '我喜欢[[1-2]]。ここで[[1-2]]です'],
  ['مرحبا ___ يا', 'مرحبا [[1-2]] يا'],
  ['😀___😀', '😀[[1-2]]😀'],
  ['Once ... and then … .... end ...', 'Once [[2-6]] and then [[2-6]] [[2-6]] end [[2-6]]'],
  ['... at the start', '[[2-6]] at the start'],
  ['The [MASK] sat on a <mask>, un[mask]ed.', 'The [[1]] sat on a [[1]], un[[1]]ed.'],
  ['[[ 4 ]] [[]] [[ ]] [[?]] [[ ? ]] [[???]]', '[[4]] [[?]] [[?]] [[?]] [[?]] [[?]]'],
  ['[[3–8]] [[3 - 8]] [[3—8]] [[3−8]] [[3~8]] [[3..8]] [[8-3]] [[4-4]]', '[[3-8]] [[3-8]] [[3-8]] [[3-8]] [[3-8]] [[3-8]] [[3-8]] [[4]]'],
  ['［［４］］ ［［３–８］］ ［［？］］ [[５]] ［[4]］', '[[4]] [[3-8]] [[?]] [[5]] [[4]]'],
  ['[[___]] [[...]] [[…]] [[MASK]]', '[[?]] [[?]] [[?]] [[1]]'],
  ['a[[[2]]]', 'a[[[2]]]'],
  ['Then [[4]][[?]]', 'Then [[4]][[?]]'],
];
for (const [typed, wanted] of BLANKS)
  test(`typed blanks: ${JSON.stringify(typed)}`, () => {
    const { strict: got, problems, pieces } = understand(typed);
    assert.equal(got, wanted);
    assert.deepEqual(problems, []);
    // Every piece names its place in the typed text and in the strict one.
    for (const piece of pieces) {
      if (piece.kind === 'blank') assert.deepEqual([typed.slice(piece.start, piece.end), got.slice(piece.at, piece.at + piece.strict.length)], [piece.typed, piece.strict]);
      assert.equal(placeInTyped(understand(typed), piece.at), piece.start);
    }
  });

const TEXTS = [
  'snake_case, __init__, a__b, foo__', 'one _ and _two_', '\\_\\_\\_', 'Wait... what?…', 'Wait ...what', 'He . . . left .. now', '[mask', '<masked>', 'mask',
  'arr[0][1]', '[ [4] ]', 'C:\\dir\\', '\\\\server', 'a\\b [x] ]] }}', '', ' ', '\ud83d', '\\', '［4］', '1...5',
];
for (const text of TEXTS)
  test(`not a blank: ${JSON.stringify(text)}`, () => {
    const { strict: got, pieces, problems } = understand(text);
    assert.equal(got, text);
    assert.deepEqual(problems, []);
    assert.deepEqual(pieces, text ? [{ kind: 'text', start: 0, end: text.length, at: 0, text }] : []);
  });

/** @type {[string, string, string[], string][]} */
const PROBLEMS = [
  ['x = arr[[0]];', '[[0]]', ['zero'], 'x = arr\\[[0]];'],
  ['if [[ -f x ]]; then', '[[ -f x ]]', ['length'], 'if \\[[ -f x ]]; then'],
  ['see [[Page name]]', '[[Page name]]', ['length'], 'see \\[[Page name]]'],
  ['a [[3-]] b', '[[3-]]', ['length'], 'a \\[[3-]] b'],
  ['a [[0-4]]', '[[0-4]]', ['zero'], 'a \\[[0-4]]'],
  ['a [[12345]]', '[[12345]]', ['long'], 'a \\[[12345]]'],
  ['a [[4', '[[', ['open'], 'a \\[[4'],
  ['a [[4]', '[[', ['open'], 'a \\[[4]'],
  ['a [[4\n]] b', '[[', ['open'], 'a \\[[4\n]] b'],
  ['play___ dog', '___', ['touching'], 'play___ dog'],
  ['［［0］］', '［［0］］', ['zero'], '［［0］］'],
  ['a[[[0]]]', '[[0]]', ['zero'], 'a[\\[[0]]]'],
  ['\\\\[[0]]', '[[0]]', ['zero'], '\\\\\\[[0]]'],
];
for (const [text, typed, wanted, got] of PROBLEMS)
  test(`reported and kept as text: ${JSON.stringify(text)}`, () => {
    const understood = understand(text);
    assert.equal(understood.strict, got);
    assert.deepEqual(understood.problems.map(({ kind }) => kind), wanted);
    const [problem] = understood.problems;
    assert.ok(problem);
    assert.deepEqual([problem.typed, text.slice(problem.start, problem.end)], [typed, typed]);
    assert.match(problem.message, /^[A-Z].{15,}\.$/);
    // With the offered escape nothing is reported, and the text is the same.
    const kept = understand(keepAsText(text, problem));
    assert.deepEqual(kept.problems, []);
    assert.equal(kept.strict, understood.strict);
  });

test('a problem does not hide a blank beside it or inside of it', () => {
  assert.equal(strict('arr[[0]] is ___'), 'arr\\[[0]] is [[1-2]]');
  assert.equal(strict('[[Page ___ x]] and [[a [MASK] b]]'), '\\[[Page [[1-2]] x]] and \\[[a [[1]] b]]');
  assert.deepEqual(kinds('[[Page ___ x]] and [[a [MASK] b]]'), ['length', 'open']);
});

test('a backslash makes a blank text, and two are one backslash before a blank', () => {
  for (const [typed, wanted] of /** @type {[string, string][]} */ ([
    ['\\___', '___'], ['a \\... b', 'a ... b'], ['\\[MASK] \\<mask>', '[MASK] <mask>'], ['\\［［4］］', '［［4］］'], ['\\[[4]]', '\\[[4]]'],
    ['\\\\___', '\\\\[[1-2]]'], ['\\\\\\___', '\\___'], ['\\\\[[4]]', '\\\\[[4]]'], ['play\\___ x', 'play___ x'], ['\\[[[2]]]', '[\\[[2]]]'],
    ['C:\\___.txt', 'C:___.txt'], ['C:\\__init__', 'C:\\__init__'],
  ])) {
    assert.equal(strict(typed), wanted, typed);
    assert.deepEqual(kinds(typed), [], typed);
  }
});

test('notation: strict reads the blanks of the engine only', () => {
  const options = { notation: /** @type {const} */ ('strict') };
  const text = 'a ___ b ... c [MASK] <mask> ［［4］］ [[4]] [[3-8]] [[?]] \\___';
  assert.equal(strict(text, options), text);
  for (const wrong of ['[[ 4 ]]', '[[]]', '[[3–8]]', '[[8-3]]', '[[x]]', '[[0]]']) {
    assert.equal(strict(wrong, options), `\\${wrong}`);
    assert.equal(kinds(wrong, options).length, 1, wrong);
  }
});

test('longest and free', () => {
  assert.equal(strict('[[8]] [[9]]', { longest: 8 }), '[[8]] \\[[9]]');
  assert.match(understand('[[9]]', { longest: 8 }).problems[0]?.message ?? '', /at most 8 tokens/);
  assert.equal(strict('___ ______ ____________ ... [[]] [[2-3]]', { free: false }), '[[1]] [[3]] [[8]] [[3]] [[1]] [[2-3]]');
});

const PIECES = [
  'the dog', ' ', '\n', '“So?” ', 'é', '日本', '😀', '\\', '\\\\', '[', ']', '[[', ']]', '［', '］', '5', '0', '?', '-', '–', '_', '__', '___', '________', '＿＿', '.', '...', '…',
  '[MASK]', '<mask>', '[[2]]', '[[2-4]]', '［［２］］', 'x',
];

test('no text is lost: what the engine reads is what was understood', async (t) => {
  const model = await open(t, 'tiny-infill');
  const roll = dice(18);
  let blanks = 0;
  for (let i = 0; i < 400; i++) {
    const text = Array.from({ length: 1 + roll(9) }, () => PIECES[roll(PIECES.length)]).join('');
    const notation = roll(4) ? 'typed' : 'strict';
    const { strict: got, pieces, problems } = understand(text, { notation, longest: 8 });
    // The pieces are the whole typed text, without a gap.
    assert.deepEqual(pieces.map(({ start }) => start), [0, ...pieces.slice(0, -1).map(({ end }) => end)].slice(0, pieces.length), text);
    assert.equal(pieces.at(-1)?.end ?? 0, text.length, text);
    assert.ok(problems.every(({ start, end }, n) => start < end && start >= (problems[n - 1]?.start ?? 0)));
    // Given text is as it was typed, but for backslashes.
    for (const piece of pieces) if (piece.kind === 'text') assert.equal(piece.text.replaceAll('\\', ''), text.slice(piece.start, piece.end).replaceAll('\\', ''), text);
    const wanted = pieces.filter((piece) => piece.kind === 'blank');
    if (!wanted.length) continue;
    blanks += wanted.length;
    const page = await firstPage(model, got, text);
    assert.deepEqual(page.given, pieces.filter((piece) => piece.kind === 'text').map((piece) => piece.text).join('|'), text);
    assert.equal(page.blanks, wanted.length, text);
  }
  assert.ok(blanks > 200, `${blanks} blanks`);
});

/** The given text and the number of blanks of a page, as the engine reads them. */
async function firstPage(/** @type {import('../../web/src/palimpsest.ts').Model} */ model, /** @type {string} */ page, /** @type {string} */ why) {
  try {
    for await (const { parts, tokens } of model.infill(page, { seed: 1, freeMin: 1, freeMax: 2, temperature: 0 }))
      return { given: givenOf(parts), blanks: new Set(tokens.map(({ blank }) => blank)).size };
  } catch (error) {
    assert.fail(`${JSON.stringify(why)} as ${JSON.stringify(page)}: ${error}`);
  }
  return { given: '', blanks: 0 };
}

/** Given texts that are not empty, apart by a bar where blanks are between them. */
function givenOf(/** @type {import('../../web/src/palimpsest.ts').PagePart[]} */ parts) {
  let given = '';
  parts.forEach(({ text, token }, i) => {
    if (token === undefined) given += (given && parts[i - 1]?.token !== undefined ? '|' : '') + text;
  });
  return given;
}

test('what escape() writes is text in both notations', () => {
  for (const text of ['a [[4]] b', '\\[[', '[[[[x']) assert.deepEqual(understand(escape(text), { notation: 'strict' }).pieces.map((piece) => piece.kind), ['text']);
});

test('long texts are read in linear time', () => {
  for (const part of ['\\', '[', '_', '.', '[[', '\\[[', '[[x', '___ ', '[[4]] ', '[[0]] ', 'a ']) {
    const text = part.repeat(500_000 / part.length);
    const began = performance.now();
    understand(text);
    assert.ok(performance.now() - began < 20_000, `${JSON.stringify(part)}: ${performance.now() - began} ms`);
  }
});
