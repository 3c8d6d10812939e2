/** The messages between page and worker.  Every call has an id, and its answers have the same id. */
import type { ChatModel } from './chat.ts';
import type { Files } from './files.ts';
import { PalimpsestError } from './errors.ts';
import type { Found } from './sources.ts';
import type {
  ErrorCode, FillScore, FinishReason, GeneratedPiece, ImageFrame, ImageLikelihood, ImageLikelihoodOptions, ImageOptions, ImageProgress, LoadProgress,
  ModelInfo, PageToken, Picture, Pin, Reading, Score, ScoreProgress, Surprise,
} from './types.ts';

/** A file to load. */
export interface FileMessage extends Found {
  sha256: string | null;
}

export type Calls =
  | { call: 'load'; file: FileMessage; adapter: FileMessage | null; files: Files; cache: boolean; lock: string; room: number | null; kv: string | null; threads: number | null; turn: Int32Array | null }
  | { call: 'infill'; text: string; options: number[]; seed: bigint; pins: Pin[] }
  | { call: 'tokenize'; text: string; flags: number }
  | { call: 'detokenize'; ids: number[]; flags: number }
  | { call: 'chat' }
  | { call: 'score'; text: string; options: number[]; seed: bigint }
  | {
      call: 'fills'; text: string; options: number[]; seed: bigint; fills: (string | number[])[]; order: { blank: number; index: number }[] | null;
      orders: number;
    }
  | {
      call: 'generate'; serial: number; prompt: string | number[] | Uint8Array; begin: number[]; options: number[]; seed: bigint;
      biases: [number, number][]; stop: string[]; grammar: string;
    }
  | { call: 'save'; serial: number; pieces: number } // how many pieces the page has received: the worker may be ahead
  | { call: 'sequence'; what: 'append' | 'logits' | 'tokens' | 'rewind' | 'save' | 'restore'; ids: number[]; length: number; data: Uint8Array }
  | { call: 'surprise'; text: string }
  | { call: 'image'; options: Omit<ImageOptions, 'signal'> }
  | { call: 'imageLikelihood'; pictures: readonly Picture[]; options: Omit<ImageLikelihoodOptions, 'signal' | 'onProgress'> };

export type Request = ({ id: number } & Calls) | { id: number; call: 'cancel' | 'wake' }; // wake: the page is shown again

/** A step of a fill: only what changed.  `given` is sent once, with the first step. */
export interface PageMessage {
  given?: string[];
  text: string;
  changed: { at: number; token: PageToken }[];
  step: number;
  steps: number;
  evaluations: number;
  open: number;
  shown: number;
  total: number;
  windowed: boolean;
  windows: number;
}

export interface FillDone {
  /** The number of the model's default sampler. */
  usual: number;
  seconds: number;
  isa: string;
}

/** The end of a generation.  `tokens`: number of tokens in the window when it began; `known`: those that the sequence had
 *  already read. */
export interface GenerateDone {
  finish: FinishReason;
  stop: number | null;
  prompt: number;
  tokens: number;
  known: number;
  drawn: number;
  evaluations: number;
  evaluated: number;
  dropped: number;
  room: number;
  seconds: number;
  firstSeconds: number;
  laterSeconds: number;
  isa: string;
}

/** A frame, with pictures that can be transferred: without ImageData. */
export type FrameMessage = Omit<ImageFrame, 'image' | 'pictures' | 'states'> & {
  image: Pixels;
  pictures: Pixels[];
  states?: Pixels[];
};
export type Pixels = { data: Uint8ClampedArray<ArrayBuffer>; width: number; height: number };

export type Reply =
  | { ready: string } // the worker's build
  | { crash: string } // the engine can no longer be used
  | { team: Int32Array; locks: string[] } // the state of the team's threads, in the engine's memory; each thread holds a lock
  | { id: number; error: ErrorMessage }
  | { id: number; loading: LoadProgress }
  | { id: number; scoring: ScoreProgress }
  | { id: number; page: PageMessage }
  | { id: number; pieces: GeneratedPiece[] }
  | { id: number; reading: Reading }
  | { id: number; frame: FrameMessage }
  | { id: number; measured: ImageProgress }
  | { id: number; result: Result; memoryBytes: number };

export type Result =
  | ModelInfo | FillDone | GenerateDone | Score | FillScore | Surprise | ImageLikelihood | number | number[] | string | Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer> | ChatModel;

/** An error in a message of the worker. */
export interface ErrorMessage {
  code: ErrorCode;
  message: string;
  offset: number | null;
}

export function toMessage(error: PalimpsestError): ErrorMessage {
  return { code: error.code, message: error.message, offset: error.offset };
}

export function fromMessage(message: ErrorMessage): PalimpsestError {
  return new PalimpsestError(message.code, message.message, message.offset);
}
