/** `palimpsest-texts.js`: gives the worker that imports it what filling blanks does not need: continuing texts, scores,
 *  surprise, the noise of models that compute scores, and the classes of Unicode, which only byte-level vocabularies need.
 *
 *  It has no exports, so that bundlers can copy or process it like any other script. */
import { noiseOf, scoreFills, scoreText } from './scores.ts';
import { Writer } from './writer.ts';

/** The table of token/unicode.c, as it is in memory. */
const unicode = () => Uint8Array.from(atob(__UNICODE__), (one) => one.charCodeAt(0));

globalThis.palimpsestTexts = { Writer, noiseOf, scoreText, scoreFills, unicode, build: __BUILD__ };
