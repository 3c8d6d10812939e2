/** The view Models: models in use, models of the page, kept copies. */
import { cache, type ImageInfo, type KeptModel, type ModelInfo, type UnfinishedDownload } from 'palimpsest';
import { announce } from '../announce.ts';
import { byId, make, showRows } from '../dom.ts';
import type { Engine, Engines, Offer } from '../engine.ts';
import { complain, explain, explainLoad, remedies, settle } from '../errors.ts';
import { megabytes } from '../format.ts';
import { bytesOf, ENGLISH } from '../text-models.ts';
import { copyText } from '../textbox.ts';
import { keptDocumentBytes, removeDocuments } from '../offline/documents.ts';
import { OfflineView } from '../offline/view.ts';
import { removeSheet } from '../pictures/neighbours.ts';
import { AddressModel } from './address.ts';
import { OwnModel } from './own.ts';
import { Status } from './status.ts';

type Shipped = (typeof __MODELS__)[number];

export const offerOf = ({ name, file, sha256 }: Shipped): Offer => ({ name, sha256, source: new URL(file, location.href) });

export class ModelsView {
  private kept: KeptModel[] = [];
  private unfinished: UnfinishedDownload[] = [];
  private documentBytes = 0;
  private readonly offline = new OfflineView(() => void this.refresh());
  private readonly address: AddressModel;
  private drawn = '';
  /** The error that is shown, and its text. */
  private failure: Engine['failure'] = null;
  private told: Element | null = null;

  constructor(private readonly engines: Engines) {
    new OwnModel(engines);
    this.address = new AddressModel(engines);
    byId('credit-english').hidden = !ENGLISH;
    byId('version').textContent = `Version ${__VERSION__}, build ${__BUILD__}.`;
    for (const [view, engine] of this.all) {
      new Status(byId(`model-progress-${view}`), engine, true);
      engine.onChange(() => this.changed());
    }
    this.changed();
  }

  private get all(): [view: keyof Engines, engine: Engine][] {
    return [['text', this.engines.text], ['continue', this.engines.continue], ['pictures', this.engines.pictures], ['sudoku', this.engines.sudoku]];
  }

  /** Also called whenever the view is entered. */
  async refresh(): Promise<void> {
    this.kept = await cache.list().catch(() => []);
    this.unfinished = await cache.unfinished().catch(() => []);
    this.documentBytes = await keptDocumentBytes().catch(() => 0);
    this.drawLoaded();
    this.drawShipped();
    this.drawKept();
    byId('storage').textContent = await storageLine();
    if (!byId('view-models').hidden) await this.offline.refresh(); // it asks for the list of documents
  }

  private changed(): void {
    const now = this.all.map(([, engine]) => `${engine.model?.info.sha256} ${engine.loading?.offer.name} ${engine.failure?.offer.name}`).join();
    if (now === this.drawn) return;
    this.drawn = now;
    this.drawError();
    void this.refresh();
  }

  private drawLoaded(): void {
    const loaded = this.all.filter(([, engine]) => engine.model);
    const blocks = loaded.flatMap(([view, { model, name }]) => {
      if (!model) return [];
      const kept = this.kept.some((copy) => copy.sha256 === model.info.sha256);
      return [make('h4', {}, make('a', { href: `#${view}` }, USES[view])), facts(name, model.info, kept)];
    });
    const none = make('p', { class: 'note' }, this.engines.text.missing ?? 'No model is loaded.');
    showRows(byId('loaded'), blocks.length ? blocks : [none]);
  }

  /** Writes only if the error has changed, because messages about the user's own file are in the same place. */
  private drawError(): void {
    const place = byId('model-error');
    const failed = this.all.find(([, engine]) => engine.failure)?.[1];
    const failure = failed?.failure ?? null;
    if (failure === this.failure) return;
    this.failure = failure;
    if (!failed || !failure) {
      if (place.firstElementChild === this.told) settle(place);
      return;
    }
    const complaint = explainLoad(failure.error, failure.offer.name);
    const detail = `“${failure.offer.name}” was not loaded. ${complaint.detail}${failed.model ? ` ${failed.name} stays in use.` : ''}`;
    complain(place, { ...complaint, detail }, remedies(complaint.remedy, () => failed.retry()));
    this.told = place.firstElementChild;
  }

