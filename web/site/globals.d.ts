/** Set by build.mjs: the models that lie beside the page; `file` is relative to index.html. */
declare const __MODELS__: readonly { name: string; file: string; bytes: number; sha256: string }[];
