/** The line with the state of the model: loading, ready, or an error. */
import { announce } from '../announce.ts';
import { make, setText } from '../dom.ts';
import type { Engine, Loading } from '../engine.ts';
import { complain, explainLoad, remedies } from '../errors.ts';
import { megabytes } from '../format.ts';
import { Pace, timeLeft } from '../pace.ts';

type Kind = 'missing' | 'loading' | 'failed' | 'ready' | 'none';

function kindOf(engine: Engine): Kind {
  if (engine.missing) return 'missing';
  if (engine.loading) return 'loading';
  if (engine.model) return 'ready'; // the error of another model is shown in Models
  return engine.failure ? 'failed' : 'none';
}

export class Status {
  private shown = '';
  private readonly words = make('span');
  private readonly pace = new Pace();
  private paced = '';
  private readonly bar = make('progress', { max: 1, 'aria-label': 'Model' });

  /** `quiet`: another line of the page already announces the same. */
  constructor(private readonly place: HTMLElement, private readonly engine: Engine, private readonly quiet: boolean) {
    engine.onChange(() => this.show());
    this.show();
  }

  private show(): void {
    const kind = kindOf(this.engine);
    const { loading, failure, name } = this.engine;
    const now = `${kind} ${loading?.offer.name ?? name}`;
    if (loading) this.advance(loading);
    if (now === this.shown && kind !== 'failed') return;
    this.shown = now;
    if (kind === 'failed' && failure && !this.quiet) return this.fail(failure);
    if (kind === 'missing' && !this.quiet) return this.lack();
    this.place.classList.remove('complaint');
    this.place.replaceChildren(...this.parts(kind));
    if (kind === 'ready' && !this.quiet) announce(`The model ${name} is ready.`);
  }

  private parts(kind: Kind): (Node | string)[] {
    const { engine } = this;
    if (kind === 'loading') {
      const cancel = (): void => engine.loading?.cancel();
      return [this.bar, this.words, make('button', { type: 'button', class: 'quiet', click: cancel }, 'Cancel')];
    }
    if (kind === 'ready') return this.quiet ? [] : [`The model ${engine.name} is ready.`];
    if (kind === 'failed' || kind === 'missing' || this.quiet) return []; // Models lists the models, with buttons to load them
    return ['No model is loaded.', make('button', { type: 'button', class: 'quiet', click: () => engine.retry() }, 'Load the model')];
  }

  private advance({ offer, progress }: Loading): void {
    const { phase = 'waiting', loaded = 0, total = null } = progress ?? {};
    const part = total ? loaded / total : 0;
    if (total) this.bar.value = part;
    else this.bar.removeAttribute('value');
    const left = this.leftOf(`${offer.name} ${phase}`, part);
    const verb = { waiting: 'Waiting for', download: 'Fetching', read: 'Reading' }[phase];
    const amount = total ? `: ${(loaded / 1e6).toFixed(1)} of ${megabytes(total)}, ${Math.floor(part * 100)} %` : loaded ? `: ${megabytes(loaded)}` : '';
    setText(this.words, `${verb} ${offer.name}${amount}${left}`);
  }

  /** The time left, of what takes more than two seconds. */
  private leftOf(work: string, part: number): string {
    if (this.paced !== work) this.pace.begin();
    this.paced = work;
    const left = this.pace.left(part);
    return left !== null && this.pace.elapsed + left > 2 ? `, ${timeLeft(left)}` : '';
  }

  private lack(): void {
    this.place.classList.add('complaint');
    complain(this.place, { title: 'This browser cannot run the model.', detail: this.engine.missing ?? '', remedy: null });
  }

  private fail({ error, offer }: NonNullable<Engine['failure']>): void {
    const complaint = explainLoad(error, offer.name);
    this.place.classList.add('complaint');
    complain(this.place, complaint, remedies(complaint.remedy, () => this.engine.retry()));
  }
}
