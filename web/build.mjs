#!/usr/bin/env node
/* Builds the library into build/web and the page into build/site, from the engines palimpsest-web.wasm,
 * palimpsest-scores.wasm and palimpsest-pictures.wasm in build/wasm and, where they were built, in build/wasm-relaxed
 * (with relaxed SIMD, and with threads).
 *
 *   build/web    palimpsest.js, palimpsest-worker.js and their parts, the engines, all of them in inline.js, types
 *                and source maps: what the npm tarball holds
 *   build/site   the same beside index.html, with models/, sudoku-rules.wasm and the service worker: what a static host serves
 *
 * Everything built in one run carries one build id; page, worker and engine compare theirs when they meet.
 *   --with FILE  general English: FILE is SmolLM2-135M-Instruct (tools/models get smollm2); it is put into build/site with
 *                models/smol-infill.gguf, licence and notice, and the page offers it
 *   --first      the page opens with it
 *   --url URL    the address of the site: links to it have a title and a picture in other programs (Open Graph)
 *   --library    only build/web
 *
 * PALIMPSEST_BUILD names another folder than build. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile, cp, copyFile, mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';
import { architectures } from './architectures.mjs';
import { guide } from './guide.mjs';
import { addressOfSite, installable, shareable } from './install.mjs';
import { calculations } from './lab.mjs';
import { writeOptions } from './options.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const built = process.env.PALIMPSEST_BUILD ?? join(root, 'build');
const web = join(built, 'web');
const site = join(built, 'site');
/** The engines by the names they get and their files; those with relaxed SIMD, and those with threads, are all there, or none. */
const ENGINES = { palimpsest: 'palimpsest-web.wasm', 'palimpsest-scores': 'palimpsest-scores.wasm', 'palimpsest-pictures': 'palimpsest-pictures.wasm' };
const relaxed = Object.values(ENGINES).every((name) => existsSync(join(built, 'wasm-relaxed', name)));
const ofThreads = (file, build) => join(built, 'wasm-relaxed', file.replace('.wasm', `-threads${build}.wasm`));
const threaded = relaxed && Object.values(ENGINES).every((file) => existsSync(ofThreads(file, '')));
const engines = Object.entries(ENGINES).flatMap(([name, file]) => [
  [`${name}.wasm`, join(built, 'wasm', file)],
  ...(relaxed ? [[`${name}-relaxed.wasm`, join(built, 'wasm-relaxed', file)]] : []),
  ...(threaded ? [['', '-simd128'], ['-relaxed', '']].map(([ending, build]) => [`${name}-threads${ending}.wasm`, ofThreads(file, build)]) : []),
]);
/** The engine of the view Lab: the page's alone. */
const LAB = join(built, 'wasm/palimpsest-lab.wasm');
const { values: given } = parseArgs({ options: { with: { type: 'string' }, first: { type: 'boolean' }, library: { type: 'boolean' }, url: { type: 'string' } } });
const address = given.url === undefined ? null : addressOfSite(given.url);
const { version } = JSON.parse(await readFile(join(here, 'package.json'), 'utf8'));

/** A hash of everything that goes into the build. */
async function buildId() {
  const hash = createHash('sha256');
  for (const [name, file] of engines) hash.update(name).update(await readFile(file));
  if (existsSync(LAB)) hash.update(await readFile(LAB));
  hash.update(await readFile(join(root, 'docs/how-it-works.md')));
  for (const folder of ['src', 'site']) {
    const entries = await readdir(join(here, folder), { recursive: true, withFileTypes: true });
    const files = entries.filter((e) => e.isFile()).map((e) => join(e.parentPath, e.name));
    for (const file of files.sort()) hash.update(file.slice(here.length)).update(await readFile(file));
  }
  return hash.digest('hex').slice(0, 12);
}

/** A file of the engine with the build id as its one custom section, by which the worker knows it.  The names of its
 *  functions, which tests/engines needs, are not for download. */
async function marked(wasm) {
  const text = (value) => [value.length, ...Buffer.from(value)];
  const section = [...text('palimpsest.build'), ...Buffer.from(id)];
  return Buffer.concat([bare(await readFile(wasm)), Buffer.from([0, section.length, ...section])]);
}

