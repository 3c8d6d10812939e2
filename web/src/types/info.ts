/** What is known of a loaded model. */
import type { Sampler } from '../options.ts';
import type { ImageInfo } from './pictures.ts';

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
  /** Number of threads, that of the caller included. */
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
  /** The samplers that can fill its pages. */
  samplers: Sampler[];
  /** The model is causal, so it can continue a text. */
  canGenerate: boolean;
  /** The model can continue a text and its file has a chat template, so `chat` can be called.  If the template cannot be run,
   *  that call fails. */
  canChat: boolean;
  /** Capacity for a generated text in tokens, prompt included; 0 if the model cannot generate. */
  room: number;
  /** Bytes of memory that generating needs in addition to the model; allocated at the first call. */
  roomBytes: number;
  /** Supports blanks of free length, `[[?]]` and `[[a-b]]`. */
  freeLength: boolean;
  /** Digits of a model that fills boards of Sudoku: 9, or 4 for boards of 4 x 4; 0 for other models. */
  board: number;
  /** Of a model of boards: the option `loops` by default; otherwise 0. */
  loops: number;
  /** Capabilities of a model that draws pictures; null for other models. */
  image: ImageInfo | null;
  /** The noise of a model that computes scores (`sedd`); null for other models. */
  noise: NoiseInfo | null;
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

/** The noise of a network that computes scores. */
export interface NoiseInfo {
  /** What noise replaces a token by: the mask, or any of `states` pieces. */
  graph: 'absorb' | 'uniform';
  /** How the noise grows with time. */
  schedule: 'log-linear' | 'geometric';
  /** The smallest noise of the training; the network is shown none below it. */
  sigmaMin: number;
  /** The largest noise of the training. */
  sigmaMax: number;
  /** Number of pieces that noise puts; 0 with `absorb`. */
  states: number;
}

/** The fields have the meaning of those of ModelInfo. */
export interface AdapterInfo extends Pick<ModelInfo, 'source' | 'sha256' | 'fileBytes' | 'kept' | 'keptWhyNot' | 'updateWhyNot'> {
  /** A warning that the adapter was made for other weights of the same shape, or for another quantisation of them; usually
   *  null. */
  note: string | null;
}
