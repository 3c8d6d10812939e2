/** What a key does, wherever the focus is in the component. */

export type KeyAct = 'stop' | 'fill' | 'undo' | 'nothing';

/** null: the key is not the component's.  `running`: a fill or a download can be stopped. */
export function actOf(event: KeyboardEvent, running: boolean): KeyAct | null {
  const { localName } = event.target as Element;
  // A key that is held down presses a button once: it would stop what it began.
  if (event.repeat && /^(Enter| )$/.test(event.key) && localName === 'button') return 'nothing';
  const control = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
  if (event.key === 'Escape' && running) return 'stop';
  if (event.key === 'Enter' && control) return 'fill';
  if (event.key === 'z' && control && localName !== 'textarea') return 'undo';
  return null;
}
