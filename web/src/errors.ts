import type { ErrorCode } from './types.ts';

/** The error of all failures of the library, except aborts, which reject with the signal's reason. */
export class PalimpsestError extends Error {
  override readonly name = 'PalimpsestError';
  /** What has failed. */
  readonly code: ErrorCode;
  /** For `text`: the position in the string, in UTF-16 units.  For `format`: the byte in the file.  Otherwise null. */
  readonly offset: number | null;

  /** @internal */
  constructor(code: ErrorCode, message: string, offset: number | null = null) {
    super(message);
    this.code = code;
    this.offset = offset;
  }
}
