/** A model of one's own: dropped anywhere on the page or picked, looked at, and loaded when its owner says so. */
import { byId, make } from '../dom.ts';
import type { Engine } from '../engine.ts';
import { complain, settle } from '../errors.ts';
import { megabytes } from '../format.ts';

/** What the engine needs beside the file itself. */
const WORKING_BYTES = 32e6;

export class OwnModel {
  private readonly pending = byId('pending');
  private readonly error = byId('model-error');

  constructor(private readonly engine: Engine) {
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
      location.hash = '#models';
      void this.consider(file);
    });
  }

  /** Says what the file is before anything is loaded. */
  private async consider(file: File): Promise<void> {
    settle(this.error);
    this.dismiss();
    if (!(await isGguf(file))) {
      const detail = `Nothing was changed. A model file is a GGUF file, often named something.gguf; “${file.name}” is something else.`;
      complain(this.error, { title: 'This is no model.', detail, remedy: null });
      return;
    }
    const name = file.name.replace(/\.gguf$/i, '');
    const accept = make('button', { type: 'button', class: 'second', click: () => this.accept(name, file) }, 'Load it');
    const decline = make('button', { type: 'button', class: 'quiet', click: () => this.dismiss() }, 'Leave it');
    this.pending.replaceChildren(
      make('p', {}, make('strong', {}, file.name), `: ${megabytes(file.size)}, needs about ${megabytes(file.size + WORKING_BYTES)} of memory.`),
      make('div', { class: 'actions' }, accept, decline),
    );
    this.pending.hidden = false;
    accept.focus();
  }

  private accept(name: string, file: File): void {
    this.dismiss();
    byId('pick').focus();
    void this.engine.open({ name, source: file });
  }

  private dismiss(): void {
    this.pending.hidden = true;
    this.pending.replaceChildren();
  }
}

async function isGguf(file: File): Promise<boolean> {
  try {
    return (await file.slice(0, 4).text()) === 'GGUF';
  } catch {
    return false; // a folder, or a file that may not be read
  }
}
