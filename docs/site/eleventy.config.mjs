// @ts-check
/* Eleventy: a virtual template per page of pages.mjs.  build.mjs writes what it makes. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { layout } from './layout.mjs';
import { included, markdown } from './markdown.mjs';
import { PAGES } from './pages.mjs';
import { root } from './places.mjs';

/** @returns {(config: any) => Promise<object>} */
export function configure(/** @type {Map<string, string>} */ files) {
  return async (config) => {
    config.setUseGitIgnore(false);
    config.addExtension('md', {
      compile: (/** @type {string} */ text, /** @type {string} */ path) => (/** @type {any} */ data) =>
        page(data.entry, included(text, data.source), data.source, files),
    });
    for (const entry of PAGES) {
      const text = entry.source ? await readFile(join(root, entry.source), 'utf8') : await entry.make?.();
      const source = entry.source ?? 'docs/made.md'; // where links of made pages begin
      config.addTemplate(`${entry.name}.md`, text, { entry, source, permalink: `${entry.name}.html` });
    }
    return { dir: { input: 'made', includes: 'none', data: 'none' }, markdownTemplateEngine: false, templateFormats: ['md'] };
  };
}

/** The HTML of a page. */
function page(/** @type {import('./pages.mjs').Page} */ entry, /** @type {string} */ text, /** @type {string} */ source, /** @type {Map<string, string>} */ files) {
  // A heading without words is no heading.
  const body = markdown.render(text, { source, files }).replaceAll('<th scope="col"></th>', '<td></td>');
  const plain = (/** @type {RegExp} */ pattern) => body.match(pattern)?.[1].replace(/<a class="anchor".*?<\/a>/g, '').replace(/<[^>]*>/g, '').replaceAll('\n', ' ').trim();
  const title = plain(/<h1[^>]*>([\s\S]*?)<\/h1>/);
  if (!title) throw new Error(`${source} has no heading of level 1`);
  return layout({ name: entry.name, title, body, broad: entry.broad ?? false, description: plain(/<p>([\s\S]*?)<\/p>/)?.slice(0, 200) ?? title });
}
