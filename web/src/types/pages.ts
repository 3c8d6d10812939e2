/** Pages with blanks. */
import type { InfillSettings, Sampler } from '../options.ts';

/** Options of escape(). */
export interface EscapeOptions {
  /** A blank directly follows the text (default false). */
  beforeBlank?: boolean;
}

/** A token at a place of a blank that is kept instead of drawn: blank and place are counted from 0. */
export interface Pin {
  /** Number of the blank in the page, from 0. */
  blank: number;
  /** Place within the blank, from 0. */
  index: number;
  /** Id of the token. */
  id: number;
}

/** Options of Model.infill(). */
export interface InfillOptions extends InfillSettings {
  /** Tokens that are kept instead of drawn. */
  pins?: readonly Pin[];
  /** Stops between two steps; the model stays usable. */
  signal?: AbortSignal;
}

/** Another token for a place, with its probability. */
export interface Alternative {
  /** Id of the token. */
  id: number;
  /** As it would be in the text: with a space before it if it begins a word and the space is not given text. */
  text: string;
  /** Its probability where it was drawn. */
  probability: number;
  /** With this alternative the blank ends here. */
  empty: boolean;
}

/** One place of a blank. */
export interface PageToken {
  /** Number of the blank in the page, from 0. */
  blank: number;
  /** Place within the blank, from 0. */
  index: number;
  /** null while the place is open.  With uniform noise (`sedd`) an open place has a token too, which can change until the
   *  last step. */
  id: number | null;
  /** As in the page; `''` if the place is empty, or open and without a token. */
  text: string;
  /** Whether no token is here yet, or with uniform noise only one that can still change. */
  open: boolean;
  /** The place is after the end of a blank of free length. */
  empty: boolean;
  /** Whether it is pinned. */
  pinned: boolean;
  /** Step in which it was revealed, from 1; 0 if pinned; null while open. */
  step: number | null;
  /** Revealed by the latest step. */
  fresh: boolean;
  /** Its probability when it was drawn, at temperature 1 and before truncation; 1 if pinned. */
  probability: number;
  /** The most probable tokens in the evaluation that revealed it, most probable first. */
  alternatives: Alternative[];
}

/** A part of the displayed page: a piece of given text, or one place. */
export interface PagePart {
  /** The text. */
  text: string;
  /** Index into Page.tokens; absent for given text. */
  token?: number;
}

/** A page after a step. */
export interface Page {
  /** The text so far; open places are written as blanks, so that it is a valid page. */
  text: string;
  /** The page for display: given text unescaped, revealed tokens, open places as empty parts. */
  parts: PagePart[];
  /** All places of all blanks, in order. */
  tokens: PageToken[];
  /** Steps so far. */
  step: number;
  /** Total number of time steps; null if the sampler has none. */
  steps: number | null;
  /** Evaluations of the network. */
  evaluations: number;
  /** Number of open places. */
  open: number;
  /** Whether no place is open. */
  done: boolean;
  /** Number of tokens that the network sees at once, at most (`shown`), and of tokens in the page (`total`).  `windowed`:
   *  the page is longer, so the probabilities are those in its `windows`, the parts in which it is filled. */
  shown: number;
  /** Number of places of the whole page. */
  total: number;
  /** Whether the page is filled in windows. */
  windowed: boolean;
  /** Number of windows. */
  windows: number;
}

/** A filled page, and how it was filled. */
export interface InfillResult extends Page {
  /** The seed, given or drawn: the same seed gives the same result. */
  seed: number | bigint;
  /** Number of the draft. */
  draft: number;
  /** The sampler that ran. */
  sampler: Sampler;
  /** Seconds of computing. */
  seconds: number;
  /** Instruction set of the engine that ran. */
  isa: string;
  /** Number of threads. */
  threads: number;
}

/** A page being filled.  Iterate over it to get the page after every step, or await result().  Leaving the loop stops the
 *  work. */
export interface Infill extends AsyncIterable<Page>, PromiseLike<InfillResult> {
  /** The filled page; the same as awaiting the run itself. */
  result(): Promise<InfillResult>;
}
