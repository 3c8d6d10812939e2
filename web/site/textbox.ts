/** Changes the text box by way of the browser's own editing, so that its own undo goes on working. */

import { make } from './dom.ts';

/** Puts text over the selection. */
export function insert(box: HTMLTextAreaElement, text: string): void {
  box.focus();
  // execCommand is old, but nothing else enters the browser's undo list.
  if (document.execCommand('insertText', false, text)) return;
  box.setRangeText(text, box.selectionStart, box.selectionEnd, 'end');
  box.dispatchEvent(new Event('input', { bubbles: true }));
}

/** Replaces all of the text and gives the focus back. */
export function replaceAll(box: HTMLTextAreaElement, text: string): void {
  if (box.value === text) return;
  const focused = document.activeElement;
  box.focus({ preventScroll: true });
  box.select();
  insert(box, text);
  if (box.value !== text) box.value = text;
  if (focused instanceof HTMLElement && focused !== box) focused.focus({ preventScroll: true });
}

/** Copies text; false where the browser does not allow it. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyByHand(text);
  }
}

/** Over plain http there is no clipboard but this way. */
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

/** Puts the cursor at a place and shows it. */
export function pointAt(box: HTMLTextAreaElement, offset: number): void {
  // Chromium scrolls to the cursor when a box gets the focus, not when its selection is set.
  box.blur();
  box.setSelectionRange(offset, offset);
  box.focus();
}
