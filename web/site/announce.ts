/** Announces texts to screen readers. */
import { byId } from './dom.ts';

function say(id: string, text: string): void {
  const region = byId(id);
  // The same text twice is not a change and would not be read, so the region is emptied first.
  region.textContent = '';
  setTimeout(() => (region.textContent = text), 50);
}

export const announce = (text: string): void => say('polite', text);
export const announceNow = (text: string): void => say('assertive', text);
