/** Copies of downloaded models in the origin's private file system: one file per model, found by hash or by URL.
 *
 *  A copy is a data file and a card, `<sha256>.json`.  The card is written last: without a card there is no copy.  Only
 *  workers write copies, because only there every browser can write files piece by piece.  Copies can be listed and
 *  deleted anywhere. */

const FOLDER = 'palimpsest-models';
const CARDS = 'palimpsest-cards'; // lock: held while cards are changed
const WRITING = 'palimpsest-writing'; // lock: shared by all writers, so that a sweep knows whether there are any

/** The state of a file on its host: ETag, date, and length (as sent, perhaps compressed). */
export interface Said {
  etag: string | null;
  date: string | null;
  length: number | null;
}

export interface Origin {
  url: string;
  /** The state of the file when it was fetched, and the time of that in milliseconds.  Cards of earlier versions lack these. */
  said?: Said;
  at?: number;
  /** A later file that could not be used, the reason, and when it was found. */
  refused?: { said: Said; why: string; at: number };
}

export interface Card {
  sha256: string;
  bytes: number;
  file: string;
  origins: Origin[];
  /** A part of the file cannot be used; for example it has only a vocabulary and no network. */
  limited?: boolean;
}

export interface Copy {
  card: Card;
  file: File;
  /** The origin with the requested URL, if the file was fetched from there. */
  origin: Origin | null;
}

export async function openFolder(): Promise<FileSystemDirectoryHandle> {
  if (!globalThis.navigator?.storage?.getDirectory) throw new Error('this browser, or this kind of page, does not provide a private file system');
  const root = await navigator.storage.getDirectory();
  return root.getDirectoryHandle(FOLDER, { create: true });
}

async function readCard(handle: FileSystemHandle): Promise<Card | null> {
  if (handle.kind !== 'file' || !handle.name.endsWith('.json')) return null;
  try {
    const card = JSON.parse(await (await (handle as FileSystemFileHandle).getFile()).text());
    return typeof card.file === 'string' && Array.isArray(card.origins) ? card : null;
  } catch {
    return null; // being written or deleted by another tab
  }
}

export async function cards(folder: FileSystemDirectoryHandle): Promise<Card[]> {
  const found: Card[] = [];
  for await (const handle of folder.values()) {
    const card = await readCard(handle);
    if (card) found.push(card);
  }
  return found;
}

/** The copy with this hash, or the latest from this URL; null if there is none with complete data. */
export async function findCopy(folder: FileSystemDirectoryHandle, wanted: { sha256: string | null; url: string }): Promise<Copy | null> {
  let found: Copy | null = null;
  for (const card of await cards(folder)) {
    const origin = card.origins.find((o) => o.url === wanted.url) ?? null;
    if (wanted.sha256 ? card.sha256 !== wanted.sha256 : !origin || (origin.at ?? 0) < (found?.origin?.at ?? 0)) continue;
    try {
      const file = await (await folder.getFileHandle(card.file)).getFile();
      if (file.size === card.bytes) found = { card, file, origin };
    } catch {
      // its data is missing: not a copy
    }
  }
  return found;
}

/** Runs a change of cards while no other tab changes them. */
export async function changing(work: () => Promise<void>): Promise<void> {
  await (navigator.locks ? navigator.locks.request(CARDS, work) : work());
}

export const writeCard = (folder: FileSystemDirectoryHandle, card: Card): Promise<void> => writeObject(folder, `${card.sha256}.json`, card);

/** Writes over the old text, and cuts the file to its new length only afterwards, so that a card can always be read. */
export async function writeObject(folder: FileSystemDirectoryHandle, name: string, value: object): Promise<void> {
  const handle = await folder.getFileHandle(name, { create: true });
  const text = JSON.stringify(value).padEnd((await handle.getFile()).size);
  const data = new TextEncoder().encode(text);
  const access = await handle.createSyncAccessHandle();
  try {
    if (access.write(data, { at: 0 }) !== data.length) throw new Error('the storage is full');
    access.truncate(data.length);
    access.flush();
  } finally {
    access.close();
  }
}

export async function removeQuietly(folder: FileSystemDirectoryHandle, name: string): Promise<void> {
  try {
    await folder.removeEntry(name);
  } catch {
    // already deleted, or in use by another tab, which then owns it
  }
}

/** A download that has not ended: what it is of.  The file NAME.part says this of the data file NAME.  It is written before the
 *  data, so that nothing is lost when the page is closed. */
export interface Part {
  file: string;
  url: string;
  said: Said;
  total: number;
}

export const PART = '.part';

/** Deletes data without a card, left by tabs that were closed while they wrote; not what is left of large downloads. */
export async function sweep(folder: FileSystemDirectoryHandle): Promise<void> {
  await navigator.locks?.request(WRITING, { ifAvailable: true }, async (lock) => {
    if (!lock) return;
    const kept = new Set((await cards(folder)).flatMap((card) => [card.file, `${card.sha256}.json`]));
    const names: string[] = [];
    for await (const name of folder.keys()) names.push(name);
    for (const name of names) if (!kept.has(name) && !names.includes(name + PART) && !(name.endsWith(PART) && names.includes(name.slice(0, -PART.length)))) await removeQuietly(folder, name);
  });
}

