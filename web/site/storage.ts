/** Settings that the page keeps between visits.  If storage is denied, nothing is kept, and everything else works. */

const PREFIX = 'palimpsest.';

export function recall(key: string): unknown {
  try {
    const kept = localStorage.getItem(PREFIX + key);
    return kept === null ? undefined : JSON.parse(kept);
  } catch {
    return undefined;
  }
}

/** As recall(), but what this tab has kept itself comes first: other tabs may have kept something else since. */
export function recallHere(key: string): unknown {
  try {
    const kept = sessionStorage.getItem(PREFIX + key);
    if (kept !== null) return JSON.parse(kept);
  } catch {
    // denied, or not JSON
  }
  return recall(key);
}

/** Keeps something for this tab, and for the next visit. */
export function rememberHere(key: string, value: unknown): void {
  try {
    sessionStorage.setItem(PREFIX + key, JSON.stringify(value));
  } catch {
    // denied or full
  }
  remember(key, value);
}

export function remember(key: string, value: unknown): void {
  try {
    localStorage.setItem(PREFIX + key, JSON.stringify(value));
  } catch {
    // denied or full: the page works without storage
  }
}
