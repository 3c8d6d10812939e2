// @ts-check
/* The page of the C library, from src/palimpsest.h: its sections, and each declaration with the comment above it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../places.mjs';
import { slug } from '../slug.mjs';
import { text } from './escape.mjs';

/** @typedef {{ comment: string, code: string }} Item */

export function cApi() {
  const header = readFileSync(join(root, 'src/palimpsest.h'), 'utf8');
  const [, top] = header.match(/^\/\* palimpsest\.h - ([\s\S]*?)\*\/\n#ifndef/) ?? [];
  const [, body] = header.match(/extern "C" \{\n#endif\n([\s\S]*)\n#ifdef __cplusplus/) ?? [];
  if (!top || !body) throw new Error('palimpsest.h has another form than made/c-api.mjs expects');
  const [first, ...rest] = body.split(/\/\* ---- (.*?) -+ \*\/\n/);
  const sections = ['results and errors', first, ...rest];
  /** Where each name is described. */
  const anchors = new Map();
  const parts = [];
  for (let at = 0; at < sections.length; at += 2) parts.push({ title: sections[at], items: items(sections[at + 1]) });
  for (const { items: all } of parts) for (const item of all) for (const name of namesOf(item.code)) anchors.set(name, slug(titleOf(item.code)));
  const linked = (/** @type {string} */ plain) => link(plain, anchors);
  return [
    '# The C library',
    'One header, `palimpsest.h`, from which this page is made. `cmake --install build/release` installs it with the library and a pkg-config file; `tests/install/fill.c` is a complete program.',
    introduction(top, linked),
    ...parts.flatMap(({ title, items: all }) => [`## ${title[0].toUpperCase()}${title.slice(1)}`, ...all.map((item) => described(item, linked))]),
  ].join('\n\n');
}

/** The comment at the top: a sentence, an example, and paragraphs that begin with what they are about. */
function introduction(/** @type {string} */ top, /** @type {(plain: string) => string} */ linked) {
  const lines = top.split('\n').map((line) => line.replace(/^ \* ?/, ''));
  const isCode = (/** @type {string} */ line) => line.startsWith('  ');
  const code = lines.filter(isCode).map((line) => line.slice(2));
  const prose = lines.map((line) => (isCode(line) ? '' : line)).join('\n').trim();
  const [about, ...paragraphs] = prose.split(/\n{2,}|\n(?=[A-Z][a-z]+\. )/).map((one) => one.trim()).filter(Boolean);
  const titled = paragraphs.map((one) => linked(one).replace(/^([A-Z][a-z]+)\./, '**$1.**'));
  return [text(about), '```c\n' + code.join('\n') + '\n```', ...titled].join('\n\n');
}

/** Comments and declarations of a section.  A comment belongs to the declarations up to the next blank line. */
function items(/** @type {string} */ section) {
  /** @type {Item[]} */
  const found = [];
  let rest = section.trim();
  while (rest) {
    const [, comment = ''] = rest.match(/^\/\*([\s\S]*?)\*\/\n/) ?? [];
    const behind = comment ? rest.slice(comment.length + 5) : rest;
    const code = behind.startsWith('\n') ? '' : block(behind);
    found.push({ comment: comment.split('\n').map((line) => line.replace(/^ \* ?/, '')).join('\n').trim(), code });
    rest = behind.slice(code.length).trim();
  }
  return found;
}

/** The lines up to an empty line, or a comment that begins a line, outside of braces. */
function block(/** @type {string} */ lines) {
  let depth = 0;
  let length = 0;
  for (const line of lines.split(/(?<=\n)/)) {
    if (depth === 0 && length > 0 && (line.trim() === '' || line.startsWith('/*'))) break;
    const bare = line.replace(/\/\*.*?\*\//g, '');
    depth += (bare.match(/[{(]/g)?.length ?? 0) - (bare.match(/[})]/g)?.length ?? 0);
    length += line.length;
  }
  return lines.slice(0, length);
}

const bareOf = (/** @type {string} */ code) => code.replace(/\/\*[\s\S]*?\*\//g, '');

/** The names that a piece of the header declares, the main one first. */
export function namesOf(/** @type {string} */ code) {
  const bare = bareOf(code);
  const types = [...bare.matchAll(/(?:\} |typedef struct \w+ )(pal_\w+);/g)].map(([, name]) => name);
  const functions = [...bare.matchAll(/(?<![\w(])(pal_\w+)\(/g)].map(([, name]) => name);
  const constants = [...bare.matchAll(/(?:^#define |\b)(PAL_[A-Z0-9_]+)\b(?= ?[=,\n}]|\s*\d)/gm)].map(([, name]) => name);
  return [...new Set([...types, ...functions, ...constants])];
}

/** All types and functions, or, if there are none, the constants. */
function titleOf(/** @type {string} */ code) {
  const names = namesOf(code);
  const main = names.filter((name) => name.startsWith('pal_'));
  return (main.length ? main : names).join(', ');
}

function link(/** @type {string} */ plain, /** @type {Map<string, string>} */ anchors) {
  const words = plain.split(/(\bpal_\w+(?:\.\w+)?|\bPAL_[A-Z0-9_]+|`[^`]*`|\[\[[^\]\s]*\]\])/);
  return words.map((word, i) => {
    if (i % 2 === 0) return text(word);
    const to = anchors.get(word.split('.')[0]);
    const code = word.startsWith('`') ? word : `\`${word}\``;
    return to ? `[${code}](#${to})` : code;
  }).join('');
}

function described({ comment, code }, /** @type {(plain: string) => string} */ linked) {
  const prose = comment ? linked(comment) : '';
  if (!code) return prose;
  return [`### ${text(titleOf(code))}`, prose, '```c\n' + code.trimEnd() + '\n```'].filter(Boolean).join('\n\n');
}
