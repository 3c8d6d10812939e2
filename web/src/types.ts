/** The library's public types: what `palimpsest.d.ts` promises.  Options that are numbers, switches or names are in
 *  options.ts, which web/options.mjs writes. */
import type { GenerateSettings, ImageSettings, InfillSettings, LikelihoodSettings, ScoreSettings, Sampler } from './options.ts';

export type { Sampler, SamplerProperties } from './options.ts';

/** Where a model comes from: a URL, in Node also the path of a file, a picked file, or its bytes. */
export type Source = string | URL | Blob | ArrayBuffer | Uint8Array;

export type ErrorCode =
  | 'format' // not a model file, or a damaged one
  | 'unsupported' // a valid file of a kind the engine does not run, or a model asked for what it cannot do
  | 'text' // the text is not a valid page; `offset` is the place in the string
  | 'option' // an option out of range, or one this sampler or model has no use for
  | 'context' // more tokens than the model's context holds
  | 'memory' // the model or the page does not fit into memory
  | 'network' // the file could not be fetched, or its download was cut
  | 'integrity' // the file is not the one with the given sha256
  | 'environment' // the browser has no WebAssembly SIMD, or no workers
  | 'version' // page, worker and engine are of different versions
  | 'crashed' // the worker died; the next call starts it again
  | 'disposed'; // dispose() was called

export interface LoadProgress {
  /** `waiting`: another load of the same file is under way; `download`; `read`: from the kept copy or a file. */
  phase: 'waiting' | 'download' | 'read';
  /** Bytes so far. */
  loaded: number;
  /** Bytes in all; null when the server does not say. */
  total: number | null;
}

export interface LoadOptions {
  /** Stops the download; load() then rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Called at most every 100 ms, and at the end of each phase. */
  onProgress?: (progress: LoadProgress) => void;
  /** Hash of the whole file, 64 hexadecimal digits: checked, and a kept copy with it needs no network. */
  sha256?: string;
  /** Keep a copy of a downloaded file for the next visit (default true; files and bytes are never kept). */
  cache?: boolean;
  /** Folder of `palimpsest-worker.js` and the engine's two `.wasm` files (default: that of the module). */
  base?: string | URL;
  /** `simd128`: not the build with relaxed SIMD, which otherwise runs where the browser has that (default: the best). */
  isa?: 'simd128';
  /** Tokens of a generated text, its prompt included, that there is to be room for (default: the model's context, at
   *  most 4096).  Takes memory when it is first used: see ModelInfo.roomBytes. */
  room?: number;
  /** How the keys and values of those tokens are kept (default: the engine's). */
  kv?: KeyValueType;
}

export interface EscapeOptions {
  /** A blank directly follows the text (default false). */
  beforeBlank?: boolean;
}

export type KeyValueType = 'F32' | 'F16' | 'Q8_0';

export interface ModelInfo {
  /** `general.architecture`, such as `llada`. */
  architecture: string;
  name: string;
  license: string;
  /** The type most weights have, such as `Q8_0`. */
  weights: string;
  tokenizer: string;
  /** Instruction set of the kernels: `relaxed` or `simd128`. */
  isa: string;
  threads: number;
  fileBytes: number;
  parameters: number;
  vocabulary: number;
  /** Longest page, in tokens. */
  context: number;
  width: number;
  layers: number;
  heads: number;
  /** Attention sees only what stands before. */
  causal: boolean;
  canTokenize: boolean;
  canScore: boolean;
  canInfill: boolean;
  /** Reads from left to right, and so can continue a text. */
  canGenerate: boolean;
  /** Tokens of a generated text, its prompt included, that there is room for; 0 where it cannot generate. */
  room: number;
  /** Bytes of memory that generating takes beside the model, from its first use on. */
  roomBytes: number;
  /** Understands `[[?]]` and `[[a-b]]`. */
  freeLength: boolean;
  /** What a model that draws pictures can; null for any other. */
  image: ImageInfo | null;
  /** Why the network or the tokenizer cannot be used, or null. */
  whyNot: string | null;
  sha256: string;
  /** Where it came from: a URL, a file's name, or `''`. */
  source: string;
  /** Bytes of memory the engine holds for this model now. */
  memoryBytes: number;
  /** Whether a copy is kept for the next visit, and if not, why. */
  kept: boolean;
  keptWhyNot: string | null;
  /** Where the kept copy was taken although the server could not be asked for a newer file, or its file could not be
   *  used: why, with the status that it answered.  Otherwise null. */
  updateWhyNot: string | null;
}

