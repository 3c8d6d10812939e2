/** Copies of downloaded models in the origin's private file system: one file per model, found by hash or by URL.
 *
 *  A copy is a data file and a card beside it, `<sha256>.json`, written last: what has no card is no copy.  Writing
 *  is done in a worker (only there files can be written piece by piece in every browser); listing and deleting
 *  anywhere. */
import type { Cache } from './types.ts';

const FOLDER = 'palimpsest-models';
const WRITING = 'palimpsest-writing'; // a lock that writers share, so that a sweep can tell when there is none

export interface Origin {
  url: string;
  /** ETag, or date and size: what the server said of the file when it was fetched; null when it said nothing. */
  validator: string | null;
}

export interface Card {
  sha256: string;
  bytes: number;
  file: string;
  origins: Origin[];
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

/** The copy with this hash, or from this URL; null when there is none whose data is all there. */
export async function findCopy(folder: FileSystemDirectoryHandle, wanted: { sha256: string | null; url: string }) {
  for (const card of await cards(folder)) {
    const origin = card.origins.find((o) => o.url === wanted.url);
    if (wanted.sha256 ? card.sha256 !== wanted.sha256 : !origin) continue;
    try {
      const file = await (await folder.getFileHandle(card.file)).getFile();
      if (file.size === card.bytes) return { card, file, validator: origin?.validator ?? null };
    } catch {
      // its data is gone: no copy
    }
  }
  return null;
}

async function writeWhole(folder: FileSystemDirectoryHandle, name: string, data: Uint8Array<ArrayBuffer>): Promise<void> {
  const access = await (await folder.getFileHandle(name, { create: true })).createSyncAccessHandle();
  try {
    access.truncate(0);
    if (access.write(data, { at: 0 }) !== data.length) throw new Error('the storage is full');
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

/** A copy being written while its model is downloaded.  Worker only. */
export class Writer {
  #at = 0;
  #done: () => void = () => {};

  private constructor(
    readonly folder: FileSystemDirectoryHandle,
    readonly file: string,
    readonly access: FileSystemSyncAccessHandle,
  ) {}

  static async create(folder: FileSystemDirectoryHandle): Promise<Writer> {
    let done = () => {};
    const held = new Promise<void>((resolve) => (done = resolve));
    await new Promise<void>((granted) => {
      if (!navigator.locks) return granted();
      void navigator.locks.request(WRITING, { mode: 'shared' }, () => (granted(), held));
    });
    try {
      const name = `data-${crypto.getRandomValues(new Uint32Array(2)).join('-')}`;
      const handle = await folder.getFileHandle(name, { create: true });
      const writer = new Writer(folder, name, await handle.createSyncAccessHandle());
      writer.#done = done;
      return writer;
    } catch (error) {
      done();
      throw error;
    }
  }

  write(data: Uint8Array<ArrayBuffer>): void {
    const written = this.access.write(data, { at: this.#at });
    this.#at += written;
    if (written !== data.length) throw new DOMException('the storage is full', 'QuotaExceededError');
  }

  /** Makes it a copy.  If there is one with this hash already, that one learns the URL and this one goes. */
  async keep(sha256: string, bytes: number, origin: Origin): Promise<void> {
    this.access.flush();
    this.access.close();
    try {
      const same = await findCopy(this.folder, { sha256, url: '' });
      for (const other of await cards(this.folder))
        if (other.sha256 !== sha256 && other.origins.some((o) => o.url === origin.url)) await forgetUrl(this.folder, other, origin.url);
      const origins = (same?.card.origins ?? []).filter((o) => o.url !== origin.url);
      const card: Card = { sha256, bytes, file: same?.card.file ?? this.file, origins: [...origins, origin] };
      await writeCard(this.folder, card);
      if (same) await removeQuietly(this.folder, this.file);
    } catch (error) {
      await removeQuietly(this.folder, this.file);
      throw error;
    } finally {
      this.#done();
    }
  }

  async discard(): Promise<void> {
    this.access.close();
    await removeQuietly(this.folder, this.file);
    this.#done();
  }
}

function writeCard(folder: FileSystemDirectoryHandle, card: Card): Promise<void> {
  return writeWhole(folder, `${card.sha256}.json`, new TextEncoder().encode(JSON.stringify(card)));
}

/** The URL has another file now; a copy that no URL leads to is deleted. */
async function forgetUrl(folder: FileSystemDirectoryHandle, card: Card, url: string): Promise<void> {
  const origins = card.origins.filter((o) => o.url !== url);
  if (origins.length) await writeCard(folder, { ...card, origins });
  else await removeCopy(folder, card);
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
