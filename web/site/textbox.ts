/** Changes the text box by the browser's own editing commands, so that its undo still works. */

import { make } from './dom.ts';

/** Replaces the selection by text. */
export function insert(box: HTMLTextAreaElement, text: string): void {
  box.focus();
  // execCommand is deprecated, but nothing else enters the browser's undo list.
  if (document.execCommand('insertText', false, text)) return;
  box.setRangeText(text, box.selectionStart, box.selectionEnd, 'end');
  box.dispatchEvent(new Event('input', { bubbles: true }));
}

/** Replaces the whole text and returns the focus. */
export function replaceAll(box: HTMLTextAreaElement, text: string): void {
  if (box.value === text) return;
  const focused = document.activeElement;
  box.focus({ preventScroll: true });
  box.select();
  insert(box, text);
  if (box.value !== text) box.value = text;
  if (focused instanceof HTMLElement && focused !== box) focused.focus({ preventScroll: true });
}

/** Copies text; false if the browser does not allow it. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyByHand(text);
  }
}

/** The only way to the clipboard over plain http. */
function copyByHand(text: string): boolean {
  const focused = document.activeElement;
  const box = make('textarea', { class: 'unseen' });
  box.value = text;
  document.body.append(box);
  box.select();
  const copied = document.execCommand('copy');
  box.remove();
  if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
  return copied;
}

/** Puts the cursor at a position and scrolls to it. */
export function pointAt(box: HTMLTextAreaElement, offset: number): void {
  // Chromium scrolls to the cursor when a box gets the focus, but not when its selection is set.
  box.blur();
  box.setSelectionRange(offset, offset);
  box.focus();
}
