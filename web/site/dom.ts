/** Small helpers for the DOM. */

/** The element with this id.  Page and code are from one build, so a missing element is a bug. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  return element as T;
}

export { make, setText } from '../src/component/make.ts';

export const calm = matchMedia('(prefers-reduced-motion: reduce)');

/** Shows these children.  One that is as it was stays the same element: then the keyboard's focus and a click that is being
 *  made are not lost. */
export function showRows(parent: HTMLElement, rows: readonly HTMLElement[]): void {
  const old = [...parent.children];
  const shown = rows.map((row) => {
    const same = old.findIndex((one) => one.isEqualNode(row));
    return same < 0 ? row : old.splice(same, 1)[0]!;
  });
  for (const gone of old) gone.remove();
  shown.forEach((row, i) => {
    if (parent.children[i] !== row) parent.insertBefore(row, parent.children[i] ?? null);
  });
}
