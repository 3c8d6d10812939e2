/** Error messages, shown beside the part of the page that they are about. */
import { PalimpsestError, type ErrorCode } from 'palimpsest';
import { isAbort, sentence } from '../src/component/say.ts';
import { announceNow } from './announce.ts';
import { make } from './dom.ts';

export type Remedy = 'retry' | 'reload' | null;

const TITLES: Record<ErrorCode, [title: string, remedy: Remedy]> = {
  format: ['This is not a model that can be read.', null],
  unsupported: ['This model cannot be used here.', null],
  text: ['A blank in the text is not written correctly.', null],
  option: ['One of the options cannot be used.', null],
  context: ['The text is too long for this model.', null],
  memory: ['There is not enough memory.', 'retry'],
  network: ['The model could not be fetched.', 'retry'],
  integrity: ['The model file is damaged or not the one expected.', 'retry'],
  environment: ['The engine cannot run here.', null],
  version: ['There is a new version of this page.', 'reload'],
  crashed: ['The engine stopped unexpectedly; your text is untouched.', 'retry'],
  disposed: ['The model was closed before it had finished.', 'retry'],
};

export interface Complaint {
  title: string;
  detail: string;
  remedy: Remedy;
  /** The engine's own words, behind "Details". */
  more?: string;
}

const ADVICE = ' Under “Options”, “Show the model a part” fills longer texts.';

/** `advice`: what the user can do if a text is too long. */
export function explain(error: unknown, advice = ADVICE): Complaint {
  const detail = error instanceof Error ? sentence(error.message) : String(error);
  if (!(error instanceof PalimpsestError)) return { title: 'Something went wrong.', detail, remedy: 'retry' };
  const [title, remedy] = TITLES[error.code];
  return { title, detail: error.code === 'context' ? detail + advice : detail, remedy };
}

/** A host that gave no answer at all; a host of another origin may have answered what browsers do not show (CORS). */
const SILENT = /could not be fetched: (?!.*\(CORS\))|^no data for /;

/** The error of a load.  Without a network it says that the model is not kept, and what helps. */
export function explainLoad(error: unknown, name: string): Complaint {
  const complaint = explain(error);
  if (!(error instanceof PalimpsestError) || error.code !== 'network' || !SILENT.test(error.message)) return complaint;
  const title = `${name} is not kept on this device, and ${navigator.onLine ? 'its host cannot be reached' : 'there is no network'}.`;
  const detail = 'It is fetched as soon as the network is back. “Save everything for offline use”, in Models, keeps all of this site for times without a network.';
  return { title, detail, remedy: 'retry', more: complaint.detail };
}

/** Shows an error in its place and announces it. */
export function complain(place: HTMLElement, complaint: Complaint, actions: readonly HTMLElement[] = []): void {
  const words = make('p', {}, make('strong', {}, complaint.title), ` ${complaint.detail}`);
  const more = complaint.more ? [make('details', {}, make('summary', {}, 'Details'), complaint.more)] : [];
  place.replaceChildren(words, ...more, ...actions);
  place.hidden = false;
  announceNow(`${complaint.title} ${complaint.detail}`);
}

export function settle(place: HTMLElement): void {
  place.hidden = true;
  place.replaceChildren();
}

/** Buttons that may solve the problem. */
export function remedies(remedy: Remedy, retry: () => void): HTMLElement[] {
  if (remedy === 'retry') return [make('button', { type: 'button', class: 'second', click: retry }, 'Try again')];
  if (remedy === 'reload') return [make('button', { type: 'button', class: 'second', click: () => location.reload() }, 'Reload the page')];
  return [];
}

export { isAbort };
