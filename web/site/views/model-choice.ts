/** The choice between the models for texts, shown where the site carries both: sizes, doubts before a download, errors. */
import { make, setText } from '../dom.ts';
import type { Engine } from '../engine.ts';
import { complain, explain, remedies, settle } from '../errors.ts';
import { megabytes } from '../format.ts';
import { bytesOf, doubts, ENGLISH, isKept, STORIES, type TextModels, type Writing } from '../text-models.ts';

export class ModelChoice {
  private readonly note = make('p', { class: 'note' });
  private readonly error: HTMLElement;
  private readonly buttons: [id: 'stories' | 'english', button: HTMLButtonElement][] = [];
  private readonly engine: Engine;
  private shown: Engine['failure'] = null;
  private asked = 0;

  constructor(place: HTMLElement, private readonly view: Writing, private readonly models: TextModels) {
    this.engine = models.engines[view];
    place.hidden = !ENGLISH || !STORIES;
    this.error = make('div', { class: 'complaint', 'data-part': `model-choice-error-${view}`, hidden: true });
    if (!ENGLISH || !STORIES) return;
    this.add('stories', 'Simple stories', STORIES.bytes);
    this.add('english', 'General English', ENGLISH.parts[0]?.bytes ?? 0);
    const row = make('div', { class: 'choice-row', role: 'group', 'aria-label': 'Model' }, ...this.buttons.map(([, button]) => button));
    place.replaceChildren(row, this.note, this.error);
    this.engine.onChange(() => this.draw());
    this.draw();
  }

  private add(id: 'stories' | 'english', name: string, bytes: number): void {
    const size = make('span', { class: 'size' }, ` (${(bytes / 1e6).toFixed(0)} MB)`);
    this.buttons.push([id, make('button', { type: 'button', class: 'pick', click: () => this.choose(id) }, name, size)]);
  }

  private choose(id: 'stories' | 'english'): void {
    if (this.models.of(this.view) !== id || (!this.engine.model && !this.engine.loading)) this.models.choose(this.view, id);
  }

  private draw(): void {
    const now = this.models.of(this.view);
    for (const [id, button] of this.buttons) button.setAttribute('aria-pressed', String(id === now));
    this.drawError();
    void this.tell();
  }

  /** Before the download what it needs; afterwards what is wrong, if anything. */
  private async tell(): Promise<void> {
    const asked = ++this.asked;
    const { engine } = this;
    const text = engine.loading || this.shown ? '' : engine.name === ENGLISH?.name ? this.flaws() : await offered();
    if (asked !== this.asked) return;
    setText(this.note, text);
    this.note.hidden = !text;
  }

  private flaws(): string {
    const info = this.engine.model?.info;
    const unkept = info?.keptWhyNot ?? info?.adapter?.keptWhyNot;
    const told = unkept ? [`It could not be kept on this device (${unkept}), so the next visit downloads it again.`] : [];
    if (info?.adapter?.note) told.push(`Warning: ${info.adapter.note}.`);
    return told.join(' ');
  }

  /** If another model is in use, the line of the model's state does not tell the error. */
  private drawError(): void {
    const { failure, model, name } = this.engine;
    const mine = failure && model && failure.offer.name === ENGLISH?.name ? failure : null;
    if (mine === this.shown) return;
    this.shown = mine;
    if (!mine) return settle(this.error);
    const complaint = explain(mine.error);
    const detail = complaint.detail.replace(/\bhttps?:\/\/\S*\/(?=\S)/g, ''); // only the names of files
    const stays = this.models.idOf(name) === 'stories' ? 'Simple stories stay' : `${name} stays`;
    complain(this.error, { ...complaint, detail: `${detail} ${stays} in use.` }, remedies(complaint.remedy, () => this.engine.retry()));
  }
}

async function offered(): Promise<string> {
  if (!ENGLISH || (await isKept(ENGLISH))) return '';
  return `General English is downloaded once, ${megabytes(bytesOf(ENGLISH.parts))} in two files, and kept on this device. ${await doubts(ENGLISH)}`;
}

/** Replaces the example in a box by one for the model, if the visitor has not written anything of their own. */
export function suitExample(box: HTMLTextAreaElement, mine: readonly string[], others: readonly string[]): boolean {
  if (!mine[0] || !others.includes(box.value)) return false;
  box.value = mine[0];
  return true;
}