/** A filled token made given text. */
export interface Pin {
  blank: number;
  index: number;
  id: number;
}

export interface InfillOptions extends InfillSettings {
  /** Tokens that are given rather than drawn. */
  pins?: readonly Pin[];
  /** Stops between two steps; the model stays usable. */
  signal?: AbortSignal;
}

export interface Alternative {
  id: number;
  /** As it would stand in the text: with the space before it where it begins a word and that space is not given. */
  text: string;
  probability: number;
  /** The blank would end here. */
  empty: boolean;
}

/** One place of a blank. */
export interface PageToken {
  blank: number;
  index: number;
  /** null while the place is open. */
  id: number | null;
  /** As it stands in the page; `''` while open or empty. */
  text: string;
  open: boolean;
  /** Beyond the end of a blank of free length. */
  empty: boolean;
  pinned: boolean;
  /** Step at which it was revealed, from 1; 0 when pinned; null while open. */
  step: number | null;
  /** Revealed by the latest step. */
  fresh: boolean;
  /** When it was drawn, at temperature 1, before truncation; 1 when pinned. */
  probability: number;
  /** The likeliest tokens of the evaluation that revealed it, likeliest first. */
  alternatives: Alternative[];
}

/** A run of the page as a reader sees it: given text, or one place. */
export interface PagePart {
  text: string;
  /** Index into Page.tokens; absent for given text. */
  token?: number;
}

/** A page after a step. */
export interface Page {
  /** The text so far; open places are written as blanks, so that it is a page again. */
  text: string;
  /** The same for a reader: given text unescaped, revealed tokens, open places as empty parts. */
  parts: PagePart[];
  /** All places of all blanks, in order. */
  tokens: PageToken[];
  step: number;
  /** Time steps in all, where the sampler has them. */
  steps: number | null;
  /** Evaluations of the network. */
  evaluations: number;
  open: number;
  done: boolean;
  /** Tokens the network is shown, and tokens of the page; fewer where `windowed`. */
  shown: number;
  total: number;
  windowed: boolean;
}

export interface InfillResult extends Page {
  seed: number | bigint;
  draft: number;
  sampler: Sampler;
  /** Seconds of computing. */
  seconds: number;
  isa: string;
  threads: number;
}

/** A page being filled.  Iterate it for every step, or await result(); leaving the loop stops the work. */
export interface Infill extends AsyncIterable<Page> {
  result(): Promise<InfillResult>;
}

export type ScoreMethod = 'exact' | 'bound' | 'margin' | 'entropy' | 'confidence';

export interface ScoreProgress {
  evaluations: number;
  /** null while not known. */
  expectedEvaluations: number | null;
  bitsPerByte: number | null;
}

export interface ScoreOptions extends ScoreSettings {
  /** After each step. */
  onProgress?: (progress: ScoreProgress) => void;
  /** Stops between two steps; the model stays usable. */
  signal?: AbortSignal;
}

export interface Score {
  bitsPerByte: number;
  natsPerToken: number;
  perplexity: number;
  /** Bits a byte; 0 when exact. */
  standardError: number;
  method: ScoreMethod;
  estimated: boolean;
  /** An upper bound rather than the figure itself. */
  bound: boolean;
  tokens: number;
  bytes: number;
  evaluations: number;
  seconds: number;
}

/** Names as OpenAI and Hugging Face have them.  What is set works in this order: logitBias, repetitionPenalty,
 *  frequencyPenalty and presencePenalty, grammar, temperature, topK, typicalP, topP, minP; mirostat takes the place of
 *  the last four.  With the defaults tokens are drawn from the model's own law. */
