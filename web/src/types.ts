/** The library's public types: what `palimpsest.d.ts` promises. */

/** Where a model comes from: a URL, a picked file, or its bytes. */
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
}

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
  /** Understands `[[?]]` and `[[a-b]]`. */
  freeLength: boolean;
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
}

export type Sampler =
  | 'first-hitting'
  | 'margin'
  | 'entropy'
  | 'confidence'
  | 'ancestral'
  | 'parallel'
  | 'remask';

/** A filled token made given text. */
export interface Pin {
  blank: number;
  index: number;
  id: number;
}

export interface InfillOptions {
  /** Default `margin`. */
  sampler?: Sampler;
  /** 0 to 2^64 - 1; drawn when absent, and told in the result. */
  seed?: number | bigint;
  /** Another draft of the same seed is another text (default 0). */
  draft?: number;
  /** Default 0.6; 0 is greedy. */
  temperature?: number;
  /** 0: off. */
  topK?: number;
  /** 1: off. */
  topP?: number;
  /** 0: off. */
  minP?: number;
  /** 1: off. */
  repetitionPenalty?: number;
  /** Default true; false: the model's exact law. */
  borders?: boolean;
  /** The page is a whole document (default false). */
  document?: boolean;
  /** A page longer than the context is shown in part (default false: an error). */
  window?: boolean;
  /** Fills may hold byte pieces, in whole UTF-8 characters (default false). */
  bytePieces?: boolean;
  /** Time steps of `ancestral` and `remask` (default 64). */
  steps?: number;
  /** `parallel` reveals where the likeliest token is above this (default 0.9). */
  threshold?: number;
  /** Nats; `parallel` instead reveals while the sum of entropies less the largest stays within this. */
  entropyBound?: number;
  /** `remask`: probability of masking again in a step (default 0.04). */
  remask?: number;
  /** What `[[?]]` stands for (defaults 1 and 16). */
  freeMin?: number;
  freeMax?: number;
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

export interface ScoreOptions {
  /** Default: `exact` for causal models, `bound` for diffusion models. */
  method?: ScoreMethod;
  /** Of an estimate (default 1). */
  seed?: number | bigint;
  /** An estimate goes on until its error is this, in bits a byte (default 0.01). */
  standardError?: number;
  onProgress?: (progress: ScoreProgress) => void;
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

export interface TokenizeOptions {
  /** The text does not begin a page: no dummy space before it. */
  inside?: boolean;
  /** Control pieces such as `<mask>` written in the text are matched. */
  special?: boolean;
  signal?: AbortSignal;
}

export interface Model {
  readonly info: ModelInfo;
  infill(text: string, options?: InfillOptions): Infill;
  /** Ids of the text's tokens; no BOS or EOS is added. */
  tokenize(text: string, options?: TokenizeOptions): Promise<number[]>;
  detokenize(ids: ArrayLike<number>, options?: TokenizeOptions): Promise<string>;
  score(text: string, options?: ScoreOptions): Promise<Score>;
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
