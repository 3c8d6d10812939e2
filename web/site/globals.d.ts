/** Set by build.mjs: the models beside the page. `file` is relative to index.html, `use` is what the page uses it for
 *  (USES in build.mjs), `sheetBytes` the size of its training pictures (pictures/neighbours.ts). */
declare const __MODELS__: readonly { name: string; file: string; bytes: number; sha256: string; use: 'writing' | 'blanks' | 'scores' | 'pictures' | 'boards'; sheetBytes: number }[];

/** Set by build.mjs: the settings of the Lab's calculations, in the order of the engine (src/lab/kinds.h). */
declare const __LAB__: Readonly<Record<string, readonly { key: string; least: number; most: number; initial: number; whole: boolean }[]>>;
