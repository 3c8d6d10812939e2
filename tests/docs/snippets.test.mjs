// @ts-check
/* Runs the blocks of code in the documents.
 *
 *   sh     blocks of the command are run, in a folder with the models, and if a block of language `text` follows, that must
 *          be the output; other commands (installing, training) must name files and options that exist
 *   js, ts are run in Node, with the library of build/web; with the word `types` behind the language, or where the model is
 *          absent, they are only compiled
 *   c      is compiled into a program that fills a page, and run
 *   html   the scripts are compiled (tests/browser and tests/bundlers open such pages)
 *
 * PALIMPSEST_UPDATE=1 writes the outputs into the documents.  (A model that was trained on has other outputs.) */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { built, root } from '../../docs/site/places.mjs';
import { pngRead } from '../browser/png.mjs';
import { blocks, read } from './sources.mjs';

const command = join(built, 'release/palimpsest');
const folder = mkdtempSync(join(tmpdir(), 'palimpsest-snippets-'));
after(() => rmSync(folder, { recursive: true }));
for (const name of ['models', 'tests', 'tools', 'src', 'build']) symlinkSync(join(root, name), join(folder, name));
symlinkSync(command, join(folder, 'palimpsest'));
mkdirSync(join(folder, 'docs'));

const found = spawnSync(join(root, 'tools/models'), ['path', 'smollm2'], { encoding: 'utf8' });
const smollm2 = found.status === 0 ? found.stdout.trim() : null;
const needsSmollm2 = (/** @type {string} */ code) => /smollm2/i.test(code);
const where = (/** @type {{ source: string, line: number }} */ block) => `${block.source}:${block.line}`;
const all = blocks();
const of = (/** @type {string[]} */ ...languages) => all.filter((block) => languages.includes(block.language));

// ---- the shell

