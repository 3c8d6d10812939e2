/** Sharing the page of text: the dialog, links, files. */
import type { InfillOptions } from 'palimpsest';
import { byId } from '../dom.ts';
import { isShareLink, LinkError, makeFile, makeLink, openFile, openLink, type Shared } from '../editor/share-link.ts';
import { writtenIn } from '../editor/shared-page.ts';
import { complain, settle } from '../errors.ts';
import type { Draft, Fill, Pins } from '../fill.ts';
import { ShareDialog } from './share.ts';

/** What the view Text gives and takes. */
export interface SharingHost {
  page(): { typed: string; fill: Fill | null; draft: Draft | null; pins: Pins };
  /** null: an option is wrong, and says so. */
  options(): InfillOptions | null;
  /** Name of the model in use. */
  model(): string;
  /** Shows a shared page.  What was on the page is one undo away. */
  take(shared: Shared): void;
}

export class Sharing {
  private readonly error = byId('fill-error');
  private readonly dialog = new ShareDialog((file) => void this.open(() => openFile(file), 'file'));

  constructor(private readonly host: SharingHost) {
    addEventListener('hashchange', () => this.openHash());
    byId('view-text').addEventListener('page', (event) => void this.open(() => openFile((event as CustomEvent<File>).detail), 'file'));
  }

  async share(): Promise<void> {
    settle(this.error);
    const { typed, fill, draft, pins } = this.host.page();
    const options = this.host.options();
    if (!options) return;
    if (draft?.result) options.seed = draft.result.seed;
    const written = draft?.page && fill ? writtenIn(fill, draft, pins) : null;
    const shared = { typed, written, options, model: written ? this.host.model() : '' };
    const file = (): Blob => makeFile(shared);
    try {
      const hash = await makeLink(shared);
      this.dialog.open({ link: location.href.replace(/#.*/, '') + hash, why: '', file });
    } catch (error) {
      this.dialog.open({ link: null, why: error instanceof LinkError ? error.message : 'This browser cannot make links of pages; a newer one can.', file });
    }
  }

  /** Opens the page of the link in the address, if it is one. */
  openHash(): void {
    const { hash } = location;
    if (!isShareLink(hash)) return;
    history.replaceState(null, '', '#text');
    void this.open(() => openLink(hash), 'link');
  }

  private async open(read: () => Promise<Shared>, kind: 'link' | 'file'): Promise<void> {
    settle(this.error);
    try {
      this.host.take(await read());
    } catch (error) {
      const detail = error instanceof LinkError ? error.message : `This browser cannot open such a ${kind}; a newer one can.`;
      complain(this.error, { title: `This ${kind} cannot be opened. Your own text is unchanged.`, detail, remedy: null });
    }
  }
}
