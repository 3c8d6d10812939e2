/** The view Pictures: a network draws with one sampler, or with several side by side. */
import type { ImageOptions } from 'palimpsest';
import { announce, announceNow } from '../announce.ts';
import { byId, calm, make, setText } from '../dom.ts';
import type { Engine } from '../engine.ts';
import { complain, explain, isAbort, remedies, settle } from '../errors.ts';
import { counted, seconds } from '../format.ts';
import { Drawing, type Look, type Panel } from '../pictures/drawing.ts';
import { drawSeed, PicturesForm } from '../pictures/form.ts';
import { lackOf, METHODS, type Method } from '../pictures/methods.ts';
import { compose, download } from '../pictures/png.ts';
import { copyOf, type Raster } from '../pictures/raster.ts';
import { Sets } from '../pictures/sets.ts';
import { Replay } from '../replay.ts';
import { Chosen } from './chosen.ts';
import { Comparing } from './comparing.ts';
import { factsLine } from './facts.ts';
import { Gallery, type Choice } from './gallery.ts';
import { Redraw, type Part } from './redraw.ts';
import { Status } from './status.ts';

type Job = readonly [Method, ImageOptions][];

const button = (id: string): HTMLButtonElement => byId<HTMLButtonElement>(id);
/** Used until a model gives the size of its pictures. */
const USUAL_SIZE = 32;

export class PicturesView {
  private readonly error = byId('picture-error');
  private readonly noisy = byId<HTMLInputElement>('noisy');
  private readonly form: PicturesForm;
  private readonly sets: Sets;
  private readonly comparing: Comparing;
  private readonly redraw: Redraw;
  private readonly chosen = new Chosen();
  private readonly gallery = new Gallery((choice) => this.choose(choice));
  private readonly replay = new Replay(() => this.draw(), 'picture-', (place, last) => this.nameOf(place, last));
  private drawing: Drawing | null = null;
  private running: AbortController | null = null;
  private choice: Choice | null = null;
  private frame = 0;

  constructor(private readonly engine: Engine) {
    this.form = new PicturesForm();
    this.comparing = new Comparing(() => this.draw(), () => this.form.evaluations, (on) => this.form.begin(on));
    this.redraw = new Redraw(() => this.sample(), () => void this.redrawPart());
    this.sets = new Sets(engine, () => this.suit());
    new Status(byId('painter'), engine, false);
    this.listen();
    this.suit();
  }

  private listen(): void {
    const clicks: Record<string, () => void> = {
      draw: () => (this.running ? this.running.abort() : void this.go()),
      'picture-download': () => void this.download(),
      'redraw-this': () => this.redraw.show(this.sample()),
      'download-this': () => void this.downloadChosen(),
    };
    for (const [id, act] of Object.entries(clicks)) button(id).addEventListener('click', act);
    this.noisy.addEventListener('change', () => this.draw());
    for (const id of ['picture-options', 'picture-count-field']) byId(id).addEventListener('input', () => this.comparing.check());
    byId('picture-count-field').addEventListener('input', () => {
      if (!this.drawing) this.draw();
    });
    document.addEventListener('keydown', (event) => this.onKey(event));
  }

