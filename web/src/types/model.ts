/// <reference lib="esnext.disposable" preserve="true" />
/** A loaded model and its calls. */
import type { ChatMessage, ChatOptions, GenerateOptions, Generation, Sequence } from './generation.ts';
import type { ModelInfo } from './info.ts';
import type { Infill, InfillOptions } from './pages.ts';
import type { ImageLikelihood, ImageLikelihoodOptions, ImageOptions, ImageRun, Picture } from './pictures.ts';
import type { FillScore, FillScoreOptions, Score, ScoreOptions, Surprise } from './scores.ts';

/** Options of tokenize() and detokenize(). */
export interface TokenizeOptions {
  /** The text is not the beginning of a page: no dummy space is added before it. */
  inside?: boolean;
  /** Control pieces such as `<mask>` written in the text are matched. */
  special?: boolean;
  /** Stops the call. */
  signal?: AbortSignal;
}

/** A loaded model, in a worker of its own.  `using model = await load(…)` disposes of it at the end of the block. */
export interface Model extends Disposable {
  /** What the file says of itself, and what the model can do here. */
  readonly info: ModelInfo;
  /** Fills the blanks of a text: `[[4]]` is a blank of four tokens, `[[3-8]]` one of three to eight, and for `[[?]]` the model
   *  chooses the length.  Await it for the filled page, or iterate over it for the page after every step. */
  infill(text: string, options?: InfillOptions): Infill;
  /** Ids of the text's tokens; no BOS or EOS is added. */
  tokenize(text: string, options?: TokenizeOptions): Promise<number[]>;
  /** The text of these tokens. */
  detokenize(ids: ArrayLike<number>, options?: TokenizeOptions): Promise<string>;
  /** How likely given fills are in the blanks of a page: nats, exact or an upper bound. */
  score(page: string, options: FillScoreOptions): Promise<FillScore>;
  /** How well the model predicts a text: bits per byte and perplexity; a bound for diffusion models. */
  score(text: string, options?: ScoreOptions): Promise<Score>;
  /** Continues a prompt: a text (`''` starts a new one), ids of tokens (used exactly as given), or bytes from
   *  Generation.save().  Causal models only.  Several calls at once run one after the other. */
  generate(prompt: string | readonly number[] | Uint8Array, options?: GenerateOptions): Generation;
  /** Answers a conversation: renders the chat template in the model's file with the messages, and generates the assistant's
   *  answer until its turn ends.  The template runs without access to anything, and is stopped if it does not end.  Control
   *  tokens in messages are plain text.  What the last answer has read is not read again.  It streams as generate() does. */
  chat(messages: readonly ChatMessage[], options?: ChatOptions): Generation;
  /** The sequence of a causal model, for decoding of your own: token by token. */
  readonly sequence: Sequence;
  /** How surprising each token of a text is to a causal model.  The sum is that of score(), except that here a line
   *  `<|endoftext|>` is text like any other. */
  surprise(text: string, options?: { signal?: AbortSignal }): Promise<Surprise>;
  /** Draws pictures from noise.  Only for models with `info.image`. */
  image(options?: ImageOptions): ImageRun;
  /** How likely given pictures are under the model, in bits per dimension (one byte of one pixel).  They must have the
   *  model's size. */
  imageLikelihood(pictures: Picture | readonly Picture[], options?: ImageLikelihoodOptions): Promise<ImageLikelihood>;
  /** Ends the worker and frees its memory; running calls reject. */
  dispose(): void;
}
