/** The surface for marking a part of a picture, with the pointer or the keyboard. */
import { announce } from '../announce.ts';
import { byId } from '../dom.ts';
import { show, type Raster } from './raster.ts';

/** Length of the longer side in screen pixels, if there is enough space. */
const ROOM = 384;

const ARROWS: Record<string, readonly [dx: number, dy: number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

interface Point {
  x: number;
  y: number;
}

export class Pad {
  private readonly surface = byId('surface');
  private readonly below = byId<HTMLCanvasElement>('surface-picture');
  private readonly above = byId<HTMLCanvasElement>('surface-marks');
  private readonly size = byId<HTMLInputElement>('brush');
  private readonly rubber = byId<HTMLInputElement>('rub');
  picture: Raster | null = null;
  /** One byte per pixel, 1 if the pixel is drawn again. */
  marks = new Uint8Array();
  private cursor: Point = { x: 0, y: 0 };
  private last: Point | null = null;

  constructor(private readonly changed: () => void) {
    const { surface } = this;
    surface.addEventListener('pointerdown', (event) => this.begin(event));
    surface.addEventListener('pointermove', (event) => this.drag(event));
    for (const type of ['pointerup', 'pointercancel'] as const) surface.addEventListener(type, () => this.end());
    surface.addEventListener('keydown', (event) => this.key(event));
    for (const type of ['focus', 'blur'] as const) surface.addEventListener(type, () => this.draw());
    byId('pad-clear').addEventListener('click', () => this.change('Nothing is marked', () => 0));
    byId('pad-invert').addEventListener('click', () => this.change('Marks inverted', (mark) => 1 - mark));
  }

  /** The marks stay if the new picture has the same size. */
  take(picture: Raster, marks?: Uint8Array): void {
    const same = this.picture?.width === picture.width && this.picture.height === picture.height;
    this.picture = picture;
    if (marks?.length === picture.width * picture.height) this.marks = new Uint8Array(marks);
    else if (!same) this.marks = new Uint8Array(picture.width * picture.height);
    if (!same) this.cursor = { x: picture.width >> 1, y: picture.height >> 1 };
    this.draw();
  }

  get count(): number {
    return this.marks.reduce((sum, mark) => sum + mark, 0);
  }

  private get scale(): number {
    const room = Math.min(ROOM, this.surface.parentElement?.clientWidth || ROOM);
    return Math.max(1, Math.floor(room / Math.max(this.picture?.width ?? 1, this.picture?.height ?? 1)));
  }

  // ---- marking

  private change(said: string, next: (mark: number) => number): void {
    this.marks = this.marks.map(next);
    this.draw();
    this.changed();
    announce(said);
  }

  /** A round spot of the brush's size. */
  private spot({ x, y }: Point): void {
    const { picture } = this;
    if (!picture) return;
    const wide = this.size.valueAsNumber;
    const [left, top] = [Math.round(x - (wide - 1) / 2), Math.round(y - (wide - 1) / 2)];
    const middle = (wide - 1) / 2;
    for (let v = Math.max(0, -top); v < wide && top + v < picture.height; v++)
      for (let u = Math.max(0, -left); u < wide && left + u < picture.width; u++)
        if ((u - middle) ** 2 + (v - middle) ** 2 <= (wide / 2) ** 2) this.marks[(top + v) * picture.width + left + u] = this.rubber.checked ? 0 : 1;
  }

  /** Paints spots from one position to another, so that fast movements leave no gaps. */
  private stroke(from: Point, to: Point): void {
    const steps = Math.max(1, Math.abs(to.x - from.x), Math.abs(to.y - from.y));
    for (let i = 0; i <= steps; i++) this.spot({ x: Math.round(from.x + ((to.x - from.x) * i) / steps), y: Math.round(from.y + ((to.y - from.y) * i) / steps) });
    this.draw();
    this.changed();
  }

  // ---- the pointer

  private place(event: PointerEvent): Point {
    const { left, top, width, height } = this.below.getBoundingClientRect();
    const { width: w, height: h } = this.picture ?? { width: 1, height: 1 };
    const inside = (value: number, most: number): number => Math.max(0, Math.min(most - 1, Math.floor(value)));
    return { x: inside(((event.clientX - left) / width) * w, w), y: inside(((event.clientY - top) / height) * h, h) };
  }

  private begin(event: PointerEvent): void {
    if (event.button !== 0 || !this.picture) return;
    this.surface.setPointerCapture(event.pointerId);
    this.last = this.cursor = this.place(event);
    this.stroke(this.last, this.last);
  }

  private drag(event: PointerEvent): void {
    if (!this.last) return;
    const to = this.place(event);
    this.stroke(this.last, to);
    this.last = this.cursor = to;
  }

  private end(): void {
    this.last = null;
  }

  // ---- the keyboard

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.picture) return;
    const arrow = ARROWS[event.key];
    if (arrow) this.move(arrow, event.shiftKey);
    else if (event.key === ' ') this.press();
    else return;
    event.preventDefault();
  }

  private move([dx, dy]: readonly [number, number], marking: boolean): void {
    const { width, height } = this.picture ?? { width: 1, height: 1 };
    const from = this.cursor;
    this.cursor = { x: Math.max(0, Math.min(width - 1, from.x + dx)), y: Math.max(0, Math.min(height - 1, from.y + dy)) };
    if (marking) this.stroke(from, this.cursor);
    else this.draw();
    this.tell();
  }

  private press(): void {
    this.stroke(this.cursor, this.cursor);
    this.tell();
  }

  private tell(): void {
    const { x, y } = this.cursor;
    const marked = this.marks[y * (this.picture?.width ?? 1) + x];
    announce(`Column ${x + 1}, row ${y + 1}, ${marked ? 'marked' : 'kept'}`);
  }

  // ---- drawing

  draw(): void {
    const { picture } = this;
    if (!picture) return;
    const { scale } = this;
    show(this.below, picture);
    this.surface.style.width = `${picture.width * scale}px`;
    this.surface.style.height = `${picture.height * scale}px`;
    this.above.width = picture.width * scale;
    this.above.height = picture.height * scale;
    const context = this.above.getContext('2d');
    if (!context) return;
    const style = getComputedStyle(this.surface);
    const colour = (name: string): string => style.getPropertyValue(name);
    this.drawMarks(context, scale, colour('--marked'), colour('--accent'));
    if (document.activeElement === this.surface) this.drawCursor(context, scale);
  }

  /** The marked part is shown faintly, with its edge drawn. */
  private drawMarks(context: CanvasRenderingContext2D, scale: number, rubbed: string, accent: string): void {
    const { width, height } = this.picture ?? { width: 0, height: 0 };
    const at = (x: number, y: number): number => (x < 0 || y < 0 || x >= width || y >= height ? 0 : (this.marks[y * width + x] ?? 0));
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        if (!at(x, y)) continue;
        const [left, top] = [x * scale, y * scale];
        context.globalAlpha = 0.8;
        context.fillStyle = rubbed;
        context.fillRect(left, top, scale, scale);
        context.globalAlpha = 1;
        context.fillStyle = accent;
        const line = 2;
        if (!at(x - 1, y)) context.fillRect(left, top, line, scale);
        if (!at(x + 1, y)) context.fillRect(left + scale - line, top, line, scale);
        if (!at(x, y - 1)) context.fillRect(left, top, scale, line);
        if (!at(x, y + 1)) context.fillRect(left, top + scale - line, scale, line);
      }
  }

  /** A light line inside a dark one, so that it is visible on any picture. */
  private drawCursor(context: CanvasRenderingContext2D, scale: number): void {
    const wide = this.size.valueAsNumber;
    const left = Math.round(this.cursor.x - (wide - 1) / 2) * scale;
    const top = Math.round(this.cursor.y - (wide - 1) / 2) * scale;
    for (const [colour, line] of [['#000', 4], ['#fff', 2]] as const) {
      context.strokeStyle = colour;
      context.lineWidth = line;
      context.strokeRect(left + 1, top + 1, wide * scale - 2, wide * scale - 2);
    }
  }
}
