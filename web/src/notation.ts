/** Reads blanks as people type them, such as `___` or `[MASK]`, and writes them in the strict notation, which the engine
 *  reads: `[[4]]`, `[[3-8]]`, `[[?]]`.  Nothing is lost: what is not a blank is text, and what looks like a blank but cannot be
 *  one is text too, and is reported with its place. */
import { escape } from './values.ts';

/** `typed`: all blanks that this module knows; `strict`: only those of the engine. */
export type Notation = 'typed' | 'strict';

/** Options of understand(). */
export interface NotationOptions {
  /** Which blanks are read (default `typed`). */
  notation?: Notation;
  /** Max. length of a blank in tokens (default 9999).  A blank that is longer is reported and stays text. */
  longest?: number;
  /** Whether the model can choose lengths (default true).  If not, blanks that name no length get a fixed one. */
  free?: boolean;
}

/** How a blank was typed. */
export type BlankForm =
  | 'brackets' // [[4]], [[3–8]], [[]]
  | 'underscores' // ___
  | 'dots' // ... or …
  | 'mask'; // [MASK] or <mask>

/** A part of the text that is not a blank. */
export interface TextPiece {
  /** What it is. */
  kind: 'text';
  /** Where it begins in the typed text. */
  start: number;
  /** Where it ends in the typed text. */
  end: number;
  /** Where it begins in the strict text. */
  at: number;
  /** The text itself, without escapes. */
  text: string;
}

/** A blank. */
export interface BlankPiece {
  /** What it is. */
  kind: 'blank';
  /** Where it begins in the typed text. */
  start: number;
  /** Where it ends in the typed text. */
  end: number;
  /** Where it begins in the strict text. */
  at: number;
  /** How it was typed. */
  form: BlankForm;
  /** As it was typed. */
  typed: string;
  /** In the strict notation. */
  strict: string;
  /** Min. and max. length in tokens; null: the model chooses freely. */
  length: { min: number; max: number } | null;
}

/** Why something is text although it looks like a blank. */
export type ProblemKind =
  | 'length' // what is between the brackets is not a length
  | 'zero' // a blank of no token
  | 'long' // a blank of more tokens than `longest`
  | 'open' // brackets that are not closed
  | 'touching'; // underscores beside a letter

/** Something that looks like a blank, but is read as text. */
export interface Problem {
  /** Where it begins in the typed text. */
  start: number;
  /** Where it ends in the typed text. */
  end: number;
  /** As it was typed. */
  typed: string;
  /** Why it is not a blank. */
  kind: ProblemKind;
  /** A sentence for the person who typed it: what is wrong, and what to write instead. */
  message: string;
}

/** A text as it was understood. */
export interface Understood {
  /** The text in the strict notation, for Model.infill(). */
  strict: string;
  /** All text and all blanks, in their order.  Two texts never follow each other. */
  pieces: (TextPiece | BlankPiece)[];
  /** What looks like a blank and is not; it is in `pieces` as text. */
  problems: Problem[];
}

// Backslashes, then something that may be a blank.  The look-behind keeps the search linear in long runs of backslashes.
const TYPED = /(?<!\\)(\\*)(?:([[［]{2,})|([_＿]{2,})|(\.{3,}|…)|(\[mask\]|<mask>))/gi;
const STRICT = /(?<!\\)(\\*)(\[{2,})/g;
const INSIDE = /([^[\]［］\\\n]{0,40}?)[\]］]{2}/y;
const INSIDE_STRICT = /([^[\]\\\n]{0,40}?)\]\]/y;
const RANGE = /^(\d{1,6})(?:\s*(?:[-‐‑‒–—−~〜]|\.\.)\s*(\d{1,6}))?$/;
const STRICT_RANGE = /^(\d{1,6})(?:-(\d{1,6}))?$/;

/** Lengths of the blanks that name none: as a range, and for models that cannot choose. */
const USUAL = {
  word: { min: 1, max: 2, fixed: 1 },
  words: { min: 2, max: 6, fixed: 3 },
  many: { min: 4, max: 12, fixed: 8 },
} as const;
/** Underscores from which a run stands for several words, and for many. */
const WORDS = 6;
const MANY = 12;

