// @ts-check
/* The pages of the documents in reading order: name of the page, Markdown file (from the root of the source tree) or
 * maker of its Markdown, and the title in the list of contents. */
import { readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { cApi } from './made/c-api.mjs';
import { command } from './made/command.mjs';
import { componentApi, libraryApi } from './made/library-api.mjs';
import { root } from './places.mjs';

/** @typedef {{ name: string, title: string, source?: string, make?: () => string | Promise<string>,
 *  broad?: boolean }} Page  broad: a reference, with wide code and a list of all its names
 *  @typedef {{ title: string, pages: Page[], others?: { folder: string, prefix: string } }} Group  others: a folder whose
 *  files that no group lists come last, under their own headings */

const page = (/** @type {string} */ name, /** @type {string} */ title, /** @type {string} */ source) => ({ name, title, source });
/** A file of docs, and a card of a model. */
const document = (/** @type {string} */ name, /** @type {string} */ title) => page(name, title, `docs/${name}.md`);
const card = (/** @type {string} */ name) => page(`model-${name}`, name, `models/${name}.md`);
const reference = (/** @type {string} */ name, /** @type {string} */ title, /** @type {Page['make']} */ make, broad = true) => ({ name, title, make, broad });

/** @type {Group[]} */
const LISTED = [
  {
    title: 'Palimpsest',
    pages: [
      page('index', 'Start here', 'README.md'),
      document('how-it-works', 'How it works'),
      document('gallery', 'Gallery'),
      document('lab', 'The Lab'),
    ],
  },
  {
    title: 'In a web page',
    pages: [
      document('recipes', 'Recipes'),
      page('library', 'The library', 'web/README.md'),
      reference('library-api', 'Library: every name', libraryApi),
      reference('component-api', 'Component: every name', componentApi),
    ],
  },
  {
    title: 'In a terminal, from C',
    pages: [
      document('command-line', 'On the command line'),
      reference('command', 'The command: every option', command, false),
      reference('c-api', 'The C library', cApi),
    ],
  },
  {
    title: 'Models',
    others: { folder: 'models', prefix: 'model-' },
    pages: [
      document('models', 'Models known to work'),
      card('tales-infill'),
      card('tales-masked'),
      card('tales-sedd-absorb'),
      card('tales-sedd-uniform'),
      card('tales-ar'),
      card('smol-infill'),
      card('fashion'),
      card('emoji'),
      card('sudoku'),
      page('convert', 'Converting models', 'tools/convert/README.md'),
      page('train', 'Training models', 'tools/train/README.md'),
      page('train-pictures', 'Training picture models', 'tools/train/pictures/README.md'),
      page('checkpoints', 'Checkpoints', 'models/training/README.md'),
      page('data', 'Training data', 'tools/data/README.md'),
      document('picture-models', 'Files of picture models'),
      document('board-models', 'Files of board models'),
    ],
  },
  {
    title: 'Measured',
    others: { folder: 'docs', prefix: '' },
    pages: [
      document('quality', 'How well blanks are filled'),
      document('long-texts', 'Long texts'),
      document('unpredictable', 'Unpredictable tokens'),
      document('speed', 'Speed'),
      page('bench', 'Measuring speed', 'tools/bench/README.md'),
    ],
  },
  {
    title: 'The project',
    pages: [
      document('troubleshooting', 'Troubleshooting'),
      page('architecture', 'Architecture', 'ARCHITECTURE.md'),
      page('contributing', 'Contributing', 'CONTRIBUTING.md'),
      page('changes', 'Changes', 'CHANGELOG.md'),
    ],
  },
];
const LISTED_SOURCES = new Set(LISTED.flatMap((group) => group.pages.map((one) => one.source)));

/** The documents of a folder that no group lists. */
function unlisted({ folder, prefix } = { folder: '', prefix: '' }) {
  const sources = folder ? readdirSync(join(root, folder)).filter((name) => name.endsWith('.md')).sort().map((name) => `${folder}/${name}`) : [];
  return sources.filter((source) => !LISTED_SOURCES.has(source)).map((source) => {
    const name = basename(source, '.md');
    const title = readFileSync(join(root, source), 'utf8').match(/^# (.*)$/m)?.[1] ?? name;
    return page(prefix + name, title.replaceAll('`', ''), source);
  });
}

export const GROUPS = LISTED.map((group) => ({ ...group, pages: [...group.pages, ...unlisted(group.others)] }));
export const PAGES = GROUPS.flatMap((group) => group.pages);
