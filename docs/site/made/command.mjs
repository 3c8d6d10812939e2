// @ts-check
/* The page of the command, from its help texts. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { built } from '../places.mjs';
import { text } from './escape.mjs';

/** The command: PALIMPSEST, or what was built: as WebAssembly first, because the page's build has that. */
function program() {
  if (process.env.PALIMPSEST) return [process.env.PALIMPSEST];
  const wasm = join(built, 'wasm/palimpsest.js');
  const native = join(built, 'release/palimpsest');
  if (existsSync(wasm)) return [process.execPath, wasm];
  if (existsSync(native)) return [native];
  throw new Error('the documents show the help texts of the command, and it is not built: cmake --preset wasm && cmake --build --preset wasm --target palimpsest_cli');
}

export function help(/** @type {string[]} */ ...words) {
  const [name, ...rest] = program();
  return execFileSync(name, [...rest, ...words, '--help'], { encoding: 'utf8' });
}

/** Rows of `  name    explanation`. */
const rows = (/** @type {string} */ lines) => [...lines.matchAll(/^ {2}(\S.*?) {2,}(.*)$/gm)].map(([, name, what]) => [name, what]);

export async function command() {
  const main = help();
  const [, commands] = main.match(/\n\n((?: {2}\w+ {2,}.*\n)+)/) ?? [];
  if (!commands) throw new Error('palimpsest --help has another form than made/command.mjs expects');
  const names = rows(commands);
  const [, examples] = main.split(/For example:\n\n/);
  return [
    '# The command: every option',
    'Every command and option, as `palimpsest COMMAND --help` prints them. [On the command line](command-line.md) explains how they are used.',
    ['| command | |', '|---|---|', ...names.map(([name, what]) => `| [${name}](#${name}) | ${text(what)} |`)].join('\n'),
    '```sh\n' + examples.replace(/^ {2}/gm, '').trimEnd() + '\n```',
    ...names.map(([name]) => section(name)),
  ].join('\n\n');
}

function section(/** @type {string} */ name) {
  const [above, options] = help(name).split('\noptions:\n');
  const [usage, ...paragraphs] = above.trim().split('\n\n');
  const table = rows(options).map(([option, what]) => `| \`${option.replaceAll('|', '\\|')}\` | ${text(what)} |`);
  if (!table.length) throw new Error(`the help of ${name} lists no options`);
  return [
    `## ${name}`,
    '```\n' + usage.replace(/^usage: /, '').replace(/\n {7}/g, '\n') + '\n```',
    ...paragraphs.map((one) => text(one).split('\n').join('  \n')),
    ['| option | |', '|---|---|', ...table].join('\n'),
  ].join('\n\n');
}
