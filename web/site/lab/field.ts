/** Draws arrows, points and paths in the plane as one SVG picture, in the colours of the style sheet. */
import { make } from '../dom.ts';
import type { Field2 } from './chart.ts';
import { DASHES } from './colours.ts';

const SVG = 'http://www.w3.org/2000/svg';
const SIDE = 600;

function shape(name: string, attributes: Record<string, string | number>): SVGElement {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  return element;
}

/** An arrow with its head at the end; long ones are cut so that they do not cross. */
function arrow(x: number, y: number, dx: number, dy: number, most: number): string {
  const size = Math.hypot(dx, dy) || 1;
  const length = most * Math.sqrt(Math.min(1, size / 8));
  const [ux, uy] = [(dx / size) * length, (dy / size) * length];
  const [ex, ey] = [x + ux, y + uy];
  const head = 0.32;
  return `M${x.toFixed(1)} ${y.toFixed(1)}L${ex.toFixed(1)} ${ey.toFixed(1)}L${(ex - head * (ux + 0.6 * uy)).toFixed(1)} ${(ey - head * (uy - 0.6 * ux)).toFixed(1)}M${ex.toFixed(1)} ${ey.toFixed(1)}L${(ex - head * (ux - 0.6 * uy)).toFixed(1)} ${(ey - head * (uy + 0.6 * ux)).toFixed(1)}`;
}

export function fieldOf({ title, words, arrows, points, paths }: Field2): HTMLElement {
  const wide = Math.max(...Array.from(arrows.x, Math.abs)) * 1.06;
  const at = (x: number): number => ((x / wide + 1) * SIDE) / 2;
  const down = (y: number): number => SIDE - at(y);
  const svg = shape('svg', { viewBox: `0 0 ${SIDE} ${SIDE}`, role: 'img', 'aria-label': `${title}. ${words}`, class: 'lab-field' });
  for (const { x, y, tone } of points) {
    const dots = Array.from(x, (value, i) => `M${at(value).toFixed(1)} ${down(y[i]!).toFixed(1)}h.01`).join('');
    svg.append(shape('path', { d: dots, class: `dots lab-tone-${tone}` }));
  }
  const cell = (SIDE / Math.sqrt(arrows.x.length)) * 0.85;
  svg.append(shape('path', { d: Array.from(arrows.x, (x, i) => arrow(at(x), down(arrows.y[i]!), arrows.dx[i]!, -arrows.dy[i]!, cell)).join(''), class: 'arrows lab-tone-4' }));
  for (const { x, y, tone } of paths) {
    const d = Array.from(x, (value, i) => `${i ? 'L' : 'M'}${at(value).toFixed(1)} ${down(y[i]!).toFixed(1)}`).join('');
    svg.append(shape('path', { d, class: `trace lab-tone-${tone}`, 'stroke-dasharray': (DASHES[tone] ?? []).join(' ') }));
    const last = x.length - 1;
    svg.append(shape('circle', { cx: at(x[last]!), cy: down(y[last]!), r: 6, class: `end lab-tone-${tone}` }));
  }
  const names = [...new Map([...points, ...paths].map(({ label, tone }) => [label, tone]))];
  const legend = make('ul', { class: 'lab-legend note' }, ...names.map(([label, tone]) => {
    const sample = shape('svg', { viewBox: '0 0 28 12', width: 28, height: 12, 'aria-hidden': 'true', class: `lab-tone-${tone}` });
    sample.append(points.some((one) => one.label === label) ? shape('circle', { cx: 14, cy: 6, r: 3, class: 'full' }) : shape('line', { x1: 0, x2: 28, y1: 6, y2: 6, 'stroke-width': 2.5, 'stroke-dasharray': (DASHES[tone] ?? []).join(' ') }));
    const item = make('li', {}, label);
    item.prepend(sample);
    return item;
  }));
  const place = make('div', {}, legend);
  place.append(svg);
  return place;
}
