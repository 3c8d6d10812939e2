// @ts-check
/* The pages of the documents in reading order: name of the page, Markdown file (from the root of the source tree) or
 * maker of its Markdown, and the title in the list of contents. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cApi } from './made/c-api.mjs';
import { command } from './made/command.mjs';
import { componentApi, libraryApi } from './made/library-api.mjs';
import { root } from './places.mjs';

/** @typedef {{ name: string, title: string, source?: string, make?: () => string | Promise<string>,
 *  broad?: boolean }} Page  broad: a reference, with wide code and a list of all its names
 *  @typedef {{ title: string, pages: Page[] }} Group */

const page = (/** @type {string} */ name, /** @type {string} */ title, /** @type {string} */ source) => ({ name, title, source });
const card = (/** @type {string} */ name) => page(`model-${name}`, name, `models/${name}.md`);

/** @type {Group[]} */
const LISTED = [
  {
    title: 'Palimpsest',
    pages: [
      page('index', 'Start here', 'README.md'),
      page('how-it-works', 'How it works', 'docs/how-it-works.md'),
      page('gallery', 'Gallery', 'docs/gallery.md'),
    ],
  },
  {
    title: 'In a web page',
    pages: [
      page('recipes', 'Recipes', 'docs/recipes.md'),
      page('library', 'The library', 'web/README.md'),
      { name: 'library-api', title: 'Library: every name', make: libraryApi, broad: true },
      { name: 'component-api', title: 'Component: every name', make: componentApi, broad: true },
    ],
  },
  {
    title: 'In a terminal, from C',
    pages: [
      page('command-line', 'On the command line', 'docs/command-line.md'),
      { name: 'command', title: 'The command: every option', make: command },
      { name: 'c-api', title: 'The C library', make: cApi, broad: true },
    ],
  },
  {
    title: 'Models',
    pages: [
      page('models', 'Models known to work', 'docs/models.md'),
      card('tales-infill'),
      card('tales-masked'),
      card('tales-ar'),
      card('smol-infill'),
      card('fashion'),
      card('emoji'),
      page('convert', 'Converting models', 'tools/convert/README.md'),
      page('train', 'Training models', 'tools/train/README.md'),
      page('train-pictures', 'Training picture models', 'tools/train/pictures/README.md'),
      page('checkpoints', 'Checkpoints', 'models/training/README.md'),
      page('data', 'Training data', 'tools/data/README.md'),
      page('picture-models', 'Files of picture models', 'docs/picture-models.md'),
    ],
  },
  {
    title: 'Measured',
    pages: [
      page('quality', 'How well blanks are filled', 'docs/quality.md'),
      page('long-texts', 'Long texts', 'docs/long-texts.md'),
      page('speed', 'Speed', 'docs/speed.md'),
      page('bench', 'Measuring speed', 'tools/bench/README.md'),
    ],
  },
  {
    title: 'The project',
    pages: [
      page('troubleshooting', 'Troubleshooting', 'docs/troubleshooting.md'),
      page('architecture', 'Architecture', 'ARCHITECTURE.md'),
      page('contributing', 'Contributing', 'CONTRIBUTING.md'),
      page('changes', 'Changes', 'CHANGELOG.md'),
    ],
  },
];
/** Documents that nobody has listed yet come last in their group, under their own headings. */
function unlisted(/** @type {string} */ folder, /** @type {string} */ prefix) {
  const known = LISTED.flatMap((group) => group.pages.map((one) => one.source));
  const files = readdirSync(join(root, folder)).filter((name) => name.endsWith('.md') && !known.includes(`${folder}/${name}`)).sort();
  return files.map((name) => {
    const title = readFileSync(join(root, folder, name), 'utf8').match(/^# (.*)$/m)?.[1] ?? name;
    return page(prefix + name.replace(/\.md$/, ''), title.replaceAll('`', ''), `${folder}/${name}`);
  });
}
const LATER = new Map([['Measured', unlisted('docs', '')], ['Models', unlisted('models', 'model-')]]);
export const GROUPS = LISTED.map((group) => ({ ...group, pages: [...group.pages, ...(LATER.get(group.title) ?? [])] }));
export const PAGES = GROUPS.flatMap((group) => group.pages);
