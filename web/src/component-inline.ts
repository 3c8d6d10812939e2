/** <palimpsest-blanks> with worker and engines inside of it, the entry `palimpsest/component-inline`, for bundlers that leave
 *  the files beside a module behind.
 *
 *      import 'palimpsest/component-inline';
 *      <palimpsest-blanks src="models/tales-infill.gguf">Once there was a ___ who lived in ___.</palimpsest-blanks> */
import { load } from './inline.ts';
import { define } from './component/element.ts';

export { PalimpsestBlanks } from './component/element.ts';
export { words } from './component/words.ts';
export { keepAsText, placeInTyped, understand } from './notation.ts';
export type * from './notation.ts';
export type * from './component/types.ts';
export type { Words } from './component/words.ts';

define(load);