/** Reads a text with blanks as people type them.
 *
 *      const { strict, problems } = understand('Once there was a ___ who lived in [MASK] [[3–8]].');
 *      await model.infill(strict);
 *
 *  A backslash before a blank makes it text: `\___`, `\[MASK]`, `\[[`.  Before a blank, `\\` is one backslash. */
export function understand(text: string, options: NotationOptions = {}): Understood {
  const reader = new Reader(text, options);
  reader.read();
  return reader.understood();
}

/** The typed text with a backslash at a problem, so that it is text and no longer reported. */
export function keepAsText(text: string, problem: Pick<Problem, 'start'>): string {
  return `${text.slice(0, problem.start)}\\${text.slice(problem.start)}`;
}

/** The place in the typed text of a place in the strict text, such as the offset of an error. */
export function placeInTyped({ pieces }: Understood, offset: number): number {
  return pieces.filter(({ at }) => at <= offset).at(-1)?.start ?? 0;
}

type Length = BlankPiece['length'];
type Read = { length: Length } | { problem: ProblemKind };

class Reader {
  readonly #text: string;
  readonly #strict: boolean;
  readonly #longest: number;
  readonly #free: boolean;
  readonly #pieces: (TextPiece | BlankPiece)[] = [];
  readonly #problems: Problem[] = [];
  #given = '';
  /** Start of the text that is being collected, and the end of what was read. */
  #from = 0;
  #end = 0;

  constructor(text: string, { notation = 'typed', longest = 9999, free = true }: NotationOptions) {
    this.#text = text;
    this.#strict = notation === 'strict';
    this.#longest = longest;
    this.#free = free;
  }

