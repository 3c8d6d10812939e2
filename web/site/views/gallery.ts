/** The pictures of a drawing: one panel per sampler, each with a grid of pictures. One picture can be chosen. */
import { byId, make, setText } from '../dom.ts';
import { counted, seconds } from '../format.ts';
import { columnsOf, type Drawing, type Panel } from '../pictures/drawing.ts';
import { noise, show, type Raster } from '../pictures/raster.ts';

const GAP = 8;
const PANEL_GAP = 28;
/** Max. sides of a picture in a grid and of a single picture, and the max. height of a grid. */
const MAX_SIDE = 256;
const MAX_ALONE = 448;
const TALLEST = 600;

export interface Choice {
  panel: number;
  picture: number;
}

export interface Shown {
  drawing: Drawing | null;
  /** The pictures of each panel. */
  pictures: readonly (readonly Raster[])[];
  choice: Choice | null;
  /** Size of a picture, and the number of pictures, before there are any. */
  width: number;
  height: number;
  count: number;
}

interface Frame {
  figure: HTMLElement;
  grid: HTMLElement;
  caption: HTMLElement;
  buttons: HTMLButtonElement[];
}

export class Gallery {
  private readonly place = byId('gallery');
  private frames: Frame[] = [];
  private shown: Shown | null = null;

  constructor(private readonly choose: (choice: Choice) => void) {
    new ResizeObserver(() => this.fit()).observe(this.place);
    this.place.addEventListener('click', (event) => this.onClick(event));
    this.place.addEventListener('keydown', (event) => this.onKey(event));
  }

  draw(shown: Shown): void {
    const before = this.shown;
    this.shown = shown;
    const panels = Math.max(1, shown.drawing?.panels.length ?? 1);
    const same = before && this.frames.length === panels && before.count === shown.count && before.width === shown.width && before.height === shown.height;
    if (!same) this.build(panels, shown.count);
    this.frames.forEach((frame, p) => this.fill(frame, p, shown));
  }

  private build(panels: number, count: number): void {
    this.frames = Array.from({ length: panels }, () => {
      const buttons = Array.from({ length: count }, () => make('button', { type: 'button', class: 'picture', tabindex: -1 }, make('canvas')));
      const grid = make('div', { class: 'grid', role: 'group' }, ...buttons);
      const caption = make('figcaption');
      return { figure: make('figure', { class: 'panel' }, grid, caption), grid, caption, buttons };
    });
    this.place.replaceChildren(...this.frames.map((frame) => frame.figure));
    this.fit();
  }

  private fill({ figure, grid, caption, buttons }: Frame, p: number, shown: Shown): void {
    const panel = shown.drawing?.panels[p] ?? null;
    const several = this.frames.length > 1;
    figure.dataset.panel = String(p);
    const name = panel && several ? `Pictures by ${panel.method.name}` : 'Pictures';
    if (grid.ariaLabel !== name) grid.ariaLabel = name;
    caption.hidden = !several;
    if (panel && several) setText(caption, captionOf(panel));
    buttons.forEach((button, i) => this.fillOne(button, { panel: p, picture: i }, shown));
  }

  private fillOne(button: HTMLButtonElement, at: Choice, { pictures, choice, width, height }: Shown): void {
    const picture = pictures[at.panel]?.[at.picture];
    const chosen = choice?.panel === at.panel && choice.picture === at.picture;
    const canvas = button.firstElementChild as HTMLCanvasElement;
    const label = picture ? `Picture ${at.picture + 1}` : `Picture ${at.picture + 1}, not drawn yet`;
    if (button.ariaLabel !== label) button.ariaLabel = label;
    button.disabled = !picture;
    button.setAttribute('aria-pressed', String(chosen));
    button.tabIndex = chosen || (choice?.panel !== at.panel && at.picture === 0) ? 0 : -1;
    if (picture) show(canvas, picture);
    else if (canvas.dataset.noise !== `${width}x${height}`) show(canvas, noise(width, height));
    canvas.dataset.noise = picture ? '' : `${width}x${height}`;
  }

  /** Scales pictures by a whole number, as large as the space allows. */
  private fit(): void {
    const { shown } = this;
    const room = this.place.clientWidth;
    if (!shown || !room) return;
    const columns = columnsOf(shown.count);
    const rows = Math.ceil(shown.count / columns);
    const scaleFor = (across: number): number => Math.floor(((room - (across - 1) * PANEL_GAP) / across - (columns - 1) * GAP) / (columns * shown.width));
    const panels = this.frames.length;
    const across = [panels === 4 ? 2 : panels, 2, 1].find((n) => n <= panels && (scaleFor(n) >= 2 || n === 1)) ?? 1;
    const tallest = Math.floor((TALLEST - (rows - 1) * GAP) / (rows * shown.height));
    const side = Math.floor((panels * shown.count === 1 ? MAX_ALONE : MAX_SIDE) / Math.max(shown.width, shown.height));
    const scale = Math.max(1, Math.min(scaleFor(across), side, tallest));
    const { style } = this.place;
    style.setProperty('--columns', String(columns));
    style.setProperty('--across', String(across));
    style.setProperty('--picture-width', `${shown.width * scale}px`);
    style.setProperty('--picture-height', `${shown.height * scale}px`);
  }

  // ---- choosing

  private choiceOf(button: Element): Choice | null {
    const panel = this.frames.findIndex((frame) => frame.buttons.includes(button as HTMLButtonElement));
    const picture = this.frames[panel]?.buttons.indexOf(button as HTMLButtonElement) ?? -1;
    return picture < 0 ? null : { panel, picture };
  }

  private onClick(event: Event): void {
    const button = event.target instanceof Element ? event.target.closest('button.picture') : null;
    const choice = button && this.choiceOf(button);
    if (choice) this.choose(choice);
  }

  /** Arrow keys move from picture to picture. */
  private onKey(event: KeyboardEvent): void {
    const at = event.target instanceof Element ? this.choiceOf(event.target) : null;
    if (!at || !this.shown) return;
    const columns = columnsOf(this.shown.count);
    const moves: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -at.picture, End: this.shown.count - 1 - at.picture };
    const move = moves[event.key];
    const next = this.frames[at.panel]?.buttons[at.picture + (move ?? 0)];
    if (move === undefined || !next || next.disabled) return;
    event.preventDefault();
    for (const button of this.frames[at.panel]?.buttons ?? []) button.tabIndex = button === next ? 0 : -1;
    next.focus();
  }
}

function captionOf({ method, now }: Panel): string {
  if (!now) return method.name;
  const how = now.done ? `${counted(now.evaluations, 'evaluation')}, ${seconds(now.seconds)}` : `${now.evaluations}${now.total ? ` of ${now.total}` : ''} evaluations`;
  return `${method.name}: ${how}`;
}
