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
    const file = request.url.match(/^\/models\/tales-(infill|ar)\.gguf$/) && join(root, request.url);
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
  return `${here}\nmodel.dispose();\nar.dispose();\n`;
}

try {
  writeFileSync(join(project, 'package.json'), '{ "name": "empty", "private": true, "type": "module" }');
  run('npm', 'install', '--no-audit', '--no-fund', '--offline', tarball);
  const files = readdirSync(join(project, 'node_modules/palimpsest'));
  assert.ok(!files.some((name) => name.endsWith('.gguf')), 'the tarball holds no model');
  const engines = ['palimpsest', 'palimpsest-pictures'].flatMap((name) => [`${name}.wasm`, `${name}-relaxed.wasm`]);
  for (const name of ['palimpsest.js', 'palimpsest-worker.js', 'palimpsest-pictures.js', ...engines, 'palimpsest.d.ts', 'README.md', 'LICENSE'])
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

  writeFileSync(join(project, 'typed.ts'), "import { load, type ImageFrame, type Model } from 'palimpsest';\nconst model: Model = await load('m.gguf');\nconst n: number = (await model.score('x')).bitsPerByte;\nconst frame: ImageFrame = await model.image({ label: 0 }).result();\nexport { frame, n };\n");
  const tsc = join(root, 'web/node_modules/typescript/bin/tsc');
  run(process.execPath, tsc, '--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', '--lib', 'es2022,dom', 'typed.ts');
  console.log('its types hold in another project');
} finally {
  rmSync(project, { recursive: true, force: true });
}
