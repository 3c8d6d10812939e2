// @ts-check
/* Where the sources are, and where the site is built. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const here = fileURLToPath(new URL('.', import.meta.url));
export const root = join(here, '../..');
export const built = process.env.PALIMPSEST_BUILD ?? join(root, 'build');
export const site = join(built, 'site');
