#!/usr/bin/env node
/* Writes src/options.ts, src/image-options.ts and src/text-options.ts from the engine's table of options, src/core/option_rows.h: names, kinds and order as the engine
 * takes them, and TypeScript's types with a comment each; and the table of samplers (samplers.mjs).  build.mjs does so first
 * of all; by hand, and after `npm ci`, it is `node web/options.mjs`.  What it writes is not committed. */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { samplersText } from './samplers.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const SOURCE = join(here, '../src/core/option_rows.h');
const TARGET = join(here, 'src/options.ts');
/** The tables of pictures, by themselves: the library loads them when a picture is drawn. */
const PICTURES = join(here, 'src/image-options.ts');
/** The same for continuing texts and for scores. */
const TEXTS = join(here, 'src/text-options.ts');

/** Tables that cross to the engine as numbers, by what TypeScript calls them. */
const TABLES = { INFILL: 'Infill', GENERATE: 'Generate', SCORE: 'Score', IMAGE: 'Image', LIKELIHOOD: 'Likelihood' };
/** Types of choices whose names are a C function's. */
const NAMED = { pal_sampler_name: 'Sampler', pal_image_sampler_name: 'ImageSampler', pal_score_method_name: 'ScoreMethod' };

// ---- the macros of C

/** Splits `a, F(b, c), "d, e"` at its outer commas. */
function split(text) {
  const parts = [''];
  let depth = 0;
  for (const token of text.match(/"(?:\\.|[^"])*"|[^"]/g) ?? []) {
    depth += Number(token === '(') - Number(token === ')');
    if (token === ',' && depth === 0) parts.push('');
    else parts[parts.length - 1] += token;
  }
  return parts.map((part) => part.trim());
}

/** The calls NAME(...) that a text consists of. */
function callsIn(text) {
  const calls = [];
  for (let rest = text.trim(); rest; ) {
    const name = /^\w+(?=\()/.exec(rest)?.[0];
    if (!name) throw new Error(`${SOURCE}: not a row: ${rest.slice(0, 60)}`);
    let depth = 0;
    let inside = '';
    for (const token of rest.slice(name.length).match(/"(?:\\.|[^"])*"|[^"]/g) ?? []) {
      depth += Number(token === '(') - Number(token === ')');
      inside += token;
      if (depth === 0) break;
    }
    calls.push({ name, args: split(inside.slice(1, -1)) });
    rest = rest.slice(name.length + inside.length).trim();
  }
  return calls;
}

