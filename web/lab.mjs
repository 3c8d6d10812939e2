/** The settings of the Lab's calculations as the engine has them: the rows of src/lab/kinds.h, read when the page is built. */
import { readFile } from 'node:fs/promises';

/** {calculation: [{key, least, most, initial, whole}]}, in the engine's order. */
export async function calculations(header) {
  const text = await readFile(header, 'utf8');
  const found = {};
  for (const [, name, rows] of text.matchAll(/#define PAL_LAB_(\w+)_OPTIONS \\\n((?:.*\\\n)*.*)\n/g)) {
    found[name.toLowerCase()] = [...rows.matchAll(/\{"(\w+)", ([^,]+), ([^,]+), ([^,]+), (true|false)\}/g)].map(([, key, least, most, initial, whole]) => ({
      key,
      least: Number(least),
      most: Number(most),
      initial: Number(initial),
      whole: whole === 'true',
    }));
    if (found[name.toLowerCase()].length !== rows.trim().split('\n').length) throw new Error(`${header}: the options of ${name} are written otherwise than web/lab.mjs reads them`);
  }
  if (!found.exactness) throw new Error(`${header}: its rows are written otherwise than web/lab.mjs reads them`);
  return found;
}
