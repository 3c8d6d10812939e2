/** The dialog that shares a page as a link. */
import { announce } from '../announce.ts';
import { byId, make } from '../dom.ts';
import { copyText } from '../textbox.ts';

/** Characters from which some programs cut a link. */
const LONG = 2000;

export class ShareDialog {
  private readonly box = byId<HTMLDialogElement>('share-dialog');

  open(link: string): void {
    const field = make('textarea', { readonly: true, rows: 3, 'aria-label': 'Link' });
    field.value = link;
    const said = make('p', { class: 'note', 'aria-live': 'polite' });
    const copy = async (): Promise<void> => {
      said.textContent = (await copyText(link)) ? 'Copied.' : 'The browser did not allow copying: select the link and copy it.';
    };
    const close = (): void => this.box.close();
    const actions = [make('button', { type: 'button', class: 'second', click: () => void copy() }, 'Copy the link')];
    if ('share' in navigator) actions.push(make('button', { type: 'button', class: 'quiet', click: () => void navigator.share({ url: link }).catch(() => {}) }, 'Share…'));
    actions.push(make('button', { type: 'button', class: 'quiet', click: close }, 'Close'));
    this.box.replaceChildren(
      make('h3', { id: 'share-heading' }, 'Share this page'),
      make('p', {}, 'The text is in the link itself: whoever has the link can read it, and it stays in the histories of browsers. It is not sent to any server by opening it.'),
      field,
      make('p', { class: 'note' }, `${link.length.toLocaleString('en')} characters.${link.length > LONG ? ' Some programs cut off links of more than 2,000: send it in an e-mail or a file.' : ''}`),
      make('div', { class: 'actions' }, ...actions),
      said,
    );
    this.box.showModal();
    field.select();
    announce('The link is ready');
  }
}
