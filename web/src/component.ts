/** <palimpsest-blanks>, the entry `palimpsest/component`.
 *
 *      import 'palimpsest/component';
 *      <palimpsest-blanks src="models/tales-infill.gguf">Once there was a ___ who lived in ___.</palimpsest-blanks> */
import { load } from './palimpsest.ts';
import { define } from './component/element.ts';

export { PalimpsestBlanks } from './component/element.ts';
export { words } from './component/words.ts';
export { keepAsText, placeInTyped, understand } from './notation.ts';
export type * from './notation.ts';
export type * from './component/types.ts';
export type { Words } from './component/words.ts';

define(load);
