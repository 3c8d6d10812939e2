/** What the page remembers between visits; where storage is denied it forgets, and all else works. */

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
    // denied or full: the page works without
  }
}
