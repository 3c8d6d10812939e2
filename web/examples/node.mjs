// Fills a page in Node:  node node.mjs MODEL 'Once upon a time there was a [[?]] who lived in [[4]].' [SEED]
import { pathToFileURL } from 'node:url';
import { load } from 'palimpsest';

const [path, text, seed] = process.argv.slice(2);
if (!path || !text) {
  console.error("usage: node node.mjs MODEL 'text with [[?]] blanks' [SEED]");
  process.exit(2);
}
const model = await load(pathToFileURL(path));
const result = await model.infill(text, seed === undefined ? {} : { seed: Number(seed) }).result();
console.log(result.text);
console.error(`seed ${result.seed}, ${result.evaluations} evaluations, ${result.seconds.toFixed(2)} s`);
model.dispose();
