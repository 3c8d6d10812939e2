/** Events of <palimpsest-blanks>. */
import type { PalimpsestBlanks } from './element.ts';
import type { ErrorCode, InfillResult, LoadProgress } from '../types.ts';

/** How far the loading of a model has come. */
export interface LoadingDetail extends LoadProgress {
  /** What is going on. */
  stage: 'load';
}

/** How far a fill has come. */
export interface FillingDetail {
  /** What is going on. */
  stage: 'fill';
  /** Places that are written, in all drafts. */
  written: number;
  /** Places in all drafts. */
  total: number;
}

/** How far a download or a fill has come. */
export type ProgressDetail = LoadingDetail | FillingDetail;

/** A fill that has ended. */
export interface FillDetail {
  /** The text of the chosen draft. */
  value: string;
  /** All drafts, with tokens, probabilities and alternatives. */
  drafts: InfillResult[];
  /** The seed: the same seed writes the same text. */
  seed: number | bigint;
}

/** Why the value or the kept words have changed. */
export type ChangeReason =
  | 'fill' // a fill has ended, or was stopped
  | 'draft' // another draft was chosen
  | 'keep' // a word is kept, or no longer kept; the value is the same
  | 'choose' // a word was replaced by one of its alternatives, which is kept
  | 'undo' // the last change was taken back
  | 'edit'; // the text was typed

/** A change that a person made, or a fill. */
export interface ChangeDetail {
  /** The text as it is now; blanks that are open are as they were typed. */
  value: string;
  /** Whether no blank is open. */
  complete: boolean;
  /** Why it has changed. */
  reason: ChangeReason;
}

/** An error that the component shows. */
export interface ErrorDetail {
  /** What has failed. */
  code: ErrorCode | 'unknown';
  /** The sentence that is shown. */
  message: string;
  /** The error itself. */
  error: unknown;
}

declare global {
  interface HTMLElementTagNameMap {
    'palimpsest-blanks': PalimpsestBlanks;
  }
  interface GlobalEventHandlersEventMap {
    'palimpsest-progress': CustomEvent<ProgressDetail>;
    'palimpsest-fill': CustomEvent<FillDetail>;
    'palimpsest-change': CustomEvent<ChangeDetail>;
    'palimpsest-error': CustomEvent<ErrorDetail>;
  }
}
