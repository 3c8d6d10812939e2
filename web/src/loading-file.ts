/** `palimpsest-loading.js`: gives the worker that imports it the code for large and cut downloads and for split models.
 *
 *  It has no exports, so that bundlers can copy or process it like any other script. */
import { loading } from './loading.ts';

globalThis.palimpsestLoading = { loading, build: __BUILD__ };