/** Lines of a block, continued lines joined, without comments. */
const commandsOf = (/** @type {string} */ code) => code.replace(/\\\n\s*/g, ' ').split('\n').map((line) => line.replace(/(^|\s)#.*$/, '').trim()).filter(Boolean);
const RUN = /^(?:echo .*\|\s*)?(?:build\/release\/palimpsest|palimpsest|\$palimpsest) |^(?:\w+=\S+;? ?)+$|^palimpsest=\S+; model=|^echo '[^']*' \|$/;
const runs = (/** @type {string} */ code) => commandsOf(code).every((line) => RUN.test(line) && !/\b(?:SMOLLM2|MODEL|FILE)\b/.test(line));

for (const block of of('sh').filter((one) => runs(one.code)))
  test(`${where(block)}: the command does what is shown`, { skip: needsSmollm2(block.code) && !smollm2 && 'SmolLM2 is absent (tools/models get smollm2)' }, () => {
    // Pictures that examples begin with.
    for (const name of ['shoe.png', 'mask.png']) execFileSync(command, ['image', '-m', join(root, 'models/fashion.gguf'), '--seed', '1', '--steps', '2', '-o', join(folder, name)]);
    const run = spawnSync('bash', ['-euc', block.code], {
      cwd: folder, encoding: 'utf8', input: '', env: { ...process.env, PATH: `${folder}:${process.env.PATH}`, smollm2: smollm2 ?? '' },
    });
    assert.equal(run.status, 0, run.stderr);
    if (block.output !== null && run.stdout !== block.output && process.env.PALIMPSEST_UPDATE) return update(block, run.stdout);
    if (block.output !== null) assert.equal(run.stdout, block.output, 'the output has changed: PALIMPSEST_UPDATE=1 node --test tests/docs/snippets.test.mjs');
    for (const name of readdirSync(join(folder, 'docs'))) {
      const made = pixels(join(folder, 'docs', name));
      rmSync(join(folder, 'docs', name));
      assert.deepEqual(made, pixels(join(root, 'docs', name)), `docs/${name} is another picture`);
    }
  });

function pixels(/** @type {string} */ file) {
  const { width, height, pixel } = pngRead(readFileSync(file));
  return Array.from({ length: height }, (_, y) => Array.from({ length: width }, (_, x) => pixel(x, y)));
}

function update(/** @type {import('./sources.mjs').Block} */ { source, code }, /** @type {string} */ output) {
  const text = read(source);
  const at = text.indexOf(code) + code.length;
  writeFileSync(join(root, source), text.slice(0, at) + text.slice(at).replace(/```text\n[\s\S]*?```/, () => `\`\`\`text\n${output}\`\`\``));
}

test('other commands name files and options that exist', () => {
  const wrong = [];
  let checked = 0;
  for (const block of of('sh').filter((one) => !runs(one.code)))
    for (const line of commandsOf(block.code)) {
      const script = line.match(/(?:^|\s)((?:tools|tests|docs|web)\/[\w./-]+)/)?.[1];
      if (!script) continue;
      checked++;
      if (!existsSync(join(root, script))) wrong.push(`${where(block)}: ${script}`);
      else if (statSync(join(root, script)).isDirectory()) continue;
      else if (/\.(mjs|py)$|^tools\/[a-z]+$/.test(script)) wrong.push(...strangers(line.slice(line.indexOf(script)), script).map((option) => `${where(block)}: ${script} has no ${option}`));
    }
  assert.deepEqual(wrong, []);
  assert.ok(checked > 30, `${checked} commands`);
});

/** Options of a line that the script, and what lies beside it, never names. */
function strangers(/** @type {string} */ line, /** @type {string} */ script) {
  const beside = join(root, script, '..');
  const texts = [script, ...readdirSync(beside).filter((name) => name.endsWith('.py')).map((name) => join(script, '..', name))].map((name) => readFileSync(join(root, name), 'utf8')).join('\n');
  const options = [...line.split(/[|;&]/)[0].matchAll(/ --([a-z][\w-]*)/g)].map(([, name]) => name);
  return options.filter((name) => !texts.includes(`--${name}`) && !new RegExp(`\\b${name}:`).test(texts)).map((name) => `--${name}`);
}

// ---- JavaScript

/** Names that the snippets take for granted: a page's canvas, and where results go. */
const GIVEN = `
const show = (...values) => void values, write = show;
const context = { putImageData: (image) => assert(image.width > 0) }, canvas = { getContext: () => context };
function assert(right) { if (!right) throw new Error('wrong'); }
`;
const DECLARED = `
declare const show: (...values: unknown[]) => void, write: typeof show;
declare const context: CanvasRenderingContext2D, canvas: HTMLCanvasElement;
`;
/** More names, for blocks that are only compiled. */
const PLACEHOLDERS = `
declare const source: string, adapter: string, adapterSha256: string, sha256: string, base: string, text: string, prompt: string, grammar: string;
declare const onProgress: (now: import('palimpsest').LoadProgress) => void, signal: AbortSignal, cache: any, isa: 'simd128', room: number, kv: 'F16';
declare const options: import('palimpsest').GenerateOptions, other: number, imageData: ImageData, generation: import('palimpsest').Generation;
declare const ar: import('palimpsest').Model, pictures: import('palimpsest').Model, model: import('palimpsest').Model;
`;

/** The block as a module: it imports what it uses, and each model has a name of its own. */
function moduleOf(/** @type {string} */ code, /** @type {string} */ library) {
  const named = code.replace(/from '(?:\.\/palimpsest\.js|palimpsest|palimpsest\/inline|https:[^']*palimpsest\.js)'/g, `from '${library}'`)
    .replace("'./component.js'", `'${library.replace(/palimpsest(\.js)?$/, (_, file) => (file ? 'component.js' : 'palimpsest/component.js'))}'`);
  return /\bimport\b.*\bload\b/.test(code) ? named : `import { load, escape, supported } from '${library}';\n${named}`;
}

const scripts = of('js', 'ts', 'html').flatMap((block) => {
  if (block.language !== 'html') return [block];
  return [...block.code.matchAll(/<script type="module">\n([\s\S]*?)<\/script>/g)].map(([, code]) => ({ ...block, code, words: ['types'] }));
});

