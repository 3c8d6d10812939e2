/** The entry `palimpsest/component`. */
export { keepAsText, placeInTyped, understand } from './notation.ts';
export type * from './notation.ts';