  private drawShipped(): void {
    showRows(byId('shipped'), [
      ...__MODELS__.map((shipped) => this.shippedRow(this.engines[VIEWS[shipped.use]], offerOf(shipped), [shipped], PURPOSES[shipped.use])),
      ...(ENGLISH ? [this.shippedRow(this.engines.text, ENGLISH, ENGLISH.parts, PURPOSES.writing)] : []),
    ]);
  }

  /** `engine`: where the button loads it, even if another view uses the model already. */
  private shippedRow(engine: Engine, offer: Offer, parts: readonly { bytes: number; sha256: string }[], purpose: string): HTMLElement {
    const { name } = offer;
    const kept = parts.every((part) => this.kept.some((copy) => copy.sha256 === part.sha256));
    const inUse = this.all.some(([, one]) => one.model?.info.sha256 === offer.sha256);
    const coming = this.all.some(([, one]) => one.loading?.offer.name === name);
    const state = [megabytes(bytesOf(parts)), purpose, inUse ? 'in use' : coming ? 'on its way' : '', kept ? 'kept on this device' : 'not kept'];
    const here = engine.model?.info.sha256 === offer.sha256 || coming;
    const load = make('button', { type: 'button', class: 'second', 'aria-label': `Load ${name}`, click: () => void engine.open(offer) }, 'Load');
    return make('li', {}, row(name, state), ...(here ? [] : [load]));
  }

  private drawKept(): void {
    const isEnglish = ({ sha256 }: KeptModel): boolean => ENGLISH?.parts.some((part) => part.sha256 === sha256) ?? false;
    const rows = this.kept.filter((copy) => !isEnglish(copy)).map((copy) => {
      const shipped = __MODELS__.find((model) => model.sha256 === copy.sha256);
      return this.keptRow(shipped?.name ?? fileName(copy.urls[0] ?? copy.sha256.slice(0, 12)), [copy], !shipped && copy.urls.length > 0);
    });
    const english = this.kept.filter(isEnglish);
    if (ENGLISH && english.length) rows.push(this.keptRow(ENGLISH.name, english));
    if (this.documentBytes) rows.push(make('li', {}, row('Documents', [megabytes(this.documentBytes)]), this.deleter('Documents', removeDocuments)));
    const loading = this.all.some(([, engine]) => engine.loading);
    showRows(byId('kept'), [...rows, ...(loading ? [] : this.unfinished.map((part) => this.partRow(part)))]);
  }

  /** What is left of a download. */
  private partRow({ url, bytes, total }: UnfinishedDownload): HTMLElement {
    const name = fileName(url);
    return make('li', { title: url }, row(name, [`${megabytes(bytes)} of ${megabytes(total)}; the next download goes on from there`]), this.deleter(`the part of ${name}`, () => cache.remove(url)));
  }

  /** Files that are deleted together. */
  private keptRow(name: string, copies: readonly KeptModel[], loadable = false): HTMLElement {
    const used = copies.some(({ sha256 }) => this.all.some(([, engine]) => engine.model?.info.sha256 === sha256));
    const load = make('button', { type: 'button', class: 'second', 'aria-label': `Load ${name}`, click: () => this.address.use(copies[0]!) }, 'Load');
    const remove = this.deleter(name, async () => {
      for (const { sha256 } of copies) await cache.remove(sha256);
      await removeSheet(name);
    });
    return make('li', {}, row(name, [megabytes(bytesOf(copies)), copies.map(({ sha256 }) => sha256.slice(0, 12)).join(' and ')]), ...(loadable && !used ? [load] : []), remove);
  }

  private deleter(name: string, remove: () => Promise<void>): HTMLElement {
    return make('button', { type: 'button', class: 'quiet', 'aria-label': `Delete ${name}`, click: () => void this.remove(name, remove) }, 'Delete');
  }

  private async remove(name: string, remove: () => Promise<void>): Promise<void> {
    const place = byId('kept-error');
    settle(place);
    try {
      await remove();
      announce(`${name} is deleted from this device`);
    } catch (error) {
      complain(place, { ...explain(error), title: 'It could not be deleted.' });
    }
    await this.refresh();
    byId('heading-models').focus({ preventScroll: true });
  }
}

