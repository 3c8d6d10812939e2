/** Scales the user's own picture to the size of the model's pictures. */
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

/** Why a file cannot be used; the message is shown to the user. */
export class Refusal extends Error {}

/** Scales the picture so that it covers the model's size, and crops it around the middle. */
export async function readPicture(file: File, size: Size): Promise<Raster> {
  if (file.size > MAX_BYTES) throw new Refusal(`“${file.name}” has ${Math.round(file.size / 1e6)} MB; the limit is ${MAX_BYTES / 1e6} MB.`);
  const address = URL.createObjectURL(file);
  try {
    const image = await loaded(address, file.name);
    const { naturalWidth: width, naturalHeight: height } = image;
    if (!width || !height) throw new Refusal(`“${file.name}” has no size.`);
    // The size is known from the header; nothing has been decoded yet.
    if (width * height > MAX_PIXELS || Math.max(width, height) > LONGEST_SIDE)
      throw new Refusal(`“${file.name}” is ${width} by ${height} pixels; the limit is ${MAX_PIXELS / 1e6} million pixels.`);
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

/** Halves the picture until it is at most twice as large as needed, so that every pixel counts. */
function scaled(image: HTMLImageElement, size: Size): Raster {
  const side = Math.min(image.naturalWidth / size.width, image.naturalHeight / size.height);
  let source: CanvasImageSource = image;
  let [x, y] = [(image.naturalWidth - side * size.width) / 2, (image.naturalHeight - side * size.height) / 2];
  let [width, height] = [side * size.width, side * size.height];
  for (;;) {
    const last = width <= 2 * size.width;
    const [w, h] = last ? [size.width, size.height] : [Math.ceil(width / 2), Math.ceil(height / 2)];
    const [canvas, context] = paper(w, h);
    // Transparent parts get the background of the training pictures.
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
