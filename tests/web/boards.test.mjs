// @ts-check
/* Models of boards in JavaScript: the cells of the command, pins, and what is refused. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { fails, load, noCommand, root, run as native } from './common.mjs';

const FILE = join(root, 'tests/golden/arch/sudoku.gguf');
const PUZZLE = '53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79';
const command = (/** @type {string[]} */ ...words) => native('infill', '-m', FILE, '--text', PUZZLE, '--seed', 5, ...words);
const timeout = 120_000;

test('a board is filled as by the command, cell by cell, and pins are given cells', { timeout, skip: noCommand }, async (t) => {
  const model = await load(FILE, {});
  t.after(() => model.dispose());
  assert.deepEqual([model.info.board, model.info.loops, model.info.canInfill, model.info.canTokenize], [9, 4, true, false]);
  assert.ok(model.info.samplers.includes('margin') && !model.info.samplers.includes('euler'));
  let open = 51;
  const pasted = PUZZLE.replace(/.{9}/g, (row) => `|${row.replaceAll('.', '_')}|\n`);
  const run = model.infill(pasted, { seed: 5, loops: 3 });
  for await (const page of run) {
    assert.equal(page.text.length, 81);
    assert.equal(page.text.replaceAll(/\d/g, '').length, page.open);
    assert.ok(page.open <= open);
    open = page.open;
  }
  const { text, tokens } = await run.result();
  assert.equal(text, command('--loops', '3'));
  assert.equal(tokens.length, 51);
  const cells = [...PUZZLE].flatMap((cell, at) => (cell === '.' ? [at] : []));
  for (const [i, token] of tokens.entries()) assert.deepEqual([token.text, String(token.id)], [text[cells[i] ?? -1], token.text]);
  assert.equal((await model.infill(PUZZLE, { seed: 5, pins: [{ blank: 0, index: 0, id: 9 }] }).result()).text, command('--pin', '0:0:9'));
});

test('wrong boards, options and calls of texts are refused', { timeout }, async (t) => {
  const model = await load(FILE, {});
  t.after(() => model.dispose());
  assert.match((await fails(model.infill(PUZZLE.slice(1)).result(), 'text', 80)).message, /fewer than 81 cells/);
  assert.match((await fails(model.infill(PUZZLE.replace('7', 'x')).result(), 'text', 4)).message, /only digits/);
  assert.match((await fails(model.infill(PUZZLE, { document: true }).result(), 'option')).message, /document is an option of texts/);
  assert.match((await fails(model.infill(PUZZLE, { loops: 65 }).result(), 'option')).message, /^loops must /);
  for (const call of [() => model.tokenize('1'), () => model.score('12'), () => model.generate('1').result(), () => model.surprise('12')])
    await fails(call(), 'unsupported');
});
