// @ts-check
/* One bare project per bundler: what a user writes to have main.js in a page, and no configuration beyond that.
 *
 * Each takes the folder of a project with index.html and main.js, and returns the address of its page and a function that
 * ends its server, if it has one; or the folder to serve. */
import { cp, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';

/** @typedef {{ folder: string } | { url: string, end: () => Promise<void> }} Made */

/** The page as a browser reads it, with the bundle in the place of main.js. */
async function pageOf(/** @type {string} */ project, /** @type {string} */ bundle) {
  const page = await readFile(join(project, 'index.html'), 'utf8');
  await writeFile(join(project, 'dist/index.html'), page.replace('./main.js', bundle));
  return { folder: join(project, 'dist') };
}

const viteBuild = (/** @type {'vite' | 'vite-before'} */ name) => async (/** @type {string} */ project) => {
  const { build } = await import(name);
  await build({ root: project, base: './', configFile: false, logLevel: 'warn' });
  return { folder: join(project, 'dist') };
};

const viteDev = (/** @type {'vite' | 'vite-before'} */ name, options = {}) => async (/** @type {string} */ project) => {
  const { createServer } = await import(name);
  const server = await createServer({ root: project, configFile: false, logLevel: 'error', server: { host: '127.0.0.1', port: 0, hmr: false, watch: null }, ...options });
  await server.listen();
  return { url: server.resolvedUrls.local[0], end: () => server.close() };
};

async function webpack(/** @type {string} */ project) {
  const { default: pack } = await import('webpack');
  const stats = await new Promise((/** @type {(stats: any) => void} */ resolve, reject) =>
    pack(/** @type {any} */ ({ mode: 'production', context: project, entry: './main.js', output: { path: join(project, 'dist') } }), (error, result) => (error ? reject(error) : resolve(result))),
  );
  const warnings = stats.toJson({ all: false, warnings: true }).warnings.filter((/** @type {any} */ { message }) => !/size limit|performance/.test(message));
  if (stats.hasErrors() || warnings.length) throw new Error(stats.toString({ all: false, errors: true, warnings: true }));
  return pageOf(project, './main.js');
}

async function rollup(/** @type {string} */ project) {
  const [{ rollup: roll }, { nodeResolve }] = await Promise.all([import('rollup'), import('@rollup/plugin-node-resolve')]);
  const bundle = await roll({ input: join(project, 'main.js'), plugins: [nodeResolve({ browser: true })] });
  await bundle.write({ file: join(project, 'dist/bundle.js'), format: 'es' });
  return pageOf(project, './bundle.js');
}

async function esbuild(/** @type {string} */ project) {
  const { build } = await import('esbuild');
  await build({ absWorkingDir: project, entryPoints: ['main.js'], bundle: true, minify: true, format: 'esm', outfile: 'dist/bundle.js', logLevel: 'silent' });
  return pageOf(project, './bundle.js');
}

async function parcel(/** @type {string} */ project) {
  const { Parcel } = await import('@parcel/core');
  const bundler = new Parcel({
    entries: join(project, 'index.html'),
    defaultConfig: createRequire(import.meta.url).resolve('@parcel/config-default'),
    mode: 'production', shouldDisableCache: true, cacheDir: join(project, '.parcel-cache'), defaultTargetOptions: { distDir: join(project, 'dist'), publicUrl: './' },
  });
  const before = process.cwd();
  process.chdir(project); // Parcel looks for a project where it is run
  await bundler.run().finally(() => process.chdir(before));
  return { folder: join(project, 'dist') };
}

/** The folder of the package as it is, beside the page. */
async function none(/** @type {string} */ project) {
  await cp(join(project, 'node_modules/palimpsest'), join(project, 'dist'), { recursive: true });
  await cp(join(project, 'main.js'), join(project, 'dist/main.js'));
  return pageOf(project, './main.js');
}

/** What the documents say: the bundler, which entry it takes, and how it builds.
 *  @type {[string, string, (project: string) => Promise<Made>][]} */
export const BUNDLERS = [
  ['no bundler', './palimpsest.js', none],
  ['no bundler, inline', './inline.js', none],
  ['Vite, build', 'palimpsest', viteBuild('vite')],
  ['Vite, development server', 'palimpsest', viteDev('vite')],
  ['Vite, development server, inline', 'palimpsest/inline', viteDev('vite')],
  ['Vite before, build', 'palimpsest', viteBuild('vite-before')],
  ['Vite before, development server, inline', 'palimpsest/inline', viteDev('vite-before')],
  ['Vite before, development server, not optimised', 'palimpsest', viteDev('vite-before', { optimizeDeps: { exclude: ['palimpsest'] } })],
  ['webpack', 'palimpsest', webpack],
  ['webpack, inline', 'palimpsest/inline', webpack],
  ['Parcel', 'palimpsest', parcel],
  ['Parcel, inline', 'palimpsest/inline.js', parcel],
  ['Rollup, inline', 'palimpsest/inline', rollup],
  ['esbuild, inline', 'palimpsest/inline', esbuild],
];

/** Which entry of the component each takes.
 *  @type {[string, string, (project: string) => Promise<Made>][]} */
export const COMPONENTS = [
  ['no bundler', './component.js', none],
  ['no bundler, inline', './component-inline.js', none],
  ['Vite, build', 'palimpsest/component', viteBuild('vite')],
  ['Vite, development server', 'palimpsest/component', viteDev('vite')],
  ['Vite before, development server, inline', 'palimpsest/component-inline', viteDev('vite-before')],
  ['webpack', 'palimpsest/component', webpack],
  ['Parcel', 'palimpsest/component.js', parcel],
  ['Rollup, inline', 'palimpsest/component-inline', rollup],
  ['esbuild, inline', 'palimpsest/component-inline', esbuild],
];

/** A bundler that leaves the worker behind. */
export const LEAVES_BEHIND = esbuild;