/** WebAssembly without its custom sections. */
function bare(bytes) {
  const kept = [bytes.subarray(0, 8)];
  for (let at = 8, next; at < bytes.length; at = next) {
    let size = 0;
    let behind = at + 1;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[behind++];
      size += (byte & 127) * 2 ** shift;
      if (byte < 128) break;
    }
    next = behind + size;
    if (bytes[at] !== 0) kept.push(bytes.subarray(at, next));
  }
  return Buffer.concat(kept);
}

/** The runs of Unicode's classes in the layout of token/unicode.c, as base64. */
async function unicodeTable(file) {
  const text = await readFile(file, 'utf8');
  const numbers = (name) => text.match(new RegExp(` ${name}\\[\\] = \\{([^}]*)\\}`))[1].match(/\w+/g).map(Number);
  const parts = [Uint32Array.from(numbers('run_code')), Uint16Array.from(numbers('run_at')), Uint8Array.from(numbers('runs'))];
  return Buffer.concat(parts.map((part) => new Uint8Array(part.buffer))).toString('base64');
}

writeOptions();
const id = await buildId();
const kinds = await architectures(join(here, '../src/network/kinds.h'));
const unicode = await unicodeTable(join(here, '../src/token/unicode_table.h'));
const define = {
  __UNICODE__: JSON.stringify(unicode),
  __BUILD__: JSON.stringify(id),
  __VERSION__: JSON.stringify(version),
  __RELAXED__: String(relaxed),
  __ARCHITECTURES__: JSON.stringify(kinds),
  __LAB__: JSON.stringify(await calculations(join(here, '../src/lab/kinds.h'))),
  __HERE__: 'import.meta.url',
};
const shared = { configFile: false, logLevel: 'warn', define, resolve: { alias: { palimpsest: join(here, 'src/palimpsest.ts') } } };

/** The library's files by the names they get.  The last four are parts of the worker, loaded when they are needed.  Those
 *  of the worker are neither module nor not: bundlers, Node and blobs start them as either. */
const modules = [
  ['palimpsest.js', join(here, 'src/palimpsest.ts'), 'es'],
  ['palimpsest-worker.js', join(here, 'src/worker.ts'), 'iife'],
  ['palimpsest-pictures.js', join(here, 'src/painter-file.ts'), 'iife'],
  ['palimpsest-loading.js', join(here, 'src/loading-file.ts'), 'iife'],
  ['palimpsest-texts.js', join(here, 'src/texts-file.ts'), 'iife'],
  ['palimpsest-threads.js', join(here, 'src/threads-file.ts'), 'iife'],
];

/** One self-contained script.  Its source map is beside it and not named in it: tools/package does that, for the tarball. */
function module(entry, name, outDir, { format = 'es', whole = false, ...options } = {}) {
  return build({
    ...shared,
    root: here,
    publicDir: false,
    ...options,
    build: {
      target: 'es2022',
      outDir,
      emptyOutDir: false,
      sourcemap: outDir === web && 'hidden',
      lib: { entry, formats: [format], name: 'palimpsest', fileName: () => name },
      // Vite leaves the white space of libraries; the bundler's own minifier does not.
      rollupOptions: { external: [/^node:/], output: { minify: true, chunkFileNames: 'palimpsest-[name].js', ...(whole && { codeSplitting: false }) } },
      minify: false,
    },
  });
}

