/** "Save everything for offline use" in the view Models: what there is, with sizes; a tick box each; progress; cancel. */
import { cache } from 'palimpsest';
import { announce } from '../announce.ts';
import { byId, make, setText } from '../dom.ts';
import { complain, explain, isAbort, remedies, settle } from '../errors.ts';
import { megabytes } from '../format.ts';
import { bytesOf } from '../text-models.ts';
import { obstacle, pageBytes, parts, type Part } from './parts.ts';

interface Row {
  part: Part;
  box: HTMLInputElement;
}

export class OfflineView {
  private readonly note = byId('offline-note');
  private readonly list = byId('offline-parts');
  private readonly button = byId<HTMLButtonElement>('save-offline');
  private readonly line = byId('offline-progress');
  private readonly error = byId('offline-error');
  private rows: Row[] = [];
  private readonly unticked = new Set<string>();
  private running: AbortController | null = null;
  private asked = 0;

  /** `saved`: called when something was kept. */
  constructor(private readonly saved: () => void) {
    byId('offline').addEventListener('submit', (event) => {
      event.preventDefault();
      void this.save();
    });
    this.list.addEventListener('change', () => this.draw());
    navigator.serviceWorker?.addEventListener('controllerchange', () => void this.refresh());
  }

  /** Looks again at what is kept. */
  async refresh(): Promise<void> {
    if (this.running) return;
    const asked = ++this.asked;
    const why = await obstacle();
    const [found, page] = why ? [[], 0] : await Promise.all([parts(), pageBytes().catch(() => 0)]);
    const warning = why ? '' : await this.warning(found);
    if (asked !== this.asked || this.running) return;
    const own = page ? `The page itself and its engines (${megabytes(page)}) are kept already.` : 'The page itself and its engines are kept at the end of the first visit.';
    setText(this.note, why ?? `${own} ${warning}`.trim());
    // Rows that say the same stay, with their boxes: one may be being clicked.
    if (JSON.stringify(found) !== JSON.stringify(this.rows.map(({ part }) => part))) {
      this.rows = found.map((part, i) => ({ part, box: make('input', { type: 'checkbox', id: `offline-${i}`, 'aria-describedby': `offline-about-${i}` }) }));
      this.list.replaceChildren(...this.rows.map(({ part, box }, i) => this.item(part, box, i)));
    }
    this.draw();
  }

  private item({ name, about, bytes, kept }: Part, box: HTMLInputElement, i: number): HTMLElement {
    box.checked = kept || !this.unticked.has(name);
    box.disabled = kept;
    box.addEventListener('change', () => (box.checked ? this.unticked.delete(name) : this.unticked.add(name)));
    const state = make('span', { class: 'hint', id: `offline-about-${i}` }, `${megabytes(bytes)}, ${about}${kept ? '; kept on this device' : ''}`);
    return make('div', { class: 'switch' }, box, make('label', { for: box.id }, name), state);
  }

  private get wanted(): Part[] {
    return this.rows.filter(({ part, box }) => !part.kept && box.checked).map(({ part }) => part);
  }

  private get left(): Part[] {
    return this.rows.filter(({ part }) => !part.kept).map(({ part }) => part);
  }

  /** What may go wrong. */
  private async warning(found: readonly Part[]): Promise<string> {
    const estimate = await cache.estimate().catch(() => null);
    const needed = bytesOf(found.filter(({ kept }) => !kept));
    const free = estimate ? Math.max(estimate.quota - estimate.usage, 0) : Infinity;
    if (free < needed) return `The browser gives this page only ${megabytes(free)} more, and ${megabytes(needed)} are needed: untick something.`;
    if (!needed && !(await navigator.storage?.persisted?.().catch(() => true))) return 'The browser may delete it all if the device is short of space, or if you do not come back for long.';
    return '';
  }

  private draw(): void {
    const { wanted, left, running } = this;
    const all = wanted.length === left.length;
    this.button.hidden = !left.length || running !== null;
    this.button.disabled = !wanted.length;
    setText(this.button, !wanted.length ? 'Nothing is ticked' : `${all ? 'Save everything for offline use' : 'Save what is ticked'} (${megabytes(bytesOf(wanted))})`);
    byId('offline-done').hidden = !this.rows.length || left.length > 0;
    for (const { part, box } of this.rows) box.disabled = part.kept || running !== null;
  }

  private async save(): Promise<void> {
    const { wanted } = this;
    if (this.running || !wanted.length) return;
    settle(this.error);
    const running = (this.running = new AbortController());
    this.draw();
    void navigator.storage?.persist?.().catch(() => false); // a browser may ask its user, so this is not waited for
    const bar = make('progress', { max: 1, 'aria-label': 'Saved' });
    const words = make('span');
    this.line.replaceChildren(bar, words, make('button', { type: 'button', class: 'quiet', click: () => running.abort() }, 'Cancel'));
    announce('Saving for offline use');
    const problem = await this.keepAll(wanted, running.signal, (name, done) => {
      bar.value = done;
      setText(words, `Saving ${name}: ${Math.floor(done * 100)} % of ${megabytes(bytesOf(wanted))}`);
    });
    this.running = null;
    this.line.replaceChildren();
    await this.refresh();
    this.saved();
    this.tell(problem);
  }

  /** One after the other.  What was kept before an error stays. */
  private async keepAll(wanted: readonly Part[], signal: AbortSignal, advanced: (name: string, done: number) => void): Promise<unknown> {
    const whole = bytesOf(wanted);
    let before = 0;
    try {
      for (const { name, bytes, keep } of wanted) {
        advanced(name, before / whole);
        await keep(signal, (loaded) => advanced(name, (before + Math.min(loaded, bytes)) / whole));
        signal.throwIfAborted();
        before += bytes;
      }
      return null;
    } catch (error) {
      return error;
    }
  }

  private tell(problem: unknown): void {
    if (problem === null) return announce('It is saved and works without a network');
    if (isAbort(problem)) return announce('Cancelled; what was saved stays');
    const complaint = explain(problem);
    complain(this.error, { title: 'Not everything could be saved.', detail: `${complaint.detail} What was saved stays.`, remedy: 'retry' }, remedies('retry', () => void this.save()));
  }
}
