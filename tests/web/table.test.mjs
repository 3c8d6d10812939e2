// @ts-check
/* The engine's table of options in the library: every row is an option with a type, and sets its own field. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { tables } from '../../web/options.mjs';
import { built, fails, noCommand, open, root, run, samplers, scoreSamplers } from './common.mjs';

const timeout = 120_000;

/** @typedef {{ option: string, name: string, field: string, kind: string, value: string, bound: string, limits:
 *  string[], note: string, standard: string }} Row */
const TABLES = /** @type {Record<string, Row[]>} */ (tables());
const NAMES = { INFILL: 'InfillSettings', GENERATE: 'GenerateSettings', SCORE: 'ScoreSettings', IMAGE: 'ImageSettings', LIKELIHOOD: 'LikelihoodSettings' };

/** A value that only the engine refuses, or undefined. */
function refused(/** @type {Row} */ { kind, bound, limits: [a, b] }) {
  if (bound === 'EITHER') return Number(a) + 1;
  if (bound === 'BETWEEN') return kind === 'INT' ? Number(b) + 1 : Number(b) * 1.01;
  if (bound === 'ABOVE') return Number(b) * 1.01;
  if (bound === 'FROM') return kind === 'NUMBER' || Number(a) < 0 ? Number(a) - 1 : undefined;
  return undefined;
}