for (const block of scripts.filter((one) => !one.words.includes('types')))
  test(`${where(block)}: the script runs`, { skip: needsSmollm2(block.code) && !smollm2 && 'SmolLM2 is absent' }, () => {
    const code = moduleOf(block.code, join(built, 'web/palimpsest.js')).replace(/'(?:models\/)?SmolLM2[^']*'/g, JSON.stringify(smollm2));
    const file = join(folder, 'snippet.mjs');
    const last = [...code.matchAll(/const (\w+) = await load\(/g)].map(([, name]) => `${name}.dispose();`).join('\n');
    writeFileSync(file, `${GIVEN}${code}\n${last}\n`);
    const run = spawnSync(process.execPath, [file], { cwd: folder, encoding: 'utf8' });
    assert.equal(run.status, 0, run.stderr);
    if (block.output !== null) assert.equal(run.stdout, block.output);
  });

test('scripts have the types of the library', () => {
  const project = join(folder, 'types');
  mkdirSync(join(project, 'node_modules/palimpsest'), { recursive: true });
  for (const name of readdirSync(join(built, 'web'))) symlinkSync(join(built, 'web', name), join(project, 'node_modules/palimpsest', name));
  writeFileSync(join(project, 'node_modules/palimpsest/package.json'), JSON.stringify({
    name: 'palimpsest', type: 'module', exports: { '.': { types: './palimpsest.d.ts', default: './palimpsest.js' }, './inline': { types: './inline.d.ts', default: './inline.js' }, './component.js': { types: './component.d.ts', default: './component.js' } },
  }));
  const names = scripts.map((block, i) => {
    const bare = moduleOf(block.code, 'palimpsest');
    const declared = new Set([...bare.matchAll(/(?:const|let|for await \(const) (\w+)/g), ...bare.matchAll(/(?:const|import) \{ ([^}]*) \} (?:=|from)/g)].flatMap(([, list]) => list.split(/[,:]\s*/)));
    const taken = block.words.includes('types') ? placeholders(declared) : DECLARED;
    writeFileSync(join(project, `snippet-${i}.ts`), `${bare.replace(/^(import[^\n]*\n)?/, (line) => `${line}${taken}`)}\nexport {};\n`);
    // Others import a block that begins with the name of its file.
    const file = block.code.match(/^\/\/ ([\w.]+)\.js\n/)?.[1];
    if (file) writeFileSync(join(project, `${file}.ts`), bare);
    return `snippet-${i}.ts`;
  });
  const tsc = join(root, 'web/node_modules/typescript/bin/tsc');
  const run = spawnSync(process.execPath, [tsc, '--noEmit', '--skipLibCheck', '--strict', 'false', '--module', 'esnext', '--moduleResolution', 'bundler', '--target', 'es2022', '--lib', 'es2023,dom,dom.asynciterable,dom.iterable,esnext.disposable', ...names], { cwd: project, encoding: 'utf8' });
  const said = run.stdout.replace(/snippet-(\d+)\.ts/g, (_, i) => where(scripts[Number(i)]));
  assert.equal(run.status, 0, said);
  assert.ok(names.length > 8, `${names.length} scripts`);
});

/** Declarations of the names that a block does not declare itself. */
function placeholders(/** @type {Set<string>} */ declared) {
  return `${DECLARED}${PLACEHOLDERS}`.replace(/^declare const (.*);$/gm, (_, list) => {
    const kept = list.split(/, (?=\w+: )/).filter((/** @type {string} */ one) => !declared.has(one.split(':')[0]));
    return kept.length ? `declare const ${kept.join(', ')};` : '';
  });
}

// ---- C

for (const block of of('c'))
  test(`${where(block)}: the C code fills a page`, () => {
    const code = `#include "palimpsest.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static int steps;
static void draw(const pal_session *session) { steps += pal_session_progress(session).step > 0; }
int main(void) {
    pal_error err = {PAL_OK, "", 0};
    pal_model *model = NULL;
    pal_session *session = NULL;
    pal_infill_options options = pal_infill_defaults();
    const char *page = "Once upon a time there was a [[?]] who lived in [[4]].";
    size_t bytes = 0, length = 0;
    char text[1000];
${block.code}
    if (err.status) return fprintf(stderr, "%s\\n", err.text), 1;
    return steps < 1 || length < 40 || memcmp(text, "Once upon a time", 16) != 0;
}
`.replace('"tales-infill.gguf"', '"models/tales-infill.gguf"');
    writeFileSync(join(folder, 'snippet.c'), code);
    execFileSync('cc', ['-std=c11', '-Wall', '-Werror', '-Wno-unused-result', '-I', join(root, 'src'), '-o', join(folder, 'snippet'), join(folder, 'snippet.c'), join(built, 'release/libpalimpsest.a'), '-lm']);
    const run = spawnSync(join(folder, 'snippet'), { cwd: folder, encoding: 'utf8' });
    assert.equal(run.status, 0, run.stderr);
  });
