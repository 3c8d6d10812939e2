/** The worker's code for pictures, fetched when a model that draws is loaded: takes options, returns frames.
 *
 *  The counterpart of wasm/pictures.c.  image.ts has checked the kinds of values, and the engine checks ranges; this file
 *  checks what depends on the model. */
import { MORE, type Engine, type Pointer } from './engine.ts';
import { PalimpsestError } from './errors.ts';
import { IMAGE, LIKELIHOOD } from './image-options.ts';
import type { Calls, Pixels, Reply } from './protocol.ts';
import { numbersOf, withSeed } from './numbers.ts';
import { asSeed, drawSeed, takeSeed } from './values.ts';
import type { ImageFrame, ImageInfo, ImageLikelihood, ImageSampler, Picture } from './types.ts';
import type { Task } from './worker.ts';

type Call<Name extends Calls['call']> = Extract<Calls, { call: Name }>;
type Tell = (message: Reply, transfer?: ArrayBuffer[]) => void;
type Given = Readonly<Record<string, unknown>>;

/** In the order of pw_image_info and pw_image_progress. */
const INFO = ['width', 'height', 'channels', 'labels', 'guidance', 'scheduleSteps', 'best', 'steps'] as const;
const PROGRESS = ['evaluations', 'total', 'passes', 'done'] as const;
const PREDICTED = 0; // PAL_IMAGE_PREDICTED
const STATE = 1;
/** Luma of Rec. 601, for models of grey pictures. */
const LUMA = [0.299, 0.587, 0.114] as const;

function refuse(message: string): never {
  throw new PalimpsestError('option', message);
}

const bytesOf = (data: Float64Array | Int32Array) => new Uint8Array(data.buffer as ArrayBuffer);

export class Painter {
  readonly info: ImageInfo;
  readonly #samplers: string[];

  constructor(
    readonly engine: Engine,
    readonly model: Pointer,
    readonly isa: string,
    readonly tell: Tell,
  ) {
    this.#samplers = engine.names('pal_image_sampler_name');
    this.info = this.#describe();
  }

