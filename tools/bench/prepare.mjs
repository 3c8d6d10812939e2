// @ts-check
/* Checks the requirements before measuring, and copies files that parallel builds may overwrite. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const here = fileURLToPath(new URL('./', import.meta.url));
const root = join(here, '../..');
const work = join(root, 'build/bench');
const built = process.env.PALIMPSEST_BUILD ?? join(root, 'build'); // engine and library
const models = join(work, 'models');
mkdirSync(work, { recursive: true });
/** Folder of this run; two runs may work at the same time. */
const copies = mkdtempSync(join(work, 'run-'));
process.on('exit', () => rmSync(copies, { recursive: true, force: true }));
const npm = join(here, 'node_modules');

/** Builds of the engine by their name in the report, and their paths: those of texts, and pal_logits beside. */
const BUILDS = { simd128: 'wasm/palimpsest-bench.wasm', relaxed: 'wasm-relaxed/palimpsest-bench.wasm' };
const BUILDS_WITH_THREADS = { simd128: 'wasm-relaxed/palimpsest-bench-threads-simd128.wasm', relaxed: 'wasm-relaxed/palimpsest-bench-threads.wasm' };
const PEERS = {
  wllama: join(npm, '@wllama/wllama/esm/wasm/wllama.wasm'),
  'onnxruntime-web': join(npm, 'onnxruntime-web/dist/ort-wasm-simd-threaded.wasm'),
};

/** An error that the user must fix first. */
export class Missing extends Error {}

export function requirePackages() {
  const absent = Object.values(PEERS).concat(join(npm, 'playwright-core')).filter((path) => !existsSync(path));
  if (absent.length) throw new Missing(`${absent[0]} is missing: npm ci --prefix tools/bench`);
}

export function requireModels(/** @type {string[]} */ files) {
  const absent = files.filter((file) => !existsSync(join(models, file)));
  if (absent.length) throw new Missing(`build/bench/models lacks ${absent.join(', ')}: python3 tools/bench/make_models.py (README.md says what it needs)`);
}

/** Copies the existing builds, so that a parallel build does not change the measured files.
 *  given: other engines by name, as --engine names them.
 *  @param {Record<string, string>} given
 *  @returns {string[]} their names */
export function copyEngines(given) {
  const wanted = Object.keys(given).length ? given : Object.fromEntries(Object.entries(BUILDS).map(([name, path]) => [name, join(built, path)]));
  for (const path of Object.values(given)) if (!existsSync(path)) throw new Missing(`${path} is missing`);
  const found = Object.entries(wanted).filter(([, path]) => existsSync(path));
  if (!found.length) throw new Missing(`${join(built, BUILDS.simd128)} is missing: cmake --preset wasm && cmake --build --preset wasm --target palimpsest_bench_engines`);
  for (const [name, path] of found) cpSync(path, join(copies, 'engines', `${name}.wasm`));
  return found.map(([name]) => name);
}

/** The same builds with threads, and the library, which starts the threads. */
export function copyThreads(/** @type {string[]} */ builds) {
  for (const [name, path] of Object.entries(BUILDS_WITH_THREADS)) {
    if (!builds.includes(name)) continue;
    if (!existsSync(join(built, path))) throw new Missing(`${join(built, path)} is missing: cmake --preset wasm-relaxed && cmake --build --preset wasm-relaxed --target palimpsest_bench_engines`);
    cpSync(join(built, path), join(copies, 'engines', `${name}-threads.wasm`));
  }
  copyLibrary();
}

export function copyLibrary() {
  const library = join(built, 'web');
  if (!existsSync(join(library, 'palimpsest.js'))) throw new Missing(`${library}/palimpsest.js is missing: npm ci --prefix web && node web/build.mjs`);
  cpSync(library, join(copies, 'library'), { recursive: true });
}

/** Compiles page/stream.c.  Calls compiler and linker directly: the driver would run any wasm-opt that it finds. */
export function buildStream() {
  const object = join(copies, 'stream.o');
  const tool = (/** @type {string} */ name) => [`${name}-19`, name].find((one) => hasTool(one)) ?? '';
  const clang = tool('clang');
  const linker = tool('wasm-ld');
  if (!clang || !linker) throw new Missing('clang and wasm-ld are missing: apt install clang-19 lld-19');
  execFileSync(clang, ['--target=wasm32', '-O3', '-msimd128', '-c', join(here, 'page/stream.c'), '-o', object]);
  execFileSync(linker, ['--no-entry', '--export-memory', object, '-o', join(copies, 'stream.wasm')]);
}

function hasTool(/** @type {string} */ name) {
  try {
    execFileSync(name, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export const mounts = () => ({
  '/bench/': join(here, 'page/'), '/npm/': join(npm, '/'), '/models/': join(models, '/'), '/engines/': join(copies, 'engines/'),
  '/library/': join(copies, 'library/'), '/stream.wasm': join(copies, 'stream.wasm'),
});

export function version(/** @type {string} */ name) {
  return JSON.parse(readFileSync(join(npm, name, 'package.json'), 'utf8')).version;
}

/** Bytes that a visitor downloads for an engine. */
export function sizes(/** @type {string[]} */ builds) {
  const files = { ...Object.fromEntries(builds.map((name) => [`ours ${name}`, join(copies, 'engines', `${name}.wasm`)])), ...PEERS };
  return Object.entries(files).map(([name, path]) => {
    const bytes = readFileSync(path);
    return { name, raw: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length, sha256: createHash('sha256').update(bytes).digest('hex') };
  });
}

/** Bytes of a model file; nearly all are weights, which the evaluation of a token reads once. */
export function modelBytes(/** @type {string} */ file) {
  return statSync(join(models, file)).size;
}

export function machine() {
  return { processor: cpus()[0].model.trim(), cores: cpus().length, memory: totalmem(), system: process.platform, node: process.version };
}
