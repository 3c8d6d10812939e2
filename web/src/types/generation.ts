/** Texts that are continued, token by token, and conversations. */
import type { GenerateSettings } from '../options.ts';

/** The names are those of OpenAI and Hugging Face.  Options are applied in this order: logitBias, repetitionPenalty,
 *  frequencyPenalty and presencePenalty, grammar, temperature, topK, typicalP, topP, minP; mirostat replaces the last
 *  four.  With the defaults tokens are drawn from the model's own probabilities. */
export interface GenerateOptions extends GenerateSettings {
  /** Values that are added to the logits of tokens, by token id; -Infinity bans the token. */
  logitBias?: Readonly<Record<number, number>>;
  /** Strings at which generation stops.  The string and what follows it are not part of the text.  If a string is the name
   *  of a control token, such as <|im_end|>, that token ends the text too. */
  stop?: string | readonly string[];
  /** GBNF: the generated text matches it from the first byte. A mistake in it gives a `text` error with its offset. */
  grammar?: string;
  /** Ids of the first generated tokens, which are then not drawn.  With it a text can be continued from any token, or with
   *  another token in its place.  If the last generation on this model had the same prompt and options (except seed,
   *  draft and maxTokens), the tokens that it shares with `begin` are not read again. */
  begin?: readonly number[];
  /** Called while a prompt is read that is too long for one evaluation. */
  onReading?: (reading: Reading) => void;
  /** Stops between two steps; the model stays usable, and a call with `begin` can continue the text. */
  signal?: AbortSignal;
}

/** Progress of reading a prompt. */
export interface Reading {
  /** Number of tokens in total, of those that were read by an earlier call, and of those that are still to be read. */
  tokens: number;
  /** Tokens that were already read. */
  known: number;
  /** Tokens that are not read yet. */
  unread: number;
}

/** Another token that could have been drawn. */
export interface GeneratedAlternative {
  /** Id of the token. */
  id: number;
  /** With a space before it if it begins a word. */
  text: string;
  /** By the model's own distribution: temperature 1, no truncation.  `logprob` is its natural logarithm. */
  probability: number;
  /** Natural logarithm of its probability. */
  logprob: number;
}

/** A generated token, and the text that it adds. */
export interface GeneratedPiece {
  /** The text that can be shown now: whole characters, and nothing that could still become a stop string.  All pieces
   *  together are the text.  If generation ends inside a character, the text ends before that character; it comes whole
   *  when the text is continued, with `begin` or from a saved session. */
  text: string;
  /** Id of the token. */
  id: number;
  /** Index of the generated token, from 0. */
  index: number;
  /** The token's own text, and where it begins in the text.  A character that consists of several tokens is the text of the
   *  last of them. */
  token: string;
  /** Where it begins in the text. */
  start: number;
  /** Length of the token in the text, in bytes of UTF-8. */
  bytes: number;
  /** Natural logarithm of the model's own probability (temperature 1, no truncation); null for a token of `begin` that was
   *  not evaluated. */
  logprob: number | null;
  /** Probability in the distribution from which it was drawn; 1 for a token of `begin`. */
  probability: number | null;
  /** The most probable tokens by the model's own probabilities, most probable first. */
  alternatives: GeneratedAlternative[];
  /** A token of `begin`, not drawn by this call. */
  given: boolean;
  /** This piece ends the text and is not part of it; its id is -1 if the text did not end with a token. */
  ends: boolean;
}

/** Why a generated text has ended. */
export type FinishReason =
  | 'stop' // a stop string
  | 'length' // maxTokens
  | 'eos' // a token that ends texts, or the end of the grammar
  | 'context'; // the context is full

/** A generated text, and how it was generated. */
export interface GenerateResult {
  /** The generated text, including that of `begin`. */
  text: string;
  /** The ids of its tokens, as `begin` takes them. */
  ids: number[];
  /** The tokens in their order. */
  pieces: GeneratedPiece[];
  /** Why the text has ended. */
  finish: FinishReason;
  /** Index of the stop string that was found, or null. */
  stop: number | null;
  /** The seed, given or drawn: the same seed gives the same result. */
  seed: number | bigint;
  /** Number of the draft. */
  draft: number;
  /** Number of tokens of prompt and `begin`, and of those that the model had already read. */
  tokens: number;
  /** Tokens that were already read. */
  known: number;
  /** Number of tokens that this call drew, and of tokens that the network evaluated for it. */
  drawn: number;
  /** Tokens that were evaluated. */
  evaluated: number;
  /** Number of tokens that shifts of the window dropped. */
  dropped: number;
  /** Capacity in tokens, prompt included. */
  room: number;
  /** Seconds of computing. */
  seconds: number;
  /** Seconds until the first new token, including the wait for other work on the model; NaN if there was no token. */
  firstSeconds: number;
  /** Measured from the first new token to the last; null if there are fewer than two. */
  tokensPerSecond: number | null;
  /** Instruction set of the engine that ran. */
  isa: string;
  /** Number of threads. */
  threads: number;
}

/** A message of a conversation. */
export interface ChatMessage {
  /** 'system', 'user', 'assistant', or another role that the model's template knows. */
  role: string;
  /** The text.  Names of control tokens in it are plain text. */
  content: string;
}

/** The options of generate(), and the date. */
export interface ChatOptions extends GenerateOptions {
  /** The date for templates that write one.  Without it they write the date that is fixed in them, if there is one. */
  date?: Date;
}

/** A text being generated.  Iterate over it to get every token, or await result().  Leaving the loop stops the work. */
export interface Generation extends AsyncIterable<GeneratedPiece>, PromiseLike<GenerateResult> {
  /** The whole text; the same as awaiting the run itself. */
  result(): Promise<GenerateResult>;
  /** The session as bytes, for `generate(bytes)`: tokens, keys and values, seed, mirostat and grammar.  Possible until
   *  another text is begun on this model. */
  save(): Promise<Uint8Array>;
}

/** The tokens that the model has read, with their keys and values, for callers that choose tokens themselves.  generate()
 *  uses the same sequence. */
export interface Sequence {
  /** Reads tokens and appends them.  One at a time and many at once give the same results.  Returns the new length. */
  append(ids: ArrayLike<number>, options?: { signal?: AbortSignal }): Promise<number>;
  /** The logits for the next token, one per token of the vocabulary. */
  logits(): Promise<Float32Array>;
  /** Ids of the tokens of the sequence. */
  tokens(): Promise<number[]>;
  /** Removes the tokens from index `length` on.  Returns the new length. */
  rewind(length: number): Promise<number>;
  /** Tokens, keys and values as bytes. */
  save(): Promise<Uint8Array>;
  /** Replaces the sequence by a saved one and returns its length.  Incomplete bytes (`format`) and those of another model
   *  (`option`) are refused; then the sequence does not change. */
  restore(saved: Uint8Array): Promise<number>;
}
