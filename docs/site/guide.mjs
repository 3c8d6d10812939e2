// @ts-check
/* The guide of the page is the first part of docs/how-it-works.md: each of its sections of level 2 is a screen.  What is
 * between the comments `only in the document` and `both`, and blocks of code, are left out there. */

/** @typedef {{ title: string, text: string }} Screen  text: Markdown */

const END = '<!-- end of the guide -->';
const ONLY_DOCUMENT = /<!-- only in the document -->[\s\S]*?<!-- both -->/g;
const CODE = /^```[\s\S]*?^```$/gm;

/** @returns {Screen[]} the screens in order */
export function screens(/** @type {string} */ document) {
  const [guide, rest] = document.split(END);
  if (rest === undefined) throw new Error('how-it-works.md does not say where the guide ends');
  return guide.split(/^## /m).slice(1).map((section) => {
    const [title, ...lines] = section.split('\n');
    return { title: title.trim(), text: lines.join('\n').replace(ONLY_DOCUMENT, '').replace(CODE, '').trim() };
  });
}

/** The address of a link of docs/how-it-works.md, seen from the page. */
export function fromPage(/** @type {string} */ href) {
  const [path, hash] = href.split('#');
  const name = path.replace(/^(\.\.\/)+/, '').replace(/\.md$/, '').toLowerCase();
  return /^https?:/.test(href) ? href : `docs/${name || 'how-it-works'}.html${hash ? `#${hash}` : ''}`;
}