  private onKey(event: KeyboardEvent): void {
    if (byId('view-pictures').hidden) return;
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !this.running) {
      event.preventDefault();
      void this.go();
    } else if (event.key === 'Escape') this.running?.abort();
  }

  /** Another model or label was chosen. */
  private suit(): void {
    const info = this.engine.model?.info.image ?? null;
    this.form.suit(info);
    this.form.label(this.sets?.label !== undefined);
    this.comparing.suit(info);
    this.redraw.fit(info);
    byId('picture-samplers').replaceChildren(
      ...METHODS.flatMap((method) => {
        const lack = info ? lackOf(method, info) : null;
        return [make('dt', {}, method.name), make('dd', {}, `${method.about}. `, make('span', { class: 'note' }, `${method.exactly}${lack ? `. Not with this file: ${lack}` : ''}`))];
      }),
    );
    this.draw();
  }

  // ---- drawing pictures

  private async go(): Promise<void> {
    settle(this.error);
    if (this.engine.missing) return announceNow(this.engine.missing);
    const chosen = this.form.read();
    if (!chosen) return;
    const methods = this.comparing.on ? this.comparing.read() : [chosen.method];
    if (methods) await this.run(methods.map((method) => [method, this.form.optionsFor(method)]));
  }

  private async redrawPart(): Promise<void> {
    settle(this.error);
    const chosen = this.form.read();
    const part = chosen && this.redraw.read();
    if (!part || this.running) return;
    await this.run([[chosen.method, { ...chosen.options, inpaint: inpaintOf(part) }]]);
  }

  private async run(job: Job): Promise<void> {
    const before = this.drawing;
    const controller = new AbortController();
    this.running = controller;
    announce(this.engine.model && !this.engine.loading ? 'Drawing' : 'It will be drawn as soon as the model is loaded');
    this.draw();
    try {
      const model = await this.engine.ready(controller.signal, true);
      const { label = null } = this.sets;
      const drawing = new Drawing(this.engine.name, this.form.count, this.form.seed ?? drawSeed(), job.map(([method, options]) => [method, { ...options, label }]));
      this.begin(drawing);
      await drawing.run(model, controller.signal, () => this.later());
      this.finish(`Done: ${counted(drawing.count, 'picture')} in ${seconds(timeOf(drawing))}`);
    } catch (error) {
      if (!this.drawing?.started) this.drawing = before;
      this.finish(isAbort(error) ? 'Stopped' : '');
      if (!isAbort(error) && error !== this.engine.failure?.error) this.fail(error, job);
    }
  }

  private begin(drawing: Drawing): void {
    this.drawing = drawing;
    this.choice = null;
    this.replay.restart(0);
    this.draw();
    byId('gallery').scrollIntoView({ block: 'nearest', behavior: calm.matches ? 'auto' : 'smooth' });
  }

  private finish(said: string): void {
    this.running = null;
    if (this.drawing?.started) this.replay.restart(this.drawing.length - 1);
    this.draw();
    if (said) announce(said);
  }

  private fail(error: unknown, job: Job): void {
    const complaint = explain(error);
    const title = complaint.title.replace('your text is untouched', 'the finished pictures are kept');
    complain(this.error, { ...complaint, title }, remedies(complaint.remedy, () => void this.run(job)));
  }

  // ---- actions on pictures

  private choose(choice: Choice): void {
    const same = this.choice?.panel === choice.panel && this.choice.picture === choice.picture;
    this.choice = same ? null : choice;
    this.draw();
  }

  /** The chosen picture, or the first one. */
  private sample(): Raster | null {
    const { drawing } = this;
    const { panel, picture } = this.choice ?? { panel: 0, picture: 0 };
    const look = drawing?.panels[panel]?.now;
    return look?.pictures[picture] ?? null;
  }

  private async download(): Promise<void> {
    if (this.drawing) await this.save(this.seen(this.drawing).map((look) => this.picturesOf(look)), '');
  }

  private async downloadChosen(): Promise<void> {
    const picture = this.sample();
    if (picture) await this.save([[picture]], `-picture${(this.choice?.picture ?? 0) + 1}`);
  }

  private async save(panels: Raster[][], ending: string): Promise<void> {
    const { drawing } = this;
    if (!drawing) return;
    const samplers = drawing.panels.map(({ method }) => method.name.replace(/[^a-z0-9]+/g, '-')).join('_');
    try {
      await download(compose(panels), `${drawing.model}-${samplers}-seed${drawing.seed}${ending}.png`);
      announce('The picture is downloaded');
    } catch (error) {
      complain(this.error, { ...explain(error), title: 'It could not be saved.' });
    }
  }

  // ---- drawing the view

  private nameOf(place: number, last: number): string {
    const { drawing } = this;
    return drawing?.started ? `${drawing.evaluationsAt(place)} of ${counted(drawing.evaluationsAt(last), 'evaluation')}` : '';
  }

  /** What each panel shows: the latest step while drawing, afterwards the step of the slider. */
  private seen(drawing: Drawing): (Look | null)[] {
    if (this.running) return drawing.panels.map((panel) => (calm.matches ? null : panel.now));
    const evaluations = drawing.evaluationsAt(this.replay.step);
    return drawing.panels.map((panel) => drawing.lookAt(panel, evaluations));
  }

  private picturesOf(look: Look | null): Raster[] {
    return (look && (this.noisy.checked ? look.states : look.pictures)) ?? [];
  }

  /** At most once per frame. */
  private later(): void {
    this.frame ||= requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const { drawing, choice } = this;
    const busy = this.running !== null;
    const pictures = drawing ? this.seen(drawing).map((look) => this.picturesOf(look)) : [];
    const any = drawing?.panels.find((panel) => panel.now)?.now?.pictures[0];
    const { width = USUAL_SIZE, height = USUAL_SIZE } = any ?? this.engine.model?.info.image ?? {};
    const count = drawing?.count ?? Math.max(1, Math.min(16, this.form.count || 1));
    this.gallery.draw({ drawing, pictures, choice, width, height, count });
    this.drawBelow(busy);
    this.drawChosen();
    this.redraw?.draw(busy);
    this.form.several(this.comparing.on && !this.redraw?.open);
    const main = button('draw');
    setText(main, busy ? 'Stop' : 'Draw');
    main.classList.toggle('stop', busy);
    byId('gallery').setAttribute('aria-busy', String(busy));
    button('compare').disabled = busy;
    button('picture-download').disabled = busy || !drawing?.started;
  }

  private drawBelow(busy: boolean): void {
    const { drawing } = this;
    const started = drawing?.started ?? false;
    byId('picture-below').hidden = !started;
    byId('picture-replay').hidden = busy || (drawing?.length ?? 0) < 2;
    byId('picture-hint').hidden = busy || this.choice !== null;
    const line = byId('picture-statistics');
    if (!drawing || !started) return line.replaceChildren();
    if (busy) return setText(line, progressOf(drawing.panels));
    line.replaceChildren(...this.statistics(drawing));
  }

  private statistics(drawing: Drawing): Node[] {
    const looks = drawing.panels.flatMap((panel) => panel.now ?? []);
    const evaluations = looks.reduce((sum, look) => sum + look.evaluations, 0);
    const passes = looks.reduce((sum, look) => sum + look.passes, 0);
    const time = timeOf(drawing);
    const single = drawing.panels.length === 1;
    const exact = [
      single ? `${counted(evaluations, 'evaluation')} per picture` : `${evaluations} evaluations per picture in total`,
      `${((1000 * time) / Math.max(1, passes)).toFixed(1)} ms each`,
      looks[0]?.isa ?? '',
      single ? (drawing.panels[0]?.method.name ?? '') : 'the same noise for all',
      `seed ${drawing.seed}`,
    ];
    return factsLine([seconds(time), counted(drawing.count * drawing.panels.length, 'picture'), drawing.done ? '' : 'stopped'], exact, () => this.form.useSeed(drawing.seed));
  }

  private drawChosen(): void {
    const { drawing, choice } = this;
    if (!drawing || !choice) return this.chosen.show(null, '', '', false);
    const panel = drawing.panels[choice.panel];
    const by = drawing.panels.length > 1 ? ` by ${panel?.method.name}` : '';
    this.chosen.show(this.sample(), `Picture ${choice.picture + 1}${by}`, drawing.model, panel?.now?.done ?? false);
  }
}

const inpaintOf = ({ image, mask }: Part): NonNullable<ImageOptions['inpaint']> => ({ image: copyOf(image), mask });
const timeOf = (drawing: Drawing): number => drawing.panels.reduce((sum, panel) => sum + (panel.now?.seconds ?? 0), 0);

function progressOf(panels: readonly Panel[]): string {
  const done = panels.reduce((sum, panel) => sum + (panel.now?.evaluations ?? 0), 0);
  const total = panels.reduce((sum, panel) => sum + (panel.now?.total || NaN), 0);
  return `${done}${Number.isNaN(total) ? '' : ` of ${total}`} evaluations`;
}
