/** Makes a PNG file of pictures, scaled by a whole number. */
import { columnsOf } from './drawing.ts';
import { paper, toImageData, type Raster } from './raster.ts';

/** The width of the file, about that of a screen. */
const WIDTH = 1024;
const GAP = 1;
const PANEL_GAP = 3;

/** Draws the pictures of each panel in a grid, with the panels side by side. */
export function compose(panels: readonly (readonly Raster[])[]): HTMLCanvasElement {
  const { width, height } = panels[0]?.[0] ?? { width: 1, height: 1 };
  const count = Math.max(...panels.map((panel) => panel.length));
  const columns = columnsOf(count);
  const rows = Math.ceil(count / columns);
  const [panelWidth, panelHeight] = [columns * (width + GAP) - GAP, rows * (height + GAP) - GAP];
  const [small, context] = paper(panels.length * (panelWidth + PANEL_GAP) - PANEL_GAP, panelHeight);
  panels.forEach((panel, p) =>
    panel.forEach((picture, i) => {
      const x = p * (panelWidth + PANEL_GAP) + (i % columns) * (width + GAP);
      context.putImageData(toImageData(picture), x, Math.floor(i / columns) * (height + GAP));
    }),
  );
  return enlarged(small);
}

function enlarged(small: HTMLCanvasElement): HTMLCanvasElement {
  const factor = Math.max(1, Math.round(WIDTH / small.width));
  const [large, context] = paper(small.width * factor, small.height * factor);
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, large.width, large.height);
  return large;
}

export async function download(canvas: HTMLCanvasElement, name: string): Promise<void> {
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'));
  if (!blob) throw new Error('This browser could not make a PNG file.');
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
