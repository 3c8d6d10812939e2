/// <reference lib="esnext.disposable" preserve="true" />
/** The public types of the library, which become `palimpsest.d.ts`.  Options that are numbers, switches or names are in
 *  options.ts, which web/options.mjs writes. */
import type { GenerateSettings, ImageSettings, InfillSettings, LikelihoodSettings, ScoreSettings, Sampler } from './options.ts';

export type { Sampler, SamplerProperties } from './options.ts';

/** Where a model comes from: a URL, in Node also the path of a file; `hf:owner/name/file.gguf`, a file of the Hugging Face hub,
 *  with `@revision` behind it if another one than `main` is wanted; a picked file; an answer of fetch(); or bytes. */
export type Source = string | URL | Blob | Response | ArrayBuffer | Uint8Array;

/** What has failed. */
export type ErrorCode =
  | 'format' // not a model file, or a damaged one
  | 'unsupported' // the file is valid but the engine does not support it, or the model does not support the call
  | 'text' // the text is not a valid page; `offset` is the position in the string
  | 'option' // an option is out of range, or this sampler or model does not use it
  | 'context' // there are more tokens than the model's context allows
  | 'memory' // the model or the page does not fit into memory
  | 'network' // the file could not be fetched, or its download was interrupted
  | 'integrity' // the file is not the one with the given sha256
  | 'environment' // the browser or the page lacks something: WebAssembly SIMD, workers, a Content-Security-Policy that allows them
  | 'version' // page, worker and engine are of different versions
  | 'crashed' // the worker crashed; the next call starts it again
  | 'disposed'; // dispose() was called

/** How far a download, or the reading of a file, has come. */
export interface LoadProgress {
  /** The file that is being loaded: the model first, then the adapter. */
  part: 'model' | 'adapter';
  /** `waiting`: another load of the same file is running; `download`: from the network; `read`: from the kept copy or a
   *  file. */
  phase: 'waiting' | 'download' | 'read';
  /** Bytes so far. */
  loaded: number;
  /** Bytes in total; null if the server does not say. */
  total: number | null;
}

/** Options of load(). */
export interface LoadOptions {
  /** Stops the download; load() then rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Called at most every 100 ms, and at the end of each phase. */
  onProgress?: (progress: LoadProgress) => void;
  /** An adapter file that lets the causal model fill blanks.  Both use the same weights in memory: infill() uses the
   *  adapter, all other calls the model as it is.  An adapter that does not fit the model is refused (`unsupported`). */
  adapter?: Source;
  /** Like `sha256`, of the adapter file. */
  adapterSha256?: string;
  /** Hash of the whole file, 64 hexadecimal digits.  The file is checked against it; a kept copy with this hash is used
   *  without the network. */
  sha256?: string;
  /** Keep a copy of a downloaded file for the next visit (default true; files and bytes are never kept). */
  cache?: boolean;
  /** Folder of `palimpsest-worker.js` and the other files of the engine, with or without a slash at its end (default:
   *  where a bundler has put them, or the folder of the module).  What follows `?` is added to the address of each file. */
  base?: string | URL;
  /** `simd128`: do not use the build with relaxed SIMD (default: use it if the browser supports it). */
  isa?: 'simd128';
  /** Capacity for a generated text in tokens, prompt included (default: the model's context, at most 4096).  The memory
   *  is allocated when it is first used: see ModelInfo.roomBytes. */
  room?: number;
  /** Type of the key-value cache for these tokens (default: that of the engine). */
  kv?: KeyValueType;
}

/** Options of escape(). */
export interface EscapeOptions {
  /** A blank directly follows the text (default false). */
  beforeBlank?: boolean;
}

/** Types of the key-value cache. */
export type KeyValueType = 'F32' | 'F16' | 'Q8_0';

