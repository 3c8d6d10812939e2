/** Creates elements without a line of HTML, so that no policy of a page forbids it. */

type Attributes = Record<string, string | number | boolean | ((event: Event) => void)>;

/** Creates an element.  Functions become listeners, `true` an empty attribute, `false` no attribute. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (value !== false) element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children);
  return element;
}

/** Writes text only if it differs, to avoid needless layout and announcements. */
export function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
