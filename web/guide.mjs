/* The screens of the guide, rendered into index.html when the page is built.  Their text is that of docs/how-it-works.md. */
import { readFile } from 'node:fs/promises';
import markdownIt from 'markdown-it';
import { fromPage, screens } from '../docs/site/guide.mjs';

const markdown = markdownIt({ html: true });
const { rules } = markdown.renderer;
rules.link_open = (tokens, at, options, env, self) => {
  tokens[at].attrSet('href', fromPage(tokens[at].attrGet('href') ?? ''));
  return self.renderToken(tokens, at, options);
};
rules.table_open = () => '<div class="wide-table" tabindex="0" role="group" aria-label="Table"><table>';
rules.table_close = () => '</table></div>';
rules.th_open = () => '<th scope="col">';

function screen({ title, text }, i, all) {
  return `<article id="screen-${i + 1}" class="screen" aria-labelledby="screen-${i + 1}-title" data-part="guide-${i + 1}" hidden>
<p class="note">${i + 1} of ${all.length}</p>
<h3 id="screen-${i + 1}-title" tabindex="-1">${markdown.renderInline(title)}</h3>
${markdown.render(text)}</article>`;
}

const MARK = '<!-- the guide -->';

/** A plugin of Vite that puts the screens into index.html.  `source`: path of how-it-works.md. */
export function guide(source) {
  const handler = async (html) => {
    if (!html.includes(MARK)) throw new Error(`index.html has no line ${MARK}`);
    const all = screens(await readFile(source, 'utf8')).map(screen).join('\n');
    return html.replace(MARK, () => all);
  };
  return { name: 'guide', transformIndexHtml: { order: 'pre', handler } };
}
