/** The copies of models on this device, for the page: listed and deleted.  Loaded when it is first asked. */
import { cards, openFolder, PART, removeCopy, removeQuietly, unfinished } from './store.ts';
import type { Cache } from './types.ts';

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

  async unfinished() {
    try {
      const folder = await openFolder();
      return await Promise.all((await unfinished(folder)).map(async ({ file, url, total }) => {
        const { size } = await (await folder.getFileHandle(file)).getFile();
        return { url, bytes: size, total };
      }));
    } catch {
      return [];
    }
  },

  async remove(which) {
    const folder = await openFolder();
    for (const card of await cards(folder)) if (card.sha256 === which) await removeCopy(folder, card);
    for (const { file, url } of await unfinished(folder)) {
      if (url !== which) continue;
      await removeQuietly(folder, file);
      await removeQuietly(folder, file + PART);
    }
  },

  async estimate() {
    const { usage, quota } = (await globalThis.navigator?.storage?.estimate?.()) ?? {};
    return usage === undefined || quota === undefined ? null : { usage, quota };
  },
};
