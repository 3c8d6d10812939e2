// @ts-check
/* A bare project with the tarball in it, and the program that all of them run. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

/** Fills blanks, continues a text and draws a picture: all parts of the library.  `models` is the address of their folder.
 *  `palimpsest/inline` has no engine for the last of them. */
const program = (/** @type {string} */ entry) => `import { load } from '${entry}';

export async function run(models) {
  const fills = await load(models + 'tiny-infill.gguf', { cache: false });
  const filled = await fills.infill('the dog [[2]] the [[3]].', { seed: 7 }).result();
  const writes = await load(models + 'stories260K.gguf', { cache: false });
  let continued = '';
  for await (const { text } of writes.generate('Once upon a time', { seed: 7, maxTokens: 12, temperature: 0.8 })) continued += text;
  const draws = await load(models + 'unet-labels.gguf', { cache: false });
  const { image } = await draws.image({ count: 2, steps: 3, seed: 7 }).result();
  for (const model of [fills, writes, draws]) model.dispose();
  const noised = await load(models + '../golden/arch/sedd.gguf', { cache: false }).then(async (scores) => {
    const { text } = await scores.infill('the dog [[2]] the [[3]].', { seed: 7, sampler: 'tweedie', steps: 4 }).result();
    scores.dispose();
    return text;
  }, ({ code }) => code);
  return { filled: filled.text, continued, noised, drawn: image.data.reduce((sum, byte, i) => (31 * sum + byte + i) % 1000003, 7) };
}
`;

/** The component, alone in a page. */
const element = (/** @type {string} */ entry) => `import '${entry}';

export async function run(models) {
  const element = document.createElement('palimpsest-blanks');
  Object.assign(element, { text: 'the dog [[ 2 ]] the [[3]].', src: models + 'tiny-infill.gguf', seed: 7 });
  document.body.append(element);
  const { value } = await element.fill();
  return { filled: value, shown: element.shadowRoot.querySelector('[part=page]').textContent };
}
`;
const IN_PAGE = `
const address = new URLSearchParams(location.search).get('models');
if (address) run(address).then((given) => (globalThis.given = given), ({ code, message }) => (globalThis.given = { code, message }));
`;
const PAGE = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Bare</title><link rel="icon" href="data:,"><script type="module" src="./main.js"></script></html>\n';

/** Writes a project, and unpacks the tarball in it. */
export async function project(/** @type {string} */ folder, /** @type {string} */ entry) {
  await mkdir(join(folder, 'node_modules/palimpsest'), { recursive: true });
  await mkdir(join(folder, 'dist'));
  await writeFile(join(folder, 'package.json'), '{ "name": "bare", "private": true, "type": "module", "dependencies": { "palimpsest": "*" } }\n');
  await writeFile(join(folder, 'index.html'), PAGE);
  const code = (entry.includes('component') ? element : program)(entry);
  await writeFile(join(folder, 'main.js'), code + IN_PAGE);
  await writeFile(join(folder, 'node.mjs'), `${code}console.log(JSON.stringify(await run(process.argv[2])));\n`);
  await run('tar', ['-xzf', await tarball(), '-C', join(folder, 'node_modules/palimpsest'), '--strip-components=1']);
}

async function tarball() {
  const name = (await readdir(join(root, 'build/package'))).find((file) => file.endsWith('.tgz'));
  if (!name) throw new Error('build/package has no tarball: run tools/package first');
  return join(root, 'build/package', name);
}

/** What the program says in Node, and what the command says of its texts. */
export async function inNode(/** @type {string} */ folder) {
  const { stdout } = await run(process.execPath, ['node.mjs', `${join(root, 'tests/models')}/`], { cwd: folder });
  return JSON.parse(stdout);
}

export function byCommand() {
  const command = process.env.PALIMPSEST ?? join(root, 'build/release/palimpsest');
  const say = (/** @type {string[]} */ ...words) => execFileSync(command, words, { encoding: 'utf8', cwd: join(root, 'tests/models') }).slice(0, -1);
  const prompt = 'Once upon a time';
  const scores = ['-m', '../golden/arch/sedd.gguf', '--sampler', 'tweedie', '--steps', '4'];
  return {
    noised: say('infill', ...scores, '--seed', '7', '--text', 'the dog [[2]] the [[3]].'),
    filled: say('infill', '-m', 'tiny-infill.gguf', '--seed', '7', '--text', 'the dog [[2]] the [[3]].'),
    continued: say('generate', '-m', 'stories260K.gguf', '--seed', '7', '--max-tokens', '12', '--temperature', '0.8', '--prompt', prompt).slice(prompt.length),
  };
}
