/** `palimpsest-pictures.js`: gives the worker that imports it the code for pictures.
 *
 *  It has no exports, so that bundlers can copy or process it like any other script. */
import { Painter } from './painter.ts';

globalThis.palimpsestPictures = { Painter, build: __BUILD__ };