/** Rows of every PAL_NAME_ROWS(X, ...) by NAME; a list within a list is put in its place. */
export function tables() {
  const text = readFileSync(SOURCE, 'utf8').replace(/\/\*[\s\S]*?\*\//g, '').replace(/\\\n/g, ' ');
  const macros = new Map();
  for (const [, name, parameters, body] of text.matchAll(/^#define (PAL_\w+_ROWS)\(([^)]*)\)(.*)$/gm))
    macros.set(name, { parameters: split(parameters).slice(1), calls: callsIn(body) });
  const expand = ({ parameters, calls }, values) =>
    calls.flatMap(({ name, args }) => {
      const given = args.map((arg) => (arg.startsWith('"') ? arg : parameters.reduce((one, parameter, i) => one.replace(new RegExp(`\\b${parameter}\\b`), values[i]), arg)));
      return name === 'X' ? [rowOf(given)] : expand(macros.get(name), given.slice(1));
    });
  return Object.fromEntries(Object.keys(TABLES).map((name) => [name, expand(macros.get(`PAL_${name}_ROWS`), [])]));
}

const camel = (name) => name.replace(/-(\w)/g, (_, letter) => letter.toUpperCase());
const stringOf = (literal) => JSON.parse(literal);

function rowOf([where, name, field, kind, range, standard, note, help]) {
  const [{ name: bound, args: limits }] = range === 'ANY' ? [{ name: 'ANY', args: [] }] : callsIn(range);
  const [{ name: given, args: defaults }] = callsIn(standard);
  return {
    where, option: stringOf(name), name: camel(stringOf(name)), field, kind, value: defaults[0], bound, limits, note: stringOf(note).trim(), help: stringOf(help),
    standard: given === 'SAID' ? stringOf(defaults[1]) : kind === 'FLAG' ? String(defaults[0] === '1') : defaults[0],
  };
}

// ---- TypeScript

/** As check.ts calls what a value must be. */
function kindOf({ kind, bound, limits }) {
  if (bound === 'WORDS') return JSON.stringify(limits.slice(1).map(stringOf));
  const kinds = { FLAG: 'flag', COUNT: 'whole', SEED: 'seed', NUMBER: 'number', CHOICE: 'name', INT: Number(limits[0]) < 0 ? 'integer' : 'whole' };
  return `'${kinds[kind]}'`;
}

function typeOf({ kind, bound, limits }) {
  if (bound === 'WORDS') return limits.slice(1).map((word) => `'${stringOf(word)}'`).join(' | ');
  if (bound === 'NAMED') return NAMED[limits[1]];
  if (bound === 'EITHER') return limits.join(' | ');
  return { FLAG: 'boolean', SEED: 'number | bigint' }[kind] ?? 'number';
}

function rangeOf({ kind, bound, limits: [a, b], note }) {
  const ranges = { BETWEEN: `; from ${a} to ${b}`, ABOVE: `; above ${a}, at most ${b}`, FROM: `; at least ${a}` };
  return (kind === 'SEED' ? '; from 0 to 2^64 - 1' : (ranges[bound] ?? '')) + (note && ` ${note}`);
}

/** Names of options in a sentence, as JavaScript writes them. */
const named = (text, rows) => text.replace(/[a-z0-9]+(?:-[a-z0-9]+)+/g, (word) => (rows.some(({ option }) => option === word) ? `\`${camel(word)}\`` : word));

/** As the page's forms have them (site/form.ts). */
function limitsOf({ bound, limits: [a, b] }) {
  return { BETWEEN: `{ least: ${a}, most: ${b} }`, ABOVE: `{ least: ${a}, most: ${b}, above: true }` }[bound];
}

function memberOf(row, rows) {
  const first = named(row.help, rows).replace(/^[a-z](?=[a-z ])/, (letter) => letter.toUpperCase());
  return `  /** ${first}${named(rangeOf(row), rows)}.  Default: ${named(row.standard, rows)}. */\n  ${row.name}?: ${typeOf(row)};`;
}

const kindsOf = (table, rows) => `/** Of what kind they are, in the engine's order.
 *  @internal */
export const ${table} = {
${rows.map((row) => `  ${row.name}: ${kindOf(row)},`).join('\n')}
} as const;
`;
/** Where the kinds of a table are. */
const PLACE = { INFILL: TARGET, GENERATE: TEXTS, SCORE: TEXTS, IMAGE: PICTURES, LIKELIHOOD: PICTURES };
const WRITTEN = '/** Written by web/options.mjs from src/core/option_rows.h and src/text/samplers, which are the places to change it. */';

function text() {
  const all = Object.entries(tables()).map(([table, rows]) => {
    const about = `/** Options that are numbers, switches or names: rows of the engine's table. */`;
    return `${about}
export interface ${TABLES[table]}Settings {
${rows.map((row) => memberOf(row, rows)).join('\n')}
}

${PLACE[table] === TARGET ? `${kindsOf(table, rows)}\n` : ''}/** The ranges of those that end on both sides.
 *  @internal */
export const ${table}_RANGES = {
${rows.filter(limitsOf).map((row) => `  ${row.name}: ${limitsOf(row)},`).join('\n')}
} as const;
`;
  });
  return `${WRITTEN}
import type { ImageSampler, ScoreMethod } from './types.ts';

${all.join('\n')}${samplersText()}`;
}

const kindsAt = (place) => `${WRITTEN}\n\n${Object.entries(tables()).filter(([table]) => PLACE[table] === place).map((one) => kindsOf(...one)).join('\n')}`;

/** Left alone where nothing has changed, for who watches files. */
function write(target, now) {
  let before = '';
  try {
    before = readFileSync(target, 'utf8');
  } catch {
    // there is none yet
  }
  if (now !== before) writeFileSync(target, now);
}

export function writeOptions() {
  write(TARGET, text());
  for (const place of [PICTURES, TEXTS]) write(place, kindsAt(place));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeOptions();