export interface GenerateOptions extends GenerateSettings {
  /** Added to the logits of tokens by their ids; -Infinity: never this token. */
  logitBias?: Readonly<Record<number, number>>;
  /** Texts at which generation ends; they and what follows are no part of the text.  The name of a control token, such as <|im_end|>, ends it at that token too. */
  stop?: string | readonly string[];
  /** GBNF: the generated text follows it from its first byte.  A mistake in it is a `text` error with its offset. */
  grammar?: string;
  /** Ids of generated tokens to begin with, in place of draws.  Where the text last begun on this model has the same
   *  prompt and options (but for seed, draft and maxTokens), what it shares with these is not read again: so one goes
   *  on from any token, or with another in its place. */
  begin?: readonly number[];
  /** While a prompt is read that is longer than one evaluation takes. */
  onReading?: (reading: Reading) => void;
  /** Stops between two steps; the model stays usable, and a call with `begin` goes on. */
  signal?: AbortSignal;
}

/** A prompt being read. */
export interface Reading {
  /** Tokens in all, how many of them were known before, and how many are still to be read. */
  tokens: number;
  known: number;
  unread: number;
}

export interface GeneratedAlternative {
  id: number;
  /** With the space before it where it begins a word. */
  text: string;
  /** In the model's own law: temperature 1, nothing cut. */
  probability: number;
  logprob: number;
}

/** A generated token, and the text that it let out. */
export interface GeneratedPiece {
  /** What can be shown now: whole characters, and nothing that might become a stop text.  All pieces' together are the text.
   *  One that ends inside of a character ends before it: with `begin`, or saved and gone on with, it comes whole. */
  text: string;
  id: number;
  /** Which generated token it is, from 0. */
  index: number;
  /** The token's own text (that of a character of several tokens is the last one's), and where it begins in the text. */
  token: string;
  start: number;
  /** Of the token in the text, in UTF-8. */
  bytes: number;
  /** In the model's own law, temperature 1, nothing cut; null for a token of `begin` whose law was not computed. */
  logprob: number | null;
  /** In the law that it was drawn from; 1 for a token of `begin`. */
  probability: number | null;
  /** The likeliest tokens of the model's own law, likeliest first. */
  alternatives: GeneratedAlternative[];
  /** Of `begin`, not drawn by this call. */
  given: boolean;
  /** It ended the text and is no part of it; its id is -1 where no token did. */
  ends: boolean;
}

export type FinishReason =
  | 'stop' // a stop text
  | 'length' // maxTokens
  | 'eos' // a token that ends texts, or the end of the grammar
  | 'context'; // no more room

export interface GenerateResult {
  /** The generated text, that of `begin` included. */
  text: string;
  /** Its tokens: what `begin` takes. */
  ids: number[];
  pieces: GeneratedPiece[];
  finish: FinishReason;
  /** Which stop text was met, or null. */
  stop: number | null;
  seed: number | bigint;
  draft: number;
  /** Tokens of prompt and `begin`, and how many of them the model had read already. */
  tokens: number;
  known: number;
  /** Tokens that this call drew, and tokens that went through the network for it. */
  drawn: number;
  evaluated: number;
  /** Tokens that a shift of the window dropped. */
  dropped: number;
  room: number;
  /** Seconds of computing; until the first new token, waiting for other work on the model included (NaN: none came). */
  seconds: number;
  firstSeconds: number;
  /** Between the first token and the last; null where there are not two. */
  tokensPerSecond: number | null;
  isa: string;
  threads: number;
}

/** A text going on.  Iterate it for every token, or await result(); leaving the loop stops the work. */
export interface Generation extends AsyncIterable<GeneratedPiece> {
  result(): Promise<GenerateResult>;
  /** The text as bytes, for `generate(bytes)`: tokens, keys and values, seed, mirostat and grammar.  As long as no other
   *  text was begun on this model. */
  save(): Promise<Uint8Array>;
}

