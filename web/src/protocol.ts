/** What page and worker say to each other.  Every call has an id; its answers carry the same id. */
import type { EngineFiles } from './choose-engine.ts';
import { PalimpsestError } from './errors.ts';
import type { ErrorCode, LoadProgress, ModelInfo, PageToken, Pin, Score, ScoreProgress } from './types.ts';

export type Calls =
  | { call: 'load'; source: string | Blob | Uint8Array; name: string; engines: EngineFiles; sha256: string | null; cache: boolean; lock: string }
  | { call: 'infill'; text: string; options: number[]; sampler: string | null; seed: bigint; pins: Pin[] }
  | { call: 'tokenize'; text: string; flags: number }
  | { call: 'detokenize'; ids: number[]; flags: number }
  | { call: 'score'; text: string; method: string; seed: bigint; standardError: number };

export type Request = ({ id: number } & Calls) | { id: number; call: 'cancel' };

/** A step of a fill: only what changed; `given` comes once, with the first. */
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
}

export interface FillDone {
  sampler: string;
  seconds: number;
  isa: string;
}

export type Reply =
  | { ready: string } // the worker's build
  | { crash: string } // the engine can no longer be used
  | { id: number; error: ErrorMessage }
  | { id: number; loading: LoadProgress }
  | { id: number; scoring: ScoreProgress }
  | { id: number; page: PageMessage }
  | { id: number; result: ModelInfo | FillDone | number[] | string | Score; memoryBytes: number };

/** An error as it crosses from the worker. */
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
