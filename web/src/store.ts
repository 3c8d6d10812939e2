/** Copies of downloaded models in the origin's private file system: one file per model, found by hash or by URL.
 *
 *  A copy is a data file and a card beside it, `<sha256>.json`, written last: what has no card is no copy.  Writing
 *  is done in a worker (only there files can be written piece by piece in every browser); listing and deleting
 *  anywhere. */
import type { Cache } from './types.ts';

const FOLDER = 'palimpsest-models';
const CARDS = 'palimpsest-cards'; // a lock of who changes them
const WRITING = 'palimpsest-writing'; // a lock that writers share, so that a sweep can tell when there is none

/** What a host says of a file: its tag, its date, and how long it is (as sent, which may be compressed). */
export interface Said {
  etag: string | null;
  date: string | null;
  length: number | null;
}

export interface Origin {
  url: string;
  /** Of the file when it was fetched, and when that was, in milliseconds; cards of earlier versions lack them. */
  said?: Said;
  at?: number;
  /** A later file that could not be used, why not, and when it was found. */
  refused?: { said: Said; why: string; at: number };
}

export interface Card {
  sha256: string;
  bytes: number;
  file: string;
  origins: Origin[];
  /** Something does not work with it, such as the network of a file that has a vocabulary alone. */
  limited?: boolean;
}

export interface Copy {
  card: Card;
  file: File;
  /** The address that was asked for, if it was fetched from there. */
  origin: Origin | null;
}

export async function openFolder(): Promise<FileSystemDirectoryHandle> {
  if (!globalThis.navigator?.storage?.getDirectory) throw new Error('this browser, or this kind of page, has no private file system');
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

/** The copy with this hash, or the latest from this URL; null when there is none whose data is all there. */
export async function findCopy(folder: FileSystemDirectoryHandle, wanted: { sha256: string | null; url: string }): Promise<Copy | null> {
  let found: Copy | null = null;
  for (const card of await cards(folder)) {
    const origin = card.origins.find((o) => o.url === wanted.url) ?? null;
    if (wanted.sha256 ? card.sha256 !== wanted.sha256 : !origin || (origin.at ?? 0) < (found?.origin?.at ?? 0)) continue;
    try {
      const file = await (await folder.getFileHandle(card.file)).getFile();
      if (file.size === card.bytes) found = { card, file, origin };
    } catch {
      // its data is gone: no copy
    }
  }
  return found;
}

/** Changes cards while no other tab does. */
export async function changing(work: () => Promise<void>): Promise<void> {
  await (navigator.locks ? navigator.locks.request(CARDS, work) : work());
}

/** Writes a card.  Over the old one, at whose length it ends only then: there is always one that can be read. */
export async function writeCard(folder: FileSystemDirectoryHandle, card: Card): Promise<void> {
  const handle = await folder.getFileHandle(`${card.sha256}.json`, { create: true });
  const text = JSON.stringify(card).padEnd((await handle.getFile()).size);
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

async function removeQuietly(folder: FileSystemDirectoryHandle, name: string): Promise<void> {
  try {
    await folder.removeEntry(name);
  } catch {
    // gone already, or in use by another tab, which then owns it
  }
}

/** Deletes data without a card, left by tabs that were closed while they wrote. */
export async function sweep(folder: FileSystemDirectoryHandle): Promise<void> {
  await navigator.locks?.request(WRITING, { ifAvailable: true }, async (lock) => {
    if (!lock) return;
    const kept = new Set((await cards(folder)).flatMap((card) => [card.file, `${card.sha256}.json`]));
    const names: string[] = [];
    for await (const name of folder.keys()) names.push(name);
    for (const name of names) if (!kept.has(name)) await removeQuietly(folder, name);
  });
}

/** A copy being written while its model is downloaded.  What fails here does not end the download: `whyNot` says what it
 *  was, and nothing is kept.  Worker only. */
export class Writer {
  whyNot: string | null = null;
  #access: FileSystemSyncAccessHandle | null = null;
  #at = 0;
  #done: () => void = () => {};

  private constructor(
    readonly folder: FileSystemDirectoryHandle,
    readonly file: string,
  ) {}

  static async create(folder: FileSystemDirectoryHandle): Promise<Writer> {
    const writer = new Writer(folder, `data-${crypto.getRandomValues(new Uint32Array(2)).join('-')}`);
    const held = new Promise<void>((resolve) => (writer.#done = resolve));
    await new Promise<void>((granted) => {
      if (!navigator.locks) return granted();
      void navigator.locks.request(WRITING, { mode: 'shared' }, () => (granted(), held));
    });
    try {
      const handle = await folder.getFileHandle(writer.file, { create: true });
      writer.#access = await handle.createSyncAccessHandle();
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
    const access = this.#access;
    this.#access = null;
    access?.close();
  }

  write(data: Uint8Array<ArrayBuffer>): void {
    try {
      const written = this.#access?.write(data, { at: this.#at }) ?? data.length;
      this.#at += written;
      if (written !== data.length) throw new Error('the storage is full');
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Makes it the copy of this URL, and only then lets go of the one before.  If there is one with this hash already,
   *  that one learns the URL and this one goes; not if it is `damaged`, the name of a data file. */
  async keep(model: Pick<Card, 'sha256' | 'bytes' | 'limited'>, origin: Origin, damaged: string | null): Promise<void> {
    if (this.whyNot === null) await changing(() => this.#keep(model, origin, damaged));
  }

  async #keep(model: Pick<Card, 'sha256' | 'bytes' | 'limited'>, origin: Origin, damaged: string | null): Promise<void> {
    const { folder } = this;
    const same = (await findCopy(folder, { sha256: model.sha256, url: '' }).catch(() => null))?.card;
    const file = same && same.file !== damaged ? same.file : this.file;
    const origins = (same?.origins ?? []).filter((o) => o.url !== origin.url);
    try {
      this.#access?.flush();
      this.#close();
      await writeCard(folder, { ...model, file, origins: [...origins, origin] });
    } catch (error) {
      this.#fail(error);
      if (!same) await removeQuietly(folder, `${model.sha256}.json`);
      return;
    }
    await removeQuietly(folder, file !== this.file ? this.file : (same?.file ?? ''));
    // Should this fail, the later of two copies counts.
    await forgetUrl(folder, origin.url, model.sha256).catch(() => {});
  }

  /** Lets go; what is not kept is deleted. */
  async end(kept: boolean): Promise<void> {
    this.#close();
    if (!kept) await removeQuietly(this.folder, this.file);
    this.#done();
  }
}

/** The URL has another file now; copies that no URL leads to are deleted. */
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

export const cache: Cache = {
  async available() {
    try {
      await openFolder();
      return { ok: true, why: null };
    } catch (error) {
      return { ok: false, why: error instanceof Error ? error.message : String(error) };
    }
  },

  async list() {
    try {
      const found = await cards(await openFolder());
      return found.map(({ sha256, bytes, origins }) => ({ sha256, bytes, urls: origins.map((o) => o.url) }));
    } catch {
      return [];
    }
  },

  async remove(sha256) {
    const folder = await openFolder();
    for (const card of await cards(folder)) if (card.sha256 === sha256) await removeCopy(folder, card);
  },

  async estimate() {
    const { usage, quota } = (await globalThis.navigator?.storage?.estimate?.()) ?? {};
    return usage === undefined || quota === undefined ? null : { usage, quota };
  },
};
