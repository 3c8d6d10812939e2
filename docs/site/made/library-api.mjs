// @ts-check
/* The page with every name of the library, by TypeDoc from the types and comments in web/src. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Application } from 'typedoc';
import { slug } from '../slug.mjs';
import { built, root } from '../places.mjs';

export const libraryApi = () =>
  reference('palimpsest.ts', 'Library: every name', 'Types, functions and options of `palimpsest` and `palimpsest/inline`, from the comments in the source, which an editor shows too. [The library](../web/README.md) explains how they are used together.');

export const componentApi = () =>
  reference('component.ts', 'Component: every name', 'Types and functions of `palimpsest/component`, from the comments in the source. [The component](../web/README.md#the-component) says how it is used.');

async function reference(/** @type {string} */ entry, /** @type {string} */ title, /** @type {string} */ about) {
  const out = join(built, 'docs-api', entry);
  const app = await Application.bootstrapWithPlugins(/** @type {any} */ ({
    plugin: ['typedoc-plugin-markdown'],
    tsconfig: join(root, 'web/tsconfig.library.json'),
    entryPoints: [join(root, 'web/src', entry)],
    outputs: [{ name: 'markdown', path: out }], readme: 'none', name: title, entryFileName: 'api', outputFileStrategy: 'modules', logLevel: 'Error',
    disableSources: true, excludeExternals: true, excludeInternal: true, excludePrivate: true,
    hidePageHeader: true, hidePageTitle: true, hideBreadcrumbs: true, useCodeBlocks: true,
    parametersFormat: 'table', interfacePropertiesFormat: 'table', classPropertiesFormat: 'table', typeDeclarationFormat: 'table', propertyMembersFormat: 'table',
    tableColumnSettings: { hideInherited: true, hideOverrides: true, hideModifiers: true, hideDefaults: true, hideSources: true },
  }));
  const project = await app.convert();
  if (!project || app.logger.hasErrors()) throw new Error(`TypeDoc cannot read ${entry}`);
  await app.generateOutputs(project);
  const text = await readFile(join(out, 'api.md'), 'utf8');
  await rm(out, { recursive: true });
  return `# ${title}\n\n${about}\n\n${numbered(text.replace(/^\*\*\*$/gm, ''))}`;
}

/** TypeDoc's plugin numbers some headings that have their name for themselves; links to these lose the number. */
function numbered(/** @type {string} */ text) {
  const count = new Map();
  for (const [, name] of text.matchAll(/^#+ (.*)$/gm)) count.set(slug(name), (count.get(slug(name)) ?? 0) + 1);
  return text.replace(/\(#([\w-]+)-(\d+)\)/g, (link, name, n) => (count.has(name) && count.get(name) <= Number(n) ? `(#${name})` : link));
}