/** What the model has read, token by token, for callers that choose tokens themselves.  generate() works on it too. */
export interface Sequence {
  /** Reads tokens behind those it has: many at once or one, with the same results.  Gives the length. */
  append(ids: ArrayLike<number>, options?: { signal?: AbortSignal }): Promise<number>;
  /** Of what follows the last token, one a token of the vocabulary: natural scale, unnormalised. */
  logits(): Promise<Float32Array>;
  tokens(): Promise<number[]>;
  /** Forgets the tokens from `length` on.  Gives the length. */
  rewind(length: number): Promise<number>;
  /** Tokens, keys and values as bytes. */
  save(): Promise<Uint8Array>;
  /** Refused, and as before, are bytes cut short (`format`) or of another model (`option`).  Gives the length. */
  restore(saved: Uint8Array): Promise<number>;
}

/** A token of a given text. */
export interface ScoredToken {
  id: number;
  text: string;
  /** Where it begins in the text. */
  start: number;
  /** -log2 of its probability after what stands before it; null where nothing does. */
  bits: number | null;
  /** The likeliest tokens in its place, likeliest first. */
  expected: { id: number; text: string; probability: number }[];
}

export interface Surprise {
  tokens: ScoredToken[];
  bits: number;
  /** Of the text in UTF-8. */
  bytes: number;
  bitsPerByte: number;
  /** Seconds of computing. */
  seconds: number;
}

export interface TokenizeOptions {
  /** The text does not begin a page: no dummy space before it. */
  inside?: boolean;
  /** Control pieces such as `<mask>` written in the text are matched. */
  special?: boolean;
  signal?: AbortSignal;
}

// ---- pictures

/** eps is the predicted noise, x0 the picture predicted by it; K is `steps`. */
export type ImageSampler =
  | 'ddpm' // ancestral steps; K evaluations of each picture
  | 'ddim' // deterministic at eta 0; K
  | 'analytic-ddpm' // optimal variance, one for all elements; K
  | 'analytic-ddim'
  | 'npr-ddpm' // optimal variance by element, for the mean as it was learnt; K
  | 'npr-ddim'
  | 'sn-ddpm' // optimal variance by element; K
  | 'sn-ddim'
  | 'annealed-langevin' // at least 100 noise levels; K * iterations
  | 'reverse-sde' // Euler and Maruyama; K
  | 'predictor-corrector' // K * (1 + correctors)
  | 'probability-flow' // RK45: as many as the tolerance needs; Heun: 2 K - 1
  | 'dpm-solver++'; // 2M; K

export interface ImageInfo {
  width: number;
  height: number;
  /** 1: grey; 3: red, green, blue. */
  channels: number;
  /** Names of the kinds of pictures it knows. */
  labels: string[];
  /** What this file can run. */
  samplers: ImageSampler[];
  /** What it cannot, each with a sentence that says what is missing and what works without. */
  missing: Partial<Record<ImageSampler, string>>;
  /** The sampler and the number of steps where none are asked for. */
  sampler: ImageSampler;
  steps: number;
  /** Trained with labels left out, so that `guidance` other than 1 is possible. */
  guidance: boolean;
  /** The noise schedule, `linear` or `cosine`, and its steps: no drawing has more. */
  schedule: string;
  scheduleSteps: number;
  /** A file beside the model with pictures it was trained on, or null. */
  neighbours: string | null;
}

/** A picture: red, green, blue, alpha, row by row.  An ImageData is one; where there is none (Node), frames have these
 *  three fields alone. */
