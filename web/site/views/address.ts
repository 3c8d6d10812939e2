/** A model by its address: the user names it, and confirms before another host is asked and again before the download, with
 *  host and size shown.  No other part of the page asks another origin. */
import type { KeptModel } from 'palimpsest';
import { hub, partsOf } from '../../src/sources.ts';
import { byId, make } from '../dom.ts';
import type { Engines } from '../engine.ts';
import { complain, settle } from '../errors.ts';
import { megabytes } from '../format.ts';
import { MAX_BYTES } from '../glance.ts';
import { doubts } from '../text-models.ts';

/** What a host says of a file. */
interface Found {
  /** Where it is stored in the end. */
  host: string;
  bytes: number | null;
}

const PATIENCE_MS = 20_000;
const fileOf = (url: URL): string => decodeURIComponent(url.pathname.split('/').at(-1) || url.host);

/** The URL that a user means, or a sentence that says what is wrong. */
function read(text: string): URL | string {
  try {
    const kit = { fail: (_: string, message: string) => new Error(message), told: (value: unknown) => `“${value}”` };
    const url = new URL(text.startsWith('hf:') ? hub(text, kit) : text, text.includes(':') ? undefined : location.href);
    if (url.origin === location.origin || url.protocol === 'https:') return url;
    return 'The address must begin with https: or hf:, because browsers refuse other ones here.';
  } catch (error) {
    return text.startsWith('hf:') && error instanceof Error ? `${error.message}.` : 'This is not an address. Write https://… or hf:owner/name/file.gguf.';
  }
}

export class AddressModel {
  private readonly dialog = byId<HTMLDialogElement>('confirm');
  private readonly title = byId('confirm-title');
  private readonly text = byId('confirm-text');
  private readonly actions = byId('confirm-actions');
  private readonly error = byId('address-error');
  private asking: AbortController | null = null;

  constructor(private readonly engines: Engines) {
    byId('by-address').addEventListener('submit', (event) => {
      event.preventDefault();
      settle(this.error);
      const given = read(byId<HTMLInputElement>('address').value.trim());
      if (typeof given === 'string') return complain(this.error, { title: 'This address cannot be used.', detail: given, remedy: null });
      if (given.origin === location.origin) return void this.look(given);
      this.show(`Ask ${given.host}?`, [
        `The page asks ${given.host} how large ${fileOf(given)} is, and downloads nothing yet. That host then knows your network address and which model you look at. Nothing that you write is sent.`,
      ], ['Ask for the size', () => this.look(given)]);
    });
    this.dialog.addEventListener('close', () => this.asking?.abort());
  }

  /** Offers a copy that is kept.  Its host is asked only if the copy is damaged. */
  use({ urls, sha256, bytes }: KeptModel): void {
    const url = new URL(urls[0]!);
    const load = (): void => this.load(url, sha256);
    if (url.origin === location.origin) return load();
    this.show(`Use ${fileOf(url)}?`, [
      `${megabytes(bytes)} are kept on this device and are loaded from here. Only if the copy is damaged, ${url.host} is asked for the file again.`,
    ], ['Use it', load]);
  }

  /** Asks the host, and shows the answer. */
  private async look(url: URL): Promise<void> {
    const name = fileOf(url);
    const asking = (this.asking = new AbortController());
    this.show(`Asking ${url.host} …`, [`How large is ${name}?`]);
    try {
      const { host, bytes } = await ask(url, AbortSignal.any([asking.signal, AbortSignal.timeout(PATIENCE_MS)]));
      if (asking.signal.aborted) return;
      if (bytes !== null && bytes > MAX_BYTES)
        return this.show('This model is too large for a page.', [`${name} has ${megabytes(bytes)}, and a page can use at most ${megabytes(MAX_BYTES)} of memory.`]);
      const from = host === url.host ? host : `${url.host}, which has stored it at ${host}`;
      const size = bytes === null ? `${from} does not say how large it is.` : `${megabytes(bytes)} from ${from}. ${await doubts({ parts: [{ bytes }] })}`;
      this.show(`Download ${name}?`, [size, 'A copy is kept on this device, and can be deleted here.'], ['Download and use it', () => this.load(url)]);
    } catch (error) {
      if (asking.signal.aborted) return;
      this.show(`${name} cannot be loaded from there.`, [error instanceof Told ? error.message : `${url.host} could not be reached, or does not let other pages read its files (CORS). Download the file yourself, and choose it with “Choose a file”.`]);
    }
  }

  private load(url: URL, sha256?: string): void {
    this.dialog.close();
    void this.engines.text.open({ name: fileOf(url).replace(/(-\d{5}-of-\d{5})?\.gguf$/i, ''), source: url, own: true, ...(sha256 && { sha256 }) });
  }

  private show(title: string, texts: readonly string[], [label = '', act]: readonly [string, () => void] | readonly [] = []): void {
    const close = make('button', { type: 'button', class: 'quiet', click: () => this.dialog.close() }, act ? 'Cancel' : 'Close');
    const go = act && make('button', { type: 'button', class: 'second', click: act }, label);
    this.title.textContent = title;
    this.text.replaceChildren(...texts.map((text) => make('p', {}, text)));
    this.actions.replaceChildren(...(go ? [go] : []), close);
    if (!this.dialog.open) this.dialog.showModal();
    (go ?? close).focus();
  }
}

/** What a host has said, in a sentence for the user. */
class Told extends Error {}

/** Asks for the headers of the file, or of all parts of a split model. */
async function ask(url: URL, signal: AbortSignal): Promise<Found> {
  const all = await Promise.all([partsOf(url.href)].flat().map(async (part) => {
    const answer = await fetch(part, { method: 'HEAD', cache: 'no-store', credentials: 'omit', referrerPolicy: 'no-referrer', signal });
    const { host, pathname } = new URL(answer.url);
    if (answer.status === 401 || answer.status === 403) throw new Told(`${host} answered ${answer.status}: the file is private, or does not exist.`);
    if (answer.status === 404 || answer.status === 410) throw new Told(`${host} answered ${answer.status}: it has no file ${pathname}.`);
    if (/html/i.test(answer.headers.get('content-type') ?? '') && answer.ok)
      throw new Told(`${host} answered with a web page, not a model. Use the address of the file itself (on Hugging Face /resolve/ instead of /blob/).`);
    const length = Number(answer.headers.get('content-length'));
    return { host, bytes: answer.ok && length > 0 && !answer.headers.get('content-encoding') ? length : null };
  }));
  return { host: all[0]!.host, bytes: all.some(({ bytes }) => bytes === null) ? null : all.reduce((sum, { bytes }) => sum + bytes!, 0) };
}
