/* What a browser needs to install the page as a program, and what other programs show of a link to it.
 *
 * Every address in the manifest is relative, so the site works in any folder of any host.  Open Graph needs whole addresses,
 * so its tags are written only if the address of the site is given (tools/package --url). */
import { copyFile, cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const DESCRIPTION = 'Scrape a word out of a text, and a small language model writes it again: in your browser, without a server, also offline.';
const PICTURE_TEXT = 'A page of text on parchment; some of its words have been scraped off and written again in red.';

/** Width and height in the header of a PNG file. */
async function sizeOf(path) {
  const head = await readFile(path);
  return { width: head.readUInt32BE(16), height: head.readUInt32BE(20) };
}

/** Writes the manifest, its icons (web/site/icons) and its screenshots (docs) into the site. */
export async function installable(site, root) {
  await cp(join(root, 'web/site/icons'), join(site, 'icons'), { recursive: true, filter: (path) => !path.endsWith('share.png') });
  await mkdir(join(site, 'screenshots'), { recursive: true });
  const screenshots = [];
  for (const [name, form_factor, label] of [['page', 'wide', 'A story whose blanks were filled'], ['pictures', 'wide', 'Four samplers draw the same emoji'], ['phone', 'narrow', 'Alternatives of a word']]) {
    const { width, height } = await sizeOf(join(root, `docs/${name}.png`));
    await copyFile(join(root, `docs/${name}.png`), join(site, `screenshots/${name}.png`));
    screenshots.push({ src: `screenshots/${name}.png`, sizes: `${width}x${height}`, type: 'image/png', form_factor, label });
  }
  const icon = (file, size, purpose = 'any') => ({ src: `icons/${file}-${size}.png`, sizes: `${size}x${size}`, type: 'image/png', purpose });
  const shortcut = (name, description) => ({ name, description, url: `./#${name.toLowerCase()}` });
  const manifest = {
    name: 'Palimpsest',
    short_name: 'Palimpsest',
    description: DESCRIPTION,
    lang: 'en',
    dir: 'ltr',
    start_url: './',
    scope: './',
    display: 'standalone',
    background_color: '#f5eee0',
    theme_color: '#f5eee0',
    categories: ['productivity', 'education', 'entertainment'],
    icons: [icon('icon', 192), icon('icon', 512), icon('maskable', 192, 'maskable'), icon('maskable', 512, 'maskable')],
    screenshots,
    shortcuts: [shortcut('Text', 'Blanks in a text are filled'), shortcut('Continue', 'A text is continued'), shortcut('Pictures', 'Pictures are drawn from noise')],
  };
  await writeFile(join(site, 'manifest.webmanifest'), JSON.stringify(manifest, null, 1));
}

/** The address of the folder of the site; throws a sentence if it is none. */
export function addressOfSite(text) {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash || url.username) throw new Error(`--url needs the address of the site, such as https://example.org/palimpsest/, not ${text}`);
  url.pathname = url.pathname.replace(/(\/index\.html)?\/*$/, '/');
  return url.href;
}

/** Texts of documents have entities already. */
const escaped = (text) => text.replace(/&(?!\w+;)/g, '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');

/** Open Graph tags of a page.  `path`: its address in the site. */
export function socialTags(site, { title = 'Palimpsest: scrape a word and write it again', description = DESCRIPTION, path = '' } = {}) {
  const picture = new URL('share.png', site).href;
  const tags = { type: 'website', site_name: 'Palimpsest', title, description, url: new URL(path, site).href, image: picture, 'image:type': 'image/png', 'image:width': '1200', 'image:height': '630', 'image:alt': PICTURE_TEXT };
  return [
    `<link rel="canonical" href="${escaped(tags.url)}">`,
    ...Object.entries(tags).map(([name, value]) => `<meta property="og:${name}" content="${escaped(value)}">`),
    '<meta name="twitter:card" content="summary_large_image">',
  ].join('\n');
}

/** Writes the tags and the picture into the built page. */
export async function shareable(site, root, url) {
  await copyFile(join(root, 'web/site/icons/share.png'), join(site, 'share.png'));
  const page = join(site, 'index.html');
  await writeFile(page, (await readFile(page, 'utf8')).replace('</head>', () => `${socialTags(url)}\n</head>`));
}