export interface Picture {
  readonly data: Uint8ClampedArray | Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** An option that the sampler has no use for is refused. */
export interface ImageOptions extends ImageSettings {
  /** Name or number of a kind of pictures; null (default): any.  An array: one a picture. */
  label?: string | number | null | readonly (string | number | null)[];
  /** What frames show: the picture predicted so far (`x0`, the default), the noisy state (`x`), or the first as
   *  `pictures` and the second as `states`. */
  view?: 'x0' | 'x' | 'both';
  /** Pictures in a row of ImageFrame.image (default: as square as possible). */
  columns?: number;
  /** A picture of the model's size of which parts are kept: the mask has one entry a pixel, not 0 (or true) where it is
   *  drawn again. */
  inpaint?: { image: Picture; mask: ArrayLike<number | boolean> };
  /** The times that are visited, in place of `grid`: falling, in (0, 1], steps of the schedule. */
  times?: readonly number[];
  /** Stops between two steps; the model stays usable. */
  signal?: AbortSignal;
}

/** The pictures after a step. */
export interface ImageFrame {
  /** All of them in one, without gaps. */
  image: ImageData;
  /** Each by itself. */
  pictures: ImageData[];
  /** With `view: 'both'`: each with its noise, as the network sees it. */
  states?: ImageData[];
  /** From 1. */
  step: number;
  /** Of each picture: so far, and in all (0: not known before). */
  evaluations: number;
  total: number;
  /** Single pictures that went through the network: guidance takes two an evaluation. */
  passes: number;
  done: boolean;
  /** Seconds of computing of this drawing. */
  seconds: number;
  sampler: ImageSampler;
  seed: number | bigint;
  first: number;
  isa: string;
  threads: number;
}

/** Pictures being drawn.  Iterate it for every step, or await result(), the last; leaving the loop stops the work.
 *  Several at once take turns, step by step. */
export interface ImageRun extends AsyncIterable<ImageFrame> {
  result(): Promise<ImageFrame>;
}

/** Without a seed it is that of seed 1. */
export interface ImageLikelihoodOptions
  extends LikelihoodSettings,
    Pick<ImageOptions, 'sampler' | 'steps' | 'label' | 'eta' | 'grid' | 'times' | 'variance' | 'clipX0' | 'first' | 'seed' | 'signal'> {
  /** After each step: evaluations so far, and in all (0: not known before). */
  onProgress?: (progress: ImageProgress) => void;
}

export interface ImageProgress {
  evaluations: number;
  total: number;
}

export interface ImageLikelihood {
  /** The mean of `each`: of the pictures given, in their order. */
  bitsPerDimension: number;
  each: number[];
  method: 'flow' | 'bound';
  evaluations: number;
  passes: number;
  seconds: number;
  seed: number | bigint;
}

export interface Model {
  readonly info: ModelInfo;
  infill(text: string, options?: InfillOptions): Infill;
  /** Ids of the text's tokens; no BOS or EOS is added. */
  tokenize(text: string, options?: TokenizeOptions): Promise<number[]>;
  detokenize(ids: ArrayLike<number>, options?: TokenizeOptions): Promise<string>;
  score(text: string, options?: ScoreOptions): Promise<Score>;
  /** Continues a text (`''`: from the beginning), ids of tokens exactly as they are, or what Generation.save() gave.
   *  Causal models only.  Several at once take place one after the other. */
  generate(prompt: string | readonly number[] | Uint8Array, options?: GenerateOptions): Generation;
  readonly sequence: Sequence;
  /** How surprising each token of a text is to a causal model.  The sum is what score() gives, except that a line
   *  `<|endoftext|>` is text like any other. */
  surprise(text: string, options?: { signal?: AbortSignal }): Promise<Surprise>;
  /** Draws pictures out of noise.  Models with `info.image` only. */
  image(options?: ImageOptions): ImageRun;
  /** How likely pictures of the model's size are to it, in bits per dimension (a byte of a pixel). */
  imageLikelihood(pictures: Picture | readonly Picture[], options?: ImageLikelihoodOptions): Promise<ImageLikelihood>;
  /** Ends the worker and frees its memory; calls under way reject. */
  dispose(): void;
}

/** A model kept on this device. */
export interface KeptModel {
  sha256: string;
  bytes: number;
  /** The URLs it was loaded from. */
  urls: string[];
}

/** The models kept on this device, for any page of this origin. */
export interface Cache {
  /** Whether copies can be kept here, and if not, why. */
  available(): Promise<{ ok: boolean; why: string | null }>;
  /** Empty where nothing can be kept. */
  list(): Promise<KeptModel[]>;
  /** Deletes a copy; a model that is loaded from it goes on working. */
  remove(sha256: string): Promise<void>;
  /** Bytes this origin uses in all, and may use; null where the browser does not say. */
  estimate(): Promise<{ usage: number; quota: number } | null>;
}
