/** The text that an author puts between the tags: white space as HTML shows it, <br> and paragraphs as lines, <pre> as it is. */

const LINES: Record<string, number> = { p: 2, pre: 2, blockquote: 2, h1: 2, h2: 2, h3: 2, ul: 2, ol: 2, div: 1, li: 1, section: 2, article: 2 };
const SKIPPED = new Set(['script', 'style', 'template']);

/** Reads the text between the tags again whenever it changes. */
export class ContentWatch {
  readonly #observer: MutationObserver;

  constructor(changed: () => void) {
    this.#observer = new MutationObserver(changed);
  }

  begin(element: Element): void {
    this.#observer.observe(element, { childList: true, characterData: true, subtree: true });
  }

  end(): void {
    this.#observer.disconnect();
  }
}

export function textIn(element: Element): string {
  const content = new Content();
  content.add(element, false);
  return content.text.trimEnd();
}

class Content {
  text = '';
  #breaks = 0;

  add(parent: Node, exact: boolean): void {
    for (const node of parent.childNodes) {
      if (node.nodeType === Node.TEXT_NODE) this.#write(exact ? node.nodeValue! : node.nodeValue!.replace(/[ \t\n\f\r]+/g, ' '), exact);
      else if (node instanceof Element && !SKIPPED.has(node.localName)) this.#element(node, exact);
    }
  }

  #element(element: Element, exact: boolean): void {
    const name = element.localName;
    const lines = LINES[name] ?? 0;
    if (name === 'br') return void (this.#breaks += 1);
    // HTML takes a typed <mask> for an element.
    if (name === 'mask') this.#write('<mask>', true);
    this.#breaks = Math.max(this.#breaks, lines);
    this.add(element, exact || name === 'pre');
    this.#breaks = Math.max(this.#breaks, lines);
  }

  #write(text: string, exact: boolean): void {
    const starts = !this.text || this.#breaks || /\s$/.test(this.text);
    const words = !exact && starts ? text.trimStart() : text;
    if (!words) return;
    if (this.#breaks) this.text = this.text.trimEnd() + (this.text.trim() ? '\n'.repeat(this.#breaks) : '');
    this.#breaks = 0;
    this.text += words;
  }
}
