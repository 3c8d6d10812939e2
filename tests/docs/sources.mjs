// @ts-check
/* The Markdown that people read, and the blocks of code in it. */
import { readFileSync, readdirSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { root } from '../../docs/site/places.mjs';

/** Paths of all documents; models/about holds parts of the cards. */
export const sources = ['.', 'docs', 'models', 'tools', 'web'].flatMap((folder) => markdownIn(folder, folder !== '.')).sort();
/** @returns {string[]} */
function markdownIn(/** @type {string} */ folder, /** @type {boolean} */ deep) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const name = normalize(join(folder, entry.name));
    if (entry.isDirectory()) return deep && entry.name !== 'node_modules' && name !== 'models/about' ? markdownIn(name, true) : [];
    return name.endsWith('.md') ? [name] : [];
  });
}

export const read = (/** @type {string} */ source) => readFileSync(join(root, source), 'utf8');

/** @typedef {{ source: string, line: number, language: string, words: string[], code: string, output: string | null }} Block
 *  words: what follows the language; output: the block of language `text` that directly follows */

/** @returns {Block[]} */
export function blocks() {
  return sources.flatMap((source) => {
    const text = read(source);
    const found = [...text.matchAll(/^```(\w*)([^\n`]*)\n([\s\S]*?)^```$/gm)].map((match) => ({
      at: match.index, end: match.index + match[0].length, language: match[1], words: match[2].split(' ').filter(Boolean), code: match[3],
    }));
    return found.map((block, i) => {
      const next = found[i + 1];
      const output = next?.language === 'text' && text.slice(block.end, next.at).trim() === '' ? next.code : null;
      return { source, line: text.slice(0, block.at).split('\n').length, language: block.language, words: block.words, code: block.code, output };
    });
  });
}