test('the rows are those of the header', async () => {
  const header = await readFile(join(root, 'src/core/option_rows.h'), 'utf8');
  const rows = [...header.matchAll(/^ +X\((BOTH|LIBRARY), "([a-z0-9-]+)"/gm)].map((found) => found[2]);
  const ours = new Set(Object.values(TABLES).flat().map(({ option }) => option));
  const unknown = rows.filter((option) => option && !ours.has(option));
  assert.deepEqual(unknown, ['context', 'batch', 'kv'], 'those that do not cross as numbers');
  assert.deepEqual(TABLES.INFILL?.map(({ name }) => name).slice(0, 5), ['seed', 'sampler', 'draft', 'temperature', 'topK']);
  assert.equal(TABLES.INFILL?.find(({ name }) => name === 'temperature')?.standard, '0.6');
  assert.equal(TABLES.GENERATE?.find(({ name }) => name === 'temperature')?.standard, '1');
});

test('samplers are those of the command, in its order, and the default is the table\'s', { timeout, skip: noCommand }, async (t) => {
  const line = run('infill', '--help').split('\n').find((one) => one.includes('--sampler')) ?? '';
  assert.ok(line.includes(`: ${[...samplers, ...scoreSamplers].join(', ')} (default: ascending for models of query rows, first-hitting or tweedie for models of scores, otherwise margin)`), line);
  const { sampler } = await (await open(t)).infill('the [[1]]').result();
  assert.equal(sampler, 'margin');
});

test('every row has a type with a comment that names its range and its default', async () => {
  const types = await readFile(join(built, 'options.d.ts'), 'utf8');
  for (const [table, name] of Object.entries(NAMES)) {
    const body = types.match(new RegExp(`interface ${name} \\{\\n([\\s\\S]*?)\\n\\}`))?.[1] ?? assert.fail(name);
    const members = [...body.matchAll(/\/\*\* (.*?) \*\/\s+(\w+)\?: (.+);/g)];
    assert.deepEqual(members.map(([, , member]) => member), TABLES[table]?.map((row) => row.name));
    members.forEach(([, comment = '', , type = ''], i) => {
      const { kind, bound, limits, standard } = /** @type {Row} */ (TABLES[table]?.[i]);
      assert.ok(comment.includes('Default: ') && (standard.includes('-') || comment.includes(standard)), comment);
      if (bound === 'BETWEEN') assert.ok(comment.includes(`from ${limits.join(' to ')}`), comment);
      if (kind === 'FLAG') assert.equal(type, 'boolean');
      if (['INT', 'COUNT', 'NUMBER'].includes(kind)) assert.match(type, /^(number|0 \| 2)$/);
    });
  }
  assert.doesNotMatch(types, /const INFILL/, 'the tables themselves are not for callers');
});

/** Fields of a struct of palimpsest.h and their comments; a comment applies to all fields of its line. */
function fieldsOf(/** @type {string} */ header, /** @type {string} */ struct) {
  const body = header.match(new RegExp(`typedef struct \\{\\n((?:(?!typedef)[\\s\\S])*?)\\} ${struct};`))?.[1] ?? assert.fail(struct);
  const lines = [...body.matchAll(/^    (?:const )?\w+ ([^;]+);\s+\/\*([\s\S]*?)\*\//gm)];
  return new Map(lines.flatMap(([, names = '', comment = '']) => names.split(', ').map((name) => [name, comment.replace(/\s+/g, ' ').trim()])));
}

test('comments of palimpsest.h name the defaults of the table, and no other range', async (t) => {
  const header = await readFile(join(root, 'src/palimpsest.h'), 'utf8');
  const structs = { INFILL: 'pal_infill_options', GENERATE: 'pal_generate_options', IMAGE: 'pal_image_options', LIKELIHOOD: 'pal_likelihood_options' };
  let ranges = 0;
  for (const [table, struct] of Object.entries(structs)) {
    const fields = fieldsOf(header, struct);
    for (const { field, kind, value, bound, limits, standard } of TABLES[table] ?? []) {
      if (['sampler', 'method'].includes(field) && table !== 'INFILL') continue; // what pal_..._defaults() is given
      const comment = fields.get(field) ?? assert.fail(`${struct}.${field} has no comment`);
      const words = comment.split(/[\s;:,()]+/);
      const names = kind === 'FLAG' ? (value === '1' ? ['true', 'on'] : ['false', 'off']) : [value, standard.split(/[;,]/)[0] ?? ''];
      assert.ok(names.some((name) => words.includes(name) || words.includes(name.toUpperCase())), `${struct}.${field}: ${names.join(' or ')}: ${comment}`);
      for (const [, low, high] of comment.matchAll(/(?:(-?[\d.e-]+) to |at most )(-?[\d.e-]+\d)/g)) {
        if (!['BETWEEN', 'ABOVE'].includes(bound)) assert.fail(`${field}: ${comment}`);
        assert.ok((low === undefined || low === limits[0]) && high === limits[1], `${struct}.${field}: ${limits.join(' to ')}: ${comment}`);
        ranges++;
      }
    }
  }
  t.diagnostic(`${ranges} ranges`);
  assert.ok(ranges > 3);
});

test('a number out of range is refused by the engine under its own name, whatever its place in the table', { timeout }, async (t) => {
  const [fill, write, draw] = [await open(t), await open(t, 'tiny-ar'), await open(t, 'unet-labels')];
  const { width, height } = /** @type {NonNullable<typeof draw.info.image>} */ (draw.info.image);
  const picture = { data: new Uint8Array(4 * width * height), width, height };
  const calls = /** @type {Record<string, (options: any) => Promise<unknown>>} */ ({
    INFILL: (options) => fill.infill('the [[1]]', options).result(),
    GENERATE: (options) => write.generate('the', options).result(),
    SCORE: (options) => write.score('the', options),
    IMAGE: (options) => draw.image(options).result(),
    LIKELIHOOD: (options) => draw.imageLikelihood(picture, options),
  });
  let count = 0;
  for (const [table, run] of Object.entries(calls))
    for (const row of TABLES[table] ?? []) {
      const value = refused(row);
      if (value === undefined) continue;
      const { message } = await fails(run({ [row.name]: value }), 'option');
      assert.ok(message.startsWith(`${row.option} must `), `${row.name}: ${value}: ${message}`);
      count++;
    }
  t.diagnostic(`${count} options`);
  assert.ok(count > 35);
});

test('defaults that are numbers, switches or words are taken', { timeout }, async (t) => {
  const [fill, write] = [await open(t), await open(t, 'tiny-ar')];
  const values = (/** @type {Row[]} */ rows) =>
    Object.fromEntries(rows.flatMap(({ name, kind, standard }) =>
      name === 'seed' || Number.isNaN(Number(standard)) && kind !== 'FLAG' ? [] : [[name, kind === 'FLAG' ? standard === 'true' : Number(standard)]]));
  const { steps: _, threshold: __, remask: ___, distance: ____, corrections: _____, ...filling } = values(TABLES.INFILL ?? []); // of samplers that are not the default
  assert.equal((await fill.infill('the [[3]]', { ...filling, seed: 4 }).result()).text, (await fill.infill('the [[3]]', { seed: 4 }).result()).text);
  const writing = { ...values(TABLES.GENERATE ?? []), maxTokens: 8 };
  assert.ok(Object.keys(filling).length > 12 && Object.keys(writing).length > 15);
  assert.equal((await write.generate('the', { ...writing, seed: 4 }).result()).text, (await write.generate('the', { maxTokens: 8, seed: 4 }).result()).text);
});