  #text(name: string, ...values: number[]): string | null {
    return this.engine.cString(this.engine.fn(name)(this.model, ...values));
  }

  #describe(): ImageInfo {
    const { engine, model } = this;
    const { labels, guidance, best, ...numbers } = engine.numbers(INFO, (at) => engine.fn('pw_image_info')(model, at));
    const missing: Record<string, string> = {};
    this.#samplers.forEach((name, i) => {
      const why = this.#text('pw_image_missing', i);
      if (why !== null) missing[name] = why;
    });
    return {
      ...numbers,
      labels: Array.from({ length: labels }, (_, i) => this.#text('pal_image_label', i) ?? ''),
      samplers: this.#samplers.filter((name) => !(name in missing)) as ImageSampler[],
      missing,
      sampler: this.#samplers[best] as ImageSampler,
      guidance: guidance !== 0,
      schedule: this.#text('pw_image_schedule') ?? '',
      neighbours: this.#text('pw_image_neighbours') || null,
    };
  }

  // ---- options

  #sampler(name: unknown): number {
    const at = this.#samplers.indexOf(name as string);
    return at >= 0 ? at : refuse(`unknown sampler ${name}; this model supports ${this.info.samplers.join(', ')}`);
  }

  #label(label: unknown): number {
    if (label === undefined || label === null) return -1;
    const { labels } = this.info;
    const most = labels.length;
    const at = typeof label === 'string' ? this.#labelAt(label) : label;
    if (typeof at === 'number' && Number.isInteger(at) && at >= 0 && at < most) return at;
    return refuse(most ? `unknown label ${label}; labels: ${labels.join(', ')}, or 0 to ${most - 1}` : 'this model has no labels');
  }

  /** The number of a label; -1: there is no label of this name. */
  #labelAt(name: string): number {
    const { engine, model } = this;
    return engine.lendText(`${name}\0`, (text) => {
      const out = engine.room(4);
      return engine.fn('pal_image_label_find')(model, text, out) ? engine.ints(out, 1)[0]! : -1;
    });
  }

  /** One label per picture. */
  #labels(label: unknown, count: number): Int32Array {
    if (Array.isArray(label) && label.length !== count) refuse(`${label.length} labels are given for ${count} pictures`);
    return Int32Array.from({ length: count }, (_, i) => this.#label(Array.isArray(label) ? label[i] : label));
  }

  /** A picture in the network's layout [height, width, channels]; transparent parts are on white. */
  #pixels(picture: Picture, what: string): Uint8Array {
    const { width, height, channels } = this.info;
    const { data } = picture ?? {};
    if (!(data instanceof Uint8ClampedArray || data instanceof Uint8Array) || data.length !== 4 * picture.width * picture.height)
      refuse(`${what} must be { data, width, height } with four bytes per pixel, like an ImageData`);
    if (picture.width !== width || picture.height !== height)
      refuse(`${what} has ${picture.width} x ${picture.height} pixels; this model's pictures are ${width} x ${height}`);
    const pixels = new Uint8Array(width * height * channels);
    for (let i = 0; i < width * height; i++) {
      const alpha = data[4 * i + 3]! / 255;
      const colour = [0, 1, 2].map((c) => data[4 * i + c]! * alpha + 255 * (1 - alpha)) as [number, number, number];
      if (channels === 1) pixels[i] = Math.round(colour.reduce((sum, value, c) => sum + value * LUMA[c]!, 0));
      else colour.forEach((value, c) => (pixels[3 * i + c] = Math.round(value)));
    }
    return pixels;
  }

  #mask(mask: unknown): Uint8Array {
    const { width, height } = this.info;
    const length = (mask as ArrayLike<number> | undefined)?.length;
    if (length !== width * height) refuse(`the mask must have one entry per pixel: ${width} x ${height}, not ${length ?? 'none'}`);
    return Uint8Array.from(mask as ArrayLike<number>, (entry) => Number(!!entry));
  }

  #times(times: unknown): Float64Array {
    if (times === undefined) return new Float64Array();
    return (times as number[]).length ? Float64Array.from(times as number[]) : refuse('times must be an array of at least one number');
  }

  /** The first arguments of pw_image_start and pw_likelihood_start. */
  #numbers(options: Given, sampler: number, seed: bigint, count: number): Uint8Array {
    return withSeed(numbersOf(IMAGE, { ...options, sampler, count }), seed);
  }

  /** Copies several arrays into the engine for a call; null becomes a null pointer. */
  #lend<T>(arrays: readonly (Uint8Array | null)[], use: (...at: Pointer[]) => T, ...at: Pointer[]): T {
    const next = arrays[at.length];
    if (next === undefined) return use(...at);
    if (!next?.length) return this.#lend(arrays, use, ...at, 0);
    return this.engine.lend(next, (lent) => this.#lend(arrays, use, ...at, lent));
  }

  // ---- drawing

  draw(id: number, { options }: Call<'image'>): Task {
    const given: Given = { ...options };
    const { engine, info } = this;
    const count = Number(given.count ?? 1);
    const view = (given.view ?? 'x0') as string;
    const columns = Number(given.columns ?? (Math.ceil(Math.sqrt(count)) || 1));
    const sampler = this.#sampler(given.sampler ?? info.sampler);
    const seed = given.seed === undefined ? drawSeed() : takeSeed(given.seed);
    const first = Number(given.first ?? 0);
    const drawing = this.#start(given, sampler, seed, count);
    const frames = new Frames(this, drawing, { count, columns, view });
    const about = { sampler: this.#samplers[sampler] as ImageSampler, seed: asSeed(seed), first, isa: this.isa, threads: engine.threads };
    let step = 0;
    let seconds = 0;
    return {
      step: () => {
        const began = performance.now();
        const status = engine.fn('pw_image_step')(drawing, engine.error);
        engine.check(status);
        const { evaluations, total, passes } = this.#progress('pw_image_progress', drawing);
        seconds += (performance.now() - began) / 1000;
        const shown = frames.take();
        const frame = { ...shown.pictures, ...about, step: ++step, evaluations, total, passes, done: status !== MORE, seconds };
        this.tell({ id, frame }, shown.buffers);
        return status === MORE ? null : evaluations;
      },
      end: () => engine.fn('pw_image_end')(drawing),
    };
  }

  #start(given: Given, sampler: number, seed: bigint, count: number): Pointer {
    const { engine, model } = this;
    const times = this.#times(given.times);
    const numbers = this.#numbers(given, sampler, seed, count);
    const labels = this.#few(given.label, count);
    const inpaint = given.inpaint as { image: Picture; mask: unknown } | undefined;
    const known = inpaint ? this.#pixels(inpaint.image, 'the picture to redraw') : null;
    const mask = inpaint ? this.#mask(inpaint.mask) : null;
    return this.#lend([numbers, labels, bytesOf(times), known, mask], (options, label, time, ...masked) =>
      engine.made(engine.fn('pw_image_start')(model, options, label, time, times.length, ...masked, engine.error)),
    );
  }

  /** For an absurd number of pictures there is no list of labels; the engine refuses it. */
  #few(label: unknown, count: number): Uint8Array | null {
    return label === undefined || label === null || count > 1 << 16 ? null : bytesOf(this.#labels(label, count));
  }

  #progress(name: string, of: Pointer): Pick<ImageFrame, 'evaluations' | 'total' | 'passes'> {
    return this.engine.numbers(PROGRESS, (at) => this.engine.fn(name)(of, at));
  }

  // ---- likelihood

  measure(id: number, { pictures, options }: Call<'imageLikelihood'>): Task {
    const given: Given = { ...options };
    const method = (given.method ?? 'flow') as ImageLikelihood['method'];
    if (!pictures.length) refuse('there are no pictures to measure');
    const seed = takeSeed(given.seed ?? 1);
    const job = this.#startMeasure(given, pictures, seed);
    const { engine } = this;
    let seconds = 0;
    return {
      step: () => {
        const began = performance.now();
        const status = engine.fn('pw_likelihood_step')(job, engine.error);
        engine.check(status);
        seconds += (performance.now() - began) / 1000;
        const { evaluations, total, passes } = this.#progress('pw_likelihood_progress', job);
        this.tell({ id, measured: { evaluations, total } });
        if (status === MORE) return null;
        const each = pictures.map((_, i) => engine.fn('pw_likelihood_bits')(job, i));
        const mean = each.reduce((sum, bits) => sum + bits, 0) / each.length;
        return { bitsPerDimension: mean, each, method, evaluations, passes, seconds, seed: asSeed(seed) } satisfies ImageLikelihood;
      },
      end: () => engine.fn('pw_likelihood_end')(job),
    };
  }

  #startMeasure(given: Given, pictures: readonly Picture[], seed: bigint): Pointer {
    const { engine, model } = this;
    const { width, height, channels } = this.info;
    const times = this.#times(given.times);
    const sampler = given.sampler === undefined ? NaN : this.#sampler(given.sampler);
    const { tolerance: _, ...picture } = given;
    const numbers = this.#numbers(picture, sampler, seed, pictures.length);
    const own = bytesOf(Float64Array.from(numbersOf(LIKELIHOOD, given)));
    const labels = this.#few(given.label, pictures.length);
    const size = width * height * channels;
    const pixels = new Uint8Array(pictures.length * size);
    pictures.forEach((one, i) => pixels.set(this.#pixels(one, `picture ${i + 1}`), i * size));
    return this.#lend([numbers, own, labels, bytesOf(times), pixels], (options, more, label, time, picture) =>
      engine.made(engine.fn('pw_likelihood_start')(model, options!, more!, label!, time!, times.length, picture!, engine.error)),
    );
  }
}

