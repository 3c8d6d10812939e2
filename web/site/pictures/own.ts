/** A picture of one's own, made as small as the model's. */
import { paper, type Raster } from './raster.ts';

const MAX_BYTES = 30e6;
const MAX_PIXELS = 50e6;
const LONGEST_SIDE = 20_000;

export interface Size {
  width: number;
  height: number;
  /** 1: grey. */
  channels: number;
}

/** Why a file cannot be taken, in words for a person. */
export class Refusal extends Error {}

/** Scaled so that it covers the model's picture, its middle kept. */
export async function readPicture(file: File, size: Size): Promise<Raster> {
  if (file.size > MAX_BYTES) throw new Refusal(`“${file.name}” has ${Math.round(file.size / 1e6)} MB, and at most ${MAX_BYTES / 1e6} MB are read.`);
  const address = URL.createObjectURL(file);
  try {
    const image = await loaded(address, file.name);
    const { naturalWidth: width, naturalHeight: height } = image;
    if (!width || !height) throw new Refusal(`“${file.name}” does not say how large it is.`);
    // Known from the file's head: nothing has been unpacked yet.
    if (width * height > MAX_PIXELS || Math.max(width, height) > LONGEST_SIDE)
      throw new Refusal(`“${file.name}” is ${width} by ${height} pixels; pictures of up to ${MAX_PIXELS / 1e6} million pixels are read.`);
    return scaled(image, size);
  } finally {
    URL.revokeObjectURL(address);
  }
}

function loaded(address: string, name: string): Promise<HTMLImageElement> {
  const image = new Image();
  return new Promise((resolve, reject) => {
    image.onload = () => resolve(image);
    image.onerror = () => reject(new Refusal(`“${name}” is not a picture that this browser can read.`));
    image.src = address;
  });
}

/** Halved until it is at most twice too large, so that no pixel is left out. */
function scaled(image: HTMLImageElement, size: Size): Raster {
  const side = Math.min(image.naturalWidth / size.width, image.naturalHeight / size.height);
  let source: CanvasImageSource = image;
  let [x, y] = [(image.naturalWidth - side * size.width) / 2, (image.naturalHeight - side * size.height) / 2];
  let [width, height] = [side * size.width, side * size.height];
  for (;;) {
    const last = width <= 2 * size.width;
    const [w, h] = last ? [size.width, size.height] : [Math.ceil(width / 2), Math.ceil(height / 2)];
    const [canvas, context] = paper(w, h);
    // Transparent places get the ground of the training pictures.
    context.fillStyle = size.channels === 1 ? 'black' : 'white';
    context.fillRect(0, 0, w, h);
    context.imageSmoothingQuality = 'high';
    context.drawImage(source, x, y, width, height, 0, 0, w, h);
    if (last) return inChannels(context.getImageData(0, 0, w, h), size.channels);
    [source, x, y, width, height] = [canvas, 0, 0, w, h];
  }
}

function inChannels(image: ImageData, channels: number): Raster {
  const { data } = image;
  if (channels !== 1) return image;
  for (let i = 0; i < data.length; i += 4) {
    // Luma of BT.601.
    const grey = 0.299 * (data[i] ?? 0) + 0.587 * (data[i + 1] ?? 0) + 0.114 * (data[i + 2] ?? 0);
    data[i] = data[i + 1] = data[i + 2] = Math.round(grey);
  }
  return image;
}
