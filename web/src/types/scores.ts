/** Scores and surprise of texts. */
import type { ScoreSettings } from '../options.ts';

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
