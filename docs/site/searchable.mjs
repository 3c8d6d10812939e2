// @ts-check
/* What the search knows: each section of each page, as text. */

/** @type {Record<string, string>} */
const ENTITIES = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"' };
const plain = (/** @type {string} */ html) =>
  html.replace(/<a class="anchor".*?<\/a>/g, '').replace(/<\/(td|th|li|p|pre|h\d)>/g, ' ').replace(/<[^>]*>/g, '').replace(/&\w+;/g, (entity) => ENTITIES[entity] ?? ' ').replace(/\s+/g, ' ').trim();

/** @param {{ name: string, content: string }[]} pages */
export const searchable = (pages) =>
  pages.flatMap(({ name, content }) => {
    const body = content.match(/<article>([\s\S]*)<\/article>/)?.[1] ?? '';
    const pieces = body.split(/(?=<h[1-3] id=)/).filter((piece) => piece.startsWith('<h'));
    const page = plain(pieces[0].match(/<h1[^>]*>([\s\S]*?)<\/h1>/)?.[1] ?? '');
    return pieces.map((piece) => {
      const [, level, id, title, text] = piece.match(/^<h(\d) id="([^"]*)"[^>]*>([\s\S]*?)<\/h\1>([\s\S]*)$/) ?? [];
      return { at: level === '1' ? name : `${name}#${id}`, page, title: plain(title), text: plain(text) };
    });
  });
