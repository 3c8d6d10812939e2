/** Says things to a screen reader. */
import { byId } from './dom.ts';

function say(id: string, text: string): void {
  const region = byId(id);
  // The same words twice are no change, and would not be read: the region is emptied first.
  region.textContent = '';
  setTimeout(() => (region.textContent = text), 50);
}

export const announce = (text: string): void => say('polite', text);
export const announceNow = (text: string): void => say('assertive', text);
