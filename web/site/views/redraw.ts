/** Redrawing a part of a picture: the picture (a sample or the user's own) and the marked part. */
import { announce } from '../announce.ts';
import { byId, setText } from '../dom.ts';
import { complain, settle } from '../errors.ts';
import { readPicture, Refusal, type Size } from '../pictures/own.ts';
import { Pad } from '../pictures/pad.ts';
import { copyOf, type Raster } from '../pictures/raster.ts';
import { recall, remember } from '../storage.ts';

export interface Part {
  image: Raster;
  mask: Uint8Array;
}

export class Redraw {
  private readonly place = byId('pad');
  private readonly error = byId('pad-error');
  private readonly button = byId<HTMLButtonElement>('redraw');
  private readonly go = byId<HTMLButtonElement>('redraw-marked');
  private readonly pad = new Pad(() => this.changed());
  private size: Size | null = null;

  /** `sample`: the picture to mark if no other was chosen. */
  constructor(private readonly sample: () => Raster | null, begin: () => void) {
    this.button.addEventListener('click', () => (this.open ? this.close() : this.show(this.pad.picture ? null : this.sample())));
    this.go.addEventListener('click', begin);
    const input = byId<HTMLInputElement>('own-picture');
    byId('pick-picture').addEventListener('click', () => input.click());
    input.addEventListener('change', () => {
      const file = input.files?.[0];
      input.value = '';
      if (file) void this.takeFile(file);
    });
    byId('view-pictures').addEventListener('picture', (event) => void this.takeFile((event as CustomEvent<File>).detail));
    new ResizeObserver(() => this.open && this.pad.draw()).observe(this.place);
  }

  get open(): boolean {
    return !this.place.hidden;
  }

  private close(): void {
    this.place.hidden = true;
    this.draw(false);
  }

  /** Opens with this picture, or with the last one. */
  show(picture: Raster | null): void {
    this.place.hidden = false;
    const fits = picture?.width === this.size?.width && picture?.height === this.size?.height;
    if (picture && fits) this.pad.take(copyOf(picture));
    this.changed();
    this.pad.draw();
    if (picture && fits) byId('surface').focus();
    else if (picture) complain(this.error, { title: 'This picture has another size.', detail: 'The current model draws pictures of another size. Draw one with it.', remedy: null });
  }

  /** Sets the picture size of the model in use; a picture of another size is removed with its marks. */
  fit(size: Size | null): void {
    this.size = size;
    const { picture } = this.pad;
    if (size && (picture?.width !== size.width || picture.height !== size.height)) this.pad.picture = null;
    if (size && !this.pad.picture) this.restore(size);
    this.draw(false);
  }

  private async takeFile(file: File): Promise<void> {
    settle(this.error);
    this.place.hidden = false;
    this.draw(false);
    if (!this.size) return complain(this.error, { title: 'The model is not loaded yet.', detail: 'When it is loaded, a picture can be scaled to its size.', remedy: null });
    try {
      this.show(await readPicture(file, this.size));
      announce(`${file.name} is ready to be marked`);
    } catch (error) {
      const detail = error instanceof Refusal ? error.message : 'It could not be read.';
      complain(this.error, { title: 'This picture cannot be used.', detail: `${detail} Nothing was changed.`, remedy: null });
    }
  }

  /** The picture and mask for inpainting; null if something is missing (the page then says what). */
  read(): Part | null {
    settle(this.error);
    const { picture, marks } = this.pad;
    if (!picture) {
      complain(this.error, { title: 'There is no picture yet.', detail: 'Choose a drawn picture, or use one of your own.', remedy: null });
      return null;
    }
    if (!this.pad.count) {
      complain(this.error, { title: 'Nothing is marked.', detail: 'Paint over what is to be drawn again.', remedy: null });
      return null;
    }
    return { image: picture, mask: new Uint8Array(marks) };
  }

  private changed(): void {
    settle(this.error);
    this.draw(false);
    const { picture, marks } = this.pad;
    if (picture) remember('picture-pad', { width: picture.width, height: picture.height, data: Array.from(picture.data), marks: Array.from(marks) });
  }

  private restore(size: Size): void {
    const kept = recall('picture-pad');
    if (typeof kept !== 'object' || kept === null) return;
    const { width, height, data, marks } = kept as Record<string, unknown>;
    if (width !== size.width || height !== size.height || !Array.isArray(data) || data.length !== 4 * size.width * size.height) return;
    this.pad.take({ width: size.width, height: size.height, data: Uint8ClampedArray.from(data) }, Array.isArray(marks) ? Uint8Array.from(marks) : undefined);
  }

  draw(busy: boolean): void {
    const { picture } = this.pad;
    byId('pad-work').hidden = !picture;
    byId('pad-none').hidden = picture !== null;
    this.go.disabled = busy || !picture;
    this.button.setAttribute('aria-expanded', String(this.open));
    setText(this.button, this.open ? 'Close the brush' : 'Redraw a part');
    const total = this.pad.marks.length;
    setText(byId('marked'), picture ? `${this.pad.count} of ${total} pixels are marked` : '');
  }
}