type Shown = Pick<Extract<Reply, { frame: unknown }>['frame'], 'image' | 'pictures' | 'states'>;

/** Pictures for display, four bytes per pixel: each by itself, and all in one image. */
class Frames {
  constructor(
    readonly painter: Painter,
    readonly drawing: Pointer,
    readonly how: { count: number; columns: number; view: string },
  ) {}

  take(): { pictures: Shown; buffers: ArrayBuffer[] } {
    const { view } = this.how;
    const pictures = this.#all(view === 'x' ? STATE : PREDICTED);
    const states = view === 'both' ? this.#all(STATE) : null;
    const image = this.#grid(pictures.data);
    const shown: Shown = { image, pictures: pictures.each, ...(states && { states: states.each }) };
    return { pictures: shown, buffers: [image, pictures, ...(states ? [states] : [])].map(({ data }) => data.buffer) };
  }

  /** One after another in one block, which is transferred as a whole. */
  #all(view: number): { data: Uint8ClampedArray<ArrayBuffer>; each: Pixels[] } {
    const { engine, info } = this.painter;
    const { width, height, channels } = info;
    const size = width * height;
    const data = new Uint8ClampedArray(4 * size * this.how.count);
    const each: Pixels[] = [];
    for (let i = 0; i < this.how.count; i++) {
      const at = engine.room(size * channels);
      engine.fn('pw_image_pixels')(this.drawing, view, i, at);
      const one = data.subarray(4 * size * i, 4 * size * (i + 1));
      paint(one, engine.bytes(at, size * channels), channels);
      each.push({ data: one, width, height });
    }
    return { data, each };
  }

  #grid(data: Uint8ClampedArray<ArrayBuffer>): Pixels {
    const { width, height } = this.painter.info;
    const { count, columns: asked } = this.how;
    const columns = Math.min(asked, count);
    const rows = Math.ceil(count / columns);
    const all = new Uint8ClampedArray(4 * width * height * columns * rows);
    for (let i = 0; i < count; i++)
      for (let y = 0; y < height; y++) {
        const from = 4 * width * (i * height + y);
        const to = 4 * width * ((Math.floor(i / columns) * height + y) * columns + (i % columns));
        all.set(data.subarray(from, from + 4 * width), to);
      }
    return { data: all, width: width * columns, height: height * rows };
  }
}

function paint(out: Uint8ClampedArray, pixels: Uint8Array, channels: number): void {
  for (let i = 0; i < out.length / 4; i++) {
    for (let c = 0; c < 3; c++) out[4 * i + c] = pixels[channels * i + (channels === 1 ? 0 : c)]!;
    out[4 * i + 3] = 255;
  }
}
