/** Small helpers for the DOM. */

/** The element with this id.  Page and code are from one build, so a missing element is a bug. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  return element as T;
}

export { make, setText } from '../src/component/make.ts';

export const calm = matchMedia('(prefers-reduced-motion: reduce)');
