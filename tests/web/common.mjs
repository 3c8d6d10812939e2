// @ts-check
/* Shared by the library's tests: paths, the command line as the reference, random texts.
 *
 * PALIMPSEST_WEB names another folder of the built library, PALIMPSEST another command. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));
export const built = process.env.PALIMPSEST_WEB ?? join(root, 'build/web');
export const command = process.env.PALIMPSEST ?? join(root, 'build/release/palimpsest');
export const modelPath = (/** @type {string} */ name) =>
  join(root, name.startsWith('tales-') && name !== 'tales-vocab' ? 'models' : 'tests/models', `${name}.gguf`);
export const modelUrl = (/** @type {string} */ name) => pathToFileURL(modelPath(name));

/** @type {typeof import('../../web/src/palimpsest.ts')} */
export const library = await import(pathToFileURL(join(built, 'palimpsest.js')).href);
export const { load, escape, supported, samplers, scoreSamplers, imageSamplers, cache, PalimpsestError } = library;

/** Why tests against the command cannot run, or false. */
export const noCommand = existsSync(command) ? false : 'build/release/palimpsest is absent';

/** What the command prints, without the newline at its end. */
export function run(/** @type {(string | number)[]} */ ...words) {
  return execFileSync(command, words.map(String), { encoding: 'utf8' }).slice(0, -1);
}

/** Loads a model for one test and disposes of it afterwards. */
export async function open(/** @type {import('node:test').TestContext} */ t, name = 'tiny-infill', options = {}) {
  const model = await load(modelUrl(name), options);
  t.after(() => model.dispose());
  return model;
}

/** The error of a call that must fail with this code and, if given, at this position. */
export async function fails(/** @type {Promise<unknown>} */ promise, /** @type {string} */ code, /** @type {number | null} */ offset = null) {
  const error = await promise.then(
    (value) => assert.fail(`expected ${code}, got ${JSON.stringify(value)}`),
    (caught) => caught,
  );
  assert.ok(error instanceof PalimpsestError, String(error?.stack ?? error));
  assert.deepEqual([error.code, error.offset], [code, offset], error.message);
  assert.ok(error instanceof Error && error.name === 'PalimpsestError' && error.message.length > 10);
  return error;
}

/** Random numbers from 0 to n - 1, the same in every run (mulberry32). */
export function dice(/** @type {number} */ seed) {
  let state = seed >>> 0;
  return (/** @type {number} */ n) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) % n;
  };
}

const PIECES = [
  'the dog', ' ', '  ', '\n', '\r\n', '\t', '\u00a0', '“So?” ', '‘it’s’', '—', '…', 'é', 'e\u0301', '日本', '😀', '👩‍👧', '\u2581', '<mask>',
  '\\', '\\\\', '[', ']', ']]', '[[', '\0', '\ufeff', '\u2028', '5', '?', 'lived', '\u{10ffff}',
];

export function randomText(/** @type {(n: number) => number} */ roll, most = 12) {
  return Array.from({ length: roll(most + 1) }, () => PIECES[roll(PIECES.length)]).join('');
}
