// @ts-check
/* The pages that are made from the sources are complete: every function, option and type is described. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { help } from '../../docs/site/made/command.mjs';
import { root, site } from '../../docs/site/places.mjs';

const page = (/** @type {string} */ name) => readFileSync(join(site, 'docs', `${name}.html`), 'utf8');
const headings = (/** @type {string} */ html) => [...html.matchAll(/<h[1-6] id="[^"]*"[^>]*>([\s\S]*?)<a class="anchor"/g)].map(([, text]) => text.trim());

test('the C page has a heading for every function and type of palimpsest.h, and all of the header', () => {
  const header = readFileSync(join(root, 'src/palimpsest.h'), 'utf8');
  const code = header.replace(/\/\*[\s\S]*?\*\//g, '');
  const names = new Set([...code.matchAll(/\b(pal_\w+)\(/g), ...code.matchAll(/\} (pal_\w+);/g)].map(([, name]) => name));
  assert.ok(names.size > 100, `${names.size} names`);
  const described = headings(page('c-api')).flatMap((heading) => heading.split(', '));
  assert.deepEqual([...names].filter((name) => !described.includes(name)), []);
  const text = page('c-api').replace(/<[^>]*>/g, ' ').replaceAll('&gt;', '>').replaceAll('&lt;', '<').replaceAll('&quot;', '"').replaceAll('&amp;', '&').replace(/[\s`]+/g, '');
  const lost = header.split('\n').slice(0, -1).filter((line) => !/^(#(if|ifndef|endif|include|ifdef|define PALIMPSEST_H)|extern "C"|\}$)/.test(line))
    .map((line) => line.replace(/^\/\* (palimpsest\.h - |---- .*)?|^ ?\* ?(- )?| ?\*\/$/g, '').replaceAll('`', '').replace(/\s+/g, ''))
    .filter((line) => line && !text.includes(line));
  assert.deepEqual(lost, []);
});

test('the page of the command has every command and option of its help', () => {
  const html = page('command');
  const commands = [...help().matchAll(/^ {2}(\w+) {2,}/gm)].map(([, name]) => name).filter((name) => name !== 'palimpsest');
  assert.ok(commands.length >= 10);
  for (const name of commands) {
    const section = html.split(new RegExp(`<h2 id="${name}"`))[1]?.split('<h2 ')[0] ?? '';
    const options = [...help(name).split('\noptions:\n')[1].matchAll(/^ {2}(--?[\w-]+)/gm)].map(([, option]) => option);
    assert.deepEqual(options.filter((option) => !section.includes(`<code>${option}`)), [], name);
  }
});

test('the page of the library has every exported name', () => {
  const described = headings(page('library-api')).map((heading) => heading.replace(/\(\)|\\/g, ''));
  const types = readdirSync(join(root, 'web/src/types')).map((name) => readFileSync(join(root, 'web/src/types', name), 'utf8')).join('\n');
  const entry = readFileSync(join(root, 'web/src/palimpsest.ts'), 'utf8');
  const names = [...`${types}\n${entry}`.matchAll(/^export (?:declare )?(?:async )?(?:interface|type|class|const|function) (\w+)/gm)].map(([, name]) => name);
  assert.ok(names.includes('load') && names.includes('Model') && names.length > 30, names.join());
  assert.deepEqual(names.filter((name) => !described.includes(name)), []);
});

/** What the sources say: string literals in C joined, and inserted values left out. */
const sources = ['src', 'web/src'].flatMap((folder) => readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).filter((name) => /\.(c|h|ts)$/.test(name)).map((name) => join(root, folder, name)))
  .map((file) => readFileSync(file, 'utf8').replace(/"\s*\n\s*(?:[A-Z_]+\s*)?"/g, '').replaceAll('\\"', '"').replaceAll("\\'", "'")).join('\n');

test('the messages of the page on troubleshooting are those of the sources, and every code has its part', () => {
  const text = readFileSync(join(root, 'docs/troubleshooting.md'), 'utf8');
  const rows = [...text.matchAll(/^\| (`.*?`(?:, `.*?`)*) \| /gm)].flatMap(([, first]) => [...first.matchAll(/`([^`]+)`/g)].map(([, message]) => message));
  assert.ok(rows.length > 40, `${rows.length} messages`);
  const strange = rows.filter((message) => !message.split('…').map((piece) => piece.trim()).filter((piece) => piece.length > 3).every((piece) => sources.includes(piece)));
  assert.deepEqual(strange, []);
  const codes = [...readFileSync(join(root, 'web/src/types/loading.ts'), 'utf8').matchAll(/^ {2}\| '(\w+)' \/\//gm)].map(([, code]) => code);
  assert.ok(codes.length >= 10, codes.join());
  const headings = [...text.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading).join(' ');
  assert.deepEqual(codes.filter((code) => !headings.includes(code)), []);
});
