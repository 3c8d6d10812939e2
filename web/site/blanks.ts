/** Reads the notation of blanks, so that the page can show blanks while the user types, before the engine has read the text. */

export interface Blank {
  least: number;
  most: number;
}

/** Given text, unescaped, or a blank. */
export type Piece = string | Blank;

// Pairs of backslashes; then an escaped `[[`, or several brackets, the last two of which open a blank.
const BLANK = /((?:\\\\)*)(?:(\\)\[\[|(\[*)\[\[(?:(\?|\d{1,4}(?:-\d{1,4})?)\]\])?)/g;

/** The pieces of a text.  A wrong blank is shown as it is written; the engine reports the error. */
export function pieces(text: string, free: Blank): Piece[] {
  const found: Piece[] = [];
  let given = '';
  let end = 0;
  for (const match of text.matchAll(BLANK)) {
    const [whole, slashes = '', escaped, brackets = '', inside] = match;
    given += text.slice(end, match.index) + '\\'.repeat(slashes.length >> 1) + brackets;
    end = match.index + whole.length;
    const blank = inside === undefined ? null : read(inside, free);
    if (escaped) given += '[[';
    else if (!blank) given += whole.slice(slashes.length + brackets.length);
    else {
      if (given) found.push(given);
      found.push(blank);
      given = '';
    }
  }
  given += text.slice(end);
  if (given) found.push(given);
  return found;
}

function read(inside: string, free: Blank): Blank | null {
  if (inside === '?') return free;
  const [least = 0, most = least] = inside.split('-').map(Number);
  return least >= 1 && most >= least && most <= 512 ? { least, most } : null;
}

export const isBlank = (piece: Piece): piece is Blank => typeof piece !== 'string';

/** Whether there is nothing to fill: no blank, and nothing that the engine would report as a wrong blank. */
export function nothingToFill(text: string): boolean {
  for (const [, , escaped] of text.matchAll(BLANK)) if (!escaped) return false;
  return true;
}
