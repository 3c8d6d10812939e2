/** The user's own model: dropped on the page or picked, described, and loaded when the user confirms. */
import { byId, make } from '../dom.ts';
import { isPageFile } from '../editor/share-link.ts';
import type { Engines } from '../engine.ts';
import { complain, settle } from '../errors.ts';
import { megabytes } from '../format.ts';
import { glance, MAX_BYTES, type Glance } from '../glance.ts';

export class OwnModel {
  private readonly pending = byId('pending');
  private readonly error = byId('model-error');

  constructor(private readonly engines: Engines) {
    const input = byId<HTMLInputElement>('file');
    byId('pick').addEventListener('click', () => input.click());
    input.addEventListener('change', () => {
      const file = input.files?.[0];
      input.value = '';
      if (file) void this.consider(file);
    });
    this.acceptDrops();
  }

  private acceptDrops(): void {
    const target = byId('drop');
    const carriesFile = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') ?? false;
    addEventListener('dragover', (event) => {
      if (!carriesFile(event)) return;
      event.preventDefault();
      target.hidden = false;
    });
    addEventListener('dragleave', (event) => {
      if (!event.relatedTarget) target.hidden = true;
    });
    addEventListener('drop', (event) => {
      target.hidden = true;
      if (!carriesFile(event)) return;
      event.preventDefault();
      const file = event.dataTransfer?.files[0];
      if (!file) return;
      void this.receive(file);
    });
  }

  /** Saved pages go to the view Text, pictures to Pictures if it is shown or the file can be nothing else; all other files
   *  count as models. */
  private async receive(file: File): Promise<void> {
    const pictures = byId('view-pictures');
    const { isGguf } = await glance(file);
    if (!isGguf && (/\.palimpsest$/i.test(file.name) || (await isPageFile(file).catch(() => false)))) {
      location.hash = '#text';
      byId('view-text').dispatchEvent(new CustomEvent('page', { detail: file }));
      return;
    }
    if (!isGguf && (!pictures.hidden || file.type.startsWith('image/'))) {
      location.hash = '#pictures';
      pictures.dispatchEvent(new CustomEvent('picture', { detail: file }));
      return;
    }
    location.hash = '#models';
    await this.consider(file);
  }

  /** Describes the file before anything is loaded. */
  private async consider(file: File): Promise<void> {
    settle(this.error);
    this.dismiss();
    const seen = await glance(file);
    if (!seen.isGguf) {
      const detail = `Nothing was changed. A model file is a GGUF file, often named something.gguf; “${file.name}” is something else.`;
      complain(this.error, { title: 'This is not a model.', detail, remedy: null });
      return;
    }
    if (seen.bytes > MAX_BYTES) return this.refuse(file, seen);
    const name = file.name.replace(/\.gguf$/i, '');
    const accept = make('button', { type: 'button', class: 'second', click: () => this.accept(name, file, seen) }, 'Load it');
    const decline = make('button', { type: 'button', class: 'quiet', click: () => this.dismiss() }, 'Do not load it');
    this.pending.replaceChildren(
      make('p', {}, make('strong', {}, file.name), `: ${megabytes(file.size)}, needs about ${megabytes(seen.bytes)} of memory${useOf(seen)}.`),
      make('div', { class: 'actions' }, accept, decline),
    );
    this.pending.hidden = false;
    accept.focus();
  }

  private refuse(file: File, seen: Glance): void {
    const detail = `Nothing was changed. “${file.name}” needs about ${megabytes(seen.bytes)} of memory, and a page can use at most ${megabytes(MAX_BYTES)}. A smaller model, or the same model with fewer bits per weight, may fit.`;
    complain(this.error, { title: 'This model is too large for a page.', detail, remedy: null });
  }

  private accept(name: string, file: File, seen: Glance): void {
    this.dismiss();
    byId('pick').focus();
    void this.engines[viewOf(seen)].open({ name, source: file, own: true });
  }

  private dismiss(): void {
    this.pending.hidden = true;
    this.pending.replaceChildren();
  }
}

/** A guess from the beginning of the file; what the model can really do is known when it is loaded. */
function viewOf({ architecture }: Glance): keyof Engines {
  const kind = __ARCHITECTURES__[architecture];
  if (kind?.engine === 'pictures') return 'pictures';
  if (architecture === 'sudoku') return 'sudoku';
  return architecture !== '' && (kind?.causal ?? true) ? 'continue' : 'text';
}

const BOTH = 'it fills blanks and continues texts, in the views Text and Continue';
const USES = { text: 'it fills blanks, in the view Text', continue: 'it continues texts, in the view Continue', pictures: 'it draws, in the view Pictures', sudoku: 'it fills boards, in the view Sudoku' };

const useOf = (seen: Glance): string => (seen.architecture ? `; ${seen.rows ? BOTH : USES[viewOf(seen)]}` : '');