/** What is left of downloads that have not ended. */
export async function unfinished(folder: FileSystemDirectoryHandle): Promise<Part[]> {
  const found: Part[] = [];
  const kept = (await cards(folder)).map((card) => card.file);
  for await (const handle of folder.values()) {
    if (handle.kind !== 'file' || !handle.name.endsWith(PART)) continue;
    try {
      const part: Part = JSON.parse(await (await (handle as FileSystemFileHandle).getFile()).text());
      if (typeof part.url === 'string' && handle.name === part.file + PART && !kept.includes(part.file)) found.push(part);
    } catch {
      // being written or deleted by another tab
    }
  }
  return found;
}

/** Writes a copy while its model is downloaded.  A failure does not end the download: then nothing is kept, and `whyNot`
 *  says why.  Worker only. */
export class Writer {
  whyNot: string | null = null;
  access: FileSystemSyncAccessHandle | null = null;
  /** Bytes that are in the file already, and are given to write() too. */
  old = 0;
  /** Whether NAME.part is there: a download that does not end leaves the file for a later one. */
  lasting = false;
  #at = 0;
  #done: () => void = () => {};

  private constructor(
    readonly folder: FileSystemDirectoryHandle,
    readonly file: string,
  ) {}

  /** `file`: that of an earlier download, which is gone on with. */
  static async create(folder: FileSystemDirectoryHandle, file?: string): Promise<Writer> {
    const writer = new Writer(folder, file ?? `data-${crypto.getRandomValues(new Uint32Array(2)).join('-')}`);
    writer.lasting = !!file;
    const held = new Promise<void>((resolve) => (writer.#done = resolve));
    await new Promise<void>((granted) => {
      if (!navigator.locks) return granted();
      void navigator.locks.request(WRITING, { mode: 'shared' }, () => (granted(), held));
    });
    try {
      const handle = await folder.getFileHandle(writer.file, { create: true });
      writer.access = await handle.createSyncAccessHandle();
    } catch (error) {
      writer.#fail(error);
    }
    return writer;
  }

  #fail(error: unknown): void {
    this.whyNot ??= error instanceof Error ? error.message : String(error);
    this.#close();
  }

  #close(): void {
    const access = this.access;
    this.access = null;
    access?.close();
  }

  /** The file is written from its beginning. */
  again(): void {
    this.#at = this.old = 0;
    try {
      this.access?.truncate(0);
    } catch (error) {
      this.#fail(error);
    }
  }

  write(data: Uint8Array<ArrayBuffer>): void {
    if (this.#at < this.old) {
      this.#at += data.length;
      return;
    }
    try {
      const written = this.access?.write(data, { at: this.#at }) ?? data.length;
      this.#at += written;
      if (written !== data.length) throw new Error('the storage is full');
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Makes the written file the copy of this URL, and deletes the earlier copy only afterwards.  If there is already a copy
   *  with this hash, the URL is added to it and the new file is deleted, unless the data file of that copy is `damaged`. */
  async keep(model: Pick<Card, 'sha256' | 'bytes' | 'limited'>, origin: Origin, damaged: string | null): Promise<void> {
    if (this.whyNot === null) await changing(() => this.#keep(model, origin, damaged));
  }

  async #keep(model: Pick<Card, 'sha256' | 'bytes' | 'limited'>, origin: Origin, damaged: string | null): Promise<void> {
    const { folder } = this;
    const same = (await findCopy(folder, { sha256: model.sha256, url: '' }).catch(() => null))?.card;
    const file = same && same.file !== damaged ? same.file : this.file;
    const origins = (same?.origins ?? []).filter((o) => o.url !== origin.url);
    try {
      this.access?.truncate(this.#at);
      this.access?.flush();
      this.#close();
      await writeCard(folder, { ...model, file, origins: [...origins, origin] });
    } catch (error) {
      this.#fail(error);
      if (!same) await removeQuietly(folder, `${model.sha256}.json`);
      return;
    }
    await removeQuietly(folder, file !== this.file ? this.file : (same?.file ?? ''));
    await this.#forget();
    // If this fails, the later of the two copies is used.
    await forgetUrl(folder, origin.url, model.sha256).catch(() => {});
  }

  async #forget(): Promise<void> {
    if (this.lasting) await removeQuietly(this.folder, this.file + PART);
  }

  /** Closes the file, and deletes it if it is neither kept nor `left` for a later download. */
  async end(kept: boolean, left: boolean): Promise<void> {
    this.#close();
    if (!kept && !(left && this.lasting && this.whyNot === null)) {
      await removeQuietly(this.folder, this.file);
      await this.#forget();
    }
    this.#done();
  }
}

/** Notes that the URL has another file now, and deletes copies without a URL. */
async function forgetUrl(folder: FileSystemDirectoryHandle, url: string, but: string): Promise<void> {
  for (const card of await cards(folder)) {
    const origins = card.origins.filter((o) => o.url !== url);
    if (card.sha256 === but || origins.length === card.origins.length) continue;
    if (origins.length) await writeCard(folder, { ...card, origins });
    else await removeCopy(folder, card);
  }
}

export async function removeCopy(folder: FileSystemDirectoryHandle, card: Card): Promise<void> {
  await removeQuietly(folder, `${card.sha256}.json`);
  await removeQuietly(folder, card.file);
}