  read(): void {
    const find = new RegExp(this.#strict ? STRICT : TYPED);
    for (let match; (match = find.exec(this.#text)); find.lastIndex = this.#end) {
      const [whole, slashes = '', brackets, underscores, dots, mask] = match;
      const start = match.index + slashes.length;
      if (brackets) this.#brackets(match.index, slashes, brackets.length);
      else if (underscores) this.#underscores(start, slashes, underscores);
      else if (dots) this.#dots(start, slashes, dots);
      else this.#item(start, slashes, mask!, 'mask', { length: { min: 1, max: 1 } });
      if (!brackets) this.#take(match.index + whole.length); // nothing is left to take, unless it was no blank
    }
    this.#take(this.#text.length);
  }

  understood(): Understood {
    this.#close(this.#text.length);
    let strict = '';
    this.#pieces.forEach((piece, i) => {
      piece.at = strict.length;
      strict += piece.kind === 'blank' ? piece.strict : escape(piece.text, i + 1 < this.#pieces.length);
    });
    return { strict, pieces: this.#pieces, problems: this.#problems };
  }

  // ---- what may be a blank

  /** The last two brackets of a run open the blank; those before them are text. */
  #brackets(at: number, slashes: string, count: number): void {
    const first = at + slashes.length;
    this.#take(at);
    this.#given += '\\'.repeat(slashes.length >> 1);
    if (slashes.length % 2) {
      this.#end = first;
      return this.#take(first + 2);
    }
    const start = first + count - 2;
    this.#end = first;
    this.#take(start);
    const inside = new RegExp(this.#strict ? INSIDE_STRICT : INSIDE);
    inside.lastIndex = start + 2;
    const found = inside.exec(this.#text);
    const read: Read = found ? this.#lengthOf(found[1]!) : { problem: 'open' };
    this.#put(start, found ? inside.lastIndex : start + 2, 'brackets', read);
  }

  #underscores(start: number, slashes: string, run: string): void {
    const touches = this.#touches(start - slashes.length - 1, start + run.length);
    // Two of them beside a letter are usual in names of programs.
    if (touches && run.length < 3) return;
    const usual = run.length < WORDS ? USUAL.word : run.length < MANY ? USUAL.words : USUAL.many;
    this.#item(start, slashes, run, 'underscores', touches ? { problem: 'touching' } : this.#usual(usual));
  }

  #dots(start: number, slashes: string, run: string): void {
    const isSpace = (at: number) => at < 0 || at >= this.#text.length || /\s/.test(this.#text[at]!);
    if (!isSpace(start - slashes.length - 1) || !isSpace(start + run.length)) return;
    this.#item(start, slashes, run, 'dots', this.#usual(USUAL.words));
  }

  /** A blank, a problem, or either with a backslash before it. */
  #item(start: number, slashes: string, typed: string, form: BlankForm, read: Read): void {
    this.#take(start - slashes.length);
    this.#given += '\\'.repeat(slashes.length >> 1);
    this.#end = start;
    if (slashes.length % 2) this.#take(start + typed.length);
    else this.#put(start, start + typed.length, form, read);
  }

  /** Whether there is a letter or a digit on either side.  Scripts without spaces between words are left out. */
  #touches(before: number, after: number): boolean {
    const isLow = (at: number) => /[\udc00-\udfff]/.test(this.#text[at] ?? '');
    const left = this.#text.slice(isLow(before) ? before - 1 : Math.max(0, before), before + 1);
    const right = String.fromCodePoint(this.#text.codePointAt(after) ?? 32);
    return [left, right].some((one) => /[\p{L}\p{N}\p{M}]/u.test(one) && !WITHOUT_SPACES.test(one));
  }

  #usual({ min, max, fixed }: { min: number; max: number; fixed: number }): Read {
    return { length: this.#free ? { min, max } : { min: fixed, max: fixed } };
  }

  /** The length that brackets hold. */
  #lengthOf(inside: string): Read {
    const plain = this.#strict ? inside : inside.normalize('NFKC').trim();
    if (plain === '?' || (!this.#strict && /^(\?*|_+|\.{3,})$/.test(plain))) return this.#free || this.#strict ? { length: null } : this.#usual(USUAL.word);
    if (!this.#strict && /^mask$/i.test(plain)) return { length: { min: 1, max: 1 } };
    const [, first, second = first] = (this.#strict ? STRICT_RANGE : RANGE).exec(plain) ?? [];
    if (first === undefined) return { problem: 'length' };
    const [a, b] = [Number(first), Number(second)];
    if (this.#strict && b < a) return { problem: 'length' };
    const [min, max] = a < b ? [a, b] : [b, a];
    return min < 1 ? { problem: 'zero' } : max > this.#longest ? { problem: 'long' } : { length: { min, max } };
  }

  // ---- writing pieces

  /** Adds the text up to `end` as it is. */
  #take(end: number): void {
    this.#given += this.#text.slice(this.#end, end);
    this.#end = Math.max(this.#end, end);
  }

  #close(end: number): void {
    if (this.#given) this.#pieces.push({ kind: 'text', start: this.#from, end, at: 0, text: this.#given });
    this.#given = '';
    this.#from = end;
  }

  #put(start: number, end: number, form: BlankForm, read: Read): void {
    const typed = this.#text.slice(start, end);
    if ('problem' in read) {
      this.#problems.push({ start, end, typed, kind: read.problem, message: this.#message(read.problem) });
      // Only the brackets are taken, because what follows them may hold a blank of another form.
      return this.#take(form === 'brackets' ? start + 2 : end);
    }
    this.#close(start);
    const { length } = read;
    const strict = length ? `[[${length.min}${length.max > length.min ? `-${length.max}` : ''}]]` : '[[?]]';
    this.#pieces.push({ kind: 'blank', start, end, at: 0, form, typed, strict, length });
    this.#from = this.#end = end;
  }

  #message(kind: ProblemKind): string {
    if (kind === 'touching') return 'Underscores are a blank only between spaces or punctuation. Beside a letter write [[1]] for a blank of one token.';
    if (kind === 'open') return 'A blank in double brackets is closed by ]] right after its length.';
    if (kind === 'zero') return 'A blank is at least 1 token long.';
    if (kind === 'long') return `A blank is at most ${this.#longest} tokens long.`;
    return 'A blank in double brackets holds a number, two numbers with a dash, or a question mark.';
  }
}

/** Scripts that are written without spaces between words. */
const WITHOUT_SPACES = /[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Thai}\p{scx=Lao}\p{scx=Khmer}\p{scx=Myanmar}]/u;
