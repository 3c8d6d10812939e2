/** Pictures of the page: RGBA, one byte per value. */

export type Raster = Pick<ImageData, 'data' | 'width' | 'height'>;

export function paper(width: number, height: number): [HTMLCanvasElement, CanvasRenderingContext2D] {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (!context) throw new Error('This browser cannot draw pictures.');
  return [canvas, context];
}

/** Draws a picture on a canvas of its size. */
export function show(canvas: HTMLCanvasElement, picture: Raster): void {
  if (canvas.width !== picture.width) canvas.width = picture.width;
  if (canvas.height !== picture.height) canvas.height = picture.height;
  canvas.getContext('2d')?.putImageData(toImageData(picture), 0, 0);
}

export function toImageData({ data, width, height }: Raster): ImageData {
  const image = new ImageData(width, height);
  image.data.set(data);
  return image;
}

export const copyOf = ({ data, width, height }: Raster): Raster => ({ data: new Uint8ClampedArray(data), width, height });

/** Noise in the colours of the page, shown before a picture has begun; only decoration. */
export function noise(width: number, height: number): Raster {
  const data = new Uint8ClampedArray(4 * width * height);
  for (let i = 0; i < data.length; i += 4) data.set([139, 121, 95, 90 * Math.random()], i);
  return { data, width, height };
}
