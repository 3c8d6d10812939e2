/** Errors as sentences.  The page and the component use it. */

/** Errors after which another try may succeed. */
const PASSING = new Set(['network', 'integrity', 'memory', 'crashed', 'disposed']);

export const isAbort = (error: unknown): boolean => error instanceof DOMException && error.name === 'AbortError';

/** What the component shows of an error. */
export function told(error: unknown): { code: string; message: string; passing: boolean } {
  const { code = 'unknown', message = String(error) } = (error ?? {}) as { code?: string; message?: string };
  return { code, message: sentence(message), passing: PASSING.has(code) };
}

export function sentence(text: string): string {
  const begun = /^\w+:/.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1); // an address stays as it is
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
