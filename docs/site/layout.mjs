// @ts-check
/* The HTML around the text of a page. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { socialTags } from '../../web/install.mjs';
import { GROUPS, PAGES } from './pages.mjs';
import { site } from './places.mjs';

const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; img-src 'self' blob: data:; style-src 'self'; object-src 'none'; base-uri 'none'";
const VIEWS = ['Text', 'Continue', 'Pictures', 'Models'];

/** The address of the site, if its page was built with one. */
const addressOfPage = () => readFileSync(join(site, 'index.html'), 'utf8').match(/<meta property="og:url" content="([^"]*)"/)?.[1] ?? null;

const plain = (/** @type {string} */ html) => html.replace(/<a class="anchor".*?<\/a>/g, '').replace(/<[^>]*>/g, '').trim();

/** The headings of a page down to a level. */
const headings = (/** @type {string} */ html, /** @type {2 | 3} */ deepest) =>
  [...html.matchAll(new RegExp(`<h([2-${deepest}]) id="([^"]*)"[^>]*>([\\s\\S]*?)</h\\1>`, 'g'))].map(([, level, id, inside]) => ({ level, id, text: plain(inside) }));

function contents(/** @type {string} */ name) {
  const link = (/** @type {{ name: string, title: string }} */ page) => `<li><a href="${page.name}.html"${page.name === name ? ' aria-current="page"' : ''}>${page.title}</a></li>`;
  return GROUPS.map((group) => `<h2>${group.title}</h2>\n<ul>${group.pages.map(link).join('\n')}</ul>`).join('\n');
}

/** The list of headings; for references every name too. */
function onThisPage(/** @type {string} */ html, /** @type {boolean} */ broad) {
  const found = headings(html, broad ? 3 : 2);
  if (found.length < 3) return '';
  const items = found.map(({ level, id, text }, i) => {
    const deeper = Number(found[i + 1]?.level ?? 2) - Number(level);
    return `<li><a href="#${id}">${text}</a>${deeper > 0 ? '<ul>' : '</li>'}${deeper < 0 ? '</ul></li>' : ''}`;
  });
  return `<details class="here"><summary>On this page</summary><nav aria-label="On this page"><ul>${items.join('\n')}</ul></nav></details>`;
}

function neighbours(/** @type {string} */ name) {
  const at = PAGES.findIndex((page) => page.name === name);
  const link = (/** @type {number} */ i, /** @type {string} */ rel, /** @type {string} */ word) =>
    PAGES[i] ? `<a rel="${rel}" href="${PAGES[i].name}.html"><span>${word}</span> ${PAGES[i].title}</a>` : '<span></span>';
  return `<nav class="turn" aria-label="Neighbouring pages">${link(at - 1, 'prev', 'Before')}${link(at + 1, 'next', 'Next')}</nav>`;
}

/** @param {{ name: string, title: string, body: string, description: string, broad: boolean }} page */
export function layout({ name, title, body, description, broad }) {
  const address = addressOfPage();
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${title}${name === 'index' ? '' : ' – Palimpsest'}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="description" content="${description.replaceAll('"', '&quot;')}">
<meta name="color-scheme" content="light dark">
<meta name="theme-color" content="#f5eee0" media="(prefers-color-scheme: light)">
<meta name="theme-color" content="#1b1714" media="(prefers-color-scheme: dark)">
${address ? `${socialTags(address, { title: `${title} – Palimpsest`, description, path: `docs/${name}.html` })}\n` : ''}<link rel="icon" href="assets/favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="assets/documents.css">
<script type="module" src="assets/documents.js"></script>
</head>
<body>
<a class="skip" href="#content">Skip to the text</a>
<header class="masthead">
<p class="name"><a href="../index.html">Palimpsest</a></p>
<nav aria-label="Views">${VIEWS.map((view) => `<a href="../index.html#${view.toLowerCase()}">${view}</a>`).join('\n')}
<a href="index.html" aria-current="true">Documents</a></nav>
<search class="search" hidden><label for="search">Search the documents</label>
<input id="search" type="search" placeholder=" " autocomplete="off" spellcheck="false" role="combobox" aria-expanded="false" aria-controls="found" aria-autocomplete="list">
<div id="found" role="listbox" aria-label="Found" hidden></div><p id="search-status" class="unseen" role="status"></p></search>
<a class="to-contents" href="#contents">All pages</a>
</header>
<div class="book${broad ? ' broad' : ''}">
<main id="content" tabindex="-1">
${onThisPage(body, broad)}
<article>${body}</article>
${neighbours(name)}
</main>
<nav id="contents" class="contents" aria-label="Documents">
${contents(name)}
</nav>
</div>
</body>
</html>
`;
}
