// @ts-check
/* Markdown of the source tree as HTML of the site: anchors as on code hosts, links between files as links between pages,
 * pictures and code. */
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, normalize, relative } from 'node:path';
import markdownIt from 'markdown-it';
import anchor from 'markdown-it-anchor';
import Prism from 'prismjs';
import loadLanguages from 'prismjs/components/index.js';
import { PAGES } from './pages.mjs';
import { root } from './places.mjs';
import { slug } from './slug.mjs';

loadLanguages(['c', 'bash', 'json', 'typescript', 'markup']);
/** @type {Record<string, string>} */
const LANGUAGES = { js: 'javascript', ts: 'typescript', sh: 'bash', html: 'markup', c: 'c', json: 'json' };

/** Text files that pages link to and that are no pages; they are copied. */
const COPIED = /(^LICENSE|\.txt)$/;

/** @typedef {{ source: string, files: Map<string, string> }} Env  the file being rendered; files to copy, by their names in the site */

const escaped = (/** @type {string} */ text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

function highlighted(/** @type {string} */ code, /** @type {string} */ info) {
  const language = LANGUAGES[info.split(' ')[0]];
  return language ? Prism.highlight(code, Prism.languages[language], language) : escaped(code);
}

export const markdown = markdownIt({ html: true, highlight: highlighted }).use(anchor, {
  slugify: slug, uniqueSlugStartIndex: 1, level: [1, 2, 3, 4, 5], tabIndex: false,
  permalink: anchor.permalink.linkInsideHeader({ symbol: '#', placement: 'after', ariaHidden: true, class: 'anchor', renderAttrs: () => ({ tabindex: '-1' }) }),
});

/** Where a link leads in the site; null if to a file that the site does not hold. */
export function target(/** @type {string} */ href, /** @type {Env} */ env) {
  if (/^(https?:|mailto:)/.test(href)) return href;
  const [path, hash] = href.split('#');
  if (!path) return href;
  if (path.endsWith('.html')) return href; // a page, named as in the site
  const file = normalize(join(dirname(env.source), path)).replace(/\/$/, '');
  if (!existsSync(join(root, file))) throw new Error(`${env.source} links to ${href}: there is no such file`);
  const page = PAGES.find((one) => one.source === file);
  if (page) return `${page.name}.html${hash ? `#${hash}` : ''}`;
  if (!COPIED.test(file)) return null;
  const name = `files/${file.split('/').at(-1)?.replace(/^LICENSE$/, 'LICENSE.txt')}`;
  env.files.set(name, file);
  return name;
}

/** Pictures are copied, and their size is said so that the text does not move when they arrive. */
function picture(/** @type {string} */ src, /** @type {Env} */ env) {
  const file = normalize(join(dirname(env.source), src));
  const data = readFileSync(join(root, file));
  if (!file.endsWith('.png')) throw new Error(`${env.source}: ${src} is not a PNG file`);
  const name = `images/${file.replaceAll('/', '-')}`;
  env.files.set(name, file);
  const [width, height] = [data.readUInt32BE(16), data.readUInt32BE(20)];
  const times = width < 400 && height < 400 ? 2 : 1; // grids of small pictures, pixel by pixel
  return { name, width: width * times, height: height * times, small: times > 1 };
}

const { rules } = markdown.renderer;
rules.link_open = (tokens, at, options, env, self) => {
  const href = target(tokens[at].attrGet('href') ?? '', env);
  if (href === null) {
    const close = tokens.findIndex((token, i) => i > at && token.type === 'link_close');
    tokens[close].tag = 'span';
    return `<span class="file" title="${escaped(tokens[at].attrGet('href') ?? '')}, in the source tree">`;
  }
  tokens[at].attrSet('href', href);
  return self.renderToken(tokens, at, options);
};
rules.image = (tokens, at, options, env, self) => {
  const { name, width, height, small } = picture(tokens[at].attrGet('src') ?? '', env);
  const alt = escaped(self.renderInlineAsText(tokens[at].children ?? [], options, env));
  return `<a class="picture${small ? ' small' : ''}" href="${name}"><img src="${name}" alt="${alt}" width="${width}" height="${height}" loading="lazy"></a>`;
};
// Wide tables and code scroll by themselves, also by keyboard.
rules.table_open = () => '<div class="wide" tabindex="0" role="group" aria-label="Table"><table>';
rules.table_close = () => '</table></div>';
rules.th_open = () => '<th scope="col">'; // alignment by class would need inline styles, which the policy forbids
rules.td_open = () => '<td>';
rules.fence = (tokens, at) => {
  const { content, info } = tokens[at];
  return `<pre tabindex="0"><code class="${info.split(' ')[0] || 'plain'}">${highlighted(content, info)}</code></pre>\n`;
};

/** Lines <!-- include FILE --> become the file as code, <!-- include FILE#anchor --> that section of a Markdown file. */
export function included(/** @type {string} */ text, /** @type {string} */ source) {
  return text.replace(/^<!-- include ([^\s#]+)(?:#(\S+))? -->$/gm, (_, path, part) => {
    const file = normalize(join(dirname(source), path));
    const content = readFileSync(join(root, file), 'utf8').trimEnd();
    if (part) return moved(section(content, part, file), file, source);
    return `\`\`\`${file.split('.').at(-1)?.replace(/^mjs$/, 'js')}\n${content}\n\`\`\``;
  });
}

/** The text below a heading, up to the next one of its level. */
function section(/** @type {string} */ content, /** @type {string} */ part, /** @type {string} */ file) {
  const lines = content.split('\n');
  const start = lines.findIndex((line) => /^#+ /.test(line) && slug(line.replace(/^#+ /, '')) === part);
  if (start < 0) throw new Error(`${file} has no heading #${part}`);
  const level = lines[start].indexOf(' ');
  const end = lines.findIndex((line, i) => i > start && /^#+ /.test(line) && line.indexOf(' ') <= level);
  return lines.slice(start + 1, end < 0 ? undefined : end).join('\n').trim();
}

/** Relative links of a text, as they are written in a file of another folder. */
function moved(/** @type {string} */ text, /** @type {string} */ from, /** @type {string} */ to) {
  const back = relative(dirname(to), dirname(from)) || '.';
  return text.replace(/\]\((?!https?:|mailto:)([^)\s]+)\)/g, (_, href) => `](${href.startsWith('#') ? `${back}/${basename(from)}` : `${back}/`}${href})`);
}
