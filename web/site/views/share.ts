/** The dialog that shares a page as a link or a file, and opens such a file. */
import { announce } from '../announce.ts';
import { byId, make } from '../dom.ts';
import { counted } from '../format.ts';
import { copyText } from '../textbox.ts';

/** Characters from which some programs cut a link. */
const LONG = 2000;
const NAME = 'page.palimpsest';

/** What can be shared. */
export interface Offered {
  /** null: the page cannot be a link. */
  link: string | null;
  /** Why not. */
  why: string;
  file: () => Blob;
}

export class ShareDialog {
  private readonly box = byId<HTMLDialogElement>('share-dialog');
  private readonly said = make('p', { class: 'note', 'aria-live': 'polite' });
  private readonly picker = make('input', { type: 'file', accept: '.palimpsest,application/json', hidden: true, 'aria-label': 'A saved page' });

  constructor(private readonly opened: (file: File) => void) {
    this.picker.addEventListener('change', () => {
      const file = this.picker.files?.[0];
      this.picker.value = '';
      if (!file) return;
      this.box.close();
      this.opened(file);
    });
    // A click beside the dialog closes it.
    this.box.addEventListener('click', (event) => event.target === this.box && this.box.close());
  }

  open(offered: Offered): void {
    this.said.textContent = '';
    const { link, why, file } = offered;
    const body = link === null ? [make('p', {}, why, ' Save the page as a file instead, and send the file.')] : this.linkParts(link);
    const actions = link === null ? [] : this.linkActions(link);
    this.box.replaceChildren(
      make('h3', { id: 'share-heading' }, 'Share this page'),
      ...body,
      make('div', { class: 'actions' }, ...actions, this.button(link === null ? 'second' : 'quiet', 'Save as a file', () => this.save(file()))),
      this.said,
      make('p', { class: 'note' }, 'If you got such a file, open it here or drop it on this page.'),
      make('div', { class: 'actions' }, this.button('quiet', 'Open a file', () => this.picker.click()), this.button('quiet', 'Close', () => this.box.close())),
      this.picker,
    );
    this.box.showModal();
    this.box.querySelector<HTMLElement>('textarea, .second')?.focus();
    this.box.querySelector('textarea')?.select();
    announce(link === null ? why : 'The link is ready');
  }

  private linkParts(link: string): HTMLElement[] {
    const field = make('textarea', { readonly: true, rows: 3, 'aria-label': 'Link' });
    field.value = link;
    const advice = link.length > LONG ? ' Some programs cut off links of more than 2,000 characters: send it by e-mail, or send a file.' : '';
    return [
      make('p', {}, 'The link contains the whole text. Anyone who has the link can read it, and browsers keep it in their history. Opening it sends the text to no server.'),
      field,
      make('p', { class: 'note' }, `${counted(link.length, 'character')}.${advice}`),
    ];
  }

  private linkActions(link: string): HTMLElement[] {
    const copy = async (): Promise<void> => {
      this.said.textContent = (await copyText(link)) ? 'Copied.' : 'The browser did not allow copying: select the link and copy it.';
    };
    const actions = [this.button('second', 'Copy the link', () => void copy())];
    if ('share' in navigator) actions.push(this.button('quiet', 'Share…', () => void navigator.share({ url: link }).catch(() => {})));
    return actions;
  }

  private button(kind: string, text: string, click: () => void): HTMLElement {
    return make('button', { type: 'button', class: kind, click }, text);
  }

  private save(blob: Blob): void {
    const address = URL.createObjectURL(blob);
    const link = make('a', { href: address, download: NAME, hidden: true });
    this.box.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
    this.said.textContent = `Saved as ${NAME}, where your browser puts downloads.`;
  }
}
