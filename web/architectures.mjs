/** The kinds of networks as the engine has them: the rows of src/network/kinds.h, read when library and page are built,
 *  so that a new architecture is one row there and nothing here. */
import { readFile } from 'node:fs/promises';

/** {architecture: {causal, engine}}: whether such networks read from left to right unless a file says otherwise, and
 *  which engine runs them. */
export async function architectures(header) {
  const text = await readFile(header, 'utf8');
  const found = {};
  for (const [, list, rows] of text.matchAll(/#define PAL_KINDS_OF_(\w+) \\\n((?:.*\\\n)*.*)\n/g)) {
    const engine = { TRANSFORMERS: 'text', UNETS: 'pictures', DDIT: 'scores', BOARDS: 'scores' }[list];
    if (!engine) throw new Error(`${header}: which engine runs ${list}?`);
    for (const [, name, causal] of rows.matchAll(/\{"(\w+)",\s*(true|false),/g)) found[name] = { causal: causal === 'true', engine };
  }
  if (!found.llama || !found.unet) throw new Error(`${header}: its rows are written otherwise than web/architectures.mjs reads them`);
  return found;
}