async function library() {
  await rm(web, { recursive: true, force: true });
  await mkdir(web, { recursive: true });
  for (const [name, entry, format] of modules) await module(entry, name, web, { format });
  await plainLiterals(join(web, 'palimpsest.js'));
  for (const [name, file] of engines) await writeFile(join(web, name), await marked(file));
  await module(join(here, 'src/inline.ts'), 'inline.js', web, { plugins: [await inside()], whole: true });
  for (const name of ['component', 'component-inline']) await module(join(here, `src/${name}.ts`), `${name}.js`, web, { plugins: [beside] });
  const notice = await readFile(join(here, 'node_modules/@huggingface/jinja/LICENSE'), 'utf8');
  for (const name of ['palimpsest-chat.js', 'inline.js']) await appendFile(join(web, name), `/*! Contains @huggingface/jinja:\n${notice}*/\n`);
  execFileSync(process.execPath, [join(here, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.library.json', '--outDir', web], {
    cwd: here,
    stdio: 'inherit',
  });
  await publicTypes();
}

/** The minifier writes strings as templates, which not every bundler follows. */
async function plainLiterals(file) {
  const code = await readFile(file, 'utf8');
  const plain = code.replace(/(new URL\()`(\.\/palimpsest[\w.-]+)`(,import\.meta\.url\))/g, "$1'$2'$3");
  const found = plain.match(/new URL\('\.\/palimpsest[\w.-]+',import\.meta\.url\)/g)?.length;
  if (found !== 18) throw new Error(`palimpsest.js names ${found} files of its own, not 18`);
  await writeFile(file, plain);
}

/** The component imports the library's file, so that a page that uses both has it once. */
const beside = {
  name: 'beside',
  enforce: 'pre',
  resolveId: (id, importer) => (/^\.\/(palimpsest|inline)\.ts$/.test(id) && importer?.includes('/src/component') ? { id: id.replace('.ts', '.js'), external: 'relative' } : null),
};

/** The module palimpsest:parts of inline.js. */
async function inside() {
  const worker = (await Promise.all(['pictures', 'loading', 'texts', 'worker'].map((name) => readFile(join(web, `palimpsest-${name}.js`), 'utf8')))).join(';');
  const packed = async (name) => gzipSync(await readFile(join(web, name)), { level: 9 }).toString('base64');
  const parts = { worker, text: await packed('palimpsest.wasm'), pictures: await packed('palimpsest-pictures.wasm') };
  const code = Object.entries(parts).map(([name, text]) => `export const ${name} = ${JSON.stringify(text)};`).join('\n');
  const id = '\0palimpsest:parts';
  return { name: 'parts', resolveId: (name) => (id.endsWith(name) ? id : null), load: (name) => (name === id ? code : null) };
}

/** Keeps the declarations that palimpsest.d.ts stands on, and makes them name each other as a package must. */
async function publicTypes() {
  const kept = ['palimpsest.d.ts', 'supported.d.ts', 'types.d.ts', 'options.d.ts', 'errors.d.ts', 'component.d.ts', 'component-inline.d.ts', 'notation.d.ts', ...['element', 'control', 'attributes', 'types', 'words'].map((name) => `component/${name}.d.ts`)];
  for (const name of (await readdir(web, { recursive: true })).filter((file) => file.endsWith('.d.ts'))) {
    const file = join(web, name);
    if (!kept.includes(name) && !name.startsWith('types/')) await rm(file);
    else await writeFile(file, (await readFile(file, 'utf8')).replaceAll(/(from '\.{1,2}\/[\w/]+)\.ts'/g, "$1.js'"));
  }
  await writeFile(join(web, 'inline.d.ts'), "export * from './palimpsest.js';\n");
}

/** What the page uses each model for: `writing` is Text and Continue, `blanks` and `scores` are Text only. */
const USES = { 'tales-infill.gguf': 'writing', 'tales-masked.gguf': 'blanks', 'tales-sedd-absorb.gguf': 'scores', 'tales-sedd-uniform.gguf': 'scores', 'sudoku.gguf': 'boards', 'fashion.gguf': 'pictures', 'emoji.gguf': 'pictures' };

/** The models of the page: name, size and hash of what models/MANIFEST lists, as a virtual module. */
async function shippedModels() {
  const lines = (await readFile(join(root, 'models/MANIFEST'), 'utf8')).split('\n');
  const models = [];
  for (const line of lines) {
    const [sha256, bytes, name] = line.trim().split(/\s+/);
    const use = USES[name];
    if (!use) continue;
    const model = { name: name.replace(/\.gguf$/, ''), file: `models/${name}`, bytes: Number(bytes), sha256, use };
    const sizes = await Promise.all(sheetOf(model).map(async (file) => (await stat(join(root, file))).size));
    models.push({ ...model, sheetBytes: sizes.reduce((sum, size) => sum + size, 0) });
  }
  return models;
}

/** The training pictures that a picture of this model is compared with. */
const sheetOf = ({ name }) => ['png', 'json'].map((ending) => `models/${name}.neighbours.${ending}`).filter((file) => existsSync(join(root, file)));

/** Puts general English into the site: two files, licence and notice.  Returns what the page reads from #carried. */
async function generalEnglish(model) {
  const adapter = join(root, 'models/smol-infill.gguf');
  if (!existsSync(adapter)) throw new Error('models/smol-infill.gguf is absent: without it SmolLM2 cannot fill blanks');
  for (const text of ['smollm2-LICENSE.txt', 'smollm2-NOTICE.txt']) await cp(join(root, 'models', text), join(site, 'models', text));
  const [base, added] = [await carry(model), await carry(adapter)];
  return { ...(given.first && { first: true }), model: base, adapter: added };
}

async function carry(path) {
  const data = await readFile(path);
  const file = `models/${basename(path)}`;
  await writeFile(join(site, file), data);
  return { file, bytes: data.length, sha256: createHash('sha256').update(data).digest('hex') };
}

/** A page beside index.html, with a script of its own: what it shares is in both, so that index.html loads one script. */
function apart(name) {
  return build({
    ...shared,
    root: join(here, 'site'),
    base: './',
    build: { target: 'es2022', outDir: site, emptyOutDir: false, assetsInlineLimit: 0, rollupOptions: { input: join(here, 'site', name), external: [/^node:/] } },
  });
}

async function page() {
  const models = await shippedModels();
  await build({
    ...shared,
    root: join(here, 'site'),
    base: './',
    define: { ...define, __MODELS__: JSON.stringify(models) },
    worker: { format: 'es' },
    plugins: [guide(join(root, 'docs/how-it-works.md'))],
    build: { target: 'es2022', outDir: site, emptyOutDir: true, assetsInlineLimit: 0, rollupOptions: { external: [/^node:/] } },
  });
  await apart('bench.html');
  const files = (await readdir(web)).filter((name) => /^palimpsest.*\.(js|wasm)$/.test(name));
  for (const name of files) await copyFile(join(web, name), join(site, name));
  await writeFile(join(site, 'palimpsest-lab.wasm'), await marked(LAB));
  await writeFile(join(site, 'sudoku-rules.wasm'), bare(await readFile(join(built, 'wasm/sudoku-rules.wasm'))));
  await mkdir(join(site, 'models'), { recursive: true });
  for (const model of models) {
    for (const file of [model.file, ...sheetOf(model)]) await cp(join(root, file), join(site, file));
  }
  if (given.with) {
    const index = await readFile(join(site, 'index.html'), 'utf8');
    const [before, after] = index.split(/(?<=id="carried" type="application\/json">)\{\}/);
    if (after === undefined) throw new Error('index.html has no empty #carried');
    await writeFile(join(site, 'index.html'), before + JSON.stringify(await generalEnglish(given.with)) + after);
  }
  await installable(site, root);
  if (address) await shareable(site, root, address);
  await module(join(here, 'site/guide/live.ts'), 'guide.js', site, { define: { ...define, __MODELS__: JSON.stringify(models) } }); // for the documents
  await module(join(here, 'site/sw.ts'), 'sw.js', site, { define: { ...define, 'process.env.NODE_ENV': '"production"' } });
  const kept = await precached();
  const worker = join(site, 'sw.js');
  await writeFile(worker, (await readFile(worker, 'utf8')).replace('self.__WB_MANIFEST', JSON.stringify(kept.entries)));
  console.log(`build ${id}: the page keeps ${kept.entries.length} files, ${Math.round(kept.bytes / 1024)} KB, for offline use`);
}

/** Files that the page itself never asks for. */
const NOT_KEPT = /^(sw\.js$|share\.png$|models\/|icons\/|screenshots\/)/;

/** What the service worker keeps: every file of the site that the page uses, but the models; with a revision where the name
 *  holds no hash.  (workbox-build would list them too, but brings three hundred packages along.) */
async function precached() {
  const entries = [];
  let bytes = 0;
  for (const entry of await readdir(site, { recursive: true, withFileTypes: true })) {
    const url = join(entry.parentPath, entry.name).slice(site.length + 1);
    if (!entry.isFile() || NOT_KEPT.test(url)) continue;
    const data = await readFile(join(site, url));
    bytes += data.length;
    const revision = url.startsWith('assets/') ? null : createHash('sha256').update(data).digest('hex').slice(0, 8);
    entries.push({ url, revision });
  }
  return { entries: entries.sort((a, b) => (a.url < b.url ? -1 : 1)), bytes };
}

await library();
if (!given.library) await page();
