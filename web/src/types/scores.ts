/** Scores and surprise of texts. */
import type { InfillSettings, ScoreSettings } from '../options.ts';

/** How a text is scored: exactly (causal models), or by an order of places. */
export type ScoreMethod = 'exact' | 'bound' | 'margin' | 'entropy' | 'confidence';

/** How far a score has come. */
export interface ScoreProgress {
  /** Evaluations of the network. */
  evaluations: number;
  /** null while it is not known. */
  expectedEvaluations: number | null;
  /** Bits per byte of the text. */
  bitsPerByte: number | null;
}

/** Options of Model.score(). */
export interface ScoreOptions extends ScoreSettings {
  /** Called after each step. */
  onProgress?: (progress: ScoreProgress) => void;
  /** Stops between two steps; the model stays usable. */
  signal?: AbortSignal;
}

/** How well a model predicts a text. */
export interface Score {
  /** Bits per byte of the text. */
  bitsPerByte: number;
  /** Natural logarithm of the perplexity. */
  natsPerToken: number;
  /** Perplexity per token. */
  perplexity: number;
  /** In bits per byte; 0 if the score is exact. */
  standardError: number;
  /** The method that was used. */
  method: ScoreMethod;
  /** Whether it is an estimate. */
  estimated: boolean;
  /** The score is an upper bound. */
  bound: boolean;
  /** Number of tokens that were scored. */
  tokens: number;
  /** With uniform noise (`sedd`): number of tokens that noise never puts, which are shown but not scored. */
  leftOut: number;
  /** Length of the text in bytes. */
  bytes: number;
  /** Evaluations of the network. */
  evaluations: number;
  /** Time of computing. */
  seconds: number;
}

/** Options of Model.score() for the fills of a page: those of infill() that change what is drawn at temperature 1, and these. */
export interface FillScoreOptions extends Pick<InfillSettings, 'sampler' | 'borders' | 'document' | 'window' | 'windowLength' | 'bytePieces' | 'emptyToken'> {
  /** What stands in each blank: a text, which is tokenized, or ids of tokens.  Only ids repeat what infill() drew.  Fewer
   *  tokens than the blank can hold: it ends there, and the end counts too. */
  fills: readonly (string | ArrayLike<number>)[];
  /** The order in which all tokens, and the ends of blanks that are not full, become known: then the score is exact for every
   *  sampler.  Tokens of a page in the order of their steps will do.  Default: the order of the sampler. */
  order?: readonly { readonly blank: number; readonly index: number }[];
  /** Number of random orders, for samplers with a random order; from 2 to 100000.  Default: 32. */
  orders?: number;
  /** Seed of the random orders.  Default: 1. */
  seed?: number | bigint;
  /** Called between two steps; only `evaluations` is known. */
  onProgress?: (progress: ScoreProgress) => void;
  /** Stops between two steps; the model stays usable. */
  signal?: AbortSignal;
}

/** A place that is drawn: a token of a blank, or its end. */
export interface ScoredPlace {
  /** Number of the blank, from 0. */
  blank: number;
  /** Which place of the blank, from 0. */
  index: number;
  /** Id of the token; null: the blank ends here. */
  id: number | null;
  /** Text of the token as in the vocabulary, with its leading space. */
  text: string;
  /** -ln of its probability; 0 where it was the only possible token.  With several orders the average. */
  nats: number;
}

/** How likely given fills are. */
export interface FillScore {
  /** -ln of the probability with which infill() draws these fills at temperature 1, without truncation. */
  nats: number;
  /** Per token, ends of blanks not counted as tokens. */
  natsPerToken: number;
  /** Of `nats`; 0 if the score is exact. */
  standardError: number;
  /** `nats` is an estimate of an upper bound, the average over random orders. */
  bound: boolean;
  /** Number of tokens, without the ends of blanks. */
  tokens: number;
  /** Number of orders; 1 if the score is exact. */
  orders: number;
  /** Number of windows: the probabilities are those in them. */
  windows: number;
  /** Evaluations of the network. */
  evaluations: number;
  /** All places that are drawn, in the order of the page. */
  places: ScoredPlace[];
  /** Seconds of computing. */
  seconds: number;
}

/** A token of a given text. */
export interface ScoredToken {
  /** Id of the token. */
  id: number;
  /** The text. */
  text: string;
  /** Where it begins in the text. */
  start: number;
  /** -log2 of its probability, given the tokens before it; null if there are none. */
  bits: number | null;
  /** The most probable tokens at its position, most probable first. */
  expected: { id: number; text: string; probability: number }[];
}

/** A text, token by token, as a causal model reads it. */
export interface Surprise {
  /** The tokens in their order. */
  tokens: ScoredToken[];
  /** Bits of the whole text. */
  bits: number;
  /** Length of the text in bytes of UTF-8. */
  bytes: number;
  /** Bits per byte of the text. */
  bitsPerByte: number;
  /** Seconds of computing. */
  seconds: number;
}
