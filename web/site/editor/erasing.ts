/** Erases words of a typed text: they become blanks, which remember what they replaced.  Pure functions. */
import { understand, type BlankPiece, type TextPiece, type Understood } from '../../src/notation.ts';

/** What a blank replaced. */
export interface Scraped {
  /** As it was typed. */
  typed: string;
  /** Backslashes before it that were doubled, because they are before a blank now. */
  slashes: number;
}

/** A typed text, and what each of its blanks replaced; null for blanks that were typed. */
export interface PageText {
  typed: string;
  scraped: readonly (Scraped | null)[];
}

/** A word in the text of a piece. */
export interface Word {
  /** Number of the piece. */
  piece: number;
  /** Where it begins and ends in the piece's text. */
  from: number;
  to: number;
}

type Piece = TextPiece | BlankPiece;

export const NO_TEXT: PageText = { typed: '', scraped: [] };

const WORD = /[\p{L}\p{N}\p{M}]+(?:['’][\p{L}\p{N}\p{M}]+)*/gu;
const segmenter = 'Segmenter' in Intl ? new Intl.Segmenter(undefined, { granularity: 'word' }) : null;

/** The time of the segmenter grows with the square of the length, so it gets what is between spaces, and not more than this. */
const RUN = /\S{1,400}/g;
const PLAIN = /^[A-Za-z]+$/;
const MOST_KNOWN = 1000;

type Range = [from: number, to: number];
/** A page is drawn more often than its text changes. */
const known = new Map<string, readonly Range[]>();

/** Where the words of a text are: [from, to] each. */
export function wordsOf(text: string): readonly Range[] {
  let words = known.get(text);
  if (!words) {
    if (known.size >= MOST_KNOWN) known.clear();
    words = segmenter ? [...text.matchAll(RUN)].flatMap(({ 0: run, index }) => wordsIn(run, index)) : [...text.matchAll(WORD)].map(({ 0: word, index }): Range => [index, index + word.length]);
    known.set(text, words);
  }
  return words;
}

function wordsIn(run: string, at: number): Range[] {
  if (!segmenter || PLAIN.test(run)) return [[at, at + run.length]];
  return [...segmenter.segment(run)].filter((one) => one.isWordLike).map(({ index, segment }) => [at + index, at + index + segment.length]);
}

/** The text of all words from one to another, with blanks between them as they were typed. */
export function textBetween({ pieces }: Understood, first: Word, last: Word): string {
  const parts = pieces.slice(first.piece, last.piece + 1).map((piece) => (piece.kind === 'text' ? piece.text : ''));
  parts[parts.length - 1] = parts.at(-1)!.slice(0, last.to);
  parts[0] = parts[0]!.slice(first.from);
  return parts.join('');
}

/** Text so that no part of it is read as a blank. */
export function asTyped(text: string): string {
  const { pieces, problems } = understand(text);
  const found = [...pieces.filter(({ kind }) => kind === 'blank'), ...problems].map(({ start }) => start).sort((a, b) => b - a);
  for (const start of found) {
    const slashes = /\\*$/.exec(text.slice(0, start))![0].length;
    text = `${text.slice(0, start)}${'\\'.repeat(slashes + 1)}${text.slice(start)}`;
  }
  return text;
}

/** The typed form of a part of a piece's text. */
function typedPart(typed: string, piece: Piece, from: number, to: number): string {
  if (piece.kind === 'blank') return '';
  const isPlain = piece.end - piece.start === piece.text.length;
  return isPlain ? typed.slice(piece.start + from, piece.start + to) : asTyped(piece.text.slice(from, to));
}

const numberOfBlanks = (pieces: readonly Piece[]): number => pieces.filter(({ kind }) => kind === 'blank').length;

/** Replaces the words from `first` to `last` by a blank; `inside` is what its brackets hold. */
export function erase(page: PageText, understood: Understood, first: Word, last: Word, inside: string): PageText {
  const { typed, scraped } = page;
  const { pieces } = understood;
  const [a, b] = [pieces[first.piece]!, pieces[last.piece]!];
  const length = b.kind === 'text' ? b.text.length : 0;
  const head = typed.slice(0, a.start) + typedPart(typed, a, 0, first.from);
  const tail = typedPart(typed, b, last.to, length) + typed.slice(b.end);
  const gone =
    first.piece === last.piece
      ? typedPart(typed, a, first.from, last.to)
      : typedPart(typed, a, first.from, a.kind === 'text' ? a.text.length : 0) + typed.slice(a.end, b.start) + typedPart(typed, b, 0, last.to);
  const slashes = /\\*$/.exec(head)![0].length;
  const before = numberOfBlanks(pieces.slice(0, first.piece));
  const inBetween = numberOfBlanks(pieces.slice(first.piece, last.piece + 1));
  return {
    typed: `${head}${'\\'.repeat(slashes)}[[${inside}]]${tail}`,
    scraped: [...scraped.slice(0, before), { typed: gone, slashes }, ...scraped.slice(before + inBetween)],
  };
}

const blankOf = (understood: Understood, blank: number): BlankPiece | undefined =>
  understood.pieces.filter((piece) => piece.kind === 'blank')[blank];

/** Gives a blank another length; `inside` is what its brackets hold. */
export function setLength({ typed, scraped }: PageText, understood: Understood, blank: number, inside: string): PageText {
  const piece = blankOf(understood, blank);
  return piece ? { typed: `${typed.slice(0, piece.start)}[[${inside}]]${typed.slice(piece.end)}`, scraped } : { typed, scraped };
}

/** Puts back what a blank replaced, or removes a blank that was typed. */
export function putBack(page: PageText, understood: Understood, blank: number): PageText {
  const piece = blankOf(understood, blank);
  if (!piece) return page;
  const { typed, slashes } = page.scraped[blank] ?? { typed: '', slashes: 0 };
  const restored = understand(typed).pieces.filter(({ kind }) => kind === 'blank');
  return {
    typed: page.typed.slice(0, piece.start - slashes) + typed + page.typed.slice(piece.end),
    scraped: [...page.scraped.slice(0, blank), ...restored.map(() => null), ...page.scraped.slice(blank + 1)],
  };
}

/** The same text typed anew: blanks that stand before or after all changes keep what they replaced. */
export function retype(page: PageText, typed: string): PageText {
  if (typed === page.typed) return page;
  const [old, now] = [page.typed, typed].map((text) => understand(text).pieces.filter((piece): piece is BlankPiece => piece.kind === 'blank'));
  if (!old || !now) return { typed, scraped: [] };
  let same = 0;
  while (same < Math.min(typed.length, page.typed.length) && typed[same] === page.typed[same]) same++;
  let late = 0;
  while (late < Math.min(typed.length, page.typed.length) - same && typed.at(-1 - late) === page.typed.at(-1 - late)) late++;
  const before = now.filter(({ end }) => end <= same).length;
  const after = now.filter(({ start }) => start >= typed.length - late).length;
  const middle = Math.max(0, now.length - before - after);
  return {
    typed,
    scraped: [...page.scraped.slice(0, before), ...Array<null>(middle).fill(null), ...page.scraped.slice(old.length - after, old.length)].slice(0, now.length),
  };
}

/** About how many tokens a text has, before a model can say it. */
export const guessTokens = (text: string): number => Math.max(1, Math.round(wordsOf(text).reduce((sum, [from, to]) => sum + Math.max(1, (to - from) / 5), 0)));
