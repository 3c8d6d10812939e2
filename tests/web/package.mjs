#!/usr/bin/env node
/* The npm tarball as users get it: installed into an empty project, the README's snippet with a served model, its
 * TypeScript types, and the examples.  Run by tools/test after tools/package. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, createReadStream, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const tarball = join(root, 'build/package', readdirSync(join(root, 'build/package')).find((name) => name.endsWith('.tgz')));
const model = join(root, 'models/tales-infill.gguf');
const drawer = join(root, 'tests/models/unet-labels.gguf');
const page = 'Once upon a time [[?]] lived in [[4]].';
const project = mkdtempSync(join(tmpdir(), 'palimpsest-project-'));
const run = (program, ...args) => execFileSync(program, args, { cwd: project, encoding: 'utf8' });
const native = execFileSync(join(root, 'build/release/palimpsest'), ['infill', '-m', model, '--seed', '7', '--text', page], { encoding: 'utf8' });

async function served(use) {
  const server = createServer((request, response) => {
    const file = request.url.match(/^\/models\/tales-infill\.gguf$/) && join(root, request.url);
    if (!file) return response.writeHead(404).end();
    response.writeHead(200, { 'content-length': statSync(file).size });
    createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await use(`http://127.0.0.1:${server.address().port}/`);
  } finally {
    server.close();
  }
}

/** The lines of the README, with the address of the models' server inserted. */
function snippet(base) {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const code = readme.match(/```js\n(import \{ load \}[\s\S]*?)```/)?.[1];
  assert.ok(code, 'the README has a JavaScript snippet');
  assert.ok(code.includes("'models/tales-infill.gguf'"), 'it loads the model by URL');
  const here = code.replace("'./palimpsest.js'", "'palimpsest'").replace(/'(models\/[\w-]+\.gguf)'/g, `'${base}$1'`);
  return `${here}\nmodel.dispose();\n`;
}

