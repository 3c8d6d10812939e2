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

export function remember(key: string, value: unknown): void {
  try {
    localStorage.setItem(PREFIX + key, JSON.stringify(value));
  } catch {
    // denied or full: the page works without storage
  }
}
