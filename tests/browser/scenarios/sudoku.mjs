// @ts-check
/* The view Sudoku, with a network of random weights: what is filled is what the command fills, and it is mostly wrong. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { command, root, view } from '../kit.mjs';
import { findings } from './access.mjs';

/** @typedef {import('../kit.mjs').Kit} Kit */

const FILE = join(root, 'tests/golden/arch/sudoku.gguf');
const PUZZLE = '53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79';
const FULL = '534678912672195348198342567859761423426853791713924856961537284287419635345286179';
/** Frames and spaces, as boards are pasted. */
const PASTED = `+---+\n${PUZZLE.replace(/.{9}/g, (row) => `| ${row.replaceAll('.', '_')} |\n`)}`;

const native = (/** @type {string[]} */ ...words) => execFileSync(command, ['infill', '-m', FILE, '--text', PUZZLE, '--temperature', '0', '--seed', '1', ...words], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
const cells = (/** @type {any} */ tab) => tab.evaluate(() => [...document.querySelectorAll('[data-part=board] [role=gridcell]')].map((cell) => cell.textContent || '.').join(''));
const label = (/** @type {any} */ tab, /** @type {number} */ cell) => tab.evaluate((/** @type {number} */ n) => document.querySelector(`[data-cell="${n}"]`)?.getAttribute('aria-label'), cell);
const verdict = (/** @type {any} */ tab, /** @type {string} */ said) =>
  tab.until((/** @type {string} */ s) => document.querySelector('[data-part=verdict]')?.textContent?.includes(s), said, `the solver says: ${said}`);
const focused = (/** @type {any} */ tab) => tab.evaluate(() => Number(/** @type {HTMLElement} */ (document.activeElement).dataset.cell));

async function openView(/** @type {Kit} */ kit, dark = false) {
  const tab = await kit.tab(null, dark);
  await tab.goto(`${kit.server.url}#models`);
  await tab.until(() => document.querySelector('[data-part=loaded]')?.textContent, null, 'the view Models is there');
  await tab.pick('#file', FILE);
  await tab.until(() => document.querySelector('[data-part=pending]')?.checkVisibility(), null, 'the file is described');
  assert.match(await tab.text('[data-part=pending]'), /it fills boards, in the view Sudoku/);
  await tab.button('Load it');
  await view(tab, 'Sudoku');
  await tab.until(() => document.querySelector('[data-part=sudoku-progress]')?.textContent === 'The model sudoku is ready.', null, 'the model is ready');
  return tab;
}

/** Uses a text as the board. */
const paste = (/** @type {any} */ tab, /** @type {string} */ text) =>
  tab.evaluate((/** @type {string} */ board) => {
    /** @type {HTMLTextAreaElement} */ (document.querySelector('#sudoku-text')).value = board;
    /** @type {HTMLElement} */ (document.querySelector('#sudoku-take')).click();
  }, text);
const filled = (/** @type {any} */ tab) => tab.until(() => document.querySelector('[data-part=outcome]')?.checkVisibility(), null, 'it is filled');

/** A pasted board is filled as by the command, judged, shown step by step, and reconsidered. */
async function filledAndJudged(/** @type {Kit} */ kit) {
  const tab = await openView(kit);
  await paste(tab, PASTED);
  await verdict(tab, '30 given digits, one solution; a person needs only single candidates.');
  await tab.button('Fill the board');
  await filled(tab);
  const expected = native();
  assert.equal(await cells(tab), expected);
  const wrong = [...expected].filter((digit, i) => digit !== FULL[i]).length;
  assert.ok((await tab.text('#sudoku-outcome-text')).startsWith(`Not solved: ${wrong} cells are wrong`));
  assert.equal(await tab.evaluate(() => document.querySelectorAll('[data-part=board] .wrong').length), wrong);
  assert.match(await tab.text('[data-part=sudoku-statistics]'), /^margin, 4 loops, 51 evaluations, /);
  assert.match(await label(tab, 0), /^row 1, column 1: 5, given/);
  assert.match(await label(tab, 2), /^row 1, column 3: [1-9], filled, .*percent sure/);
  await tab.click('[data-cell="2"]');
  assert.equal(await tab.text('#sudoku-cell-name'), 'Row 1, column 3');
  assert.match(await tab.text('[data-part=sudoku-cell]'), /^Filled in step \d+\. The network gave(\d(\d+ %|under 1 %|over 99 %)){5}$/);
  await tab.evaluate(() => {
    const slider = /** @type {HTMLInputElement} */ (document.querySelector('#sudoku-step'));
    slider.value = '1';
    slider.dispatchEvent(new Event('input', { bubbles: true }));
  });
  assert.equal((await cells(tab)).replaceAll('.', '').length, 31, 'after one step');
  await tab.button('Think twice as long');
  await tab.until(() => document.querySelector('[data-part=sudoku-statistics]')?.textContent?.startsWith('margin, 8 loops, 51'), null, 'it thinks longer');
  await filled(tab);
  assert.equal(await cells(tab), native('--loops', '8'));
}

/** The board by keyboard: moves, digits, contradictions; wrong texts name the cell; several and no solutions are said. */
async function byKeyboard(/** @type {Kit} */ kit) {
  const tab = await openView(kit);
  await paste(tab, FULL.slice(0, 80));
  assert.equal(await tab.text('#sudoku-problem'), 'A board has 81 cells, and this text has 80. The first one that is missing is row 9, column 9.');
  await paste(tab, `${PUZZLE.slice(0, 13)}x${PUZZLE.slice(14)}`);
  assert.match(await tab.text('#sudoku-problem'), /^“x” at row 2, column 5 is neither a digit/);
  await paste(tab, PUZZLE);
  await verdict(tab, 'one solution');
  await tab.evaluate(() => /** @type {HTMLElement} */ (document.querySelector('[data-part=board] [tabindex="0"]')).focus());
  for (const key of ['ArrowRight', 'ArrowRight', 'ArrowDown', 'ArrowLeft']) await tab.press(key);
  assert.equal(await focused(tab), 10);
  await tab.press('6');
  await verdict(tab, 'The given digits contradict each other: 6 at row 2, column 1 stands twice. There is no solution.');
  assert.equal(await label(tab, 10), 'row 2, column 2: 6, given, contradicts another cell');
  await tab.press('Backspace');
  await verdict(tab, 'one solution');
  assert.equal(await label(tab, 10), 'row 2, column 2: open');
  await tab.press('End');
  assert.equal(await focused(tab), 17);
  await paste(tab, FULL.replace(/[12]/g, '.'));
  await verdict(tab, '2 solutions');
  await tab.button('Empty board');
  await verdict(tab, 'more than 1,000 solutions');
}

/** Puzzles are made; orders stand side by side; axe finds nothing. */
async function madeAndCompared(/** @type {Kit} */ kit, dark = false) {
  const tab = await openView(kit, dark);
  await tab.button('New puzzle');
  await tab.until(() => /^38 given digits, one solution; a person needs only/.test(document.querySelector('[data-part=verdict]')?.textContent ?? ''), null, 'an easy puzzle');
  await findings(tab, 'a puzzle');
  await tab.evaluate(() => (/** @type {HTMLInputElement} */ (document.querySelector('#sudoku-loops')).value = '1'));
  await tab.button('Compare orders');
  await tab.until(() => document.querySelectorAll('[data-part=orders] .order').length === 4 && document.querySelector('#sudoku-compare')?.textContent === 'Compare orders', null, 'four orders');
  await tab.button('Fill the board');
  await filled(tab);
  await findings(tab, 'filled, with orders');
}

export const scenarios = {
  'Sudoku: a board is filled as by the command, judged and reconsidered': filledAndJudged,
  'Sudoku by keyboard: digits, contradictions, wrong boards': byKeyboard,
};

export const once = {
  'Sudoku: puzzles, orders side by side, axe finds nothing, light': (/** @type {Kit} */ kit) => madeAndCompared(kit),
  'Sudoku: puzzles, orders side by side, axe finds nothing, dark': (/** @type {Kit} */ kit) => madeAndCompared(kit, true),
};