try {
  writeFileSync(join(project, 'package.json'), '{ "name": "empty", "private": true, "type": "module" }');
  run('npm', 'install', '--no-audit', '--no-fund', '--offline', tarball);
  const files = readdirSync(join(project, 'node_modules/palimpsest'));
  assert.ok(!files.some((name) => name.endsWith('.gguf')), 'the tarball holds no model');
  const engines = ['palimpsest', 'palimpsest-scores', 'palimpsest-pictures'].flatMap((name) => ['', '-relaxed', '-threads', '-threads-relaxed'].map((build) => `${name}${build}.wasm`));
  for (const name of ['palimpsest.js', 'inline.js', 'inline.d.ts', 'component.js', 'component.d.ts', 'component-inline.js', 'component-inline.d.ts', 'palimpsest-worker.js', 'palimpsest-pictures.js', 'palimpsest-loading.js', 'palimpsest-texts.js', 'palimpsest-writing.js', 'palimpsest-threads.js', 'palimpsest-chat.js', ...engines, 'palimpsest.d.ts', 'README.md', 'LICENSE'])
    assert.ok(files.includes(name), `the tarball holds ${name}`);
  console.log(`installed: ${files.join(' ')}`);

  await served(async (base) => {
    writeFileSync(join(project, 'snippet.mjs'), snippet(base));
    // Asynchronous, because the server runs in this process.
    const { execFile } = await import('node:child_process');
    const text = await new Promise((resolve, reject) =>
      execFile(process.execPath, ['snippet.mjs'], { cwd: project, encoding: 'utf8' }, (error, out) => (error ? reject(error) : resolve(out))),
    );
    console.log(`snippet: ${text.trim()}`);
    const [filled, ...continued] = text.split('\n');
    assert.match(filled, /^Once upon a time .* lived in .*\.$/);
    assert.ok(continued.join('').length > 40, 'the second half of the snippet writes on');
  });

  copyFileSync(join(root, 'web/examples/node.mjs'), join(project, 'node.mjs'));
  assert.equal(run(process.execPath, 'node.mjs', model, page, '7'), native);
  console.log('the Node example gives the text of the command');

  // Files that bundlers copy have a URL.
  const resolve = (name) => `console.log(import.meta.resolve('palimpsest/${name}'))`;
  for (const name of ['palimpsest-pictures.js', 'palimpsest-pictures.wasm', 'palimpsest-pictures-relaxed.wasm'])
    assert.ok(run(process.execPath, '--input-type=module', '-e', resolve(name)).trim().endsWith(`/palimpsest/${name}`));
  const draw = `import { load } from 'palimpsest';
    const model = await load(new URL(${JSON.stringify(pathToFileURL(drawer).href)}));
    const { image } = await model.image({ count: 2, steps: 4, seed: 7, columns: 1 }).result();
    console.log(Buffer.from(image.data.filter((_, i) => i % 4 === 0)).toString('hex'));
    model.dispose();`;
  const raw = join(project, 'native.raw');
  execFileSync(join(root, 'build/release/palimpsest'), ['image', '-m', drawer, '--count', '2', '--steps', '4', '--seed', '7', '--raw', raw]);
  writeFileSync(join(project, 'draw.mjs'), draw);
  assert.equal(run(process.execPath, 'draw.mjs').trim(), readFileSync(raw).toString('hex'));
  console.log('it draws the pictures of the command');

  // A server imports the library to render a page, and must not need what only browsers have.
  const forbid = `for (const name of ['window', 'document', 'self', 'location', 'navigator', 'localStorage', 'indexedDB', 'HTMLElement', 'customElements'])
    Object.defineProperty(globalThis, name, { configurable: true, get() { throw new Error('reads ' + name); } });`;
  for (const entry of ['palimpsest', 'palimpsest/inline'])
    assert.equal(run(process.execPath, '--input-type=module', '-e', `${forbid} console.log(typeof (await import('${entry}')).load);`).trim(), 'function');
  // The component has nothing to extend there, and defines nothing.
  for (const entry of ['palimpsest/component', 'palimpsest/component-inline'])
    assert.equal(run(process.execPath, '--input-type=module', '-e', `console.log((await import('${entry}')).understand('a ___').strict);`).trim(), 'a [[1-2]]');
  console.log('a server imports it without touching what browsers have');

  for (const name of files.filter((file) => file.endsWith('.js'))) {
    const code = readFileSync(join(project, 'node_modules/palimpsest', name), 'utf8');
    assert.doesNotMatch(code, /(import\s*\(|from|import)\s*["'`]node:/, `${name} imports a module of Node`);
    const map = JSON.parse(readFileSync(join(project, 'node_modules/palimpsest', /sourceMappingURL=(.+)\n$/.exec(code)[1]), 'utf8'));
    assert.ok(map.sourcesContent.length > 0 && map.sourcesContent.every(Boolean), `the map of ${name} holds its sources`);
  }
  const made = JSON.parse(readFileSync(join(project, 'node_modules/palimpsest/package.json'), 'utf8'));
  assert.ok(!('private' in made) && made.license === 'MIT' && made.description && made.keywords.length, JSON.stringify(made));
  console.log('it imports nothing of Node, and its source maps hold the sources');

  writeFileSync(join(project, 'typed.ts'), ['palimpsest', 'palimpsest/inline'].map((entry, i) => `import { load as load${i}, type ImageFrame as Frame${i}, type Model as Model${i} } from '${entry}';
    const model${i}: Model${i} = await load${i}('m.gguf');
    export const n${i}: number = (await model${i}.score('x')).bitsPerByte;
    export const frame${i}: Frame${i} = await model${i}.image({ label: 0 }).result();`).join('\n'));
  writeFileSync(join(project, 'element.ts'), ['palimpsest/component', 'palimpsest/component-inline'].map((entry, i) => `import { understand as understand${i}, words as words${i}, PalimpsestBlanks as Blanks${i} } from '${entry}';
    words${i}.fill = understand${i}('___').pieces.length ? 'Remplir' : '';
    export const found${i}: Blanks${i} | null = document.querySelector('palimpsest-blanks');
    found${i}?.addEventListener('palimpsest-fill', ({ detail }) => detail.drafts[0]?.tokens[0]?.probability.toFixed());
    document.addEventListener('palimpsest-progress', ({ detail }) => (detail.stage === 'load' ? detail.loaded : detail.written));
    export const text${i}: string | undefined = (await found${i}?.fill())?.value;`).join('\n'));
  const tsc = join(root, 'web/node_modules/typescript/bin/tsc');
  for (const [module, resolution] of [['nodenext', 'nodenext'], ['esnext', 'bundler']])
    run(process.execPath, tsc, '--noEmit', '--strict', '--module', module, '--moduleResolution', resolution, '--target', 'es2022', '--lib', 'es2022,dom', 'typed.ts', 'element.ts');
  console.log('its types hold in another project');
} finally {
  rmSync(project, { recursive: true, force: true });
}
