import type { ErrorCode } from './types.ts';

/** Every failure of the library except an abort, which rejects with the signal's own reason. */
export class PalimpsestError extends Error {
  override readonly name = 'PalimpsestError';
  readonly code: ErrorCode;
  /** For `text`: where in the string, in UTF-16 units.  For `format`: the byte of the file.  Otherwise null. */
  readonly offset: number | null;

  constructor(code: ErrorCode, message: string, offset: number | null = null) {
    super(message);
    this.code = code;
    this.offset = offset;
  }
}