const USES = { text: 'In Text', continue: 'In Continue', pictures: 'In Pictures', sudoku: 'In Sudoku' };
const VIEWS = { writing: 'text', blanks: 'text', scores: 'text', pictures: 'pictures', boards: 'sudoku' } as const;
export const PURPOSES = { writing: 'fills blanks and continues texts', blanks: 'fills blanks by masked diffusion; the older model', scores: 'fills blanks by score entropy diffusion; for comparison', pictures: 'draws pictures', boards: 'fills boards of Sudoku' };

const fileName = (url: string): string => url.split('/').at(-1)!;

function row(name: string, facts: readonly string[]): HTMLElement {
  return make('div', {}, make('span', { class: 'name' }, name), make('span', { class: 'note' }, facts.filter(Boolean).join(', ')));
}

function textFacts(info: ModelInfo): [string, string][] {
  return [
    ['Network', `${info.architecture}, ${info.layers} layers of width ${info.width}, ${info.heads} heads`],
    ['Vocabulary', `${info.vocabulary.toLocaleString('en')} tokens`],
    ['Longest text', `${info.context.toLocaleString('en')} tokens`],
    ...(info.canGenerate && info.canInfill ? [BLANKS(info)] : []),
    info.canGenerate
      ? ['Continues', `up to ${info.room.toLocaleString('en')} tokens; this needs ${megabytes(info.roomBytes)} more memory`]
      : BLANKS(info),
  ];
}

const BLANKS = ({ freeLength }: ModelInfo): [string, string] => ['Blanks', freeLength ? 'of fixed or free length' : 'of fixed length only: write [[4]], not [[?]]'];

function pictureFacts({ width, height, channels, labels, samplers, schedule, scheduleSteps }: ImageInfo): [string, string][] {
  return [
    ['Pictures', `${width} by ${height} pixels, ${channels === 1 ? 'grey' : 'in colour'}`],
    ['Kinds', labels.join(', ') || 'none'],
    ['Schedule', `${schedule}, ${scheduleSteps.toLocaleString('en')} steps`],
    ['Samplers', samplers.join(', ')],
  ];
}

/** The engine's information about the model. */
function facts(name: string, info: ModelInfo, kept: boolean): HTMLElement {
  const millions = `${(info.parameters / 1e6).toFixed(1)} million`;
  const rows: [string, string][] = [
    ['Name', info.adapter ? `${name} (${info.name})` : info.name || name],
    ['Weights', `${millions}, most of them ${info.weights}`],
    ...(info.image ? pictureFacts(info.image) : textFacts(info)),
    ['File', `${megabytes(info.fileBytes)}${info.adapter ? `, and an adapter of ${megabytes(info.adapter.fileBytes)}` : ''}`],
    ['Memory', `${megabytes(info.memoryBytes)} now, ${info.isa}, ${info.threads} ${info.threads === 1 ? 'thread' : 'threads'}`],
    ['Licence', info.license || 'not in the file'],
    ['Kept', kept ? 'yes, for the next visit without a network' : `no${info.keptWhyNot ? `: ${info.keptWhyNot}` : ''}`],
  ];
  const list = make('dl', { class: 'facts' });
  for (const [term, value] of rows) list.append(make('dt', {}, term), make('dd', {}, value));
  list.append(make('dt', {}, 'sha256'), make('dd', {}, hashOf(info.sha256)));
  return list;
}

function hashOf(sha256: string): HTMLElement {
  const button = make('button', { type: 'button', class: 'quiet', 'aria-label': 'Copy the whole sha256' }, 'Copy');
  button.addEventListener('click', async () => {
    const copied = await copyText(sha256);
    button.textContent = copied ? 'Copied' : 'Not allowed';
    announce(button.textContent);
  });
  return make('span', { title: sha256 }, make('code', {}, `${sha256.slice(0, 12)}…`), ' ', button);
}

/** How much storage is used, and whether copies can be kept. */
async function storageLine(): Promise<string> {
  const { ok, why } = await cache.available().catch(() => ({ ok: false, why: null }));
  if (!ok) return `Copies cannot be kept here${why ? `: ${why}` : ''}. Everything works, but the model is downloaded again at each visit.`;
  const estimate = await cache.estimate().catch(() => null);
  if (!estimate) return 'A model is kept after its first download, so that the next visit needs no network.';
  const { usage, quota } = estimate;
  return `This page uses ${megabytes(usage)} of the ${megabytes(quota)} that the browser allows it; ${megabytes(Math.max(quota - usage, 0))} are free.`;
}