/** What is known of a loaded model. */
export interface ModelInfo {
  /** `general.architecture`, such as `llada`. */
  architecture: string;
  /** Name that the file gives. */
  name: string;
  /** Licence that the file names. */
  license: string;
  /** The type of most weights, such as `Q8_0`. */
  weights: string;
  /** Kind of tokenizer. */
  tokenizer: string;
  /** Instruction set of the kernels: `relaxed` or `simd128`. */
  isa: string;
  /** Number of threads; 1. */
  threads: number;
  /** Size of the file in bytes. */
  fileBytes: number;
  /** Number of weights. */
  parameters: number;
  /** Number of tokens in the vocabulary. */
  vocabulary: number;
  /** Longest page, in tokens. */
  context: number;
  /** Size of the vectors between the layers. */
  width: number;
  /** Number of layers. */
  layers: number;
  /** Number of attention heads. */
  heads: number;
  /** Attention sees only earlier tokens. */
  causal: boolean;
  /** Whether it has a vocabulary. */
  canTokenize: boolean;
  /** Whether it can score texts. */
  canScore: boolean;
  /** Whether it can fill blanks. */
  canInfill: boolean;
  /** The model is causal, so it can continue a text. */
  canGenerate: boolean;
  /** Capacity for a generated text in tokens, prompt included; 0 if the model cannot generate. */
  room: number;
  /** Bytes of memory that generating needs in addition to the model; allocated at the first call. */
  roomBytes: number;
  /** Supports blanks of free length, `[[?]]` and `[[a-b]]`. */
  freeLength: boolean;
  /** Capabilities of a model that draws pictures; null for other models. */
  image: ImageInfo | null;
  /** The adapter; null if there is none. */
  adapter: AdapterInfo | null;
  /** Why the network or the tokenizer cannot be used, or null. */
  whyNot: string | null;
  /** SHA-256 of the file, in hexadecimal digits. */
  sha256: string;
  /** Source of the model: a URL, the name of a file, or `''`. */
  source: string;
  /** Bytes of memory that the engine of this model uses now. */
  memoryBytes: number;
  /** Whether a copy is kept for the next visit, and if not, why. */
  kept: boolean;
  /** Why no copy is kept. */
  keptWhyNot: string | null;
  /** Why the kept copy was used although the server could not be asked for a newer file, or had a file that could not be
   *  used; names the HTTP status if there was one.  Otherwise null. */
  updateWhyNot: string | null;
}

/** The fields have the meaning of those of ModelInfo. */
export interface AdapterInfo extends Pick<ModelInfo, 'source' | 'sha256' | 'fileBytes' | 'kept' | 'keptWhyNot' | 'updateWhyNot'> {
  /** A warning, for example that the adapter was made for other weights of the same shape; usually null. */
  note: string | null;
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
  /** null while the place is open. */
  id: number | null;
  /** As in the page; `''` while the place is open or empty. */
  text: string;
  /** Whether no token is here yet. */
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
  /** Number of places without a token. */
  open: number;
  /** Whether all places have a token. */
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
  /** Number of threads; 1. */
  threads: number;
}

/** A page being filled.  Iterate over it to get the page after every step, or await result().  Leaving the loop stops the
 *  work. */
export interface Infill extends AsyncIterable<Page>, PromiseLike<InfillResult> {
  /** The filled page; the same as awaiting the run itself. */
  result(): Promise<InfillResult>;
}

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
  /** Number of tokens. */
  tokens: number;
  /** Length of the text in bytes. */
  bytes: number;
  /** Evaluations of the network. */
  evaluations: number;
  /** Time of computing. */
  seconds: number;
}

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
  /** Number of threads; 1. */
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

/** Options of tokenize() and detokenize(). */
export interface TokenizeOptions {
  /** The text is not the beginning of a page: no dummy space is added before it. */
  inside?: boolean;
  /** Control pieces such as `<mask>` written in the text are matched. */
  special?: boolean;
  /** Stops the call. */
  signal?: AbortSignal;
}

// ---- pictures

/** The samplers of pictures.  K is `steps`; the last item of each comment is the number of evaluations per picture. */
export type ImageSampler =
  | 'ddpm' // ancestral steps; K
  | 'ddim' // deterministic if eta is 0; K
  | 'analytic-ddpm' // optimal variance, one for all elements; K
  | 'analytic-ddim'
  | 'npr-ddpm' // optimal variance per element, given the learnt mean with its error; K
  | 'npr-ddim'
  | 'sn-ddpm' // optimal variance per element; K
  | 'sn-ddim'
  | 'annealed-langevin' // at least 100 noise levels; K * iterations
  | 'reverse-sde' // Euler and Maruyama; K
  | 'predictor-corrector' // K * (1 + correctors)
  | 'probability-flow' // RK45: as many as the tolerance needs; Heun: 2 K - 1
  | 'dpm-solver++'; // 2M; K

/** What a model draws. */
export interface ImageInfo {
  /** Width in pixels. */
  width: number;
  /** Height in pixels. */
  height: number;
  /** 1: grey; 3: red, green, blue. */
  channels: number;
  /** Names of the kinds of pictures that the model can draw. */
  labels: string[];
  /** The samplers that this model supports. */
  samplers: ImageSampler[];
  /** The samplers that it does not support, each with a sentence that says what the file lacks and what works without. */
  missing: Partial<Record<ImageSampler, string>>;
  /** The default sampler and its number of steps. */
  sampler: ImageSampler;
  /** Number of steps. */
  steps: number;
  /** In training some labels were left out, so that `guidance` other than 1 is possible. */
  guidance: boolean;
  /** The noise schedule, `linear` or `cosine`, and its number of steps, which is the maximum for a drawing. */
  schedule: string;
  /** Steps of the schedule that the network was trained with. */
  scheduleSteps: number;
  /** Name of a file beside the model with some of its training pictures, or null. */
  neighbours: string | null;
}

