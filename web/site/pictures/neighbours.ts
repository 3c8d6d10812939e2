/** Finds the training picture nearest to a drawn one.  `models/NAME.neighbours.png` holds training pictures in a grid without
 *  gaps, and the `.json` file describes them. */
import { paper, type Raster } from './raster.ts';

interface About {
  width: number;
  height: number;
  columns: number;
  /** Number of pictures in the sheet, and in the training set. */
  count: number;
  of: number;
  labels: string[];
  label: number[];
  names?: string[];
}

export interface Neighbour {
  picture: Raster;
  name: string;
  /** Root of the mean squared difference, in grey levels. */
  distance: number;
  mirrored: boolean;
  searched: number;
  of: number;
}

const KEPT = 'palimpsest-training-pictures';
const ENDINGS = ['json', 'png'] as const;
const addressOf = (model: string, ending: (typeof ENDINGS)[number]): URL => new URL(`models/${model}.neighbours.${ending}`, location.href);

/** Fetches a file beside the page, and keeps it for visits without a network. */
async function fetched(address: URL, signal: AbortSignal | null = null): Promise<Blob> {
  const store = await globalThis.caches?.open(KEPT).catch(() => null);
  try {
    const answer = await fetch(address, { cache: 'no-cache', signal });
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    await store?.put(address, answer.clone()).catch(() => {});
    return await answer.blob();
  } catch (error) {
    const kept = await store?.match(address);
    if (!kept || signal?.aborted) throw error;
    return kept.blob();
  }
}

/** Keeps the training pictures of a model. */
export const keepSheet = (model: string, signal: AbortSignal): Promise<unknown> => Promise.all(ENDINGS.map((ending) => fetched(addressOf(model, ending), signal)));

export async function isSheetKept(model: string): Promise<boolean> {
  const found = await Promise.all(ENDINGS.map((ending) => globalThis.caches?.match(addressOf(model, ending), { cacheName: KEPT }).catch(() => undefined)));
  return found.every(Boolean);
}

export async function removeSheet(model: string): Promise<void> {
  const store = await globalThis.caches?.open(KEPT);
  for (const ending of ENDINGS) await store?.delete(addressOf(model, ending));
}

export class Neighbours {
  private constructor(private readonly about: About, private readonly sheet: ImageData) {}

  static async load(model: string): Promise<Neighbours> {
    const [json, png] = await Promise.all([fetched(addressOf(model, 'json')), fetched(addressOf(model, 'png'))]);
    const about = JSON.parse(await json.text()) as About;
    const bitmap = await createImageBitmap(png);
    const [, context] = paper(bitmap.width, bitmap.height);
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    return new Neighbours(about, context.getImageData(0, 0, context.canvas.width, context.canvas.height));
  }

  nearest(picture: Raster): Neighbour {
    const { about } = this;
    let [best, index, mirrored] = [Infinity, 0, false];
    for (let i = 0; i < about.count; i++)
      for (const turned of [false, true]) {
        const difference = this.difference(i, picture, turned, best);
        if (difference < best) [best, index, mirrored] = [difference, i, turned];
      }
    const name = about.names?.[index] ?? about.labels[about.label[index] ?? -1] ?? '';
    const distance = Math.sqrt(best / (3 * picture.width * picture.height));
    return { picture: this.cut(index, mirrored), name, distance, mirrored, searched: about.count, of: about.of };
  }

  /** Where picture i begins in the sheet. */
  private start(i: number): number {
    const { columns, width, height } = this.about;
    return 4 * (Math.floor(i / columns) * height * this.sheet.width + (i % columns) * width);
  }

  /** Sum of squared differences; may stop at any value that is at least `enough`. */
  private difference(i: number, { data, width, height }: Raster, turned: boolean, enough: number): number {
    const all = this.sheet.data;
    const stride = 4 * this.sheet.width;
    let sum = 0;
    for (let y = 0; y < height && sum < enough; y++) {
      const row = this.start(i) + y * stride;
      for (let x = 0; x < width; x++) {
        const a = row + 4 * (turned ? width - 1 - x : x);
        const b = 4 * (y * width + x);
        for (let c = 0; c < 3; c++) sum += ((all[a + c] ?? 0) - (data[b + c] ?? 0)) ** 2;
      }
    }
    return sum;
  }

  private cut(i: number, turned: boolean): Raster {
    const { width, height } = this.about;
    const data = new Uint8ClampedArray(4 * width * height);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const from = this.start(i) + 4 * (y * this.sheet.width + (turned ? width - 1 - x : x));
        data.set(this.sheet.data.subarray(from, from + 4), 4 * (y * width + x));
      }
    return { data, width, height };
  }
}