/** A picture: red, green, blue, alpha, row by row.  An ImageData is a Picture.  In Node, where there is no ImageData, frames
 *  have only these three fields. */
export interface Picture {
  /** Bytes, row by row. */
  readonly data: Uint8ClampedArray | Uint8Array;
  /** Width in pixels. */
  readonly width: number;
  /** Height in pixels. */
  readonly height: number;
}

/** Options that the sampler does not use are refused. */
export interface ImageOptions extends ImageSettings {
  /** Name or number of a kind of pictures; null (default): any kind.  An array has one label per picture. */
  label?: string | number | null | readonly (string | number | null)[];
  /** What frames show: the picture predicted so far (`x0`, the default), the noisy state (`x`), or `both`: the predicted
   *  pictures as `pictures` and the noisy states as `states`. */
  view?: 'x0' | 'x' | 'both';
  /** Pictures per row of ImageFrame.image (default: as square as possible). */
  columns?: number;
  /** A picture of the model's size, parts of which are kept.  The mask has one entry per pixel; where it is not 0 (or is
   *  true), the pixel is drawn again. */
  inpaint?: { image: Picture; mask: ArrayLike<number | boolean> };
  /** The times of the steps, instead of `grid`: decreasing, in (0, 1], at steps of the schedule. */
  times?: readonly number[];
  /** Stops between two steps; the model stays usable. */
  signal?: AbortSignal;
}

/** The pictures after a step. */
export interface ImageFrame {
  /** All pictures in one image, without gaps. */
  image: ImageData;
  /** Each picture by itself. */
  pictures: ImageData[];
  /** With `view: 'both'`: each picture with its noise, as the network sees it. */
  states?: ImageData[];
  /** Number of the step, from 1. */
  step: number;
  /** Evaluations of each picture so far, and in total (0 if the total is not known in advance). */
  evaluations: number;
  /** Number in total. */
  total: number;
  /** Passes of single pictures through the network; with guidance an evaluation takes two. */
  passes: number;
  /** Whether it is finished. */
  done: boolean;
  /** Seconds of computing for this drawing. */
  seconds: number;
  /** The sampler that ran. */
  sampler: ImageSampler;
  /** The seed, given or drawn: the same seed gives the same result. */
  seed: number | bigint;
  /** Number of the first picture. */
  first: number;
  /** Instruction set of the engine that ran. */
  isa: string;
  /** Number of threads; 1. */
  threads: number;
}

/** Pictures being drawn.  Iterate over it to get a frame after every step, or await result(), which is the last frame.
 *  Leaving the loop stops the work.  Several runs at once take turns, one step each. */
export interface ImageRun extends AsyncIterable<ImageFrame>, PromiseLike<ImageFrame> {
  /** The last frame; the same as awaiting the run itself. */
  result(): Promise<ImageFrame>;
}

/** The default seed is 1. */
export interface ImageLikelihoodOptions
  extends LikelihoodSettings,
    Pick<ImageOptions, 'sampler' | 'steps' | 'label' | 'eta' | 'grid' | 'times' | 'variance' | 'clipX0' | 'first' | 'seed' | 'signal'> {
  /** Called after each step, with the evaluations so far and in total (0 if the total is not known in advance). */
  onProgress?: (progress: ImageProgress) => void;
}

/** How far a likelihood has come. */
export interface ImageProgress {
  /** Evaluations of the network. */
  evaluations: number;
  /** Number in total. */
  total: number;
}

/** How likely pictures are under a model. */
export interface ImageLikelihood {
  /** The mean of `each`. */
  bitsPerDimension: number;
  /** Bits per dimension of each given picture, in their order. */
  each: number[];
  /** The method that was used. */
  method: 'flow' | 'bound';
  /** Evaluations of the network. */
  evaluations: number;
  /** Passes through the network. */
  passes: number;
  /** Time of computing. */
  seconds: number;
  /** The seed, given or drawn: the same seed gives the same result. */
  seed: number | bigint;
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

/** A model kept on this device. */
export interface KeptModel {
  /** SHA-256 of the file, in hexadecimal digits. */
  sha256: string;
  /** Size in bytes. */
  bytes: number;
  /** The URLs it was loaded from. */
  urls: string[];
}

/** The models kept on this device, for any page of this origin. */
export interface Cache {
  /** Whether copies can be kept here, and if not, why. */
  available(): Promise<{ ok: boolean; why: string | null }>;
  /** The kept models; empty if nothing can be kept. */
  list(): Promise<KeptModel[]>;
  /** Deletes a copy; a model that is loaded from it continues to work. */
  remove(sha256: string): Promise<void>;
  /** Bytes that this origin uses and may use in total; null if the browser does not say. */
  estimate(): Promise<{ usage: number; quota: number } | null>;
}
